// The help of the page on the screen, in a dialog: what the page answers, its keys, where more is.

import { HELP } from "./help_texts.js";
import { showKeys } from "./keys.js";
import { button, h, link, showDialog, uid } from "./ui.js";

/** @param {string} [key] the `help` of the view */
export function showHelp(key) {
	const [title, paragraphs] = HELP[key] || ["Help", ["Choose a page at the side."]];
	const id = uid("help");
	const close = () => dialog.close();
	const closing = button("Close", { kind: "primary", on: close });
	const more = (href, label) => link(href, { on: { click: close } }, label);
	const dialog = h("dialog", { class: "dialog help", "aria-labelledby": id },
		h("h2", { id }, title),
		h("div", { class: "dialog-body" }, paragraphs.map((p) => h("p", {}, p)),
			h("p", {}, more("/help/search", "Search language"), " · ",
				more("/help/api", "API"), " · ", more("/help", "All help"))),
		h("div", { class: "dialog-actions" }, button("Keys of this page", { on: () => {
			close();
			showKeys();
		} }), closing));
	showDialog(dialog);
	closing.focus();
}
