// What changed since yesterday: the last 24 hours against the 24 before, and what was seen for the
// first time.

import { get } from "../api.js";
import { bytes, clean, count } from "../format.js";
import { icon } from "../icons.js";
import { empty, fill, h, hostLink, link, name, panel } from "../ui.js";

const DAY_S = 86400;
const REFRESH_MS = 10 * 60 * 1000; // the sums are hourly
const NEW_MAX = 6;
const SEEN_ASKED = 12; // "12+" beyond: six are named
const KNOWN_H = 20; // hours of the day before that must be known
const STEADY = 0.1; // a change below a tenth is no news

const ROWS = [["bytes_in", "Received", bytes], ["bytes_out", "Sent", bytes],
	["new_flows", "New flows", count], ["dropped_packets", "Dropped packets", count]];

function change(now, before) {
	if (!before) {
		return now ? ["up", "new"] : ["", "–"];
	}
	const ratio = now / before - 1;
	if (Math.abs(ratio) < STEADY) {
		return ["", "about the same"];
	}
	const text = ratio > 9 ? `× ${count(now / before)}`
		: `${ratio > 0 ? "+" : "−"}${Math.round(Math.abs(ratio) * 100)} %`;
	return [ratio > 0 ? "up" : "down", text];
}

function changeRow(label, now, before, format) {
	const [way, text] = change(now, before);
	return h("li", {}, h("span", { class: "change-label" }, label),
		h("strong", { class: "change-now" }, format(now)),
		h("span", { class: `change-way ${way}` }, way ? icon(way) : null, text),
		h("span", { class: "muted change-before" }, `before: ${format(before)}`));
}

/** Hours of a day in which anything was counted. */
function hoursOf(items) {
	return items.filter((i) => i.packets_in || i.packets_out).length;
}

function sum(items, key) {
	return items.reduce((n, item) => n + (item[key] || 0), 0);
}

/** What was seen for the first time in the last day, newest first. */
async function freshOf(kind, since) {
	const { items } = await get("/seen", { kind, limit: SEEN_ASKED });
	return items.filter((i) => Date.parse(i.first) >= since).map((i) => i.value);
}

function freshLine(label, keys, cell) {
	if (keys.length === 0) {
		return null;
	}
	return h("p", { class: "fresh" }, h("span", { class: "muted" }, `${label}: `),
		keys.slice(0, NEW_MAX).flatMap((key, i) => [i ? ", " : "", cell(key)]),
		keys.length > NEW_MAX ? ` and ${keys.length - NEW_MAX}${
			keys.length >= SEEN_ASKED ? "+" : ""} more` : "");
}

/** How many incidents were seen between two times. */
async function incidentsBetween(from, to) {
	const { total } = await get("/incidents", { from: new Date(from).toISOString(),
		to: new Date(to).toISOString(), limit: 1 });
	return total;
}

const SEEN = [
	["domain", "New names", (key) => link(`/flows?q=${encodeURIComponent(
		`domain=${key} since:24h`)}`, {}, name(key, 60))],
	["destination", "New destinations", (key) => hostLink(key)],
	["listener", "New listening ports", (key) => name(key, 60)],
	["mac", "New devices", (key) => name(key, 24)],
];

function changesOf(items, incidents, half) {
	const [before, now] = [items.filter((i) => Date.parse(i.time) < half),
		items.filter((i) => Date.parse(i.time) >= half)];
	return h("ul", { class: "changes" },
		ROWS.map(([key, label, format]) => changeRow(label, sum(now, key), sum(before, key),
			format)),
		changeRow("Incidents", incidents[1], incidents[0], count));
}

/** @returns {{element: HTMLElement, load: () => Promise<void>, start: Function, stop: Function}} */
export function changesPanel() {
	const body = h("div", {});
	let timer = 0;

	async function load() {
		const half = Date.now() - DAY_S * 1000;
		try {
			const [series, incidents, ...seen] = await Promise.all([
				get("/series", { seconds: 2 * DAY_S, step: 3600 }),
				Promise.all([incidentsBetween(half - DAY_S * 1000, half),
					incidentsBetween(half, Date.now())]),
					...SEEN.map(([kind]) => freshOf(kind, half))]);
			const before = series.items.filter((i) => Date.parse(i.time) < half);
			fill(body, hoursOf(before) < KNOWN_H
				? empty("Nothing to compare with yet",
					"After two days this says what changed since yesterday.")
				: [changesOf(series.items, incidents, half),
					...SEEN.map(([, label, cell], i) => freshLine(label,
						seen[i],
						cell))]);
		} catch (error) {
			fill(body, h("p", { class: "muted" }, clean(error.message, 200)));
		}
	}
	return {
		element: panel("Since yesterday", { class: "panel-changes",
			note: "last 24 hours against the 24 before" }, body),
		load,
		start() {
			load();
			timer = setInterval(() => document.hidden || load(), REFRESH_MS);
		},
		stop: () => clearInterval(timer),
	};
}
