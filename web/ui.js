// Building blocks of every view: elements, times, badges, fields, dialogs, toasts. Text enters
// the document as text nodes only; nothing here or elsewhere parses HTML.

import { absolute, capital, clean, endpoint, relative, STATE_LABELS } from "./format.js";
import { icon } from "./icons.js";

const TOAST_MS = 6000;
const TICK_MS = 1000;
let serial = 0;

/** A document-wide unique id. @param {string} stem @returns {string} */
export function uid(stem) {
	serial++;
	return `${stem}-${serial}`;
}

function setProperty(element, name, value) {
	if (value === null || value === undefined || value === false) {
		return;
	}
	if (name === "on") {
		for (const [event, fn] of Object.entries(value)) {
			element.addEventListener(event, fn);
		}
	} else if (name === "data") {
		Object.assign(element.dataset, value);
	} else if (name === "value" || name === "checked" || name === "selected") {
		element[name] = value;
	} else {
		element.setAttribute(name, value === true ? "" : String(value));
	}
}

/**
 * Make an element. `on` holds listeners, `data` the data set, everything else is an attribute;
 * null, undefined and false leave an attribute out. Children are nodes or text.
 * @param {string} tag
 * @param {object} [properties]
 * @param {...(Node|string|number|null|undefined|false|Array)} children
 * @returns {HTMLElement}
 */
export function h(tag, properties = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(properties)) {
		setProperty(element, name, value);
	}
	element.append(...children.flat().filter((c) => c !== null && c !== undefined
		&& c !== false)
		.map((c) => (c instanceof Node ? c : String(c))));
	return element;
}

/** Replace all children. @param {Element} element @param {...(Node|string|null|false)} children */
export function fill(element, ...children) {
	element.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined
		&& c !== false));
	return element;
}

/** Set text only when it changed, so that a screen reader and a selection rest undisturbed. */
export function setText(element, text) {
	if (element.textContent !== text) {
		element.textContent = text;
	}
}

/** A name from outside, isolated from the text around it. @param {unknown} value */
export function name(value, max = 240) {
	return h("bdi", { class: "name" }, clean(value, max));
}

/** An address or a port: fixed width, isolated. @param {unknown} value */
export function mono(value) {
	return h("bdi", { class: "mono" }, clean(value, 80));
}

/**
 * An address as a link to its page; what is no address stays text.
 * @param {string} ip @param {number} [port] shown behind it
 */
export function hostLink(ip, port = 0) {
	const text = mono(endpoint(ip, port));
	return /^[0-9a-f.:]{2,45}$/i.test(ip || "") && !/^(0\.0\.0\.0|::)$/.test(ip)
		? h("a", { href: `/hosts/${ip}`, title: `All about ${ip}` }, text) : text;
}

/**
 * A time that keeps itself current: relative in the text, absolute in the title and in print.
 * @param {string|null} iso
 * @param {string} [missing] shown for null
 * @returns {HTMLElement}
 */
export function time(iso, missing = "never") {
	if (!iso) {
		return h("span", { class: "muted" }, missing);
	}
	const at = new Date(iso);
	return h("time", { datetime: iso, title: absolute(at), data: { at: at.getTime() } },
		relative(at.getTime(), Date.now()));
}

function tick() {
	if (document.hidden) {
		return;
	}
	const now = Date.now();
	for (const element of document.querySelectorAll("time[data-at]")) {
		setText(element, relative(Number(element.dataset.at), now));
	}
}

/** Keep relative times current; called once. */
export function startClock() {
	setInterval(tick, TICK_MS);
}

/** Severity by shape, word and colour. @param {string} level high, medium or low */
export function severity(level) {
	const known = ["high", "medium", "low"].includes(level) ? level : "low";
	return h("span", { class: `sev sev-${known}` }, icon(known, "solid"), capital(level));
}

/** State of an incident. @param {string} state */
export function stateBadge(state) {
	const marks = { open: "alert", acknowledged: "user", resolved: "check",
		false_positive: "x" };
	return h("span", { class: `badge state-${marks[state] ? state : "open"}` },
		icon(marks[state] || "alert"), STATE_LABELS[state] || capital(state));
}

/**
 * A button. `why` disables it and says the reason to everyone, not on hover alone.
 * @param {string} label
 * @param {{kind?: string, icon?: string, why?: string, type?: string, on?: () => void,
 *          label?: string}} options
 * @returns {HTMLButtonElement}
 */
export function button(label, options = {}) {
	return h("button", {
		type: options.type || "button", class: `button ${options.kind || ""}`.trim(),
		disabled: Boolean(options.why), title: options.why || null,
		"aria-label": options.label || null, on: options.on ? { click: options.on } : null,
	}, options.icon ? icon(options.icon) : null, h("span", {}, label));
}

