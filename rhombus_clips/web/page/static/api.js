import { find, show } from "./dom.js";

/** Send a request, and return the response. The message of an error is for the user. */
export async function send(method, path, { query = {}, body } = {}) {
	const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
	// Forms of other sites cannot send this header, so the routes require it for changes.
	const headers = { "Content-Type": "application/json" };
	const options = { method, headers, body: body && JSON.stringify(body) };
	const response = await fetch(`api/${path}?${parameters}`, options).catch(() => {
		throw new Error("The server does not respond. Check that it still runs.");
	});
	if (response.ok) return response;
	const { errorMsg } = await response.json().catch(() => ({}));
	throw Object.assign(new Error(errorMsg ?? `Status ${response.status}`), { isFinal: true });
}

export const get = async (path, query) => (await send("GET", path, { query })).json();

export const post = async (path, body) => (await send("POST", path, { body })).json();

// Several parts of the page can fail at a time. The banner shows the first failure.
const failures = new Map();
const banner = find("#failure");

/** Show that a part of the page fails, or that it works if there is no message. */
export function report(part, message) {
	failures.delete(part);
	if (message) failures.set(part, message);
	const [first] = failures.values();
	show(find("p", banner), first);
	banner.hidden = !first;
}

find("button", banner).onclick = () => location.reload();
