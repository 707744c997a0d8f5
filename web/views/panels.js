// The panels of the overview. Each returns its element and what feeds it: snapshot(), load(),
// start(), stop(), whichever it needs.

import { get } from "../api.js";
import { stackedMeter } from "../charts.js";
import { clean, compact, count, endpoint, percent, plural } from "../format.js";
import { subscribe } from "../live.js";
import { createTable } from "../table.js";
import { empty, failure, fill, h, link, mono, name, panel, setText, severity, time }
	from "../ui.js";

const COVERAGE_MS = 5000;
const RECENT = 8;

const MEANING = "Each packet an interface sees is counted once more in exactly one place: in "
	+ "a flow, dropped, not a flow, or unattributed. The counts are made independently, so "
	+ "the sum proves that nothing went by unseen.";

const PARTS = [
	["flows", "in flows", "Packets counted into a flow"],
	["dropped", "dropped", "Packets dropped by a block"],
	["notflow", "not a flow", "Seen and counted by reason: ARP, other protocols, malformed"],
	["unattributed", "unattributed", "Seen, but its flow could not be stored"],
];

function sumCoverage(ifaces) {
	const total = { seen: 0, flows: 0, dropped: 0, notflow: 0, unattributed: 0 };
	const reasons = {};
	for (const i of ifaces) {
		total.seen += i.seen;
		total.flows += i.in_flows;
		total.dropped += i.dropped;
		total.unattributed += i.unattributed;
		for (const [reason, n] of Object.entries(i.not_flow || {})) {
			total.notflow += n;
			reasons[reason] = (reasons[reason] || 0) + n;
		}
	}
	total.counted = total.flows + total.dropped + total.notflow;
	return { total, reasons };
}

function verdictOf(total, data) {
	const missing = Math.max(0, total.seen - total.counted - total.unattributed);
	if (total.seen === 0) {
		return "No packet was seen yet.";
	}
	const lost = data.events_lost ? ` ${plural(data.events_lost, "event")} lost.` : "";
	if (data.complete && total.unattributed === 0) {
		return `Every packet seen is accounted for.${lost}`;
	}
	if (total.unattributed > 0) {
		const packets = plural(total.unattributed, "packet");
		return `${packets} seen without a place for its flow.${lost}`;
	}
	return `${plural(missing, "packet")} on the way from the kernel at this moment.${lost}`;
}

const NAME_REASONS = { malformed: "not well formed", cut: "cut short",
	full: "given up in pieces", undecrypted: "QUIC that could not be read",
	unplaced: "without a flow to stand on", unblocked: "blocked, too many at once to cut" };

/** Names that were not read, and why; "" when all were. */
function namesText(names) {
	const parts = Object.entries(NAME_REASONS).filter(([key]) => names && names[key] > 0)
		.map(([key, text]) => `${count(names[key])} ${text}`);
	return parts.length ? `Names: ${parts.join(", ")}.` : "";
}

function coverageTable() {
	const part = (key, label, klass, get_) => ({ key, label, class: `num ${klass}`,
		value: get_, cell: (r) => compact(get_(r)), unsortable: true });
	return createTable({
		caption: "Coverage by interface and direction", class: "compact",
		columns: [
			{ key: "name", label: "Interface", unsortable: true,
				value: (r) => `${r.name} ${r.direction}`,
				cell: (r) => [name(r.name, 24), h("span", { class: "muted" },
					r.direction === "ingress" ? " in" : " out")] },
			part("seen", "Seen", "", (r) => r.seen),
			part("flows", "In flows", "p2", (r) => r.in_flows),
			part("dropped", "Dropped", "", (r) => r.dropped),
			part("notflow", "Not a flow", "p3", (r) =>
				Object.values(r.not_flow || {}).reduce((a, b) => a + b, 0)),
			part("unattributed", "Unattrib.", "", (r) => r.unattributed),
		],
		rowKey: (r) => `${r.name} ${r.direction}`,
	});
}

