// The ways to the pages: at the side, or at the bottom of a phone, where the rest is behind "More".

import { icon } from "./icons.js";
import { may } from "./session.js";
import { h, setText } from "./ui.js";

const MAIN = [["/dashboard", "Overview", "overview"], ["/flows", "Flows", "flows"],
	["/incidents", "Incidents", "incidents"], ["/blocks", "Blocks", "blocks"]];
const REST = [["/reports", "Reports", "report", "viewer"], ["/settings", "Settings", "gear",
	"admin"], ["/users", "Users", "user", "admin"], ["/audit", "Audit", "check", "admin"],
["/backups", "Backups", "down", "admin"], ["/help", "Help", "help", "viewer"],
["/about", "About", "ok", "viewer"]];

function item([href, label, picture]) {
	return h("a", { href, class: "nav-link", data: { nav: href } }, icon(picture),
		h("span", {}, label), href === "/incidents"
			? h("span", { class: "nav-count", hidden: true }) : null);
}

/**
 * @returns {{element: HTMLElement, select: (path: string) => void,
 *            openIncidents: (n: number) => void}}
 */
export function navigation() {
	const rest = h("div", { class: "nav-rest", id: "nav-rest" },
		REST.filter(([, , , role]) => may(role)).map(item));
	const more = h("button", { type: "button", class: "nav-link nav-more",
		"aria-expanded": "false", "aria-controls": "nav-rest",
		on: { click: () => open(!rest.hasAttribute("data-open")) } },
	icon("more"), h("span", {}, "More"));
	const element = h("nav", { class: "nav", "aria-label": "Main" }, MAIN.map(item), more,
		rest);

	function open(yes) {
		rest.toggleAttribute("data-open", yes);
		more.setAttribute("aria-expanded", String(yes));
	}
	element.addEventListener("keydown", (event) => {
		if (event.key === "Escape" && rest.hasAttribute("data-open")) {
			open(false);
			more.focus();
		}
	});
	return {
		element,
		select(path) {
			open(false);
			let isRest = false;
			for (const a of element.querySelectorAll("a")) {
				const here = path === a.dataset.nav
					|| path.startsWith(`${a.dataset.nav}/`);
				isRest ||= here && rest.contains(a);
				a.toggleAttribute("data-here", here);
				if (here) {
					a.setAttribute("aria-current", "page");
				} else {
					a.removeAttribute("aria-current");
				}
			}
			more.toggleAttribute("data-here", isRest);
		},
		openIncidents(n) {
			const badge = element.querySelector(".nav-count");
			badge.hidden = n === 0;
			setText(badge, n > 99 ? "99+" : String(n));
			badge.title = `${n} open`;
		},
	};
}
