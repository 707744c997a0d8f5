// What a feed would have dropped of the last 7 days, before anybody adds it.

import { get, post } from "../api.js";
import { clean, count } from "../format.js";
import { button, fill, h, mono, name, showDialog, uid } from "../ui.js";

const TRIES = 130; // seconds: a slow server is given up after two minutes

function findings(found) {
	if (found.state !== "ready") {
		return [h("p", { class: "form-error" },
			name(found.error || "It takes too long.", 300))];
	}
	return [h("p", {}, `${count(found.entries)} entries; ${count(found.refused)} of `
		+ `${count(found.lines)} lines refused.`),
	h("p", {}, h("strong", {}, name(found.summary, 200)), " In the last 7 days."),
	found.complete ? null : h("p", { class: "muted" },
		"The history is long: only its newest part was looked at."),
	found.top_entries.length ? h("ul", {}, found.top_entries.map((e) => h("li", {},
		mono(e.entry), `, ${count(e.records)} records`))) : null];
}

async function look(url, body) {
	let found = await post("/feeds/preview", { url });
	for (let i = 0; i < TRIES && found.state === "fetching" && body.isConnected; i++) {
		await new Promise((done) => { setTimeout(done, 1000); });
		found = await get("/feeds/preview");
	}
	fill(body, ...findings(found));
}

/** Fetched once and held against the history; nothing is applied. @param {string} url */
export function showPreview(url) {
	const id = uid("dialog");
	const body = h("div", { class: "dialog-body", role: "status" },
		h("p", {}, "It is being fetched…"));
	const dialog = h("dialog", { class: "dialog", "aria-labelledby": id },
		h("h2", { id }, "What this feed would have dropped"), body,
		h("div", { class: "dialog-actions" },
			button("Close", { on: () => dialog.close() })));
	showDialog(dialog);
	look(url, body).catch((error) => fill(body,
		h("p", { class: "form-error" }, clean(error.message, 300))));
}
