import { send } from "./api.js";
import { find } from "./dom.js";
import { kindOf, statusOf } from "./format.js";

const RETRY_MS = 3000;
// A browser opens six connections to a host. Two queues leave some for pictures and videos.
const queues = [Promise.resolve(), Promise.resolve()];
const watched = new Set();
const listeners = [];

export const onClip = (listener) => listeners.push(listener);

/** Pass a new state of a clip to all parts of the page. */
export const publish = (clip) => listeners.forEach((listener) => listener(clip));

/** Show the state of a clip's render in an element. */
export function showState(parent, clip) {
	find(".status", parent).textContent = statusOf(clip);
	find("progress", parent).value = clip.percentComplete ?? 0;
	find("progress", parent).hidden = kindOf(clip) !== "running";
}

/** Publish the progress of a clip's render until it ends. */
export function watch(clip) {
	if (watched.has(clip.uuid)) return;
	watched.add(clip.uuid);
	const followed = queues.shift().then(() => follow(clip));
	queues.push(followed.catch(({ message }) => publish({ ...clip, problem: message })));
}

/** Read the server-sent events of a clip. The page's only EventSource is that of new clips. */
async function follow({ uuid }) {
	for (let lastEventId; ; ) {
		try {
			const response = await send("GET", `clips/${uuid}/events`, { query: { lastEventId } });
			for await (const { event, id, data } of eventsOf(response.body)) {
				const clip = JSON.parse(data);
				if (clip.errorMsg) throw Object.assign(new Error(clip.errorMsg), { isFinal: true });
				if (event === "end") return;
				publish(clip);
				lastEventId = id;
			}
		} catch (error) {
			if (error.isFinal) throw error; // Otherwise the connection was lost.
		}
		await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
	}
}

async function* eventsOf(body) {
	const reader = body.pipeThrough(new TextDecoderStream()).getReader();
	for (let rest = ""; ; ) {
		const { done, value } = await reader.read();
		if (done) return;
		const events = (rest + value).split("\n\n");
		rest = events.pop();
		for (const event of events) {
			const fields = Object.fromEntries(event.split("\n").map((line) => line.split(/: ?(.*)/)));
			if (fields.data) yield fields;
		}
	}
}
