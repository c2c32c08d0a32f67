import { element, find } from "./dom.js";
import { asDevice, asInput } from "./format.js";

const form = find("#filters");
const { since, until, deviceUuidFilters } = form.elements;
const devices = new Set();
let apply;

/** Call a function with the query and the status, now and when the filters change. */
export function connectFilters(onChange) {
	const inputs = [...form.elements].filter(({ name }) => name);
	const given = new URLSearchParams(location.search);
	if (given.has("deviceUuidFilters")) addDevice(given.get("deviceUuidFilters"));
	for (const input of inputs) input.value = given.get(input.name) ?? "";
	let current;
	apply = () => {
		const values = inputs.map(({ name, value }) => [name, value.trim()]);
		const search = `?${new URLSearchParams(values.filter(([, value]) => value))}`;
		if (search === current) return;
		current = search;
		history.replaceState(null, "", search); // A reload keeps the filters.
		const { status, ...query } = Object.fromEntries(values);
		for (const name of ["since", "until"]) {
			if (query[name]) query[name] = new Date(query[name]).toJSON();
		}
		onChange(query, status);
	};
	let timer;
	form.oninput = () => {
		clearTimeout(timer);
		timer = setTimeout(apply, 300);
	};
	form.onreset = () => setTimeout(apply); // The form is empty after the event.
	form.onsubmit = (event) => event.preventDefault();
	apply();
}

export function setPeriod(start, end) {
	since.value = start ? asInput(start) : "";
	until.value = end ? asInput(end) : "";
	apply();
}

export function addDevice(uuid) {
	if (devices.has(uuid)) return;
	devices.add(uuid);
	for (const list of [deviceUuidFilters, find("#devices")]) {
		list.append(element("option", { value: uuid, label: asDevice(uuid) }));
	}
}
