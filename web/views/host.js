// One address: what it did, with whom, since when, what was reported of it, and the two things to
// do about it: block it, or never block it.

import { get, post } from "../api.js";
import { askBlock } from "../block_dialog.js";
import { bytes, capital, clean, count, plural } from "../format.js";
import { icon } from "../icons.js";
import { bindKeys } from "../keys.js";
import { subscribe } from "../live.js";
import { whyNot } from "../session.js";
import { timeChart } from "../time_chart.js";
import { button, confirmDialog, empty, facts, failure, fill, h, hostLink, link, mono, name, panel,
	severity, stateBadge, time, toast } from "../ui.js";
import { hostModelPanel } from "./host_model.js";
import { reputationPanel } from "./reputation.js";

const RANGES = [["86400", "24 hours"], ["604800", "7 days"], ["2592000", "30 days"],
	["7776000", "90 days"]];
const SHOWN = 10;
/** Who said what a device is called; it is its own word. */
const SOURCES = { dhcp: "by DHCP", mdns: "by mDNS", dns: "by reverse look-up" };

function askSafe(ip, done) {
	confirmDialog({
		title: `Never block ${clean(ip, 64)}?`, confirm: "Put on the safe list",
		kind: "primary",
		body: [h("p", {},
			"The safe list is asked in the kernel before each drop: no block, "
			+ "list or automatic response reaches this address.")],
		run: async () => {
			const entry = await post("/safe", { prefix: ip, note: "" });
			toast(`${entry.prefix} can no longer be blocked.`);
			done();
		},
	});
}

function standing(host) {
	if (host.block) {
		return h("span", { class: "badge badge-drop" }, icon("blocks"), "blocked");
	}
	if (host.safe) {
		return h("span", { class: "badge", title: clean(host.safe.note, 120) },
			icon("shield"), `safe: ${capital(host.safe.kind).toLowerCase()}`);
	}
	return null;
}

function head(host, range, on) {
	const why = whyNot("admin", "Blocking");
	const choice = h("select", { class: "filter-input range-select", "aria-label": "Time",
		on: { change: (event) => on.range(event.target.value) } },
	RANGES.map(([value, label]) => h("option", { value, selected: value === range },
		`Last ${label}`)));
	return h("div", { class: "view-head" }, h("h1", {}, mono(host.ip)), standing(host),
		h("div", { class: "view-actions" }, choice,
			link(`/flows?q=${encodeURIComponent(`ip:${host.ip} since:24h`)}`,
				{ class: "button quiet" }, "Flows"),
			host.safe ? null : button("Never block…", { kind: "quiet", icon: "shield",
				why: whyNot("admin", "The safe list"), on: on.safe }),
			host.block || host.safe ? null : button("Block…", { kind: "danger",
				icon: "blocks", why, on: on.block })));
}

const lately = (words, shown) => link(
	`/flows?q=${encodeURIComponent(`${words} since:24h`)}`, {}, shown);

function factsPanel(host) {
	const live = host.live;
	const known = host.facts || {};
	return panel("At a glance", { class: "panel-facts" }, facts([
		...(known.name ? [["Name", h("span", {}, name(known.name, 120), " ",
			h("span", { class: "muted" }, SOURCES[known.name_source] || ""))]] : []),
		...(known.country ? [["Country", lately(`country:${known.country}`,
			clean(known.country, 2))]] : []),
		...(known.asn ? [["Network", h("span", {}, lately(`asn:${Number(known.asn)}`,
			`AS${Number(known.asn)}`), " ", name(known.as_owner, 96))]] : []),
		["Now", live ? `${bytes(live.bytes)} and ${plural(live.flows, "flow")} in the last `
			+ "minute" : h("span", { class: "muted" }, "silent for a minute or more")],
		...(host.series ? [["First seen", time(host.first_seen)],
			["Last seen", time(host.last_seen)],
			["Flow records", count(host.records)]] : []),
		["Block", host.block ? link("/blocks", {}, `${clean(host.block.value, 64)}, `
			+ `${count(host.block.hits)} packets dropped`) : "none"],
		["Safe list", host.safe ? h("span", {}, mono(host.safe.prefix), " ",
			name(host.safe.note, 120)) : "not on it"],
	]));
}

function incidentsPanel(host) {
	const rows = host.incidents || [];
	return panel("Incidents", { class: "panel-host-incidents", note: "it began", actions: [
		link(`/incidents?state=all&src_ip=${host.ip}`, {}, "All")] },
	rows.length ? h("ul", { class: "events" }, rows.slice(0, SHOWN).map((i) => h("li", {},
		link(`/incidents/${Number(i.id)}`, { class: "event" }, severity(i.severity),
			h("span", { class: "event-title" }, name(i.title || i.detector, 80)),
			h("span", { class: "event-who" }, "→ ", mono(i.dst_ip), " ",
				stateBadge(i.state)), time(i.last_seen)))))
		: empty("None", "No incident began here."));
}

function topRows(rows, cell) {
	const most = Math.max(1, ...rows.map((r) => r.bytes));
	return rows.map((r) => {
		const filled = h("span", { class: "bar-fill bar-in" });
		filled.style.width = `${(r.bytes / most) * 100}%`;
		return h("tr", {}, h("th", { scope: "row" }, cell(r.key)),
			h("td", { class: "num" }, bytes(r.bytes)),
			h("td", { class: "share" },
				h("span", { class: "bar", "aria-hidden": "true" },
				filled)),
			h("td", { class: "num p2" }, count(r.records)),
			h("td", { class: "when p3" }, time(r.last_seen)));
	});
}

