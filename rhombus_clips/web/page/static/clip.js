import { get } from "./api.js";
import { attempt, element, fill, find, open, show } from "./dom.js";
import { asDevice, asLength, asTime, asWords, devicesOf, kindOf } from "./format.js";
import { onClip, showState } from "./renders.js";
import { offerSharing } from "./sharing.js";

const NEAR_SECONDS = 0.75;
const dialog = find("#clip");
const video = find("video", dialog);
const boxes = find(".boxes", dialog);
let shown;

export function openClip(clip) {
	open(dialog);
	describe(clip);
}

onClip((clip) => clip.uuid === shown?.uuid && describe(clip));

dialog.onclose = () => {
	shown = undefined;
	play();
};
video.ontimeupdate = drawBoxes;
video.onseeked = drawBoxes;
video.onerror = () => {
	if (video.src) show(find(".problem", dialog), "The video cannot be played.");
};

function describe(clip) {
	const kind = kindOf(clip);
	showDetails(clip);
	if (kind === "complete") attempt(dialog, () => readDetails(clip));
	dialog.dataset.kind = kind;
	find("#download").href = `api/clip-download?clipUuid=${clip.uuid}`;
	play(kind === "complete" && `api/clips/${clip.uuid}/video`);
	offerSharing(clip);
}

async function readDetails({ uuid }) {
	const clip = await get(`clips/${uuid}`);
	if (uuid === shown?.uuid) showDetails(clip);
}

function showDetails(clip) {
	shown = clip;
	const { videoResolution: size, byteCount: bytes } = clip;
	fill(dialog, {
		h2: clip.title || "Untitled",
		".description": clip.description,
		".recorded": asTime(clip.timestampMs),
		".saved": asTime(clip.createdAtMs),
		".length": asLength(clip.durationSec),
		".devices": devicesOf(clip).map(asDevice).join(", "),
		".resolution": size?.width && `${size.width} × ${size.height}`,
		".size": bytes && `${(bytes / 1e6).toFixed(1)} MB`,
		".uuid": clip.uuid,
	});
	showState(dialog, clip);
	listDetections(clip);
}

/** Load a video, or end its transfer if there is none. */
function play(source) {
	if (source === video.getAttribute("src")) return;
	video.removeAttribute("src");
	if (source) video.src = source;
	video.load();
	boxes.replaceChildren();
}

function listDetections({ boundingBoxes, seekPoints }) {
	const buttons = new Map();
	const known = [boundingBoxes, seekPoints].flat().filter((item) => item?.relativeSecond >= 0);
	known.sort((one, other) => one.relativeSecond - other.relativeSecond);
	for (const { relativeSecond, activity } of known) {
		const label = `${asLength(relativeSecond)} ${asWords(activity || "MOTION")}`;
		const onclick = () => (video.currentTime = relativeSecond);
		buttons.set(label, element("button", { type: "button", onclick }, label));
	}
	find(".detections", dialog).replaceChildren(...buttons.values());
}

/** Draw the boxes of the moment. Their sides are in ten-thousandths of the picture. */
function drawBoxes() {
	const isNear = (box) => Math.abs(box?.relativeSecond - video.currentTime) < NEAR_SECONDS;
	const near = (shown?.boundingBoxes ?? []).filter(isNear);
	boxes.replaceChildren(...near.map(({ activity, left, top, right, bottom }) => {
		const box = element("span", {}, element("b", {}, asWords(activity || "MOTION")));
		const sides = { left, top, width: right - left, height: bottom - top };
		for (const [side, share] of Object.entries(sides)) box.style[side] = `${share / 100}%`;
		return box;
	}));
}
