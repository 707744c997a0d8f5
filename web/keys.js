// Keys of a view: one letter, one action; "?" shows them all. Silent while somebody types, while a
// dialog is open, and for ever where this browser switched them off (WCAG 2.2, 2.1.4).

import { button, h, showDialog, uid } from "./ui.js";

const OFF_KEY = "sluice-keys";
const TYPED = "input:not([type=checkbox]):not([type=radio]), textarea, select";

let bound = []; // what the view on the screen offers

function areOff() {
	try {
		return localStorage.getItem(OFF_KEY) === "off";
	} catch {
		return false; // storage refused: the keys stay on
	}
}

function setOff(off) {
	try {
		localStorage.setItem(OFF_KEY, off ? "off" : "on");
	} catch {
		// storage refused: nothing is kept
	}
}

function keyList(keys) {
	return h("dl", { class: "keys" }, keys.map(({ key, label }) => h("div", {},
		h("dt", {}, h("kbd", {}, key)), h("dd", {}, label))));
}

/** The overlay with all keys of this view, and the switch that turns them off. */
export function showKeys() {
	const id = uid("keys");
	const off = h("input", { type: "checkbox", checked: !areOff(),
		on: { change: () => setOff(!off.checked) } });
	const close = button("Close", { kind: "primary", on: () => dialog.close() });
	const dialog = h("dialog", { class: "dialog", "aria-labelledby": id },
		h("h2", { id }, "Keys of this page"),
		keyList([...bound, { key: "?", label: "this list" }]),
		h("label", { class: "check" }, off, "Single keys work in this browser"),
		h("div", { class: "dialog-actions" }, close));
	showDialog(dialog);
	close.focus();
}

/**
 * Offer keys until ended.
 * @param {{key: string, label: string, run: () => void}[]} keys
 * @returns {() => void}
 */
export function bindKeys(keys) {
	bound = keys;
	return () => {
		if (bound === keys) {
			bound = [];
		}
	};
}

function onKey(event) {
	if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented
		|| event.target.closest?.(TYPED) || document.querySelector("dialog[open]")) {
		return;
	}
	if (event.key === "?") {
		event.preventDefault();
		showKeys(); // also when they are off: here they are switched on again
		return;
	}
	const found = areOff() ? null : bound.find(({ key }) => key === event.key);
	if (found) {
		event.preventDefault();
		found.run();
	}
}

/** Begin to listen; called once. */
export function startKeys() {
	document.addEventListener("keydown", onKey);
}