function topPanel(title, note, rows, { what, distinct, cell }) {
	const known = (rows || []).filter((r) => r.key !== null && r.key !== "");
	if (known.length === 0) {
		return panel(title, { note }, h("p", { class: "muted" }, "None in this time."));
	}
	const heads = [what, "Bytes", "", "Flows", "Last seen"];
	const classes = [null, "num", "share", "num p2", "when p3"];
	return panel(title, { note: distinct > known.length
		? `${note}; ${count(known.length)} of ${count(distinct)}` : note },
	h("div", { class: "table-wrap" }, h("table", { class: "table compact table-top" },
		h("caption", { class: "hidden" }, `${title}, ${note}`),
		h("thead", {}, h("tr", {}, heads.map((text, i) => h("th", { scope: "col",
			class: classes[i] }, text || h("span", { class: "hidden" }, "Share"))))),
		h("tbody", {}, topRows(known, cell)))));
}

function flowsLink(ip, word, text) {
	return link(`/flows?q=${encodeURIComponent(`ip:${ip} ${word} since:7d`)}`, {}, text);
}

function tops(host) {
	const out = host.as_source || {};
	const into = host.as_destination || {};
	const port = (key) => flowsLink(host.ip, `port:${String(key).replace(/^\w+\//, "")}`,
		mono(key));
	const named = (key) => flowsLink(host.ip, `domain=${key}`, name(key, 90));
	return [
		topPanel("Contacted", "it began the flow", out.peers,
			{ what: "Address", distinct: out.peers_distinct,
				cell: (k) => hostLink(k) }),
		topPanel("Contacted by", "the other side began", into.peers,
			{ what: "Address", distinct: into.peers_distinct,
				cell: (k) => hostLink(k) }),
		topPanel("Ports it used", "on other hosts", out.ports,
			{ what: "Port", distinct: out.ports_distinct, cell: port }),
		topPanel("Ports it serves", "asked for here", into.ports,
			{ what: "Port", distinct: into.ports_distinct, cell: port }),
		topPanel("Names it asked for", "server names", out.names,
			{ what: "Name", distinct: out.names_distinct, cell: named }),
		topPanel("Names it serves", "asked for here", into.names,
			{ what: "Name", distinct: into.names_distinct, cell: named }),
	];
}

/** Two columns: what it began, what was begun with it; the second with what is asked elsewhere. */
function pairs(host, others) {
	const [out, into, used, serves, asked, named] = host.series ? tops(host) : [];
	return h("div", { class: "pairs" },
		h("div", { class: "column" }, incidentsPanel(host), out, used, asked),
		h("div", { class: "column" }, others, into, serves, named));
}

/** The host's course as rows of the chart: bytes a second. */
function courseRows(host) {
	const step = host.step || 3600;
	return (host.series || []).map((p) => [new Date(p.time), p.bytes_in / step,
		p.bytes_out / step, 0]);
}

function trafficPanel(host, chart) {
	const has = (host.series || []).some((p) => p.bytes_in || p.bytes_out);
	if (!host.series) {
		return panel("Traffic", { class: "panel-host-traffic" },
			h("p", { class: "muted", role: "status" }, "Searching the history…"));
	}
	return panel("Traffic", { class: "panel-host-traffic",
		note: "as the host sees it; from the flow history" },
	has ? chart.element : empty("No traffic", "No flow of this address in this time."),
	host.complete ? null : h("p", { class: "muted" },
		"The search was cut at its time limit: older records are not in the numbers."));
}

/** Panels that are asked for once and stay over redraws. */
function askedOnce(ip) {
	let [reputation, model] = [null, null];
	return (host) => {
		reputation ??= reputationPanel(ip);
		model ??= host.live ? hostModelPanel(ip) : null;
		return [reputation, model];
	};
}

function refused(ip, error, retry) {
	return [h("div", { class: "view-head" }, h("h1", {}, mono(ip))),
		error.status === 422 || error.status === 404
			? empty("No address", "This is not an IPv4 or IPv6 address.")
			: failure(error, retry)];
}

/** @param {object} context see app.js @returns {object} the view */
export function hostView(context) {
	const ip = decodeURIComponent(context.params[0]);
	const chart = timeChart({ drops: false });
	const element = h("div", { class: "view view-wide" }, h("div", { class: "view-head" },
		h("h1", {}, mono(ip)), h("p", { class: "muted", role: "status" }, "Searching…")));
	const others = askedOnce(ip);
	let range = context.query.get("range") || "86400";
	let [ends, shown, isSearched] = [[], null, false];

	const on = {
		range(value) {
			range = value;
			context.setQuery({ range });
			load();
		},
		safe: () => askSafe(ip, load),
		block: () => askBlock({ value: ip, done: load }),
	};

	function draw(host) {
		shown = host;
		fill(element, head(host, range, on),
			h("div", { class: "grid" }, trafficPanel(host, chart), factsPanel(host)),
			pairs(host, others(host)));
		if (host.series) {
			chart.set(courseRows(host), Date.parse(host.from), Date.parse(host.to));
		}
	}

	/** What is known without the history, while that is searched. */
	async function begin() {
		const host = await get(`/hosts/${ip}`, { history: 0 }).catch(() => null);
		if (host && !isSearched) {
			draw(host);
		}
	}

	async function load() {
		const from = new Date(Date.now() - Number(range) * 1000).toISOString();
		try {
			draw(await get(`/hosts/${ip}`, { from }));
		} catch (error) {
			fill(element, refused(ip, error, load));
		}
		isSearched = true;
	}

	const free = () => shown && !shown.block && !shown.safe && !whyNot("admin", "Blocking");
	return {
		title: clean(ip, 64), help: "hosts", element,
		start() {
			begin();
			load();
			ends = [subscribe("block", load), bindKeys([{ key: "b",
				label: "block this address…", run: () => free() && on.block() }])];
		},
		stop() {
			ends.forEach((end) => end());
			chart.stop();
		},
	};
}
