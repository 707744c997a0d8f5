// Who and what moved most: of the last minute from the snapshots while the window is short and
// ends now, else of whole hours from the hourly sums.

import { get } from "../api.js";
import { bar } from "../charts.js";
import { bytes, clean, compact, count, percent } from "../format.js";
import { createTable } from "../table.js";
import { empty, h, hostLink, link, name, panel, setText } from "../ui.js";

const MINUTE_UP_TO_S = 3600; // a window up to this is answered by the last minute
const REFRESH_MS = 60000;
const LIMIT = 10;

function shareCell(kind) {
	return (row) => {
		const gauge = bar(kind);
		gauge.set(row.share);
		return h("span", { class: "share-cell" }, h("span", { class: "share-text" },
			bytes(row.bytes)), gauge.element);
	};
}

function withShares(rows) {
	const top = Math.max(1, ...rows.map((r) => r.bytes));
	const sum = rows.reduce((n, r) => n + r.bytes, 0);
	return rows.map((r) => ({ ...r, share: r.bytes / top, percent: percent(r.bytes, sum) }));
}

const BYTES = (kind) => ({ key: "bytes", label: "Bytes", class: "share", value: (r) => r.bytes,
	head: () => h("span", { class: "share-head" }, "Bytes"), unsortable: true,
	signature: (r) => `${bytes(r.bytes)} ${r.share.toFixed(3)}`,
	cell: shareCell(kind) });
const number = (key, label, klass) => ({ key, label, class: `num ${klass}`, unsortable: true,
	value: (r) => (r[key] === undefined ? "–" : count(r[key])) });

/** Whole hours that cover the window, as the API counts them. */
function hoursOf({ span }) {
	return Math.max(1, Math.ceil(span / 3600));
}

function hoursText(hours) {
	return hours === 1 ? "this hour" : hours <= 48 ? `last ${hours} hours`
		: `last ${Math.round(hours / 24)} days`;
}

/**
 * A panel that changes between the last minute and hours.
 * @param {{title: string, class: string, table: object, by: string, live?: (s: object) => object[],
 *          row: (item: object) => object, others?: boolean}} spec
 */
function topPanel(spec) {
	const note = h("span", {});
	const rest = h("p", { class: "muted top-rest" });
	const state = { window: { span: 3600, end: null }, timer: 0, turn: 0 };
	const isMinute = () => spec.live && state.window.span <= MINUTE_UP_TO_S
		&& state.window.end === null;

	async function load() {
		if (isMinute()) {
			return;
		}
		const mine = ++state.turn;
		const hours = hoursOf(state.window);
		try {
			const answer = await get("/top", { by: spec.by, hours, limit: LIMIT });
			if (mine === state.turn) {
				const others = answer.others?.bytes || 0;
				spec.table.update(withShares(answer.items.filter((i) => i.key)
					.map(spec.row)));
				setText(rest, others ? `${bytes(others)} by others` : "");
			}
		} catch (error) {
			setText(rest, clean(error.message, 200));
		}
	}
	return {
		element: panel(spec.title, { note, class: spec.class }, spec.table.element, rest),
		load,
		window(shown) {
			state.window = shown;
			setText(note, isMinute() ? "last minute" : hoursText(hoursOf(shown)));
			if (state.timer) {
				load();
			}
		},
		snapshot(s) {
			if (isMinute()) {
				setText(rest, "");
				spec.table.update(withShares(spec.live(s)));
			}
		},
		start() {
			state.timer = setInterval(() => document.hidden || load(), REFRESH_MS);
			load();
		},
		stop: () => clearInterval(state.timer),
	};
}

/** Who moved most bytes. */
export function talkersPanel() {
	const table = createTable({
		caption: "Top talkers", class: "compact",
		columns: [
			{ key: "ip", label: "IP address", value: (r) => r.ip, unsortable: true,
				cell: (r) => [hostLink(r.ip), r.name || r.country ? h("span",
					{ class: "sub" }, name([r.name, r.country].filter(Boolean)
						.join(", "), 60)) : null],
				signature: (r) => `${r.ip} ${r.name} ${r.country}` },
			BYTES("in"), number("packets", "Packets", "p2"),
				number("flows", "Flows", "p3"),
			number("ports", "Ports", ""),
		],
		rowKey: (r) => r.ip,
		empty: () => empty("Nobody talks", "No packet was seen in this time."),
	});
	return topPanel({ title: "Top talkers", class: "panel-talkers", table, by: "src",
		live: (s) => s.hosts || [],
		row: (i) =>
			({ ip: i.key, bytes: i.bytes, packets: i.packets, flows: i.records }) });
}

/** What protocols the traffic was made of. */
export function protocolsPanel() {
	const table = createTable({
		caption: "Protocols", class: "compact",
		columns: [
			{ key: "proto", label: "Protocol", value: (r) => r.proto, unsortable: true,
				cell: (r) => link(`/flows?q=${encodeURIComponent(
					`proto:${r.proto}`)}`, {}, name(r.proto, 24)) },
			BYTES("out"),
			{ key: "percent", label: "Share", class: "num", unsortable: true,
				value: (r) => r.percent },
			number("flows", "Flows", "p2"),
		],
		rowKey: (r) => r.proto,
		empty: () => empty("No traffic", "No packet was seen in this time."),
	});
	return topPanel({ title: "Protocols", class: "panel-protocols", table, by: "proto",
		live: (s) => s.protocols || [],
		row: (i) => ({ proto: i.key, bytes: i.bytes, packets: i.packets,
			flows: i.records }) });
}

function nameLink({ domain }) {
	const query = encodeURIComponent(`domain=${domain} since:24h`);
	return link(`/flows?q=${query}`, {}, name(domain, 80));
}

/** What names the traffic went to. */
export function namesPanel() {
	const table = createTable({
		caption: "Names", class: "compact",
		columns: [
			{ key: "domain", label: "Name", class: "label", value: (r) => r.domain,
				unsortable: true, cell: nameLink },
			BYTES("in"),
			{ key: "flows", label: "Flows", class: "num", unsortable: true,
				value: (r) => compact(r.flows) },
		],
		rowKey: (r) => r.domain,
		empty: () => empty("No names yet", "Names come from DNS, TLS, QUIC and HTTP."),
	});
	return topPanel({ title: "Names", class: "panel-names", table, by: "domain",
		row: (i) => ({ domain: i.key, bytes: i.bytes, packets: i.packets,
			flows: i.records }) });
}
