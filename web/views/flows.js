// The live table of flows: filter kept in the address, sorted here, paused at will, every address
// and port a filter by a click, every row its details.

import { get } from "../api.js";
import { bytes, capital, clean, count, endpoint, tcpFlags } from "../format.js";
import { icon } from "../icons.js";
import { session } from "../session.js";
import { createTable } from "../table.js";
import { button, empty, facts, failure, fill, h, link, mono, name, setText, showDialog, time, uid }
	from "../ui.js";

const REFRESH_MS = 2000;
const LIMIT = 300;
const TYPING_MS = 250;
const WORDS = [["src:", "source, as 192.0.2.0/24"], ["dst:", "destination"], ["ip:", "either side"],
	["sport:", "source port"], ["dport:", "destination port"], ["port:", "either port"],
	["proto:", "tcp, udp, icmp"], ["state:", "new, established, closed, expired"]];

function filterLink(word, text, add) {
	return h("button", {
		type: "button", class: "cell-link", title: `Filter by ${clean(word, 90)}`,
		on: { click: () => add(word) },
	}, mono(text));
}

function address(ip, port, side, add) {
	return [filterLink(`ip:${ip}`, clean(ip, 64), add), port ? h("span", { class: "port" }, ":",
		filterLink(`${side}:${port}`, String(port), add)) : null];
}

function verdict(row) {
	const dropped = row.verdict === "drop" || row.verdict === "dropped";
	return dropped ? h("span", { class: "badge badge-drop" }, "dropped")
		: h("span", { class: "muted" }, clean(row.verdict, 12) || "pass");
}

function columns(add) {
	const label = (row) => row.sni || row.host || row.process || "";
	return [
		{ key: "end", label: "Last seen", class: "when p3", first: "desc", value: (r) => r.end || "",
			cell: (r) => time(r.end || r.start) },
		{ key: "src_ip", label: "Source", class: "addr", value: (r) => `${r.src_ip} ${r.src_port}`,
			cell: (r) => address(r.src_ip, r.src_port, "sport", add) },
		{ key: "dst_ip", label: "Destination", class: "addr addr-to",
			value: (r) => `${r.dst_ip} ${r.dst_port}`,
			cell: (r) => address(r.dst_ip, r.dst_port, "dport", add) },
		{ key: "proto", label: "Proto", class: "proto", value: (r) => r.proto,
			cell: (r) => filterLink(`proto:${r.proto}`, clean(r.proto, 12), add) },
		{ key: "state", label: "State", class: "p2", value: (r) => r.state,
			cell: (r) => h("span", { class: `flow-state flow-${clean(r.state, 12)}` },
				capital(r.state)) },
		{ key: "label", label: "Name", class: "label p2", value: label,
			cell: (r) => (label(r) ? name(label(r), 120) : "") },
		{ key: "bytes_out", label: "Sent", class: "num", first: "desc", value: (r) => r.bytes_out,
			cell: (r) => bytes(r.bytes_out) },
		{ key: "bytes_in", label: "Returned", class: "num", first: "desc", value: (r) => r.bytes_in,
			cell: (r) => bytes(r.bytes_in) },
		{ key: "packets", label: "Packets", class: "num p3", first: "desc",
			value: (r) => r.packets_out + r.packets_in,
			cell: (r) => count(r.packets_out + r.packets_in) },
		{ key: "iface", label: "Interface", class: "p3", value: (r) => r.iface || "",
			cell: (r) => name(r.iface, 24) },
		{ key: "verdict", label: "Verdict", class: "p2", value: (r) => r.verdict, cell: verdict },
		{ key: "more", label: "", name: "Details", class: "more-cell", cell: () => h("button", {
			type: "button", class: "icon-button", "aria-label": "Details of this flow",
			title: "Details", data: { open: "" },
		}, icon("right")) },
	];
}

function details(row) {
	const both = (a, b, f) => `${f(a)} sent, ${f(b)} returned`;
	const optional = (v, max) => (v === null || v === undefined || v === "" ? null : name(v, max));
	return facts([
		["Source", mono(endpoint(row.src_ip, row.src_port))],
		["Destination", mono(endpoint(row.dst_ip, row.dst_port))],
		["Protocol", name(row.proto, 16)], ["State", capital(row.state)],
		["Started", h("span", {}, time(row.start), " · ", h("span", { class: "muted" },
			clean(row.start, 32)))],
		["Last packet", h("span", {}, time(row.end, "still going"), " · ",
			h("span", { class: "muted" }, clean(row.end, 32)))],
		["Bytes", both(row.bytes_out, row.bytes_in, bytes)],
		["Packets", both(row.packets_out, row.packets_in, count)],
		["TCP flags", /tcp/i.test(row.proto)
			? both(row.tcp_flags_out, row.tcp_flags_in, tcpFlags) : null],
		["Interface", name(row.iface, 24)], ["VLAN", row.vlan ? String(row.vlan) : null],
		["Server name", optional(row.sni, 2000)], ["HTTP host", optional(row.host, 2000)],
		["JA4", optional(row.ja4, 64)], ["Process", optional(row.process, 2000)],
		["Unit", optional(row.unit, 200)], ["Verdict", verdict(row)],
		["Incident", row.incident_id ? link(`/incidents/${Number(row.incident_id)}`, {},
			`Incident ${Number(row.incident_id)}`) : null],
	]);
}

