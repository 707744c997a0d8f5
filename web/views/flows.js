// The table of flows, live or of the history: search kept in the address, sorted here, paused at
// will, every address and port a condition by a click, every row its details.

import { get } from "../api.js";
import { bytes, capital, clean, count } from "../format.js";
import { icon } from "../icons.js";
import { session } from "../session.js";
import { createTable } from "../table.js";
import { button, empty, failure, fill, h, mono, name, setText, time } from "../ui.js";
import { showFlow, verdict } from "./flow_details.js";
import { historyNote, historyPart, timeRange, withTime } from "./flow_history.js";

const REFRESH_MS = 2000;
const LIMIT = 300;
const TYPING_MS = 250;
const WORDS = [["src:", "source, as 192.0.2.0/24"], ["dst:", "destination"], ["ip:", "either side"],
	["sport:", "source port"], ["dport:", "destination port"], ["port:", "either port"],
	["proto:", "tcp, udp, icmp"], ["sni:", "server name, as *.example.com"],
	["domain:", "the name and all below it"], ["host:", "HTTP host or looked-up name"],
	["ja4:", "TLS fingerprint"], ["bytes>", "as 10k, 1.5M"], ["state:", "new, established, "
	+ "closed, expired"], ["verdict:", "pass, drop"], ["since:", "as 2h, 3d, 2026-11-24"],
	["until:", "as 2h, 2026-11-24T13:45"]];

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

const label = (row) => row.sni || row.host || row.process || "";

