import { get, report } from "./api.js";
import { element, find } from "./dom.js";
import { asIsoDay } from "./format.js";

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const MONTH = new Intl.DateTimeFormat(undefined, { month: "short" });
const WEEKS = 53;
const STEPS = { ArrowLeft: -7, ArrowRight: 7, ArrowUp: -1, ArrowDown: 1 };
const grid = find("#days");
const days = new Map();

/** Show the number of clips of each day. A click calls onSelect with the start and end of a day. */
export async function showCalendar(onSelect) {
	draw(onSelect);
	try {
		const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
		const counts = await get("clips/calendar", { timeZone });
		for (const [key, count] of Object.entries(counts.days)) setCount(key, count);
		color();
		find("#calendar-note").textContent = counts.isComplete ? "" : "There are more clips.";
	} catch (error) {
		report("calendar", error.message);
	}
}

export function countClip({ timestampMs }) {
	const key = asIsoDay(timestampMs);
	setCount(key, days.get(key)?.count + 1);
	color();
}

export function select({ since, until }) {
	for (const day of days.values()) {
		day.ariaPressed = day.start.toJSON() === since && day.end.toJSON() === until;
	}
}

function draw(onSelect) {
	const day = new Date();
	const today = asIsoDay(day);
	day.setHours(0, 0, 0, 0);
	day.setDate(day.getDate() - day.getDay() - 7 * (WEEKS - 1));
	for (let week = 0; week < WEEKS; week += 1) {
		find("#months").append(element("span", {}, day.getDate() <= 7 ? MONTH.format(day) : ""));
		for (let weekday = 0; weekday < 7 && asIsoDay(day) <= today; weekday += 1) {
			const start = new Date(day);
			day.setDate(day.getDate() + 1);
			addDay(start, new Date(day), onSelect);
		}
	}
	grid.lastChild.tabIndex = 0;
	grid.parentElement.scrollLeft = grid.scrollWidth;
	grid.onkeydown = move;
}

function addDay(start, end, onSelect) {
	const day = element("button", { type: "button", tabIndex: -1, ariaPressed: "false", start, end });
	day.onclick = () => {
		focus(day);
		onSelect(...(day.ariaPressed === "true" ? [] : [start, end]));
	};
	days.set(asIsoDay(start), day);
	setCount(asIsoDay(start), 0);
	grid.append(day);
}

function setCount(key, count) {
	const day = days.get(key);
	if (!day) return;
	day.count = count;
	day.title = `${DAY.format(day.start)}: ${count} ${count === 1 ? "clip" : "clips"}`;
	day.ariaLabel = day.title;
}

function color() {
	const most = Math.max(1, ...[...days.values()].map(({ count }) => count));
	for (const day of days.values()) day.dataset.level = Math.ceil((4 * day.count) / most);
}

/** Arrow keys move between the days; the Tab key reaches one of them. */
function move(event) {
	const day = grid.children[[...grid.children].indexOf(event.target) + STEPS[event.key]];
	if (!day) return;
	event.preventDefault();
	focus(day);
}

function focus(day) {
	find("[tabindex='0']", grid).tabIndex = -1;
	day.tabIndex = 0;
	day.focus();
}
