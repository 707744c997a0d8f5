// The list of incidents: filters kept in the address, newest first, older ones by request.

import { get } from "../api.js";
import { capital, count, endpoint, SEVERITIES, STATE_LABELS } from "../format.js";
import { subscribe } from "../live.js";
import { createTable } from "../table.js";
import { button, empty, failure, fill, h, link, mono, name, setText, severity, stateBadge, time }
	from "../ui.js";

const PAGE = 50;
const RELOAD_MAX = 500; // rows asked for again when something changed
const SETTLE_MS = 500;
const RANK = { high: 3, medium: 2, low: 1 };

const isOver = (r) => ["resolved", "false_positive"].includes(r.state);

function columns() {
	const href = (r) => `/incidents/${Number(r.id)}`;
	return [
		{ key: "severity", label: "Severity", class: "sev-cell", first: "desc",
			value: (r) => RANK[r.severity] || 0, signature: (r) => r.severity,
			cell: (r) => severity(r.severity) },
		{ key: "title", label: "Incident", class: "title-cell", value: (r) => r.title
			|| r.detector,
			signature: (r) => `${r.title} ${r.reason}`,
			cell: (r) => [link(href(r), { class: "row-title" },
				name(r.title || r.detector, 120)),
				r.reason ? h("p", { class: "row-reason" }, name(r.reason, 200))
					: null] },
		{ key: "src_ip", label: "Source", class: "addr", value: (r) => r.src_ip,
			cell: (r) => mono(r.src_ip) },
		{ key: "dst_ip", label: "Destination", class: "addr addr-to",
			value: (r) => endpoint(r.dst_ip, r.dst_port),
			cell: (r) => mono(endpoint(r.dst_ip, r.dst_port)) },
		{ key: "proto", label: "Proto", class: "p3", value: (r) => r.proto,
			cell: (r) => name(r.proto, 12) },
		{ key: "count", label: "Count", class: "num p2", first: "desc",
			value: (r) => r.count,
			cell: (r) => count(r.count) },
		{ key: "state", label: "State", class: "state-cell", value: (r) => r.state,
			cell: (r) => stateBadge(r.state) },
		{ key: "last_seen", label: "Last seen", class: "when", first: "desc",
			value: (r) => r.last_seen, cell: (r) => time(r.last_seen) },
	];
}

function choices(label, key, options, current, onChange) {
	const group = h("div", { class: "segmented", role: "radiogroup", "aria-label": label });
	for (const [value, text] of [["", "All"], ...options]) {
		group.append(h("label", {}, h("input", {
			type: "radio", name: key, value, checked: value === current,
			on: { change: () => onChange(value) },
		}), h("span", {}, text)));
	}
	return h("div", { class: "filter-group" }, h("span", { class: "filter-label" }, label),
		group);
}

function filters(state, changed) {
	const set = (key) => (value) => {
		state[key] = value;
		changed();
	};
	const source = h("input", {
		type: "search", class: "filter-input", value: state.src_ip,
		placeholder: "Source address",
		"aria-label": "Source address", spellcheck: "false", autocomplete: "off",
		maxlength: "64",
		on: { change: (event) => set("src_ip")(event.target.value.trim()) },
	});
	return h("div", { class: "filters" },
		choices("Severity", "severity", SEVERITIES.map((s) => [s, capital(s)]),
			state.severity,
			set("severity")),
		choices("State", "state", Object.entries(STATE_LABELS), state.state, set("state")),
		h("div", { class: "filter-group filter-source" },
			h("span", { class: "filter-label", "aria-hidden": "true" }, "Source"),
			source));
}

function nothing(state, context) {
	if (state.severity || state.state || state.src_ip) {
		return empty("No incident fits", "No incident has this severity, state and source.",
			button("Show all", { on: () => context.navigate("/incidents") }));
	}
	return empty("No incident yet", "Sluice reports what is not normal here: to see one, run "
		+ "nmap against this host from another one.");
}

/** The table and its pages; `state` holds the filters of the address. */
function incidentList(context, state) {
	const problem = h("div", {});
	const summary = h("p", { class: "muted summary", role: "status" });
	const older = button("Show older", { on: () => load(true) });
	const table = createTable({
		caption: "Incidents", class: "table-incidents stack", columns: columns(),
		rowKey: (r) => r.id, onRow: (r) => context.navigate(`/incidents/${Number(r.id)}`),
		rowClass: (r) => (isOver(r) ? "ended" : "active"),
		empty: () => nothing(state, context),
	});
	let items = [];
	let next = null;
	let turn = 0;

	async function load(more = false) {
		const mine = ++turn;
		const limit = more ? PAGE : Math.max(PAGE, Math.min(items.length, RELOAD_MAX));
		try {
			const answer = await get("/incidents", { ...state, limit,
				before: more ? next : null });
			if (mine !== turn) {
				return; // the filters changed meanwhile
			}
			items = more ? [...items, ...answer.items] : answer.items;
			next = answer.next;
			fill(problem);
			table.update(items);
			older.hidden = !next;
			setText(summary, next ? `the newest ${items.length}`
				: `${items.length} in all`);
		} catch (error) {
			fill(problem, failure(error, () => load()));
		}
	}

	function reset() {
		context.setQuery(state);
		items = [];
		load();
	}

	older.hidden = true;
	return { problem, summary, older, table, load, reset };
}

/** @param {object} context see app.js @returns {object} the view */
export function incidentsView(context) {
	const state = {};
	for (const key of ["severity", "state", "src_ip"]) {
		state[key] = context.query.get(key) || "";
	}
	const list = incidentList(context, state);
	let ends = [];
	let timer = 0;
	const soon = () => {
		clearTimeout(timer);
		timer = setTimeout(() => list.load(), SETTLE_MS);
	};
	return {
		title: "Incidents",
		element: h("div", { class: "view view-wide" },
			h("div", { class: "view-head" }, h("h1", {}, "Incidents"), list.summary),
			filters(state, list.reset), list.problem, list.table.element,
			h("div", { class: "pager" }, list.older)),
		start() {
			list.load();
			ends = ["new_incident", "incident", "resume"]
				.map((event) => subscribe(event, soon));
		},
		stop() {
			clearTimeout(timer);
			ends.forEach((end) => end());
		},
	};
}
