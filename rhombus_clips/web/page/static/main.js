import { report } from "./api.js";
import { countClip, select, showCalendar } from "./calendar.js";
import { find, show } from "./dom.js";
import { connectFilters, setPeriod } from "./filters.js";
import { add, isListed, list } from "./listing.js";
import "./making.js";
import { publish } from "./renders.js";

const RETRY_MS = 10_000;
const news = find("#news");
const connection = find("#connection");
const unlisted = new Set();
let isFiltered;
let reload;

showCalendar(setPeriod);
connectFilters((query, status) => {
	isFiltered = Object.values(query).some(Boolean);
	select(query);
	reload = () => {
		unlisted.clear();
		show(news);
		list(query, status);
	};
	reload();
});
news.onclick = () => reload();
followClips();

/** Show new clips as they appear. */
function followClips() {
	const events = new EventSource("api/events");
	events.onopen = () => showState("Live");
	events.onmessage = ({ data }) => {
		report("events");
		take(JSON.parse(data));
	};
	events.addEventListener("reset", () => reload());
	events.addEventListener("failure", ({ data }) => {
		report("events", JSON.parse(data).errorMsg);
	});
	events.onerror = () => {
		showState("Reconnecting");
		// The browser reconnects by itself, except after a status other than 200.
		if (events.readyState === EventSource.CLOSED) setTimeout(followClips, RETRY_MS);
	};
}

function take(clip) {
	if (isListed(clip)) return publish(clip);
	countClip(clip);
	if (!isFiltered) return add(clip);
	// Only the service knows whether the clip matches. The user can reload the listing.
	unlisted.add(clip.uuid);
	return show(news, `New clips (${unlisted.size}): show`);
}

function showState(text) {
	connection.textContent = text;
	connection.dataset.state = text;
}
