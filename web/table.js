// A table whose rows keep their identity while live data flows through: a cell is drawn again
// only when its value changed, so that focus, selection and screen readers rest undisturbed.

import { h, uid } from "./ui.js";
import { icon } from "./icons.js";

function compare(a, b) {
	if (typeof a === "number" && typeof b === "number") {
		return a - b;
	}
	return String(a ?? "").localeCompare(String(b ?? ""), "en", { numeric: true });
}

function headCell(column, state, resort) {
	if (!column.value || column.unsortable) {
		return h("th", { scope: "col", class: column.class }, column.label
			? column.label : h("span", { class: "hidden" }, column.name || "Actions"));
	}
	const on = { click: () => resort(column.key) };
	const mark = h("span", { class: "sort-mark" }, icon("down"));
	return h("th", { scope: "col", class: column.class, "aria-sort": "none", data: {
		key: column.key,
	} }, h("button", { type: "button", class: "sort", title: `Sort by ${column.label}`, on },
		column.label, mark));
}

function drawCell(cell, column, row) {
	const value = column.value ? column.value(row) : column.key;
	const signature = column.signature ? column.signature(row) : String(value);
	if (cell.dataset.drawn === signature) {
		return;
	}
	cell.dataset.drawn = signature.length > 64 ? signature.slice(0, 64) : signature;
	const content = column.cell ? column.cell(row) : String(value ?? "");
	cell.replaceChildren(...[content].flat().filter((c) => c !== null && c !== undefined));
}

/**
 * @param {{
 *   caption: string,
 *   columns: {key: string, label: string, class?: string, value?: (row) => any,
 *             signature?: (row) => string, cell?: (row) => Node|string|Node[],
 *             unsortable?: boolean, name?: string, first?: "asc"|"desc"}[],
 *   rowKey: (row) => string|number,
 *   rowClass?: (row) => string,
 *   onRow?: (row) => void,
 *   sort?: {key: string, dir: "asc"|"desc"},
 *   onSort?: (sort: {key: string, dir: string}) => void,
 *   class?: string,
 *   empty?: () => Node
 * }} spec value: what is sorted by and, without `cell`, shown; signature: when to draw again
 * @returns {{element: HTMLElement, update: (rows: object[]) => void}}
 */
export function createTable(spec) {
	const state = { rows: [], sort: spec.sort || null, drawn: new Map() };
	const head = h("tr", {});
	const body = h("tbody", {});
	const caption = uid("caption");
	const table = h("table", { class: `table ${spec.class || ""}`.trim() },
		h("caption", { class: "hidden", id: caption }, spec.caption), h("thead", {}, head), body);
	const none = h("div", { class: "table-empty", hidden: true });
	const element = h("div", { class: "table-wrap", role: "region", tabindex: "0",
		"aria-labelledby": caption }, table, none);

	function resort(key) {
		const column = spec.columns.find((c) => c.key === key);
		const start = column.first || "asc";
		const same = state.sort?.key === key;
		state.sort = { key, dir: same ? (state.sort.dir === "asc" ? "desc" : "asc") : start };
		spec.onSort?.(state.sort);
		draw();
	}

	function sorted() {
		const column = spec.columns.find((c) => c.key === state.sort?.key);
		if (!column) {
			return state.rows;
		}
		const sign = state.sort.dir === "desc" ? -1 : 1;
		return [...state.rows].sort((a, b) => sign * compare(column.value(a), column.value(b)));
	}

	function makeRow(key) {
		const row = h("tr", { data: { key } }, spec.columns.map((c) => h("td", {
			class: c.class, data: { label: c.label },
		})));
		if (spec.onRow) {
			row.classList.add("clickable");
			row.addEventListener("click", (event) => {
				if (!event.target.closest("a, button:not([data-open])") && !getSelection().toString()) {
					spec.onRow(state.drawn.get(String(key)).data);
				}
			});
		}
		return row;
	}

	function draw() {
		for (const th of head.children) {
			const mine = th.dataset.key && th.dataset.key === state.sort?.key;
			if (th.hasAttribute("aria-sort")) {
				th.setAttribute("aria-sort", !mine ? "none"
					: state.sort.dir === "asc" ? "ascending" : "descending");
			}
		}
		const keep = new Set();
		let before = body.firstElementChild;
		for (const data of sorted()) {
			const key = String(spec.rowKey(data));
			keep.add(key);
			const entry = state.drawn.get(key) || { row: makeRow(key) };
			entry.data = data;
			state.drawn.set(key, entry);
			spec.columns.forEach((column, i) => drawCell(entry.row.children[i], column, data));
			if (spec.rowClass) {
				entry.row.dataset.kind = spec.rowClass(data);
			}
			if (entry.row === before) {
				before = before.nextElementSibling;
			} else {
				body.insertBefore(entry.row, before);
			}
		}
		for (const [key, { row }] of state.drawn) {
			if (!keep.has(key)) {
				row.remove();
				state.drawn.delete(key);
			}
		}
	}

	head.append(...spec.columns.map((column) => headCell(column, state, resort)));
	return {
		element,
		update(rows) {
			state.rows = rows;
			draw();
			table.hidden = rows.length === 0 && Boolean(spec.empty);
			none.hidden = !table.hidden;
			if (!none.hidden) {
				none.replaceChildren(spec.empty());
			}
		},
	};
}
