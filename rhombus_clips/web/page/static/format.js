const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const KINDS = {
	COMPLETE: "complete", FAILED: "failed", DELETED: "failed", OFFLINE: "failed",
	INITIATING: "running", UPLOADING: "running", RENDERING: "running",
};

export const asTime = (time) => (Number.isFinite(time) ? TIME.format(time) : "an unknown time");

/** Return a time as the value of an input for local times, such as 2025-10-09T08:00. */
export const asInput = (time) => `${asIsoDay(time)}T${new Date(time).toTimeString().slice(0, 5)}`;

/** Return the local day of a time, such as 2025-10-09. The Swedish form is that of ISO 8601. */
export const asIsoDay = (time) => new Date(time).toLocaleDateString("sv");

/** Return seconds as 1:05 or 1:00:05. */
export function asLength(seconds) {
	if (!Number.isFinite(seconds)) return "";
	const text = new Date(Math.max(0, seconds) * 1000).toISOString().slice(11, 19);
	return text.replace(/^(00:0?|0)/, "");
}

/** Return words in capitals, such as MOTION_HUMAN, as text. */
export const asWords = (name) => name[0] + name.slice(1).toLowerCase().replaceAll("_", " ");

/** Return a short name of a device, of which the page knows only the uuid. */
export const asDevice = (uuid) => `Camera ${uuid.slice(0, 6)}`;

/** Return a clip's devices, without facets such as ".v0". */
export const devicesOf = ({ deviceUuids, deviceUuid }) =>
	(deviceUuids ?? [deviceUuid]).filter(Boolean).map((uuid) => uuid.split(".")[0]);

export function kindOf({ status, percentComplete, currentOperation, problem }) {
	if (percentComplete === 100 && currentOperation === "Complete") return "complete";
	return problem ? "failed" : (KINDS[status] ?? "other");
}

export function statusOf(clip) {
	if (clip.problem || kindOf(clip) === "complete") return clip.problem ?? "Complete";
	const text = clip.currentOperation || asWords(clip.status ?? "WAITING");
	return clip.percentComplete ? `${text}, ${clip.percentComplete} %` : text;
}
