// Searches somebody saved in this browser: a name is the search itself, a click asks it again.

import { icon } from "../icons.js";
import { clean } from "../format.js";
import { fill, h } from "../ui.js";

const KEPT = "sluice-searches";
const MOST = 12;

function read() {
	try {
		const list = JSON.parse(localStorage.getItem(KEPT) || "[]");
		return Array.isArray(list)
			? list.filter((s) => typeof s === "string").slice(0, MOST)
			: [];
	} catch {
		return []; // storage refused, or not ours
	}
}

function write(list) {
	try {
		localStorage.setItem(KEPT, JSON.stringify(list.slice(0, MOST)));
	} catch {
		// storage refused: nothing is kept
	}
}

function toggle(query) {
	const list = read();

	if (query)
		write(list.includes(query) ? list.filter((s) => s !== query) : [query, ...list]);
}

/**
 * @param {() => string} current the search in the box
 * @param {(query: string) => void} ask
 * @returns {{element: HTMLElement, draw: () => void}}
 */
export function savedSearches(current, ask) {
	const element = h("div", { class: "filter-words saved" });
	const self = {
		element,
		draw() {
			const list = read();
			const now = current().trim();
			const isSaved = list.includes(now);
			const save = h("button", { type: "button", class: "word", disabled: !now,
				"aria-pressed": String(isSaved), on: { click() {
					toggle(current().trim()); // of now, not when drawn
					self.draw();
				} } }, icon(isSaved ? "check" : "plus"), isSaved ? "Saved"
					: "Save search");
			fill(element, save,
				list.map((s) => h("button", { type: "button", class: "word",
				on: { click: () => ask(s) } }, clean(s, 60))));
		},
	};
	return self;
}
