export const find = (selector, within = document) => within.querySelector(selector);

/** Return a new element with properties. A string that is added to it is text. */
export function element(name, properties, ...children) {
	const created = Object.assign(document.createElement(name), properties);
	created.append(...children);
	return created;
}

export const copyOf = (template) => find(template).content.firstElementChild.cloneNode(true);

/** Show a text, or hide its element if there is none. */
export function show(target, text) {
	target.textContent = text ?? "";
	target.hidden = !text;
}

export function fill(parent, texts) {
	for (const [selector, text] of Object.entries(texts)) {
		find(selector, parent).textContent = text ?? "";
	}
}

/** Open a dialog, which receives the event "open". */
export function open(dialog) {
	if (!dialog.open) dialog.showModal();
	dialog.dispatchEvent(new Event("open"));
}

for (const button of document.querySelectorAll("[data-opens]")) {
	button.onclick = () => open(find(button.dataset.opens));
}

/** Run a task, and show its error in a dialog or form. */
export async function attempt(owner, task) {
	const problem = find(":scope > .problem", owner);
	show(problem);
	await task().catch((error) => show(problem, error.message));
}

/** Call a function with the values of a form when it is submitted, once at a time. */
export function onSubmit(form, submit) {
	form.onsubmit = async (event) => {
		event.preventDefault();
		const button = event.submitter;
		button.disabled = true;
		await attempt(form, () => submit(Object.fromEntries(new FormData(form))));
		button.disabled = false;
	};
}
