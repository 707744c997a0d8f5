// The table of flows, live or of the history: search kept in the address, sorted here, paused at
// will, every address and port a condition by a click, every row its details.

import { get } from "../api.js";
import { complete } from "../complete.js";
import { bindKeys } from "../keys.js";
import { session } from "../session.js";
import { createTable } from "../table.js";
import { button, empty, failure, fill, h, link, setText } from "../ui.js";
import { columnChoice, label } from "./flow_columns.js";
import { showFlow } from "./flow_details.js";
import { historyNote, historyPart, timeRange, withTime } from "./flow_history.js";
import { savedSearches } from "./flow_saved.js";

const REFRESH_MS = 2000;
const LIMIT = 300;
const TYPING_MS = 250;
/** The values of a field in the rows shown, for completion. */
function valuesIn(items) {
	const keys = { ip: ["src_ip", "dst_ip"], src: ["src_ip"], dst: ["dst_ip"], sni: ["sni"],
		domain: ["sni", "host"], dns: ["host"], host: ["src_ip", "dst_ip", "host"],
		port: ["dst_port"], dport: ["dst_port"], sport: ["src_port"], iface: ["iface"],
		ja4: ["ja4"], proc: ["process"], unit: ["unit"] };
	return (field) => (keys[field] || []).flatMap((k) => items().map((r) => r[k]))
		.filter(Boolean).map(String);
}

function filterBox(query, onChange, items) {
	const input = h("input", {
		type: "search", id: "flow-filter", class: "filter-input", value: query,
		placeholder: "Search: 192.0.2.7 dport:443 bytes>1M",
		spellcheck: "false", autocomplete: "off", autocapitalize: "none",
		maxlength: "2000", "aria-describedby": "flow-filter-error",
	});
	const error = h("p", { class: "field-error", id: "flow-filter-error", role: "alert" });
	let timer = 0;
	input.addEventListener("input", () => {
		clearTimeout(timer);
		timer = setTimeout(() => onChange(input.value.trim()), TYPING_MS);
	});
	return {
		input, error,
		element: h("div", { class: "filter" },
			h("label", { class: "hidden", for: "flow-filter" }, "Search flows"),
			h("div", { class: "combo" }, input, complete(input, valuesIn(items))),
			error),
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
				dir: plain ? "" : kept.sort.dir, cols: kept.cols() });
		},
		cols: () => "", asked: query.get("cols") || "",
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
function searchBox(kept, changed, items) {
	function set(q) {
		kept.q = q;
		kept.save();
		times.show(q);
		saved.draw();
		changed();
	}

	function ask(q) {
		box.input.value = q;
		set(q);
	}

	function add(word) {
		ask(withWord(box.input.value, word));
		box.input.focus();
	}

	const box = filterBox(kept.q, set, items);
	const times = timeRange((word) => ask(withTime(box.input.value, word)));
	const saved = savedSearches(() => box.input.value, ask);
	box.input.addEventListener("input", saved.draw);
	times.show(kept.q);
	saved.draw();
	box.element.append(h("div", { class: "filter-rows" }, times.element, saved.element,
		link("/help/search", { class: "filter-help" }, "How to search")));
	return { ...box, add, clear: () => ask("") };
}

function flowTable(kept, box, columns) {
	return createTable({
		...TABLE, columns, sort: kept.sort,
		onRow: (row) => showFlow(row, box.add),
		empty: () => nothing(kept.q, box.clear),
		onSort(sort) {
			kept.sort = sort;
			kept.save();
		},
	});
}

/** The table in its place; other columns make another one. */
function changingTable(kept, box) {
	const element = h("div", { class: "flow-table" });
	let table = null;
	let shown = [];
	const choice = columnChoice(kept.asked, () => {
		kept.save();
		make();
		table.update(shown);
	});
	kept.cols = choice.inAddress;

	function make() {
		table = flowTable(kept, box, choice.columns(box.add));
		fill(element, table.element);
	}

	make();
	return {
		element, choice: choice.element,
		update(rows) {
			shown = rows;
			table.update(rows);
			table.element.firstElementChild.classList.toggle("no-names",
				!rows.some(label));
		},
	};
}

/** The table with its search box; `load` asks for the flows once. */
function flowList(context) {
	const kept = addressOf(context);
	const summary = h("p", { class: "muted summary", role: "status" });
	const problem = h("div", {});
	const state = { items: [], known: [], answer: null, request: null };
	const items = () => state.known; // of the last rows there were: completion knows them
	const pause = pauseButton(() => load());
	const box = searchBox(kept, () => load(), items);
	const table = changingTable(kept, box);
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
		state.known = state.items.length ? state.items : state.known;
		fill(problem);
		setText(box.error, "");
		table.update(state.items);
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
	const keys = [{ key: "/", label: "search", run: () => list.box.input.focus() },
		{ key: "p", label: "pause, go on", run: () => list.pause.element.click() }];
	let timer = 0;
	let unbind = () => {};
	return {
		title: "Flows", help: "flows",
		element: h("div", { class: "view view-wide" },
			h("div", { class: "view-head" }, h("h1", {}, "Flows"), list.summary,
				h("div", { class: "view-actions" }, list.table.choice,
					list.pause.element)),
			list.box.element, list.problem, list.table.element, list.history.element),
		start() {
			list.load();
			unbind = bindKeys(keys);
			timer = setInterval(() => document.hidden || list.refresh(), REFRESH_MS);
		},
		stop() {
			clearInterval(timer);
			unbind();
			list.abort();
		},
	};
}
