// The columns of the flows page: all there are, which are shown, chosen by the user and kept in the
// browser and, where they differ from the usual ones, in the address.

import { bytes, capital, clean, count, duration, tcpFlags } from "../format.js";
import { icon } from "../icons.js";
import { h, link, mono, name, time } from "../ui.js";
import { verdict } from "./flow_details.js";

const KEPT = "sluice-flow-columns";
const USUAL = ["end", "src_ip", "dst_ip", "proto", "state", "label", "bytes_out", "bytes_in",
	"packets", "iface", "verdict"];

function filterLink(word, text, add) {
	return h("button", {
		type: "button", class: "cell-link", title: `Filter by ${clean(word, 90)}`,
		on: { click: () => add(word) },
	}, mono(text));
}

/** Where the other end is: the destination, else the source. @param {object} row */
const country = (row) => row.dst_country || row.src_country || "";
const network = (row) => row.dst_asn || row.src_asn || 0;

function address(ip, port, side, add, called) {
	return [filterLink(`ip:${ip}`, clean(ip, 64), add), port ? h("span", { class: "port" }, ":",
		filterLink(`${side}:${port}`, String(port), add)) : null,
	h("a", { href: `/hosts/${ip}`, class: "host-mark",
		"aria-label": `All about ${clean(ip, 64)}`,
		title: `All about ${clean(ip, 64)}` }, icon("right")),
	called ? h("span", { class: "sub" }, name(called, 40)) : null];
}

/** The name of the other side, or the process. @param {object} row */
export const label = (row) => row.sni || row.host || row.process || "";

const lasted = (r) => Math.max(0, (Date.parse(r.end) - Date.parse(r.start)) / 1000) || 0;
const text = (key, heading, klass = "p2") => ({ key, label: heading, class: klass,
	value: (r) => r[key] ?? "", cell: (r) => name(r[key], 120) });
const number = (key, heading, value, format) => ({ key, label: heading, class: "num",
	first: "desc", value, cell: (r) => format(value(r)) });

/** Every column, in the order of the table. @param {(word: string) => void} add */
function all(add) {
	return [
		{ key: "end", label: "Last seen", class: "when", first: "desc",
			value: (r) => r.end || "", cell: (r) => time(r.end || r.start) },
		{ key: "start", label: "Began", class: "when", first: "desc",
			value: (r) => r.start || "", cell: (r) => time(r.start) },
		{ key: "src_ip", label: "Source", class: "addr",
			value: (r) => `${r.src_ip} ${r.src_port} ${r.src_name || ""}`,
			cell: (r) => address(r.src_ip, r.src_port, "sport", add, r.src_name) },
		{ key: "dst_ip", label: "Destination", class: "addr addr-to",
			value: (r) => `${r.dst_ip} ${r.dst_port} ${r.dst_name || ""}`,
			cell: (r) => address(r.dst_ip, r.dst_port, "dport", add, r.dst_name) },
		{ key: "proto", label: "Proto", class: "proto", value: (r) => r.proto,
			cell: (r) => filterLink(`proto:${r.proto}`, clean(r.proto, 12), add) },
		{ key: "state", label: "State", class: "p2", value: (r) => r.state,
			cell: (r) => h("span", { class: `flow-state flow-${clean(r.state, 12)}` },
				capital(r.state)) },
		{ key: "label", label: "Name", class: "label p2", value: label,
			cell: (r) => (label(r) ? name(label(r), 120) : "") },
		{ ...number("bytes_out", "Sent", (r) => r.bytes_out, bytes), class: "num sent" },
		{ ...number("bytes_in", "Returned", (r) => r.bytes_in, bytes),
			class: "num returned" },
		{ ...number("packets", "Packets", (r) => r.packets_out + r.packets_in, count),
			class: "num p4" },
		number("duration", "Lasted", lasted, (s) => duration(s)),
		{ key: "flags", label: "TCP flags", class: "p2", value: (r) => r.tcp_flags_out
			|| "",
			cell: (r) => (r.tcp_flags_out ? tcpFlags(r.tcp_flags_out) : "") },
		{ key: "country", label: "Country", class: "p2", value: country,
			cell: (r) => (country(r) ? filterLink(`country:${country(r)}`,
				country(r), add) : "") },
		{ key: "asn", label: "Network", class: "p2", value: network,
			cell: (r) => (network(r) ? filterLink(`asn:${network(r)}`,
				`AS${network(r)}`, add) : "") },
		text("ja4", "JA4"), text("process", "Process"), text("unit", "Unit"),
		number("vlan", "VLAN", (r) => r.vlan || 0, (v) => v || ""),
		{ ...text("iface", "Interface"), class: "p4" },
		{ key: "rule_id", label: "Block", class: "num", value: (r) => r.rule_id || 0,
			cell: (r) => r.rule_id || "" },
		{ key: "incident_id", label: "Incident", class: "num", value: (r) => r.incident_id
			|| 0,
			cell: (r) => (r.incident_id
				? link(`/incidents/${Number(r.incident_id)}`, {},
				String(Number(r.incident_id))) : "") },
		{ key: "verdict", label: "Verdict", class: "p2", value: (r) => r.verdict,
			cell: verdict },
	];
}

const MORE = { key: "more", label: "", name: "Details", class: "more-cell",
	cell: () => h("button", { type: "button", class: "icon-button", title: "Details",
		"aria-label": "Details of this flow", data: { open: "" } }, icon("right")) };

function keptChoice() {
	try {
		return localStorage.getItem(KEPT) || "";
	} catch {
		return ""; // storage refused: the usual ones
	}
}

function keep(keys) {
	try {
		localStorage.setItem(KEPT, keys);
	} catch {
		// storage refused: the choice holds for this page only
	}
}

function parse(words) {
	const known = new Set(all(() => {}).map((c) => c.key));
	const keys = words.split(",").filter((k) => known.has(k));
	return keys.length ? keys : USUAL;
}

/**
 * The choice of columns.
 * @param {string} asked of the address, "" for what this browser kept
 * @param {() => void} changed
 * @returns {{element: HTMLElement, columns: (add: Function) => object[], inAddress: () => string}}
 */
export function columnChoice(asked, changed) {
	const shown = new Set(parse(asked || keptChoice()));
	const boxes = all(() => {}).map((c) => h("label", { class: "check" }, h("input", {
		type: "checkbox", checked: shown.has(c.key), on: { change(event) {
			if (event.target.checked) {
				shown.add(c.key);
			} else if (shown.size > 1) {
				shown.delete(c.key);
			}
			event.target.checked = shown.has(c.key);
			keep([...shown].join(","));
			changed();
		} } }), c.label));
	return {
		element: h("details", { class: "chooser" },
			h("summary", { class: "button quiet" }, "Columns"),
			h("div", { class: "chooser-panel" }, boxes)),
		// a chosen column is shown on narrow screens too, unless it is a usual one
		columns: (add) => [...all(add).filter((c) => shown.has(c.key)).map((c) =>
			(USUAL.includes(c.key) ? c
				: { ...c, class: c.class.replace(/\bp\d\b/, "") })),
		MORE],
		inAddress() {
			const keys = all(() => {}).map((c) => c.key).filter((k) => shown.has(k));
			return keys.join() === USUAL.join() ? "" : keys.join(",");
		},
	};
}
