// Paper: what a printed page says of itself (which page, which time, which address, when and by
// whom it was printed), and the light theme and a fitting chart whatever the screen shows.

import { absolute, clean } from "./format.js";
import { session } from "./session.js";
import { fill, h, name } from "./ui.js";

/** The times that the page shows: what is chosen of its spans and ranges. */
function shownTimes(main) {
	const choices = main.querySelectorAll(".spans input:checked + span, "
		+ ".view-actions .range-select, .flow-times [aria-pressed='true']");
	return [...choices].filter((e) => !e.closest("[hidden]"))
		.map((e) => e.selectedOptions?.[0]?.textContent ?? e.textContent).join(", ");
}

function lines(main) {
	const times = shownTimes(main);
	const title = main.querySelector("h1")?.textContent || document.title;
	return [h("p", { class: "print-title" }, h("strong", {}, `Sluice ${clean(location.host)}`),
		` · ${clean(title, 120)}`, times ? ` · ${clean(times, 80)}` : ""),
	h("p", {}, name(location.href, 300)),
	h("p", {}, `Printed ${absolute(Date.now())} by `, name(session().user?.name, 64),
		session().mode === "demo" ? "; simulated traffic" : "")];
}

/**
 * The head of the paper; empty on the screen.
 * @param {HTMLElement} main what is printed below it
 * @returns {{element: HTMLElement, stop: () => void}}
 */
export function printHead(main) {
	const root = document.documentElement;
	const element = h("div", { class: "print-head" });
	let theme;
	const tell = () => document.dispatchEvent(new CustomEvent("themechange"));
	const before = () => {
		fill(element, lines(main));
		theme = root.dataset.theme;
		root.dataset.theme = "light";
		root.dataset.printing = "";
		tell();
	};
	const after = () => {
		if (theme === undefined) {
			delete root.dataset.theme;
		} else {
			root.dataset.theme = theme;
		}
		delete root.dataset.printing;
		tell();
	};
	window.addEventListener("beforeprint", before);
	window.addEventListener("afterprint", after);
	return { element, stop() {
		window.removeEventListener("beforeprint", before);
		window.removeEventListener("afterprint", after);
	} };
}
