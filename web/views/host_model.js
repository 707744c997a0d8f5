// What the model knows of one host: its numbers now against its normal range.

import { get } from "../api.js";
import { capital, clean } from "../format.js";
import { fill, h, name, panel } from "../ui.js";

const STATES = {
	learning: "Still learning what is normal here.",
	off: "The model is switched off.",
};

function amount(value) {
	return value === null || value === undefined ? "–"
		: Number(value).toLocaleString("en-US", { maximumFractionDigits: 2 });
}

function row(f) {
	const high = Number(f.normal_high ?? NaN);
	const beyond = Number.isFinite(high) && Number(f.value) > high;
	return h("tr", {}, h("th", { scope: "row" }, name(capital(f.name), 80)),
		h("td", { class: "num" }, h(beyond ? "strong" : "span", {}, amount(f.value)),
			beyond ? h("span", { class: "badge badge-wait" }, "above") : null),
		h("td", { class: "num" }, Number.isFinite(high) ? `up to ${amount(high)}` : "–"));
}

function table(features) {
	return h("div", { class: "table-wrap" }, h("table", { class: "table compact table-top" },
		h("caption", { class: "hidden" }, "Now against normal"),
		h("thead", {}, h("tr", {}, [["Measured", null], ["Now", "num"], ["Normal", "num"]]
			.map(([text, klass]) => h("th", { scope: "col", class: klass }, text)))),
		h("tbody", {}, features.map(row))));
}

/** @param {string} ip @returns {HTMLElement} a panel that fills itself */
export function hostModelPanel(ip) {
	const body = h("div", {}, h("p", { class: "muted" }, "Asking the model…"));
	get("/model", { ip }).then((answer) => {
		const features = answer.host?.features || [];
		fill(body, features.length ? table(features) : h("p", { class: "muted" },
			STATES[answer.state] || clean(answer.message, 200)
				|| "Nothing is measured of this address at the moment."));
	}).catch((error) => fill(body, h("p", { class: "muted" }, clean(error.message, 200))));
	return panel("Now against normal", { class: "panel-host-model" }, body);
}