/** Everything known of one flow. @param {object} row @param {(word: string) => void} [add] */
export function showFlow(row, add) {
	const id = uid("flow");
	const close = () => dialog.close();
	const dialog = h("dialog", { class: "dialog", "aria-labelledby": id },
		h("h2", { id }, "Flow"), details(row),
		h("div", { class: "dialog-actions" },
			link(`/blocks?value=${encodeURIComponent(row.src_ip)}`, { class: "button",
				on: { click: close } }, "Block the source…"),
			add ? button("Filter by source", { on: () => {
				close();
				add(`ip:${row.src_ip}`);
			} }) : null,
			button("Close", { kind: "primary", on: close })));
	showDialog(dialog);
}

function filterBox(query, onChange, add) {
	const input = h("input", {
		type: "search", id: "flow-filter", class: "filter-input", value: query, "data-focus": false,
		placeholder: "Filter: 192.0.2.7, port:443, proto:udp, src:10.0.0.0/8 …", spellcheck: "false",
		autocomplete: "off", autocapitalize: "none", maxlength: "400",
		"aria-describedby": "flow-filter-error flow-filter-words",
	});
	const error = h("p", { class: "field-error", id: "flow-filter-error", role: "alert" });
	let timer = 0;
	input.addEventListener("input", () => {
		clearTimeout(timer);
		timer = setTimeout(() => onChange(input.value.trim()), TYPING_MS);
	});
	const words = h("div", { class: "filter-words", id: "flow-filter-words" }, WORDS.map(([w, help]) =>
		h("button", { type: "button", class: "word", title: help, on: { click: () => add(w) } }, w)));
	return {
		input, error,
		element: h("div", { class: "filter" }, h("label", { class: "hidden", for: "flow-filter" },
			"Filter flows"), input, error, words),
	};
}

function note(items, next, paused) {
	const shown = next || items.length >= LIMIT ? `the newest ${items.length} flows`
		: `${items.length} flow${items.length === 1 ? "" : "s"}`;
	return paused ? `Paused at ${shown}` : `Showing ${shown}`;
}

function nothing(query, clear) {
	if (query) {
		return empty("No flow matches", "Nothing active or lately ended fits this filter.",
			button("Clear the filter", { on: clear }));
	}
	return empty("No flows yet", session().mode === "demo" ? "The simulation is starting."
		: "As soon as a packet passes a watched interface, its flow appears here.");
}

/** @param {object} context see app.js @returns {object} the view */
export function flowsView(context) {
	const state = {
		q: context.query.get("q") || "", paused: false, timer: 0, request: null,
		sort: { key: context.query.get("sort") || "end", dir: context.query.get("dir") || "desc" },
	};
	const summary = h("p", { class: "muted summary", role: "status" });
	const problem = h("div", {});

	function keep() {
		const plain = state.sort.key === "end" && state.sort.dir === "desc";
		context.setQuery({ q: state.q, sort: plain ? "" : state.sort.key,
			dir: plain ? "" : state.sort.dir });
	}

	function setQuery(q) {
		state.q = q;
		keep();
		load();
	}

	function add(word) {
		const rest = box.input.value.split(/\s+/).filter((w) => w && w !== word);
		box.input.value = [...rest, word].join(" ");
		box.input.focus();
		if (!word.endsWith(":")) {
			setQuery(box.input.value);
		}
	}

	function clear() {
		box.input.value = "";
		setQuery("");
	}

	const box = filterBox(state.q, setQuery, add);
	const table = createTable({
		caption: "Flows", class: "table-flows stack", columns: columns(add), rowKey: (r) => r.id,
		sort: state.sort, onRow: (row) => showFlow(row, add), empty: () => nothing(state.q, clear),
		rowClass: (r) => (["closed", "expired"].includes(r.state) ? "ended" : "active"),
		onSort: (sort) => {
			state.sort = sort;
			keep();
		},
	});
	const pause = button("Pause", { icon: "pause", on: () => {
		state.paused = !state.paused;
		fill(pause, ...button(state.paused ? "Go on" : "Pause",
			{ icon: state.paused ? "play" : "pause" }).childNodes);
		load();
	} });

	async function load() {
		state.request?.abort();
		state.request = new AbortController();
		try {
			const answer = await get("/flows", { limit: LIMIT, q: state.q }, state.request.signal);
			fill(problem);
			setText(box.error, "");
			table.update(answer.items);
			setText(summary, note(answer.items, answer.next, state.paused));
		} catch (error) {
			if (error.status === 422 || error.status === 400) {
				setText(box.error, error.message);
			} else if (error.code !== "aborted" && !table.element.querySelector("tbody tr")) {
				fill(problem, failure(error, () => load()));
			}
		}
	}

	return {
		title: "Flows",
		element: h("div", { class: "view view-wide" },
			h("div", { class: "view-head" }, h("h1", {}, "Flows"), summary,
				h("div", { class: "view-actions" }, pause)),
			box.element, problem, table.element),
		start() {
			load();
			state.timer = setInterval(() => document.hidden || state.paused || load(), REFRESH_MS);
		},
		stop() {
			clearInterval(state.timer);
			state.request?.abort();
		},
	};
}
