// The live table of flows: filter kept in the address, sorted here, paused at will, every address
// and port a filter by a click, every row its details.

import { get } from "../api.js";
import { bytes, capital, clean, count } from "../format.js";
import { icon } from "../icons.js";
import { session } from "../session.js";
import { createTable } from "../table.js";
import { button, empty, failure, fill, h, mono, name, setText, time } from "../ui.js";
import { showFlow, verdict } from "./flow_details.js";

const REFRESH_MS = 2000;
const LIMIT = 300;
const TYPING_MS = 250;
const WORDS = [["src:", "source, as 192.0.2.0/24"], ["dst:", "destination"], ["ip:", "either side"],
	["sport:", "source port"], ["dport:", "destination port"], ["port:", "either port"],
	["proto:", "tcp, udp, icmp"], ["sni:", "server name, as *.example.com"],
	["host:", "HTTP host or looked-up name"], ["state:", "new, established, closed, expired"]];

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
		placeholder: "Filter: 192.0.2.7, port:443, proto:udp, src:10.0.0.0/8 …",
		spellcheck: "false",
		autocomplete: "off", autocapitalize: "none", maxlength: "400",
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
			"Filter flows"), input, error, words),
	};
}

function note(items, next, paused) {
	const shown = next || items.length >= LIMIT ? `the newest ${items.length} flows`
		: `${items.length} flow${items.length === 1 ? "" : "s"}`;
	return paused ? `Paused at ${shown}` : `Showing ${shown}`;
}

function withWord(query, word) {
	return [...query.split(/\s+/).filter((w) => w && w !== word), word].join(" ");
}

function nothing(query, clear) {
	if (query) {
		return empty("No flow matches", "Nothing active or lately ended fits this filter.",
			button("Clear the filter", { on: clear }));
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
	caption: "Flows", class: "table-flows stack", rowKey: (r) => r.id,
	rowClass: (r) => (["closed", "expired"].includes(r.state) ? "ended" : "active"),
};

/** The table with its filter box; `load` asks for the flows once. */
function flowList(context) {
	const kept = addressOf(context);
	const summary = h("p", { class: "muted summary", role: "status" });
	const problem = h("div", {});
	let request = null;

	function setQuery(q) {
		kept.q = q;
		kept.save();
		load();
	}

	function add(word) {
		box.input.value = withWord(box.input.value, word);
		box.input.focus();
		if (!word.endsWith(":")) {
			setQuery(box.input.value);
		}
	}

	const pause = pauseButton(() => load());
	const box = filterBox(kept.q, setQuery, add);
	const table = createTable({
		...TABLE, columns: columns(add), sort: kept.sort,
		onRow: (row) => showFlow(row, add),
		empty: () => nothing(kept.q, () => {
			box.input.value = "";
			setQuery("");
		}),
		onSort(sort) {
			kept.sort = sort;
			kept.save();
		},
	});

	function failed(error) {
		if (error.status === 422 || error.status === 400) {
			setText(box.error, error.message);
		} else if (error.code !== "aborted" && !table.element.querySelector("tbody tr")) {
			fill(problem, failure(error, load));
		}
	}

	async function load() {
		request?.abort();
		request = new AbortController();
		try {
			const asked = { limit: LIMIT, q: kept.q };
			const answer = await get("/flows", asked, request.signal);
			fill(problem);
			setText(box.error, "");
			table.update(answer.items);
			table.element.firstElementChild.classList.toggle("no-names",
				!answer.items.some(label));
			setText(summary, note(answer.items, answer.next, pause.state.paused));
		} catch (error) {
			failed(error);
		}
	}

	return { summary, problem, pause, box, table, load, abort: () => request?.abort() };
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
			list.box.element, list.problem, list.table.element),
		start() {
			list.load();
			timer = setInterval(() => document.hidden || list.pause.state.paused
				|| list.load(), REFRESH_MS);
		},
		stop() {
			clearInterval(timer);
			list.abort();
		},
	};
}
