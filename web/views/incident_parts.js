// The panels of one incident: why, numbers against the normal range, evidence, what happened when,
// what to do.

import { absolute, bytes, capital, clean, count, endpoint } from "../format.js";
import { icon } from "../icons.js";
import { may } from "../session.js";
import { createTable } from "../table.js";
import { empty, facts, h, hostLink, link, mono, name, panel, severity, stateBadge, time }
	from "../ui.js";
import { showFlow } from "./flow_details.js";

const ATTACK = "https://attack.mitre.org/techniques/";
const ABUSEIPDB = "https://www.abuseipdb.com/check/";
const VIRUSTOTAL = "https://www.virustotal.com/gui/ip-address/";

/** A link that leaves Sluice. */
function outside(href, label) {
	return h("a", { href, target: "_blank", rel: "noreferrer noopener" }, label, icon("link"));
}

/** "T1499.001" has its page at /T1499/001/. */
function techniqueLink(technique) {
	const path = clean(technique, 16).replace(".", "/");
	return outside(ATTACK + path.split("/").map(encodeURIComponent).join("/"),
		name(technique, 16));
}

function both(at) {
	return h("span", {}, time(at),
		h("span", { class: "muted on-screen" }, ` · ${absolute(at)}`));
}

const PLACES = { own: "this host", local: "local network" };

function place(word) {
	return PLACES[word] ? h("span", { class: "badge place" }, PLACES[word]) : null;
}

/** What the device calls itself, and where the address is. */
function known(facts) {
	const words = [facts?.name, facts?.country, facts?.asn && `AS${Number(facts.asn)}`,
		facts?.as_owner].filter(Boolean);
	return words.length ? h("span", { class: "sub" }, name(words.join(", "), 160)) : null;
}

/** The sentence, and the columns of the list. */
export function reasonPanel(incident) {
	const text = incident.reason
		? h("p", { class: "reason" }, name(incident.reason, 2000))
		: h("p", { class: "muted" }, "The reason is sealed; it needs the role analyst.");
	return panel("Why it was reported", { class: "panel-reason" }, text, numbers(incident),
		facts([
		["Source", [hostLink(incident.src_ip), place(incident.src_place),
			known(incident.src_facts)]],
		["Destination", [hostLink(incident.dst_ip, incident.dst_port),
			place(incident.dst_place), known(incident.dst_facts)]],
		["Protocol", name(incident.proto, 16)],
		["Count", count(incident.count)],
		["Score", `${Number(incident.score || 0).toFixed(2)} of 1`],
		["Detector", name(incident.detector, 48)],
		["ATT&CK technique", incident.technique ? techniqueLink(incident.technique) : null],
		["First seen", both(incident.first_seen)],
		["Last seen", both(incident.last_seen)],
	]));
}

/** Bytes and shares bring their unit along. */
function amount(value, unit) {
	const n = Number(value);
	if (value === null || value === undefined || Number.isNaN(n)) {
		return "–";
	}
	if (unit === "bytes" || unit === "share") {
		return unit === "bytes" ? bytes(n) : `${Math.round(100 * n)} %`;
	}
	return Number.isInteger(n) ? count(n) : n.toFixed(Math.abs(n) < 10 ? 2 : 1);
}

function unitBeside(unit) {
	return unit === "bytes" || unit === "share" ? "" : clean(unit, 16);
}

function normal({ normal_low: low, normal_high: high, unit }) {
	if (high === null || high === undefined) {
		return low === null || low === undefined ? "–" : `from ${amount(low, unit)}`;
	}
	const most = amount(high, unit);
	return low ? `${amount(low, unit)} to ${most}` : `up to ${most}`;
}

/** How far above the normal range: the bar is the value, the mark the range's upper end. */
function gauge(value, high) {
	const top = Math.max(Number(value) || 0, Number(high) || 0, 1e-9);
	const fill = h("span", { class: "gauge-fill" });
	fill.style.width = `${(Math.max(0, Number(value) || 0) / top) * 100}%`;
	const mark = h("span", { class: "gauge-mark" });
	mark.style.left = `${(Math.max(0, Number(high) || 0) / top) * 100}%`;
	return h("span", { class: "gauge", "aria-hidden": "true" }, fill, mark);
}

/**
 * What was measured against what is normal here.
 * @param {{features?: {name: string, unit: string, value: number, normal_low: number|null,
 *          normal_high: number|null}[]}} incident
 */
function numbers(incident) {
	const rows = incident.features || [];
	if (rows.length === 0) {
		return null;
	}
	return h("div", { class: "table-wrap numbers" }, h("table", { class: "table" },
		h("caption", { class: "hidden" }, "Numbers against the normal range"),
		h("thead", {}, h("tr", {}, ["Measured", "Now", "Normal here", ""].map((t, i) =>
			h("th", { scope: "col", class: i === 1 || i === 2 ? "num" : null }, t
				|| h("span", { class: "hidden" }, "Picture"))))),
		h("tbody", {}, rows.map((r) => h("tr", {},
			h("th", { scope: "row" }, name(r.name, 80)),
			h("td", { class: "num" }, h("strong", {}, amount(r.value, r.unit)), " ",
				unitBeside(r.unit)),
			h("td", { class: "num" }, normal(r)),
			h("td", { class: "gauge-cell" }, r.normal_high === null ? null
				: gauge(r.value, r.normal_high)))))));
}