/** A panel with a heading. @param {string} title @param {{actions?, note?, class?}} options */
export function panel(title, options = {}, ...children) {
	const id = uid("panel");
	return h("section", { class: `panel ${options.class || ""}`.trim(), "aria-labelledby": id },
		h("header", { class: "panel-head" },
			h("h2", { id }, title),
			options.note ? h("span", { class: "panel-note" }, options.note) : null,
			options.actions ? h("div", { class: "panel-actions" }, options.actions)
				: null),
		...children);
}

/**
 * Nothing to show, and what to do about it.
 * @param {string} title @param {string} text @param {Node} [action]
 */
export function empty(title, text, action = null) {
	return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title),
		h("p", {}, text), action);
}

/** A failed request in place of the content. @param {Error} error @param {() => void} retry */
export function failure(error, retry) {
	return h("div", { class: "empty failure", role: "alert" },
		h("p", { class: "empty-title" }, icon("alert"), " This could not be loaded"),
		h("p", {}, clean(error.message, 400)),
		error.requestId ? h("p", { class: "muted" },
			`Request ${clean(error.requestId, 64)}`) : null,
		retry ? button("Try again", { on: retry }) : null);
}

/** A message that goes by itself. @param {string} text @param {"ok"|"error"} kind */
export function toast(text, kind = "ok") {
	const element = h("div", { class: `toast toast-${kind}` },
		icon(kind === "ok" ? "ok" : "alert"), h("span", {}, clean(text, 400)));
	document.getElementById("toasts").append(element);
	setTimeout(() => element.remove(), TOAST_MS);
}

function shownValue(value) {
	if (value === null || value === undefined || value === "") {
		return "none";
	}
	if (typeof value === "boolean") {
		return value ? "yes" : "no";
	}
	return /^\d{4}-\d\d-\d\dT/.test(value) ? absolute(value)
		: clean(Array.isArray(value) ? value.join(", ") : value, 120);
}

/** What somebody else changed of a thing: "Role: viewer → analyst". */
function whatChanged(item, { current, changed }) {
	return h("ul", { class: "diff" }, changed.map((member) => h("li", {},
		`${capital(member)}: `, h("del", {}, shownValue(item[member])), " → ",
		h("ins", {}, shownValue(current[member])))));
}

/** Somebody was faster: say what is different now, and let the next try be about that. */
function showConflict(where, { item, reload }, cause) {
	if (cause.code !== "changed_meanwhile" || !item) {
		return true;
	}
	reload?.();
	if (!cause.current) {
		return false; // it is gone: there is nothing left to confirm
	}
	fill(where, whatChanged(item, cause), h("p", { class: "muted" },
		"What you entered is kept; confirm again to apply it to this."));
	Object.assign(item, cause.current);
	return true;
}

/**
 * Ask before something that matters. Escape and "Cancel" say no.
 * @param {{title: string, body: (Node|string)[], confirm: string, kind?: string,
 *          run: () => Promise<void>, item?: object, reload?: () => void}} options
 *        run: a rejection stays in the dialog as its message; item: what is changed, so that the
 *        dialog can say what somebody else did to it meanwhile; reload: the list behind it
 */
export function confirmDialog(options) {
	const { title, body, confirm, kind = "danger", run } = options;
	const error = h("p", { class: "form-error", role: "alert" });
	const meanwhile = h("div", { class: "meanwhile" });
	const id = uid("dialog");
	const yes = button(confirm, { kind, type: "submit" });
	const dialog = h("dialog", { class: "dialog", "aria-labelledby": id });
	const form = h("form", { method: "dialog" }, h("h2", { id }, title),
		h("div", { class: "dialog-body" }, ...body), error, meanwhile,
		h("div", { class: "dialog-actions" },
			button("Cancel", { on: () => dialog.close() }), yes));
	form.addEventListener("submit", async (event) => {
		event.preventDefault();
		yes.disabled = true;
		error.textContent = "";
		try {
			await run();
			dialog.close();
		} catch (cause) {
			error.textContent = clean(cause.message, 400);
			fill(meanwhile);
			yes.disabled = !showConflict(meanwhile, options, cause);
		}
	});
	dialog.append(form);
	return showDialog(dialog);
}

/** Show a dialog and take it out of the document when it closes. @param {HTMLElement} dialog */
export function showDialog(dialog) {
	dialog.addEventListener("close", () => dialog.remove());
	dialog.addEventListener("click", (event) => {
		if (event.target === dialog) {
			dialog.close();
		}
	});
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

/** A list of facts. @param {[string, Node|string|null][]} rows null values are left out */
export function facts(rows) {
	return h("dl", { class: "facts" }, rows.filter(([, v]) => v !== null && v !== "")
		.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
}

/** A link that the router follows. @param {string} href @param {object} properties */
export function link(href, properties = {}, ...children) {
	return h("a", { href, ...properties }, ...children);
}
