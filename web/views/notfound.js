// A path nobody knows.

import { clean } from "../format.js";
import { h, link } from "../ui.js";

/** @returns {object} the view */
export function notFoundView() {
	return {
		title: "Not found",
		element: h("div", { class: "view" }, h("div", { class: "empty" },
			h("h1", {}, "There is no such page"),
			h("p", {}, h("bdi", { class: "mono" }, clean(location.pathname, 120)),
				" does not exist here. Was it mistyped?"),
			link("/dashboard", { class: "button primary" }, "Go to the overview"))),
	};
}
