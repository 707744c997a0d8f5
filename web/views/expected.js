// What is expected here: entries that keep incidents of a kind from being reported, how often they
// did, until when. Each can be taken back.

import { get, remove } from "../api.js";
import { capital, clean, count } from "../format.js";
import { icon } from "../icons.js";
import { whyNot } from "../session.js";
import { createTable } from "../table.js";
import { button, confirmDialog, empty, failure, fill, h, hostLink, link, mono, name, time, toast }
	from "../ui.js";

function place(ip) {
	return ip ? (ip.includes("/") ? mono(ip) : hostLink(ip))
		: h("span", { class: "muted" }, "any");
}

function askRemove(entry, removed) {
	confirmDialog({
		title: "Report it again?", confirm: "Report again", kind: "primary",
		body: [h("p", {},
			`${capital(clean(entry.detector, 48) || "Every kind")}: from now on such `
			+ "incidents are reported again.")],
		item: entry, reload: removed,
		run: async () => {
			await remove(`/expected/${Number(entry.id)}`, entry.etag);
			toast("It is reported again.");
			removed();
		},
	});
}

function columns(removed) {
	return [
		{ key: "detector", label: "Kind", value: (e) =>
			capital(e.detector || "any"),
			cell: (e) => name(capital(e.detector || "any"), 64) },
		{ key: "src", label: "From", class: "addr", value: (e) => e.src || "",
			cell: (e) => place(e.src) },
		{ key: "dst", label: "To", class: "addr addr-to", value: (e) => e.dst || "",
			cell: (e) => [place(e.dst), e.port ? `:${Number(e.port)}` : ""] },
		{ key: "hits", label: "Kept silent", class: "num", first: "desc",
			value: (e) => e.silenced || 0, cell: (e) => count(e.silenced || 0) },
		{ key: "note", label: "Why", class: "label", value: (e) => e.note || "",
			cell: (e) => name(e.note, 300) },
		{ key: "author", label: "By", class: "p2", value: (e) => e.author || "",
			cell: (e) => name(e.author, 64) },
		{ key: "expires", label: "Ends", class: "when", value: (e) => e.expires || "9999",
			cell: (e) => time(e.expires, "until removed") },
		{ key: "remove", label: "", name: "Remove", class: "action-cell",
			cell: (e) => button("Report again", { kind: "quiet small",
				why: whyNot("analyst", "Changing what is expected"),
				on: () => askRemove(e, removed) }) },
	];
}

/** @returns {object} the view */
export function expectedView() {
	const problem = h("div", {});
	const table = createTable({
		caption: "Expected here", class: "table-expected stack",
		columns: columns(() => load()),
		rowKey: (e) => e.id,
		empty: () => empty("Nothing is expected yet",
			"Open an incident that is normal here and choose “Expected here…”: such "
			+ "incidents are counted, and no longer reported.",
		link("/incidents", { class: "button" }, "Incidents")),
	});

	async function load() {
		try {
			table.update((await get("/expected")).items);
			fill(problem);
		} catch (error) {
			fill(problem, failure(error, load));
		}
	}
	return {
		title: "Expected here", help: "incidents",
		element: h("div", { class: "view view-wide" },
			h("div", { class: "view-head" },
				h("span", { class: "back" }, link("/incidents", {}, icon("left"),
					"Incidents")),
				h("h1", {}, "Expected here"),
				h("p", { class: "muted summary" },
					"Counted, not reported, while the entry lasts.")),
			problem, table.element),
		start: load,
	};
}
