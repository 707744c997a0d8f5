// Feeds: lists that somebody else keeps, fetched again and again. What changed too much is held
// until an admin accepts it.

import { get, post, remove } from "../api.js";
import { clean, count } from "../format.js";
import { field, form } from "../forms.js";
import { whyNot } from "../session.js";
import { createTable } from "../table.js";
import { showPreview } from "./feed_preview.js";
import { button, confirmDialog, empty, failure, fill, h, mono, name, panel, time, toast }
	from "../ui.js";

const WATCH_MS = 2000; // while one is being fetched
const EVERY = [["1h", "hour"], ["6h", "6 hours"], ["24h", "day"], ["7d", "week"]];
// Of entries after they were last seen: two turns at least, so that one that fails ends nothing.
const LIFETIMES = [["", "while listed"], ["2d", "2 days"], ["7d", "7 days"],
	["14d", "14 days"], ["30d", "30 days"]];
const STATES = { new: ["", "new"], ok: ["", "up to date"],
	failed: ["badge-wait", "failed; the last good version stays"],
	held: ["badge-wait", "held: it changed by more than half"],
	expired: ["badge-wait", "ran out: nothing of it is in force"] };

const path = (feed) => `/feeds/${encodeURIComponent(feed.name)}`;

function addForm(added) {
	const why = whyNot("admin", "Feeds");
	const disabled = Boolean(why);
	const fields = {
		name: field({ name: "name", label: "Name", required: true, maxlength: 48,
			disabled }),
		url: field({ name: "url", label: "Address", required: true, maxlength: 1000,
			disabled,
			placeholder: "https://… or file:///etc/…" }),
		action: field({ name: "action", label: "Action", disabled, value: "count",
			options: [["count", "count only"], ["drop", "drop"]] }),
		every: field({ name: "every", label: "Every", disabled, options: EVERY,
			value: "24h" }),
		lifetime: field({ name: "lifetime", label: "Lifetime", disabled,
			options: LIFETIMES, value: "" }),
	};
	const offered = h("select", { class: "filter-input range-select", disabled,
		"aria-label": "Known feeds", on: { change() {
			const found = offered.feeds?.find((f) => f.name === offered.value);
			if (found) {
				fields.name.input.value = found.name;
				fields.url.input.value = found.url;
			}
		} } }, h("option", { value: "" }, "Known feeds…"));
	get("/feeds/offered").then(({ items }) => {
		offered.feeds = items;
		offered.append(...items.map((f) => h("option", { value: f.name },
			clean(`${f.name}: ${f.what}`, 90))));
	}).catch(() => offered.remove()); // it is a help only
	return h("div", { class: "feed-add" }, h("div", { class: "feed-known" }, offered,
		button("Preview", { kind: "quiet small", why,
			label: "What this feed would have dropped",
			on: () => showPreview(fields.url.input.value) })), form({
		fields, submit: "Add feed", kind: "quiet", why, class: "form-grid form-feeds",
		run: async (values, element) => {
			await post("/feeds", values);
			element.reset();
			toast("The feed is being fetched.");
			added();
		},
	}));
}

function stateCell(f) {
	const [kind, text] = STATES[f.state] || ["", clean(f.state, 24)];
	return [h("span", { class: `badge ${kind}` }, f.fetching ? "fetching…" : text),
		f.error ? h("span", { class: "sub" }, name(f.error, 200)) : null,
		f.expires ? h("span", { class: "sub" }, Date.parse(f.expires) > Date.now()
			? "unless fetched, ends " : "ended ", time(f.expires)) : null];
}

function askRemove(feed, done) {
	confirmDialog({ title: `Remove the feed ${clean(feed.name, 48)}?`, confirm: "Remove",
		body: [h("p", {}, `Its list of ${count(feed.entries)} entries goes with it.`)],
		item: feed, reload: done,
		run: async () => {
			await remove(path(feed), feed.etag);
			done();
		} });
}

function actions(feed, load) {
	const why = whyNot("admin", "Feeds");
	const fetchNow = async (accept) => {
		try {
			await post(`${path(feed)}/refresh`, { accept }, feed.etag);
		} catch (error) {
			toast(error.message, "error");
		}
		load(); // also after a refusal: somebody else may have been faster
	};
	return h("span", { class: "row-actions" },
		feed.state === "held" ? button("Accept", { kind: "small", why,
			label: `Accept what changed in ${feed.name}`, on: () => fetchNow(true) })
			: button("Fetch now", { kind: "quiet small", why,
				label: `Fetch ${feed.name} now`, on: () => fetchNow(false) }),
		button("Remove", { kind: "quiet small", why, label: `Remove the feed ${feed.name}`,
			on: () => askRemove(feed, load) }));
}

function columns(load) {
	return [
		{ key: "name", label: "Feed", class: "label", value: (f) => f.name,
			cell: (f) => [name(f.name, 48), h("span", { class: "sub" }, mono(f.url))] },
		{ key: "entries", label: "Entries", class: "num", first: "desc",
			value: (f) => f.entries, cell: (f) => [count(f.entries), f.refused
				? h("span", { class: "sub" }, `${count(f.refused)} refused`)
					: null] },
		{ key: "action", label: "Action", value: (f) => f.action },
		{ key: "state", label: "State", class: "state-cell", value: (f) => f.state,
			signature: (f) => `${f.state} ${f.fetching} ${f.error} ${f.expires}`,
			cell: stateCell },
		{ key: "checked", label: "Checked", class: "when p2", value: (f) => f.checked || "",
			cell: (f) => time(f.checked) },
		{ key: "changed", label: "Changed", class: "when p2", value: (f) => f.changed || "",
			cell: (f) => time(f.changed) },
		{ key: "change", label: "", name: "Change", class: "action-cell",
			signature: (f) => `${f.state} ${f.etag}`, cell: (f) => actions(f, load) },
	];
}

/** @param {() => void} changed the blocks may have changed, too */
export function feedsPanel(changed) {
	const problem = h("div", {});
	const table = createTable({ caption: "Feeds", class: "compact stack table-feeds",
		columns: columns(() => load()), rowKey: (f) => f.name,
		empty: () => empty("No feed yet",
			"Choose a known one above, or give a name and an address: Sluice then "
			+ "fetches the list by itself.") });
	let timer = 0;

	async function load() {
		clearTimeout(timer);
		try {
			const { items } = await get("/feeds");
			table.update(items);
			fill(problem);
			if (items.some((f) => f.fetching || f.state === "new")) {
				timer = setTimeout(() => {
					load();
					changed();
				}, WATCH_MS);
			}
		} catch (error) {
			fill(problem, failure(error, load));
		}
	}
	return { element: panel("Feeds", { note: "lists that others keep; off until you add one" },
		addForm(() => load()), problem, table.element), load,
	stop: () => clearTimeout(timer) };
}
