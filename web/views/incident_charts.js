// Incidents of the last 24 hours by hour, by severity and by protocol: the original's three charts.

import { getOriginal } from "../api.js";
import { barsOverTime } from "../charts.js";
import { capital, clean, count, plural } from "../format.js";
import { icon } from "../icons.js";
import { subscribe } from "../live.js";
import { fill, h, link, name, panel } from "../ui.js";

const REFRESH_MS = 30000; // as the original did
const PROTOCOLS_MAX = 5;
const ORDER = ["high", "medium", "low"];

function timeline({ labels, data }) {
	const values = data.map(Number);
	const sum = values.reduce((a, b) => a + b, 0);
	const most = values.indexOf(Math.max(...values));
	const text = sum ? `${plural(sum, "incident")} in 24 hours, most at `
		+ `${clean(labels[most], 8)} (${values[most]}).` : "No incident in 24 hours.";
	return h("div", { class: "mini" }, h("h3", {}, "By hour"),
		barsOverTime(values, labels.map((l, i) => `${clean(l, 8)}: ${values[i]}`)),
		h("div", { class: "hours-axis muted", "aria-hidden": "true" },
			h("span", {}, clean(labels[0], 8)), h("span", {}, clean(labels.at(-1), 8))),
		h("p", { class: "muted" }, text));
}

function barRow(label, value, most, kind) {
	const filled = h("span", { class: `bar-fill bar-${kind}` });
	filled.style.width = `${(value / Math.max(1, most)) * 100}%`;
	return h("li", {}, h("span", { class: "mini-label" }, label),
		h("span", { class: "bar", "aria-hidden": "true" }, filled),
		h("span", { class: "mini-value" }, count(value)));
}

function severities({ labels, data }) {
	const by = Object.fromEntries(labels.map((l, i) => [l, Number(data[i])]));
	const most = Math.max(...ORDER.map((s) => by[s] || 0));
	return h("div", { class: "mini" }, h("h3", {}, "By severity"), h("ul", { class: "bars" },
		ORDER.map((s) => barRow(link(`/incidents?state=all&severity=${s}`, {},
			icon(s, "solid"), " ", capital(s)), by[s] || 0, most, s))));
}

function protocols({ labels, data }) {
	const rows = labels.slice(0, PROTOCOLS_MAX).map((l, i) => [l, Number(data[i])]);
	const most = Math.max(1, ...rows.map(([, n]) => n));
	return h("div", { class: "mini" }, h("h3", {}, "By protocol"), rows.length
		? h("ul", { class: "bars" },
			rows.map(([l, n]) => barRow(name(l, 24), n, most, "in")))
		: h("p", { class: "muted" }, "None yet."));
}

/** @returns {{element: HTMLElement, load: Function, start: Function, stop: Function}} */
export function incidentChartsPanel() {
	const body = h("div", { class: "minis" });
	let timer = 0;
	let end = () => {};

	async function load() {
		try {
			const [hours, levels, protos] = await Promise.all(["timeline", "severity",
				"protocols"].map((what) => getOriginal(`/api/stats/${what}`)));
			fill(body, timeline(hours), severities(levels), protocols(protos));
		} catch (error) {
			fill(body, h("p", { class: "muted" }, clean(error.message, 200)));
		}
	}
	return {
		element: panel("Incidents", { class: "panel-incident-charts",
			note: "by hour: last 24 hours; the rest: all" }, body),
		load,
		start() {
			load();
			timer = setInterval(() => document.hidden || load(), REFRESH_MS);
			end = subscribe("new_incident", load);
		},
		stop() {
			clearInterval(timer);
			end();
		},
	};
}