function columns(add) {
	return [
		{ key: "end", label: "Last seen", class: "when", first: "desc", value: (r) => r.end
			|| "",
			cell: (r) => time(r.end || r.start) },
		{ key: "src_ip", label: "Source", class: "addr",
			value: (r) => `${r.src_ip} ${r.src_port}`,
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
		{ key: "bytes_out", label: "Sent", class: "num", first: "desc",
			value: (r) => r.bytes_out,
			cell: (r) => bytes(r.bytes_out) },
		{ key: "bytes_in", label: "Returned", class: "num", first: "desc",
			value: (r) => r.bytes_in,
			cell: (r) => bytes(r.bytes_in) },
		{ key: "packets", label: "Packets", class: "num p4", first: "desc",
			value: (r) => r.packets_out + r.packets_in,
			cell: (r) => count(r.packets_out + r.packets_in) },
		{ key: "iface", label: "Interface", class: "p4", value: (r) => r.iface || "",
			cell: (r) => name(r.iface, 24) },
		{ key: "verdict", label: "Verdict", class: "p2", value: (r) => r.verdict,
			cell: verdict },
		{ key: "more", label: "", name: "Details", class: "more-cell",
			cell: () => h("button", {
			type: "button", class: "icon-button", "aria-label": "Details of this flow",
			title: "Details", data: { open: "" },
		}, icon("right")) },
	];
}

function filterBox(query, onChange, add) {
	const input = h("input", {
		type: "search", id: "flow-filter", class: "filter-input", value: query,
		"data-focus": false,
		placeholder: "Search: 192.0.2.7, dport:443, bytes>1M, domain:example.com …",
		spellcheck: "false",
		autocomplete: "off", autocapitalize: "none", maxlength: "2000",
		"aria-describedby": "flow-filter-error flow-filter-words",
	});
	const error = h("p", { class: "field-error", id: "flow-filter-error", role: "alert" });
	let timer = 0;
	input.addEventListener("input", () => {
		clearTimeout(timer);
		timer = setTimeout(() => onChange(input.value.trim()), TYPING_MS);
	});
	const words = h("div", { class: "filter-words", id: "flow-filter-words" },
		WORDS.map(([w, help]) =>
		h("button", { type: "button", class: "word", title: help,
			on: { click: () => add(w) } }, w)));
	return {
		input, error,
		element: h("div", { class: "filter" },
			h("label", { class: "hidden", for: "flow-filter" },
			"Search flows"), input, error, words),
	};
}

function note(answer, items, paused) {
	const next = answer.next;
	if (answer.live === false) {
		return historyNote(answer, items.length);
	}
	const shown = next || items.length >= LIMIT ? `the newest ${items.length} flows`
		: `${items.length} flow${items.length === 1 ? "" : "s"}`;
	return paused ? `Paused at ${shown}` : `Showing ${shown}`;
}

function withWord(query, word) {
	return [...query.split(/\s+/).filter((w) => w && w !== word), word].join(" ");
}

function nothing(query, clear) {
	if (query) {
		return empty("No flow matches", /(^|\s)(since|until):/.test(query)
			? "Nothing in this time of the history fits this search."
			: "Nothing active or lately ended fits. To search the history, choose a "
				+ "time.",
			button("Clear the search", { on: clear }));
	}
	return empty("No flows yet", session().mode === "demo" ? "The simulation is starting."
		: "As soon as a packet passes a watched interface, its flow appears here.");
}

/** Filter and order, kept in the address so that a view can be sent to somebody. */
function addressOf(context) {
	const query = context.query;
	const kept = {
		q: query.get("q") || "",
		sort: { key: query.get("sort") || "end", dir: query.get("dir") || "desc" },
		save() {
			const plain = kept.sort.key === "end" && kept.sort.dir === "desc";
			context.setQuery({ q: kept.q, sort: plain ? "" : kept.sort.key,
				dir: plain ? "" : kept.sort.dir });
		},
	};
	return kept;
}

function pauseButton(onChange) {
	const state = { paused: false };
	const face = () => button(state.paused ? "Go on" : "Pause",
		{ icon: state.paused ? "play" : "pause" }).childNodes;
	const element = h("button", { type: "button", class: "button", on: { click: () => {
		state.paused = !state.paused;
		fill(element, ...face());
		onChange();
	} } }, ...face());
	return { element, state };
}

const TABLE = {
	caption: "Flows", class: "table-flows stack",
	/* a long flow has a record a minute in the history */
	rowKey: (r) => (r.end_reason ? `${r.id} ${r.end}` : r.id),
	rowClass: (r) => (["closed", "expired"].includes(r.state) ? "ended" : "active"),
};

/** The search box and what was found last; `draw` shows it, `add` narrows the search. */
function searchBox(kept, changed) {
	function set(q) {
		kept.q = q;
		kept.save();
		times.show(q);
		changed();
	}

	function add(word) {
		box.input.value = withWord(box.input.value, word);
		box.input.focus();
		if (!/[:>]$/.test(word)) {
			set(box.input.value);
		}
	}

	function clear() {
		box.input.value = "";
		set("");
	}

	const box = filterBox(kept.q, set, add);
	const times = timeRange((word) => {
		box.input.value = withTime(box.input.value, word);
		set(box.input.value);
	});
	times.show(kept.q);
	box.element.append(times.element);
	return { ...box, add, clear };
}

function flowTable(kept, box) {
	return createTable({
		...TABLE, columns: columns(box.add), sort: kept.sort,
		onRow: (row) => showFlow(row, box.add),
		empty: () => nothing(kept.q, box.clear),
		onSort(sort) {
			kept.sort = sort;
			kept.save();
		},
	});
}

/** The table with its search box; `load` asks for the flows once. */
function flowList(context) {
	const kept = addressOf(context);
	const summary = h("p", { class: "muted summary", role: "status" });
	const problem = h("div", {});
	const state = { items: [], answer: null, request: null };
	const pause = pauseButton(() => load());
	const box = searchBox(kept, () => load());
	const table = flowTable(kept, box);
	const history = historyPart({ add: box.add, older: () => load(state.answer?.next) });

	function failed(error) {
		if (error.status === 422 || error.status === 400) {
			setText(box.error, error.message);
		} else if (error.code !== "aborted" && !table.element.querySelector("tbody tr")) {
			fill(problem, failure(error, load));
		}
	}

	function draw(answer, isMore) {
		state.answer = answer;
		state.items = isMore ? [...state.items, ...answer.items] : answer.items;
		fill(problem);
		setText(box.error, "");
		table.update(state.items);
		table.element.firstElementChild.classList.toggle("no-names",
			!state.items.some(label));
		history.update(answer, kept.q);
		setText(summary, note(answer, state.items, pause.state.paused));
	}

	async function load(after = "") {
		state.request?.abort();
		state.request = new AbortController();
		try {
			draw(await get("/flows", { limit: LIMIT, q: kept.q, after },
				state.request.signal), Boolean(after));
		} catch (error) {
			failed(error);
		}
	}

	/* the history does not change by itself, and older pages would be lost */
	const refresh = () => pause.state.paused || state.answer?.live === false || load();
	return { summary, problem, pause, box, table, history, load, refresh,
		abort: () => state.request?.abort() };
}

/** @param {object} context see app.js @returns {object} the view */
export function flowsView(context) {
	const list = flowList(context);
	let timer = 0;
	return {
		title: "Flows",
		element: h("div", { class: "view view-wide" },
			h("div", { class: "view-head" }, h("h1", {}, "Flows"), list.summary,
				h("div", { class: "view-actions" }, list.pause.element)),
			list.box.element, list.problem, list.table.element, list.history.element),
		start() {
			list.load();
			timer = setInterval(() => document.hidden || list.refresh(), REFRESH_MS);
		},
		stop() {
			clearInterval(timer);
			list.abort();
		},
	};
}
