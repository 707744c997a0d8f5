// The safe list: what can never be blocked, what put it there, and own entries.

import { get, post, remove } from "../api.js";
import { capital, clean } from "../format.js";
import { field, form } from "../forms.js";
import { whyNot } from "../session.js";
import { createTable } from "../table.js";
import { button, confirmDialog, failure, fill, h, mono, name, panel, toast } from "../ui.js";

const KINDS = {
	manual: "added by hand", loopback: "loopback", own: "own address", gateway: "gateway",
	resolver: "resolver", admin: "admin logged in", ssh: "SSH session",
	special: "special purpose",
	config: "configuration",
};

function askRemove(entry, removed) {
	confirmDialog({
		title: `Take ${clean(entry.prefix, 64)} off the safe list?`, confirm: "Take off",
		body: [h("p", {}, "It can be blocked again after that.")],
		item: entry, reload: removed,
		run: async () => {
			await remove(`/safe/${Number(entry.id)}`, entry.etag);
			toast(`${entry.prefix} is no longer on the safe list.`);
			removed();
		},
	});
}

function removeCell(entry, removed) {
	if (entry.id === null) {
		return h("span", { class: "muted", title: "Found by Sluice itself" }, "automatic");
	}
	return button("Remove", { kind: "quiet small",
		why: whyNot("admin", "Changing the safe list"),
		label: `Take ${entry.prefix} off the safe list`,
		on: () => askRemove(entry, removed) });
}

function addForm(added) {
	const why = whyNot("admin", "Changing the safe list");
	const fields = {
		prefix: field({ name: "prefix", label: "Address or prefix", required: true,
			maxlength: 64,
			placeholder: "198.51.100.0/24", disabled: Boolean(why) }),
		note: field({ name: "note", label: "Note", maxlength: 120,
			placeholder: "whose it is",
			disabled: Boolean(why) }),
	};
	return form({
		fields, submit: "Add", kind: "quiet", why, class: "form-row",
		run: async (values) => {
			const entry = await post("/safe", values);
			toast(`${entry.prefix} can no longer be blocked.`);
			fields.prefix.input.value = "";
			fields.note.input.value = "";
			added();
		},
	});
}

/** @returns {{element: HTMLElement, load: () => Promise<void>}} */
export function safePanel() {
	const problem = h("div", {});
	const table = createTable({
		caption: "Safe list", class: "compact table-safe stack",
		columns: [
			{ key: "prefix", label: "Never blocked", class: "addr",
				value: (e) => e.prefix,
				cell: (e) => mono(e.prefix) },
			{ key: "kind", label: "Because", value: (e) => KINDS[e.kind]
				|| capital(e.kind) },
			{ key: "note", label: "Note", class: "label", value: (e) => e.note || "",
				cell: (e) => name(e.note, 128) },
			{ key: "remove", label: "", name: "Remove", class: "action-cell",
				cell: (e) => removeCell(e, load) },
		],
		rowKey: (e) => `${e.id} ${e.prefix} ${e.kind} ${e.note}`,
	});

	async function load() {
		try {
			table.update((await get("/safe")).items);
			fill(problem);
		} catch (error) {
			fill(problem, failure(error, load));
		}
	}
	return {
		element: panel("Safe list", { class: "panel-safe",
			note: "looked up before any drop, so that a block cannot lock you out" },
		addForm(() => load()), problem,
		table.element),
		load,
	};
}