/** The flows behind it. @returns {{element: HTMLElement, update: (rows: object[]) => void}} */
export function evidencePanel() {
	const table = createTable({
		caption: "Evidence: flows behind this incident", class: "table-evidence stack",
		columns: [
			{ key: "src", label: "Source", class: "addr",
				value: (r) => endpoint(r.src_ip, r.src_port),
				cell: (r) => hostLink(r.src_ip, r.src_port) },
			{ key: "dst", label: "Destination", class: "addr addr-to",
				value: (r) => endpoint(r.dst_ip, r.dst_port),
				cell: (r) => hostLink(r.dst_ip, r.dst_port) },
			{ key: "proto", label: "Proto", value: (r) => r.proto,
				cell: (r) => name(r.proto, 12) },
			{ key: "state", label: "State", class: "p4",
				value: (r) => capital(r.state) },
			{ key: "packets", label: "Packets", class: "num", first: "desc",
				value: (r) => r.packets_out + r.packets_in,
				cell: (r) => `${count(r.packets_out)} / ${count(r.packets_in)}` },
			{ key: "bytes", label: "Bytes", class: "num p4", first: "desc",
				value: (r) => r.bytes_out + r.bytes_in,
				cell: (r) => bytes(r.bytes_out + r.bytes_in) },
			{ key: "start", label: "Started", class: "when p2", value: (r) => r.start,
				cell: (r) => time(r.start) },
			{ key: "more", label: "", name: "Details", class: "more-cell",
				cell: () => h("button", {
				type: "button", class: "icon-button",
				"aria-label": "Details of this flow", data: { open: "" },
			}, icon("right")) },
		],
		rowKey: (r) => `${r.id} ${r.src_ip} ${r.src_port} ${r.dst_ip} ${r.dst_port}`,
		onRow: (row) => showFlow(row),
		empty: () => (may("analyst")
			? empty("No evidence kept", "The detector named no flow for this incident.")
			: empty("Sealed", "Evidence needs the role analyst.")),
	});
	return { element: panel("Evidence", { note: "flows behind it" }, table.element),
		update: table.update };
}

function historyEntry({ time: at, who, text, state }) {
	return h("li", {}, h("span", { class: "step-when" }, time(at)),
		h("span", { class: "step-what" }, state ? stateBadge(state) : null,
			text ? h("span", {}, name(text, 400)) : null,
			who ? h("span", { class: "muted" }, "by ", name(who, 64)) : null));
}

/** One entry of the API's history. */
function step(entry) {
	const state = entry.action === "state" ? entry.to : null;
	const what = entry.action === "response" ? `Response: ${capital(entry.to)}.`
		: `${capital(entry.action)}.`;
	return { time: entry.time, who: entry.who, state,
		text: entry.text || (state ? "" : what) };
}

/** What happened when: seen, changed, by whom; newest last. */
export function timelinePanel(incident) {
	const isOpened = (incident.history || []).some((e) => e.action === "opened");
	const steps = [
		...(isOpened ? [] : [{ time: incident.first_seen, text: "First seen." }]),
		...(incident.history || []).map(step),
		{ time: incident.last_seen, text: `Last seen; ${count(incident.count)} counted.` },
	].sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
	return panel("Timeline", {}, h("ol", { class: "steps" }, steps.map(historyEntry)));
}

/** What to do, and where else to look. */
export function actionsPanel(incident) {
	const ip = encodeURIComponent(incident.src_ip);
	return panel("Recommended actions", {},
		h("ul", { class: "actions" }, (incident.actions || []).map((a) =>
			h("li", {}, icon("check"), h("span", {}, name(a, 300))))),
		h("h3", {}, "About ", mono(incident.src_ip)),
		h("ul", { class: "outside-links" },
			h("li", {}, link(`/hosts/${incident.src_ip}`, {}, "Its page here")),
			h("li", {}, link(`/flows?q=${encodeURIComponent(
				`ip:${incident.src_ip} since:24h`)}`, {}, "Its flows")),
			h("li", {}, outside(ABUSEIPDB + ip, "AbuseIPDB")),
			h("li", {}, outside(VIRUSTOTAL + ip, "VirusTotal"))),
		h("p", { class: "muted" },
			"The last two leave Sluice; the address is told to that site."));
}

/** Others of the same source, destination or cause. */
export function relatedPanel(incident) {
	const related = incident.related || [];
	return panel("Related incidents", {}, related.length
		? h("ul", { class: "events" }, related.map((r) => h("li", {},
			link(`/incidents/${Number(r.id)}`, { class: "event event-small" },
				severity(r.severity),
				h("span", { class: "event-title" },
					name(r.title || r.detector, 80)),
				h("span", { class: "event-who" }, r.relation
					? `${capital(r.relation)} · ` : "", mono(r.src_ip)),
				time(r.last_seen)))))
		: h("p", { class: "muted" }, "None with the same source, destination or cause."));
}
