import { get, report } from "./api.js";
import { openClip } from "./clip.js";
import { copyOf, fill, find, show } from "./dom.js";
import { addDevice } from "./filters.js";
import { asDevice, asLength, asTime, devicesOf, kindOf } from "./format.js";
import { onClip, showState, watch } from "./renders.js";

// The service cannot filter by status. The page does, but does not search everything unasked.
const MOST_PAGES_WITHOUT_NEWS = 3;
const grid = find("#grid");
const more = find("#more");
const cards = new Map();
const observer = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && loadMore(), {
	rootMargin: "600px",
});
let listing;

export const isListed = ({ uuid }) => cards.has(uuid);

/** List the clips that match the filters, newest first, a page at a time. */
export function list(query, status) {
	listing = { query, status, cursor: "", pagesWithoutNews: 0 };
	cards.clear();
	grid.replaceChildren();
	more.disabled = false;
	describe();
	loadMore();
}

more.onclick = () => {
	listing.pagesWithoutNews = 0;
	loadMore();
};

async function loadMore() {
	const current = listing;
	if (more.disabled || current.pagesWithoutNews === MOST_PAGES_WITHOUT_NEWS) return;
	observer.disconnect();
	more.disabled = true;
	try {
		// Newest first is the default, but a filter selects the listing with unfinished clips.
		const query = { ...current.query, sortOrder: "desc", limit: 48, cursor: current.cursor };
		const page = await get("clips", query);
		if (current !== listing) return;
		const before = countShown();
		for (const clip of page.clips) put(clip);
		current.pagesWithoutNews = countShown() > before ? 0 : current.pagesWithoutNews + 1;
		current.cursor = page.cursor;
		report("clips");
	} catch (error) {
		if (current === listing) report("clips", error.message);
		return;
	} finally {
		if (current === listing) more.disabled = false;
	}
	describe();
	// This calls loadMore() if the end of the listing is still visible.
	if (current.cursor) observer.observe(more);
}

function describe() {
	const isEnd = listing.cursor === null;
	const count = countShown();
	more.hidden = isEnd;
	find("#count").textContent = `${count} ${isEnd ? "in total" : "loaded"}`;
	show(find("#end"), isEnd && (count ? "These are all clips." : "No clips match."));
}

const countShown = () => grid.querySelectorAll(":scope > :not([hidden])").length;

/** Add a new clip before all older ones. */
export function add(clip) {
	const isOlder = ({ clip: other }) => (other.timestampMs ?? 0) <= (clip.timestampMs ?? 0);
	put(clip, [...grid.children].find(isOlder));
	describe();
}

onClip((clip) => isListed(clip) && add(clip));

function put(clip, next = null) {
	devicesOf(clip).forEach(addDevice);
	let card = cards.get(clip.uuid);
	if (!card) {
		card = copyOf("#card");
		cards.set(clip.uuid, card);
		card.classList.toggle("fresh", next);
		card.onclick = () => openClip(card.clip);
		grid.insertBefore(card, next);
	}
	card.clip = clip;
	const kind = kindOf(clip);
	fill(card, {
		".title": clip.title || "Untitled",
		time: asTime(clip.timestampMs),
		".length": asLength(clip.durationSec),
		".device": devicesOf(clip).map(asDevice).join(", "),
	});
	showState(card, clip);
	card.dataset.kind = kind;
	card.dataset.uuid = clip.uuid;
	card.hidden = listing.status && listing.status !== kind;
	const picture = find("img", card);
	if (kind === "running") watch(clip);
	if (kind === "complete" && picture.hidden) {
		picture.src = `api/clips/${clip.uuid}/thumbnail`;
		picture.hidden = false;
	}
}
