// The inbox of incidents: what is to do first, filters in the address, triage by keys or by the
// boxes in front, downloads of what is shown.

import { get } from "../api.js";
import { count, endpoint } from "../format.js";
import { icon } from "../icons.js";
import { bindKeys, showKeys } from "../keys.js";
import { subscribe } from "../live.js";
import { may, whyNot } from "../session.js";
import { createTable } from "../table.js";
import { blockSource, expectIt, rememberOrder, setState, summaryOf, triageKeys }
	from "../triage.js";
import { button, empty, failure, fill, h, hostLink, link, name, setText, severity,
	stateBadge, time } from "../ui.js";
import { askedBy, filterBar, isNarrowed, readFilters } from "./incident_filters.js";

const PAGE = 50;
const RELOAD_MAX = 500; // rows asked for again when something changed
const SETTLE_MS = 500;
const RANK = { high: 3, medium: 2, low: 1 };
const BULK = [["acknowledged", "Acknowledge"], ["resolved", "Resolve"],
	["false_positive", "False positive"], ["open", "Reopen"]];

const isOver = (r) => ["resolved", "false_positive"].includes(r.state);

/** The boxes in front of the rows; `changed` hears every change. */
function selection(changed) {
	const ids = new Set();
	const all = h("input", { type: "checkbox", "aria-label": "Select all shown", on: {
		change() {
			shown.forEach((id) => (all.checked ? ids.add(id) : ids.delete(id)));
			changed();
		},
	} });
	let shown = new Set();
	const self = {
		ids, all,
		box(row) {
			return h("input", { type: "checkbox", checked: ids.has(row.id),
				"aria-label": `Select: ${summaryOf(row)}`,
				on: { change: (event) => self.set(row.id,
					event.target.checked) } });
		},
		set(id, on) {
			if (on) {
				ids.add(id);
			} else {
				ids.delete(id);
			}
			changed();
		},
		/** Rows that went away are no longer selected. */
		keep(rows) {
			shown = new Set(rows.map((r) => r.id));
			[...ids].filter((id) => !shown.has(id)).forEach((id) => ids.delete(id));
			all.checked = rows.length > 0 && ids.size === rows.length;
			all.indeterminate = ids.size > 0 && !all.checked;
		},
	};
	return self;
}

function columns(picked) {
	const href = (r) => `/incidents/${Number(r.id)}`;
	return [
		{ key: "pick", label: "", class: "pick-cell", head: () => picked.all,
			signature: (r) => String(picked.ids.has(r.id)),
			cell: (r) => picked.box(r) },
		{ key: "severity", label: "Severity", class: "sev-cell", first: "desc",
			value: (r) => RANK[r.severity] || 0, signature: (r) => r.severity,
			cell: (r) => severity(r.severity) },
		{ key: "title", label: "Incident", class: "title-cell",
			value: (r) => r.title || r.detector,
			signature: (r) => `${r.title} ${r.reason}`,
			cell: (r) => [link(href(r), { class: "row-title" },
				name(r.title || r.detector, 120)),
			r.reason ? h("p", { class: "row-reason" }, name(r.reason, 200)) : null] },
		{ key: "src_ip", label: "Source", class: "addr", value: (r) => r.src_ip,
			cell: (r) => hostLink(r.src_ip) },
		{ key: "dst_ip", label: "Destination", class: "addr addr-to",
			value: (r) => endpoint(r.dst_ip, r.dst_port),
			cell: (r) => hostLink(r.dst_ip, r.dst_port) },
		{ key: "proto", label: "Proto", class: "p3", value: (r) => r.proto,
			cell: (r) => name(r.proto, 12) },
		{ key: "count", label: "Count", class: "num p2", first: "desc",
			value: (r) => r.count, cell: (r) => count(r.count) },
		{ key: "state", label: "State", class: "state-cell", value: (r) => r.state,
			cell: (r) => stateBadge(r.state) },
		{ key: "last_seen", label: "Last seen", class: "when", first: "desc",
			value: (r) => r.last_seen, cell: (r) => time(r.last_seen) },
	];
}

function nothing(filters, context) {
	const all = button("Show all incidents",
		{ on: () => context.navigate("/incidents?state=all") });
	if (isNarrowed(filters)) {
		return empty("No incident fits", "No incident has all that is asked for.", all);
	}
	if (!filters.state) {
		return empty("Nothing to do", "Every incident is resolved, or there was none yet. "
			+ "To see one, run nmap against this host from another one.", all);
	}
	return empty("No incident here", "No incident is in this state.", all);
}

/** Focus moves over the rows' titles: a screen reader reads them, and the row is marked. */
function rowWalk(table) {
	let at = 0;
	const titles = () => [...table.element.querySelectorAll("tbody .row-title")];
	table.element.addEventListener("focusin", (event) => {
		const row = event.target.closest("tbody tr");
		at = row ? Math.max(0, [...row.parentNode.children].indexOf(row)) : at;
	});
	const focus = (index) => {
		const list = titles();
		at = Math.min(Math.max(0, index), list.length - 1);
		list[at]?.focus();
	};
	return {
		down: () => focus(table.element.querySelector("tbody :focus") ? at + 1 : at),
		up: () => focus(at - 1),
		/** Whose row has the focus; the one where it was last otherwise. */
		key: () => table.element.querySelectorAll("tbody tr")[at]?.dataset.key,
		/** After rows went: the focus stays at the same place of the list. */
		rest: (had) => had && !table.element.contains(document.activeElement) && focus(at),
		hasFocus: () => Boolean(table.element.querySelector("tbody :focus")),
	};
}

