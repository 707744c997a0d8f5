// A table whose rows keep their identity while live data flows through: a cell is drawn again
// only when its value changed, so that focus, selection and screen readers rest undisturbed.

import { h, uid } from "./ui.js";
import { icon } from "./icons.js";

// What a click in a row is meant for instead of the row.
const OTHERS = "a, button:not([data-open]), input, label, select";
const FIRST_ROWS = 40; // more than a screen holds; the others come in the frames after it

// one for all: each localeCompare with options makes its own
const ORDER = new Intl.Collator("en", { numeric: true });

function compare(a, b) {
	if (typeof a === "number" && typeof b === "number") {
		return a - b;
	}
	return ORDER.compare(String(a ?? ""), String(b ?? ""));
}

function headCell(column, resort) {
	if (column.head) {
		return h("th", { scope: "col", class: column.class }, column.head());
	}
	if (!column.value || column.unsortable) {
		const hidden = h("span", { class: "hidden" }, column.name || "Actions");
		return h("th", { scope: "col", class: column.class }, column.label || hidden);
	}
	return h("th", {
		scope: "col", class: column.class, "aria-sort": "none", data: { key: column.key },
	}, h("button", {
		type: "button", class: "sort", title: `Sort by ${column.label}`,
		on: { click: resort },
	}, column.label, h("span", { class: "sort-mark" }, icon("down"))));
}

function drawCells(entry, columns) {
	columns.forEach((column, i) => {
		const value = column.value ? column.value(entry.data) : column.key;
		const signature = column.signature ? column.signature(entry.data) : String(value);
		if (entry.signatures[i] === signature) {
			return;
		}
		entry.signatures[i] = signature;
		const content = column.cell ? column.cell(entry.data) : String(value ?? "");
		entry.row.children[i].replaceChildren(...[content].flat()
			.filter((c) => c !== null && c !== undefined));
	});
}

function makeEntry(spec, key) {
	const row = h("tr", { data: { key } }, spec.columns.map((c) => h("td", {
		class: c.class, data: { label: c.label },
	})));
	const entry = { row, data: null, signatures: [] };
	if (spec.onRow) {
		row.classList.add("clickable");
		row.addEventListener("click", (event) => {
			const other = event.target.closest(OTHERS);
			if (!other && !getSelection().toString()) {
				spec.onRow(entry.data);
			}
		});
	}
	return entry;
}

function sorted(spec, rows, sort) {
	const column = spec.columns.find((c) => c.key === sort?.key);
	if (!column?.value) {
		return rows;
	}
	const sign = sort.dir === "desc" ? -1 : 1;
	return [...rows].sort((a, b) => sign * compare(column.value(a), column.value(b)));
}

function drawHead(head, sort) {
	for (const th of head.children) {
		if (th.hasAttribute("aria-sort")) {
			const mine = th.dataset.key === sort?.key;
			const way = sort?.dir === "asc" ? "ascending" : "descending";
			th.setAttribute("aria-sort", mine ? way : "none");
		}
	}
}

function drawRows(spec, body, entries, rows) {
	const keep = new Set();
	let before = body.firstElementChild;
	for (const data of rows) {
		const key = String(spec.rowKey(data));
		keep.add(key);
		const entry = entries.get(key) || makeEntry(spec, key);
		entries.set(key, entry);
		entry.data = data;
		drawCells(entry, spec.columns);
		if (spec.rowClass) {
			entry.row.dataset.kind = spec.rowClass(data);
		}
		if (entry.row === before) {
			before = before.nextElementSibling;
		} else {
			body.insertBefore(entry.row, before);
		}
	}
	for (const [key, { row }] of entries) {
		if (!keep.has(key)) {
			row.remove();
			entries.delete(key);
		}
	}
}

/** Calls @draw with more and more rows, a step a frame, until all are there. */
function stepwise(draw) {
	let frame = 0;

	function next(rows, shown) {
		draw(rows.slice(0, shown));
		frame = shown < rows.length
			? requestAnimationFrame(() => next(rows, 2 * shown)) : 0;
	}
	return (rows, known) => {
		cancelAnimationFrame(frame);
		next(rows, Math.max(FIRST_ROWS, known));
	};
}

/**
 * @param {{
 *   caption: string,
 *   columns: {key: string, label: string, class?: string, value?: (row) => any,
 *             signature?: (row) => string, cell?: (row) => Node|string|Node[],
 *             unsortable?: boolean, name?: string, first?: "asc"|"desc",
 *             head?: () => Node}[],
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
	const entries = new Map();
	const head = h("tr", {});
	const body = h("tbody", {});
	const caption = uid("caption");
	const table = h("table", { class: `table ${spec.class || ""}`.trim() },
		h("caption", { class: "hidden", id: caption }, spec.caption),
		h("thead", {}, head), body);
	const none = h("div", { class: "table-empty", hidden: true });
	const drawSteps = stepwise((rows) => drawRows(spec, body, entries, rows));
	let current = [];
	let sort = spec.sort || null;

	function draw() {
		drawHead(head, sort);
		drawSteps(sorted(spec, current, sort), entries.size);
	}

	function resort(column) {
		const turned = sort?.dir === "asc" ? "desc" : "asc";
		const dir = sort?.key === column.key ? turned : column.first || "asc";
		sort = { key: column.key, dir };
		spec.onSort?.(sort);
		draw();
	}

	head.append(...spec.columns.map((column) => headCell(column, () => resort(column))));
	return {
		element: h("div", { class: "table-wrap", role: "region", tabindex: "0",
			"aria-labelledby": caption }, table, none),
		update(rows) {
			current = rows;
			draw();
			table.hidden = rows.length === 0 && Boolean(spec.empty);
			none.hidden = !table.hidden;
			const said = none.hidden ? null : spec.empty();
			// the same words stay: what has the focus in them keeps it
			if (said && none.textContent !== said.textContent) {
				none.replaceChildren(said);
			}
		},
	};
}