/** Seen against counted, and where the difference is. */
export function coveragePanel() {
	const meter = stackedMeter(PARTS);
	const share = h("span", { class: "coverage-share" });
	const sentence = h("p", { class: "coverage-text" });
	const reasons = h("p", { class: "muted" });
	const table = coverageTable();
	const body = h("div", {}, h("div", { class: "coverage-head" }, share, sentence),
		meter.element, h("details", { class: "more" },
			h("summary", {}, "By interface, and what this means"),
			h("p", { class: "muted" }, MEANING),
			reasons, table.element));
	let timer = 0;

	async function load() {
		try {
			const data = await get("/coverage");
			const { total, reasons: why } = sumCoverage(data.ifaces);
			setText(share, total.seen ? percent(total.counted, total.seen) : "–");
			setText(sentence, verdictOf(total, data));
			meter.set(total);
			const named = Object.entries(why).filter(([, n]) => n > 0)
				.map(([reason, n]) =>
					`${clean(reason, 32)} ${count(n)}`).join(", ");
			setText(reasons, [named ? `Not a flow: ${named}.` : "",
				namesText(data.names)].filter(Boolean).join(" "));
			table.update(data.ifaces);
		} catch (error) {
			setText(sentence, error.message);
		}
	}
	return {
		element: panel("Coverage", { note: "seen and counted, since start",
			class: "panel-coverage" }, body),
		load,
		start() {
			load();
			timer = setInterval(() => document.hidden || load(), COVERAGE_MS);
		},
		stop: () => clearInterval(timer),
	};
}

const MODES = {
	xdp: ["XDP", "Native XDP: dropped before the kernel's network stack"],
	tc: ["tc", "tc ingress: dropped right after the driver"],
	user: ["user", "User-space datapath of the demo"],
	none: ["away", "Not attached at the moment"],
};

/** Which interfaces are watched, how, and why not better. */
export function interfacesPanel() {
	const list = h("ul", { class: "ifaces" });
	let drawn = "";
	return {
		element: panel("Interfaces", { class: "panel-ifaces" }, list),
		snapshot(s) {
			const signature = JSON.stringify(s.ifaces);
			if (signature === drawn) {
				return;
			}
			drawn = signature;
			fill(list, (s.ifaces || []).map((i) => {
				const [label, help] = MODES[i.mode] || [clean(i.mode, 8), ""];
				return h("li", {},
					h("span", { class: "iface-name" }, name(i.name, 24)),
					h("span", { class: `badge mode-${clean(i.mode, 8)}` },
						label),
					h("span", { class: "muted iface-help" }, help),
					i.note ? h("p", { class: "iface-note" }, name(i.note, 300))
						: null);
			}));
			if (!list.children.length) {
				fill(list, h("li", {}, empty("No interface",
					"Name one with -i or [Capture] interfaces.")));
			}
		},
	};
}

function incidentRow(i) {
	return h("li", {}, link(`/incidents/${Number(i.id)}`, { class: "event" },
		severity(i.severity),
		h("span", { class: "event-title" }, name(i.title || i.detector, 80)),
		h("span", { class: "event-who" }, mono(i.src_ip),
			h("span", { class: "arrow" }, " → "),
			mono(endpoint(i.dst_ip, i.dst_port))),
		time(i.last_seen)));
}

/** The newest incidents. */
export function incidentsPanel() {
	const list = h("ul", { class: "events" });
	const body = h("div", {}, list);
	let ends = [];
	let timer = 0;

	async function load() {
		try {
			const { items } = await get("/incidents", { limit: RECENT });
			fill(body, items.length ? fill(list, items.map(incidentRow))
				: empty("No incident yet",
					"Sluice learns what is normal and reports what is not. "
					+ "Try it: run nmap against this host."));
		} catch (error) {
			fill(body, failure(error, load));
		}
	}
	const soon = () => {
		clearTimeout(timer);
		timer = setTimeout(load, 500); // several events at once make one request
	};
	return {
		element: panel("Recent incidents", { class: "panel-incidents",
			actions: [link("/incidents", {}, "All incidents")] }, body),
		load,
		start() {
			load();
			ends = ["new_incident", "incident",
				"incidents_update"].map((n) => subscribe(n, soon));
		},
		stop() {
			clearTimeout(timer);
			ends.forEach((end) => end());
		},
	};
}
