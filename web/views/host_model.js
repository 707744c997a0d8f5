// What the model knows of one host: its numbers now against what is normal for hosts of its kind.

import { get } from "../api.js";
import { bytes, clean, duration } from "../format.js";
import { fill, h, name, panel } from "../ui.js";

const SHOWN = 8; // of the features of a window, the rarest first
const COUNTED = new Set(["flows", "addresses", "ports", "pairs", "packets", "names"]);

const BYTES = new Set(["B", "bytes"]);
const BRINGS = new Set([...BYTES, "share"]); // their unit along

/** Shares in percent, counts whole (they are estimates), the rest in three digits. */
function amount(value, unit) {
	if (value === null || value === undefined) {
		return "–";
	}
	if (unit === "share") {
		return `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
	}
	if (BYTES.has(unit)) {
		return bytes(value);
	}
	return Number(value).toLocaleString("en-US", value >= 1 && COUNTED.has(unit)
		? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 });
}

function normal(f) {
	return f.low === undefined || f.low === null ? "not learned yet"
		: `${amount(f.low, f.unit)} to ${amount(f.high, f.unit)}`;
}

function row(f) {
	const known = f.high !== undefined && f.high !== null;
	const side = known && f.value > f.high ? "above" : known && f.value < f.low ? "below" : "";
	return h("tr", {}, h("th", { scope: "row" }, name(f.name.replaceAll("_", " "), 80)),
		h("td", { class: "num" }, h(side ? "strong" : "span", {}, amount(f.value, f.unit)),
		BRINGS.has(f.unit) ? "" : ` ${clean(f.unit, 12)}`, side
				? h("span", { class: "badge badge-wait" }, side) : null),
		h("td", { class: "num" }, normal(f)));
}

/** The rarest first; without a model, what is not zero. */
function chosen(features) {
	const rare = (f) => f.rarity ?? (f.value ? 1 : 0); // -ln of the share as far out
	return [...features].sort((a, b) => rare(b) - rare(a)).slice(0, SHOWN);
}

function windowPart(w) {
	const judged = w.score === null || w.score === undefined ? "still learning"
		: `score ${Number(w.score).toFixed(2)}, reported above `
			+ Number(w.threshold).toFixed(2);
	const heads = [["Measured", null], ["Now", "num"], ["Normal", "num"]];
	return h("div", { class: "model-window" }, h("h3", {}, `In ${duration(w.window_s)}, as `,
		clean(w.role, 12), w.unusual
			? h("span", { class: "badge badge-wait place" }, "unusual") : null),
	h("p", { class: "muted" }, judged),
	h("div", { class: "table-wrap" }, h("table", { class: "table compact table-top" },
		h("caption", { class: "hidden" }, `Now against normal in ${duration(w.window_s)}`),
		h("thead", {}, h("tr", {}, heads.map(([text, klass]) =>
			h("th", { scope: "col", class: klass }, text)))),
		h("tbody", {}, chosen(w.features || []).map(row)))));
}

/** @param {string} ip of a host seen lately @returns {HTMLElement} a panel that fills itself */
export function hostModelPanel(ip) {
	const body = h("div", {}, h("p", { class: "muted" }, "Asking the model…"));
	const say = (text) => fill(body, h("p", { class: "muted" }, text));
	get("/model", { ip }).then((answer) => {
		const open = (answer.windows || []).filter((w) => w.open);
		const learned = open.filter((w) => w.score !== null && w.score !== undefined);
		if (open.length) {
			fill(body, (learned.length ? learned : open.slice(0, 1)).map(windowPart));
		} else {
			say("It is silent at the moment.");
		}
	}).catch((error) => say(error.status === 404
		? "The model does not watch this address at the moment."
			: clean(error.message, 200)));
	return panel("Now against normal", { class: "panel-host-model",
		note: "what 98 % of its kind do" }, body);
}
