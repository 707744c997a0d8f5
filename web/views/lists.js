// Lists of addresses and names: a file becomes the list, or its next version; what was refused is
// shown line by line. Entries with their hits in a dialog.

import { get, post, upload } from "../api.js";
import { bytes, clean, count, plural } from "../format.js";
import { field, form, LIFETIMES } from "../forms.js";
import { whyNot } from "../session.js";
import { createTable } from "../table.js";
import { button, empty, fill, h, mono, name, panel, showDialog, time, toast, uid } from "../ui.js";

const PART_BYTES = 60000; // the server takes 64 KiB a request
const FILE_MAX = 64 * 1024 * 1024;
const NOTES_SHOWN = 100;
const PAGE = 100;

async function sendFile(listName, file, meter) {
	for (let at = 0; at < file.size || at === 0; at += PART_BYTES) {
		await upload(`/lists/${encodeURIComponent(listName)}/part`, { offset: at },
			file.slice(at, at + PART_BYTES));
		meter.value = file.size ? (Math.min(at + PART_BYTES, file.size) / file.size) * 100
			: 100;
	}
}

function resultOf(answer) {
	const shown = (answer.notes || []).slice(0, NOTES_SHOWN);
	return h("div", { class: "list-result" },
		h("p", { role: "status" }, name(answer.message, 300)),
		h("p", { class: "muted" }, `${plural(answer.lines, "line")}: `
			+ `${count(answer.added)} added, ${count(answer.removed)} removed, `
			+ `${count(answer.duplicates)} twice, ${count(answer.refused)} refused, `
			+ `${count(answer.warned)} with a warning.`),
		shown.length ? h("details", { class: "more" },
			h("summary", {}, "What was refused or warned of"),
			h("ul", { class: "list-notes" }, shown.map((n) => h("li", {},
				`line ${count(n.line)}: `, mono(n.text), " ",
					name(n.reason, 200)))))
			: null);
}

function fieldsOf(disabled) {
	return {
		list: field({ name: "list", label: "Name of the list", required: true,
			maxlength: 48,
			placeholder: "bad-hosts", disabled }),
		file: field({ name: "file", label: "File", type: "file", required: true, disabled,
			hint: "One address, prefix, range or name a line; hosts files too." }),
		action: field({ name: "action", label: "Action", disabled, options: [
			["drop", "drop"], ["refuse", "drop, DNS: answer REFUSED"],
			["count", "count only"]] }),
		ttl: field({ name: "ttl", label: "For", options: LIFETIMES, value: "never",
			disabled }),
		reason: field({ name: "reason", label: "Reason", maxlength: 500, disabled }),
	};
}

/** @param {() => void} changed @returns {HTMLElement} */
export function listsPanel(changed) {
	const why = whyNot("admin", "Lists");
	const fields = fieldsOf(Boolean(why));
	const meter = h("progress", { max: "100", value: 0, hidden: true,
		"aria-label": "Upload" });
	const strict = h("input", { type: "checkbox", disabled: Boolean(why) });
	const result = h("div", {});
	return panel("Load a list", { class: "panel-add",
		note: "the next version of a list replaces it without a gap" }, form({
		fields, submit: "Load list", kind: "primary", why, class: "form-grid form-list",
		extra: [h("label", { class: "check" }, strict,
			"Refuse the whole file when a line is "
			+ "wrong"), meter],
		check: () => (fields.file.input.files[0]?.size > FILE_MAX
			? ["file", `At most ${bytes(FILE_MAX)}.`] : null),
		run: async (values, element) => {
			meter.hidden = false;
			meter.value = 0;
			try {
				await sendFile(values.list, fields.file.input.files[0], meter);
				const answer =
					await post(`/lists/${encodeURIComponent(values.list)}`, {
					action: values.action, ttl: values.ttl,
						reason: values.reason,
					all_or_nothing: strict.checked });
				fill(result, resultOf(answer));
				element.reset();
				toast(answer.block?.state === "pending"
					? "The list waits to be confirmed below."
						: "The list is loaded.");
				changed();
			} finally {
				meter.hidden = true;
			}
		},
	}), result);
}

/** The entries of a list, by page. @param {object} block of kind list */
export function showEntries(block) {
	const id = uid("entries");
	const table = createTable({ caption: "Entries", class: "compact", columns: [
		{ key: "value", label: "Entry", class: "label", value: (e) => e.value,
			cell: (e) => mono(e.value) },
		{ key: "hits", label: "Hits", class: "num", first: "desc", value: (e) => e.hits,
			cell: (e) => count(e.hits) },
		{ key: "last_hit", label: "Last hit", class: "when", first: "desc",
			value: (e) => e.last_hit || "", cell: (e) => time(e.last_hit) },
	], rowKey: (e) => e.value, empty: () => empty("Empty", "The list has no entry.") });
	const close = button("Close", { kind: "primary", on: () => dialog.close() });
	const more = button("More", { on: () => load() });
	const state = { rows: [], next: null };

	async function load() {
		try {
			const answer = await get(`/blocks/${Number(block.id)}/entries`,
				{ limit: PAGE, from: state.next });
			state.rows = [...state.rows, ...answer.items];
			state.next = answer.next;
			table.update(state.rows);
			more.hidden = !state.next;
		} catch (error) {
			toast(error.message, "error");
		}
	}
	const dialog = h("dialog", { class: "dialog", "aria-labelledby": id },
		h("h2", { id }, `Entries of ${clean(block.value, 64)}`), table.element,
		h("div", { class: "dialog-actions" }, more, close));
	showDialog(dialog);
	close.focus();
	load();
}
