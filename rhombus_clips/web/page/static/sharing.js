import { get, post, send } from "./api.js";
import { attempt, copyOf, fill, find, onSubmit } from "./dom.js";
import { asTime } from "./format.js";

// The end of a share is a time or, if it is smaller, a duration.
const SMALLEST_TIME = 1e9;
const form = find("#sharing");
const opener = find("#open-sharing");
const link = find(".link", form);
const url = find("input", link);
const dialog = find("#shares");
const more = find("#more-shares");
let clip;
let cursor;

/** Let the form in the view of a clip share it. */
export function offerSharing(shown) {
	if (clip?.uuid === shown.uuid) return;
	clip = shown;
	form.reset();
	form.elements.title.value = clip.title ?? "";
	toggle(false);
}

function toggle(isOpen) {
	form.hidden = !isOpen;
	opener.ariaExpanded = isOpen;
	link.hidden = true;
}

opener.onclick = () => toggle(form.hidden);

onSubmit(form, async ({ title, days, password }) => {
	const { shareUrl } = await post("shared-clip-groups", {
		clipUuids: [clip.uuid],
		title,
		plaintextPassword: password || undefined,
		expirationTimeSecs: days ? Math.floor(Date.now() / 1000) + days * 86_400 : undefined,
	});
	url.value = shareUrl;
	link.hidden = false;
});

find("button", link).onclick = async ({ target }) => {
	url.select(); // If the browser does not allow the page to copy, the user can.
	await navigator.clipboard.writeText(url.value);
	target.textContent = "Copied";
};

dialog.addEventListener("open", () => list());
more.onclick = () => list(cursor);

const list = (from) => attempt(dialog, async () => {
	const items = find("ul", dialog);
	const page = await get("shared-clip-groups", { cursor: from, limit: 50 });
	if (!from) items.replaceChildren();
	for (const group of page.sharedClipGroups) {
		if (!(endOf(group) < Date.now())) items.append(itemOf(group));
	}
	cursor = page.cursor;
	more.hidden = !cursor;
	find(":scope > .note", dialog).hidden = cursor || items.children.length;
});

function endOf({ expirationTimeSecs: end, createdAtMillis: created }) {
	if (!end) return Infinity;
	return end < SMALLEST_TIME ? created + end * 1000 : end * 1000;
}

function itemOf(group) {
	const item = copyOf("#share");
	const count = group.sharedClips?.length ?? 0;
	const end = endOf(group);
	fill(item, {
		strong: group.title || "Untitled",
		".count": count === 1 ? "1 clip" : `${count} clips`,
		".end": end === Infinity ? "does not expire" : `until ${asTime(end)}`,
		".lock": group.isSecured ? "with a password" : "without a password",
	});
	const button = find("button", item);
	button.onblur = () => (button.textContent = "Revoke");
	button.onclick = () => {
		// The link cannot be restored, so only the second click revokes the share.
		if (button.textContent === "Revoke") button.textContent = "Really revoke?";
		else attempt(dialog, () => revoke(group, item));
	};
	return item;
}

async function revoke({ uuid }, item) {
	await send("DELETE", `shared-clip-groups/${uuid}`);
	item.remove();
	find(".close", dialog).focus();
}