function bulkBar(picked, act) {
	const text = h("strong", { role: "status" });
	const why = whyNot("analyst", "Changing the state");
	const element = h("div", { class: "bulk", hidden: true }, text,
		BULK.map(([state, label]) => button(label, { kind: "small", why,
			on: () => act(state) })),
		button("Clear selection", { kind: "quiet small", on: () => act("clear") }));
	return {
		element,
		draw() {
			element.hidden = picked.ids.size === 0;
			setText(text, `${picked.ids.size} selected`);
		},
	};
}

function downloads() {
	const links = [["csv", "CSV"], ["ndjson", "JSON lines"]].map(([form, label]) => h("a", {
		class: "button small", download: `incidents.${form}`, data: { form } }, label));
	return {
		element: h("div", { class: "view-actions" },
			button("Keys", { kind: "quiet small", on: showKeys }),
			h("span", { class: "muted" }, "Download:"), links),
		update(asked) {
			const query =
				new URLSearchParams(Object.entries(asked).filter(([, v]) => v));
			for (const a of links) {
				a.href = `/api/v1/incidents.${a.dataset.form}?${query}`;
			}
		},
	};
}

/** What the list is made of; `on` hears what is asked for. */
function listParts(context, filters, on) {
	const picked = selection(on.draw);
	const table = createTable({
		caption: "Incidents", class: "table-incidents stack", columns: columns(picked),
		rowKey: (r) => r.id, onRow: (r) => context.navigate(`/incidents/${Number(r.id)}`),
		rowClass: (r) => (isOver(r) ? "ended" : "active"),
		empty: () => nothing(filters, context),
	});
	return {
		picked, table, walk: rowWalk(table), bar: bulkBar(picked, on.act),
		files: downloads(), bars: filterBar(filters, on.filter), problem: h("div", {}),
		summary: h("p", { class: "muted summary", role: "status" }),
		older: button("Show older", { on: on.older }),
	};
}

/** The list, its pages and what is selected in it; `filters` are those of the address. */
function incidentList(context, filters) {
	const list = { items: [], next: null, total: null, turn: 0 };
	const parts = listParts(context, filters, { act, draw, older: () => load(true),
		filter() {
			context.setQuery(filters);
			list.items = [];
			load();
		} });
	const { picked, table, walk } = parts;
	function draw() {
		const had = walk.hasFocus();
		picked.keep(list.items);
		table.update(list.items);
		parts.bar.draw();
		walk.rest(had);
		rememberOrder(list.items.map((r) => Number(r.id)));
		parts.older.hidden = !list.next;
		setText(parts.summary, list.next ? `the newest ${list.items.length}`
			+ `${list.total ? ` of ${count(list.total)}` : ""}`
			: `${list.items.length} shown`);
	}

	async function load(more = false) {
		const mine = ++list.turn;
		const limit = more ? PAGE : Math.max(PAGE, Math.min(list.items.length, RELOAD_MAX));
		const asked = askedBy(filters);
		parts.files.update(asked);
		try {
			const answer = await get("/incidents", { ...asked, limit,
				before: more ? list.next : null });
			if (mine !== list.turn) {
				return; // the filters changed meanwhile
			}
			list.items = more ? [...list.items, ...answer.items] : answer.items;
			Object.assign(list, { next: answer.next, total: answer.total });
			fill(parts.problem);
			parts.bars.offer(answer.items);
			draw();
		} catch (error) {
			fill(parts.problem, failure(error, () => load()));
		}
	}

	/** What a key or a button asks for, on what is selected or else on the row in focus. */
	async function act(what) {
		const here = list.items.filter((r) => String(r.id) === walk.key());
		const some = list.items.filter((r) => picked.ids.has(r.id));
		const ask = { block: blockSource, expected: expectIt }[what];
		if (what === "clear") {
			picked.ids.clear();
			draw();
		} else if (ask) {
			here.forEach((r) => ask(r, () => load()));
		} else if (await setState(some.length ? some : here, what) !== undefined) {
			picked.ids.clear();
			await load();
		}
	}

	parts.older.hidden = true;
	return { ...parts, load, act };
}

function keysOf(list, context) {
	const open = () => list.walk.key()
		&& context.navigate(`/incidents/${Number(list.walk.key())}`);
	const pick = () => {
		const id = Number(list.walk.key());
		list.picked.set(id, !list.picked.ids.has(id));
	};
	return [
		{ key: "j", label: "next incident", run: list.walk.down },
		{ key: "k", label: "incident before", run: list.walk.up },
		{ key: "o", label: "open it", run: open },
		{ key: "x", label: "select it", run: pick }, ...triageKeys(list.act),
		{ key: "/", label: "search", run: () => list.bars.search.focus() },
	];
}

/** @param {object} context see app.js @returns {object} the view */
export function incidentsView(context) {
	const list = incidentList(context, readFilters(context.query));
	let ends = [];
	let timer = 0;
	const soon = () => {
		clearTimeout(timer);
		timer = setTimeout(() => list.load(), SETTLE_MS);
	};
	return {
		title: "Incidents", help: "incidents",
		element: h("div", { class: "view view-wide" },
			h("div", { class: "view-head" }, h("h1", {}, "Incidents"), list.summary,
				list.files.element),
			list.bars.element, list.bar.element, list.problem, list.table.element,
			h("div", { class: "pager" }, list.older),
			may("analyst") ? h("p", { class: "muted" }, icon("check"), " ",
				link("/incidents/expected", {}, "What is expected here")) : null),
		start() {
			list.load();
			ends = [bindKeys(keysOf(list, context)),
				...["new_incident", "incident", "resume"]
					.map((event) => subscribe(event, soon))];
		},
		stop() {
			clearTimeout(timer);
			ends.forEach((end) => end());
		},
	};
}
