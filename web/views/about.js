// About: which version runs how, on what, since when; licences; where the documents are.

import { get } from "../api.js";
import { absolute, bytes, capital, clean, count, duration } from "../format.js";
import { session } from "../session.js";
import { facts, failure, fill, h, link, mono, name, panel } from "../ui.js";

const MODES = { live: "live: this machine's traffic", demo: "demo: simulated traffic" };
const LICENCES = [["Sluice", "GPL-2.0-or-later"],
	["dygraphs (time charts, embedded)", "MIT, copyright Dan Vanderkam"]];

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

function modelFacts(model) {
	return facts([
		["State", capital(model.state)],
		["Trained", model.trained ? absolute(model.trained) : "not yet"],
		["On", model.rows ? `${count(model.rows)} rows` : null],
	]);
}

/** @returns {object} the view */
export function aboutView() {
	const status = h("div", {}, h("p", { class: "muted" }, "Loading…"));
	const model = h("div", {}, h("p", { class: "muted" }, "Loading…"));

	async function load() {
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
			panel("This service", {}, status), panel("Model", {
				note: "what is normal here" }, model),
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
