import { post } from "./api.js";
import { openClip } from "./clip.js";
import { find, onSubmit } from "./dom.js";
import { asInput, kindOf } from "./format.js";
import { add } from "./listing.js";
import { onClip, publish, showState } from "./renders.js";

// Footage takes a while until it is in the cloud.
const SUGGESTED_AGE_MS = 300_000;
const dialog = find("#making");
const form = find("#making-form");
const render = find(".render", dialog);
let made;

dialog.addEventListener("open", () => {
	form.elements.start.value ||= asInput(Date.now() - SUGGESTED_AGE_MS);
});

onSubmit(form, async ({ device, start, seconds, title, description, audio }) => {
	const timestampMs = Date.parse(start);
	const durationSec = Number(seconds);
	const { clipUuids } = await post("clips", {
		deviceUuids: [device],
		startTimeMillis: timestampMs,
		durationSec,
		title,
		description: description || undefined,
		audioIncluded: Boolean(audio),
	});
	for (const uuid of clipUuids) {
		// The service may not return the clip yet.
		made = { uuid, title, deviceUuids: [device], timestampMs, durationSec, status: "INITIATING" };
		add(made);
		publish(made);
	}
});

onClip((clip) => {
	if (clip.uuid !== made?.uuid) return;
	made = clip;
	render.hidden = false;
	showState(render, clip);
	find("button", render).hidden = kindOf(clip) !== "complete";
});

find("button", render).onclick = () => {
	dialog.close();
	openClip(made);
};
