// The history part of the flows page: how far back, the busiest of what was found, downloads. What
// is searched is the filter itself; a time in it (since:, until:) makes it a search of the history.

import { get } from "../api.js";
import { bytes, clean, count } from "../format.js";
import { button, fill, h, name, panel, setText, time, uid } from "../ui.js";

const RANGES = [["Now", ""], ["Last hour", "since:1h"], ["Last 24 hours", "since:24h"],
	["Last 7 days", "since:7d"], ["All", "since:1970-01-01"]];
const GROUPS = [["src", "source"], ["dst", "destination"], ["dport", "destination port"],
	["sport", "source port"], ["proto", "protocol"], ["domain", "server name"],
	["dns", "looked-up name"], ["ja4", "JA4 fingerprint"], ["proc", "process"],
	["unit", "systemd unit"], ["state", "state"], ["dir", "direction"], ["iface", "interface"],
	["vlan", "VLAN"], ["verdict", "verdict"], ["rule", "block"]];
const TIME_WORD = /(^|\s)(since|until):\S*/g;
const TOP_LIMIT = 10;

/** The search with another time. @param {string} query @param {string} word "" = now */
export function withTime(query, word) {
	return [query.replace(TIME_WORD, " ").trim().replace(/\s+/g, " "), word].filter(Boolean)
		.join(" ");
}

/** A name or value as the search language takes it. @param {string} by @param {string} key */
export function wordOf(by, key) {
	const value = key === "" ? "\"\"" : /[\s,"()*?]/.test(key)
		? `"${key.replace(/(["\\])/g, "\\$1")}"` : key;
	return by === "domain" ? `domain=${value}` : `${by}:${value}`;
}

/** Buttons for the time searched. @param {(word: string) => void} choose */
export function timeRange(choose) {
	const buttons = RANGES.map(([label, word]) => h("button", {
		type: "button", class: "word", data: { time: word }, "aria-pressed": "false",
		on: { click: () => choose(word) },
	}, label));
	return {
		element: h("div", { class: "filter-words flow-times", role: "group",
			"aria-label": "Time" }, buttons),
		show(query) {
			const words = query.match(TIME_WORD) || [];
			for (const b of buttons) {
				const own = b.dataset.time;
				const only = words.length === 1 ? words[0].trim() : null;
				b.setAttribute("aria-pressed",
					String(own ? only === own : !words.length));
			}
		},
	};
}

function topRow(by, item, add) {
	const key = item.key ?? "";
	return h("tr", {}, h("th", { scope: "row" }, h("button", {
		type: "button", class: "cell-link", title: "Search for it",
		on: { click: () => add(wordOf(by, key)) },
	}, key ? name(key, 90) : h("span", { class: "muted" }, "unknown"))),
	h("td", { class: "num" }, bytes(item.bytes)),
	h("td", { class: "num" }, count(item.records)), h("td", {}, time(item.last_seen)));
}

function topTable(answer, add) {
	const head = ["", "Bytes", "Records", "Last seen"].map((label, i) => h("th", {
		scope: "col", class: i === 1 || i === 2 ? "num" : null }, label
		|| h("span", { class: "hidden" }, "Value")));
	return h("div", { class: "table-wrap" }, h("table", { class: "table table-busiest" },
		h("caption", { class: "hidden" }, "Busiest"), h("thead", {}, h("tr", {}, head)),
		h("tbody", {}, answer.items.map((item) => topRow(answer.by, item, add)))));
}

function topNote(answer) {
	const parts = [];
	if (answer.others.records) {
		parts.push(`${bytes(answer.others.bytes)} in ${count(answer.others.records)} `
			+ "other records");
	}
	if (!answer.complete) {
		parts.push("cut at the time limit: older records are not in it");
	}
	return parts.join("; ");
}

/** The busiest of a search. @param {(word: string) => void} add adds a condition to the search */
function busiest(add) {
	const id = uid("by");
	const select = h("select", { id, on: { change: () => load() } },
		GROUPS.map(([value, label]) => h("option", { value }, label)));
	const body = h("div", { class: "busiest" });
	const note = h("p", { class: "muted", role: "status" });
	const element = panel("Busiest", { actions: [h("label", { for: id }, "by "), select] },
		body, note);
	let query = null;
	let asked = null; // the query that is answered or on its way
	let request = null;

	async function load() {
		request?.abort();
		request = new AbortController();
		asked = query;
		try {
			const answer = await get("/top", { by: select.value, q: query,
				limit: TOP_LIMIT }, request.signal);
			fill(body, answer.items.length ? topTable(answer, add) : null);
			setText(note, answer.items.length ? topNote(answer) : "Nothing was found.");
		} catch (error) {
			if (error.code !== "aborted") {
				fill(body);
				setText(note, clean(error.message, 300));
			}
		}
	}

	// it looks at every record in the time: not before somebody looks at it
	const sight = new IntersectionObserver((seen) => {
		if (seen.some((s) => s.isIntersecting) && query !== null && asked !== query) {
			load();
		}
	}, { rootMargin: "200px" });

	return {
		element,
		show(text) {
			if (text !== query) {
				query = text;
				request?.abort();
				fill(body);
				setText(note, "");
				sight.unobserve(element);
				sight.observe(element); // tells at once whether it is in sight
			}
		},
		hide() {
			query = null;
			asked = null;
			request?.abort();
			sight.unobserve(element);
		},
	};
}

function download(form, label) {
	return h("a", { class: "button", download: `flows.${form}`, data: { form } }, label);
}

/**
 * What stands below the table while the history is shown.
 * @param {{add: (word: string) => void, older: () => void}} actions
 */
export function historyPart({ add, older }) {
	const more = button("Older records", { on: older });
	const links = [download("csv", "CSV"), download("ndjson", "NDJSON")];
	const top = busiest(add);
	const element = h("div", { class: "flow-history" },
		h("div", { class: "history-actions" }, more,
			h("span", { class: "muted" }, "Download all that match:"), links),
		top.element);
	element.hidden = true;
	return {
		element,
		/** @param {object} answer of /flows @param {string} query */
		update(answer, query) {
			element.hidden = answer.live !== false;
			if (element.hidden) {
				top.hide();
				return;
			}
			more.hidden = !answer.next;
			for (const a of links) {
				const path = `/api/v1/flows.${a.dataset.form}`;
				a.href = `${path}?q=${encodeURIComponent(query)}`;
			}
			top.show(query);
		},
	};
}

/** One sentence on what is shown. @param {object} answer @param {number} shown rows */
export function historyNote(answer, shown) {
	const records = `${count(shown)} record${shown === 1 ? "" : "s"} of the history`;
	if (!answer.complete) {
		return `${records}; the search was cut at its time limit, all since `
			+ `${new Date(answer.scanned_to).toLocaleString()} was looked at`;
	}
	return answer.next ? `Showing the newest ${records}` : `Showing ${records}`;
}
