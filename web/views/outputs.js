// Where events go besides the pages: each output, whether it is up, what it could not take.

import { get } from "../api.js";
import { capital, clean, count } from "../format.js";
import { fill, h, name, panel } from "../ui.js";

const NAMES = { eve_file: "EVE file", eve_socket: "EVE socket", syslog: "Syslog", ipfix: "IPFIX" };

function row(o) {
	return h("tr", {}, h("th", { scope: "row" }, NAMES[o.name] || name(o.name, 24)),
		h("td", {}, h("span", { class: `badge ${o.state === "up" ? "" : "badge-wait"}` },
			capital(o.state)), o.error ? [" ", name(o.error, 200)] : null),
		h("td", { class: "num" }, count(o.sent)),
		h("td", { class: "num" }, count(o.dropped)));
}

function table(items) {
	const heads = [["Output", null], ["State", null], ["Sent", "num"], ["Dropped", "num"]];
	return h("div", { class: "table-wrap" }, h("table", { class: "table compact table-top" },
		h("caption", { class: "hidden" }, "Outputs"),
		h("thead", {}, h("tr", {}, heads.map(([text, klass]) =>
			h("th", { scope: "col", class: klass }, text)))),
		h("tbody", {}, items.map(row))));
}

/** @returns {{element: HTMLElement, load: () => Promise<void>}} */
export function outputsPanel() {
	const body = h("div", {});
	return {
		element: panel("Outputs", { note: "where events go besides these pages" }, body),
		async load() {
			try {
				const { items } = await get("/outputs");
				fill(body, items.length ? table(items) : h("p", { class: "muted" },
					"None. Settings, Export, names files and hosts that get "
						+ "events."));
			} catch (error) {
				fill(body, h("p", { class: "muted" }, clean(error.message, 200)));
			}
		},
	};
}
