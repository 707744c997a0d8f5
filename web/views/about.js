// About: which version runs how, on what, since when; licences; where the documents are.

import { get } from "../api.js";
import { absolute, bytes, capital, clean, count, duration } from "../format.js";
import { session } from "../session.js";
import { facts, failure, fill, h, link, mono, name, panel, time } from "../ui.js";
import { outputsPanel } from "./outputs.js";

const MODES = { live: "live: this machine's traffic", demo: "demo: simulated traffic" };
const LICENCES = [["Sluice", "GPL-2.0-or-later"],
	["dygraphs (time charts, embedded)", "MIT, copyright Dan Vanderkam"],
	["DejaVu Sans (in reports)", "Bitstream Vera licence; changes in the public domain"]];

function statusFacts(status) {
	return facts([
		["Version", clean(status.version, 32)],
		["Mode", MODES[status.mode] || clean(status.mode, 24)],
		["State", capital(status.status)],
		["Running", `${duration(status.uptime_s)}, since ${absolute(status.started)}`],
		["Enforcement", capital(status.enforcement)],
		["Interfaces", h("ul", {}, (status.ifaces || []).map((i) => h("li", {},
			name(i.name, 24), ` (${clean(i.mode, 8)})`, i.note
				? h("span", { class: "sub" }, name(i.note, 300)) : null)))],
		["Packets counted", count(status.processed_packets)],
		["Databases", bytes(status.db_bytes)],
		["Rows lost", status.rows_lost
			? h("span", { class: "risk" }, count(status.rows_lost))
			: "none"],
		["View filter", status.view_filter ? mono(status.view_filter) : null],
		["You", `${clean(session().user.name, 64)}, ${clean(session().user.role, 16)}`],
	]);
}

/** The history's budget in words. */
function historyFacts({ flows }) {
	return facts([
		["Holds", `${count(flows.records)} records, ${bytes(flows.used_bytes)} of `
			+ bytes(flows.max_bytes)],
		["Oldest", time(flows.oldest, "nothing yet")],
		["Grows by", flows.bytes_per_day === null ? "not known yet"
			: `${bytes(flows.bytes_per_day)} a day`],
		["Will reach back", flows.holds_s === null ? "not known yet"
			: `${duration(flows.holds_s)} (at most ${duration(flows.max_age_s)})`],
	]);
}

const MODEL_STATES = { settling: "The first traffic is not learned from yet.",
	learning: "Learning what is normal here; named detectors work meanwhile.",
	active: "Watching: what is rarer than the budget allows becomes an incident." };

function kindRow(k) {
	const share = k.wanted ? Math.min(100, (k.learned / k.wanted) * 100) : 100;
	return h("tr", {},
		h("th", { scope: "row" }, `${duration(k.window_s)}, ${clean(k.place, 12)} `,
		clean(k.role, 12)),
	h("td", {}, capital(k.state), k.state === "learning" ? [" ", h("progress", { max: "100",
		value: share, "aria-label": "Learned" })] : null),
	h("td", { class: "num" }, count(k.trained_rows || 0)),
	h("td", { class: "when p2" }, time(k.trained)),
	h("td", { class: "num" }, count(k.alarms)));
}

function modelFacts(model) {
	const v = model.verdicts || {};
	const rows = (model.kinds || []).filter((k) => k.state !== "idle");
	const heads = [["Windows of", null], ["State", null], ["Rows", "num"],
		["Trained", "when p2"], ["Alarms", "num"]];
	return [h("p", {}, MODEL_STATES[model.state] || capital(model.state)), facts([
		["Budget", `${count(model.alerts_per_day)} alerts a day`],
		["Hosts watched", `${count(model.hosts)} of ${count(model.hosts_max)}`],
		["False alerts", v.false_rate === null || v.false_rate === undefined
			? "none judged in the last 30 days"
				: `${Math.round(v.false_rate * 100)} % of `
				+ "those judged in the last 30 days"],
	]), rows.length ? h("div", { class: "table-wrap" }, h("table", {
		class: "table compact table-top" },
	h("caption", { class: "hidden" }, "What is learned, by kind of host"),
	h("thead", {}, h("tr", {}, heads.map(([text, klass]) =>
		h("th", { scope: "col", class: klass }, text)))),
	h("tbody", {}, rows.map(kindRow)))) : null];
}

/** @returns {object} the view */
export function aboutView() {
	const status = h("div", {}, h("p", { class: "muted" }, "Loading…"));
	const model = h("div", {}, h("p", { class: "muted" }, "Loading…"));
	const history = h("div", {}, h("p", { class: "muted" }, "Loading…"));
	const outputs = outputsPanel();

	async function load() {
		outputs.load();
		get("/store").then((answer) => fill(history, historyFacts(answer)))
			.catch((error) => fill(history, failure(error, load)));
		get("/status").then((answer) => fill(status, statusFacts(answer)))
			.catch((error) => fill(status, failure(error, load)));
		get("/model").then((answer) => fill(model, modelFacts(answer)))
			.catch((error) => fill(model, h("p", { class: "muted" },
				clean(error.message, 200))));
	}
	return {
		title: "About",
		element: h("div", { class: "view" },
			h("div", { class: "view-head" }, h("h1", {}, "About Sluice")),
			panel("This service", {}, status), panel("History", {
				note: "every flow, within its budget" }, history), panel("Model", {
				note: "what is normal here" }, model), outputs.element,
			panel("Documents", {}, h("ul", { class: "outside-links" },
				h("li", {}, link("/help", {}, "Help")),
				h("li", {}, link("/help/search", {}, "Search language")),
				h("li", {}, link("/help/api", {}, "API"))),
			h("p", { class: "muted" }, "On this host: ", h("code", {}, "man sluice"),
				", ",
				h("code", {}, "man sluice.conf"),
					". These pages ask no other host for "
				+ "anything.")),
			panel("Licences", {}, facts(LICENCES))),
		start: load,
	};
}
