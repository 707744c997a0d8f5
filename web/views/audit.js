// The audit log: who did what, when, from where; and whether the chain of its rows is whole.

import { get } from "../api.js";
import { absolute, clean, count, plural } from "../format.js";
import { createTable } from "../table.js";
import { button, empty, failure, fill, h, name, setText, time } from "../ui.js";

const PAGE = 100;
const KINDS = [["", "everything"], ["login", "logins"], ["block.", "blocks"],
	["safe.", "safe list"],
	["incident.", "incidents"], ["user.", "users"], ["settings.", "settings"],
	["backup.", "backups"], ["export.", "downloads"]];

/** The details are an object of the action's own: "role: viewer; by: kim". */
function detailText(detail) {
	if (detail === null || typeof detail !== "object") {
		return detail ?? "";
	}
	return Object.entries(detail).map(([key, value]) => `${key}: ${
		value !== null && typeof value === "object" ? JSON.stringify(value) : value}`)
		.join("; ");
}

function columns() {
	return [
		{ key: "time", label: "Time", class: "when", value: (r) => r.time, unsortable: true,
			cell: (r) => [time(r.time),
				h("span", { class: "sub" }, absolute(r.time))] },
		{ key: "who", label: "Who", value: (r) => r.who, unsortable: true,
			cell: (r) => [name(r.who, 64), r.peer ? h("span", { class: "sub" },
				name(r.peer, 64)) : null] },
		{ key: "action", label: "Did", value: (r) => r.action, unsortable: true,
			cell: (r) => h("code", {}, clean(r.action, 64)) },
		{ key: "target", label: "To what", class: "label", value: (r) => r.target || "",
			unsortable: true, cell: (r) => name(r.target, 200) },
		{ key: "detail", label: "Details", class: "label p2", unsortable: true,
			value: (r) => detailText(r.detail),
			cell: (r) => name(detailText(r.detail), 400) },
	];
}

async function check(into) {
	fill(into, "Checking every row…");
	try {
		const a = await get("/audit/check");
		fill(into, a.ok ? `The chain is whole: ${plural(a.rows, "row")}, sealed.`
			: h("span", { class: "risk" }, `${plural(a.problems_found, "problem")}: `,
				a.problems.slice(0, 5).map((p) =>
					`row ${count(p.row)}: ${clean(p.text, 120)}. `)));
	} catch (error) {
		fill(into, clean(error.message, 300));
	}
}

/** @param {object} context see app.js @returns {object} the view */
export function auditView(context) {
	const asked = { who: context.query.get("who") || "",
		action: context.query.get("action") || "" };
	const problem = h("div", {});
	const verdict = h("p", { class: "muted", role: "status" });
	const state = { items: [], next: null };
	const older = button("Show older", { on: () => load(true) });
	const table = createTable({ caption: "Audit log", class: "table-audit stack",
		columns: columns(), rowKey: (r) => r.id,
		empty: () => empty("Nothing fits", "No row of the log is of this kind.") });

	async function load(more = false) {
		try {
			const answer = await get("/audit", { ...asked, limit: PAGE,
				before: more ? state.next : null });
			state.items = more ? [...state.items, ...answer.items] : answer.items;
			state.next = answer.next;
			table.update(state.items);
			older.hidden = !state.next;
			fill(problem);
		} catch (error) {
			fill(problem, failure(error, () => load()));
		}
	}

	function change(key, value) {
		asked[key] = value;
		context.setQuery(asked);
		load();
	}

	older.hidden = true;
	setText(verdict, "");
	return {
		title: "Audit", help: "audit",
		element: h("div", { class: "view view-wide" },
			h("div", { class: "view-head" }, h("h1", {}, "Audit"), verdict,
				h("div", { class: "view-actions" }, button("Check the chain",
					{ on: () => check(verdict) }))),
			h("div", { class: "filter-more" },
				h("select", { class: "filter-input", "aria-label": "Kind", on: {
					change: (e) => change("action", e.target.value) } },
				KINDS.map(([value, label]) => h("option", { value,
					selected: value === asked.action }, label))),
				h("input",
					{ type: "search", class: "filter-input", value: asked.who,
					placeholder: "Who", "aria-label": "Who", maxlength: "64",
					on: { change: (e) => change("who",
						e.target.value.trim()) } })),
			problem, table.element, h("div", { class: "pager" }, older)),
		start: () => load(),
	};
}
