// What the list of incidents is narrowed by: kept in the address, sent to the API, and the same for
// a download.

import { capital, SEVERITIES } from "../format.js";
import { h } from "../ui.js";

const KEYS = ["q", "severity", "state", "detector", "src_ip", "dst_ip", "protocol", "age"];
const STATES = [["", "To do"], ["open", "Open"], ["acknowledged", "Acknowledged"],
	["done", "Done"], ["all", "All"]];
const RESOLVED = { "": "no", done: "yes" };
const AGES = [["", "any time"], ["3600", "last hour"], ["86400", "last 24 hours"],
	["604800", "last 7 days"], ["2592000", "last 30 days"]];
const PROTOCOLS = [["", "any protocol"], ["TCP", "TCP"], ["UDP", "UDP"], ["ICMP", "ICMP"],
	["IPv6-ICMP", "IPv6-ICMP"], ["SCTP", "SCTP"]];

/** The filters of an address. The original's names are taken too. @param {URLSearchParams} query */
export function readFilters(query) {
	const state = Object.fromEntries(KEYS.map((key) => [key, query.get(key) || ""]));
	if (query.get("resolved") === "yes" && !state.state) {
		state.state = "done";
	}
	return state;
}

/** What of them the API wants. @param {object} filters @returns {object} */
export function askedBy(filters) {
	const { state, age, ...rest } = filters;
	const seconds = Number(age) || 0;
	return {
		...rest, state: ["all", "done"].includes(state) ? "" : state,
		resolved: RESOLVED[state] || "",
		from: seconds ? new Date(Date.now() - seconds * 1000).toISOString() : "",
	};
}

/** Is anything narrowed beyond the inbox? @param {object} filters */
export function isNarrowed(filters) {
	return KEYS.some((key) => key !== "state" && filters[key]);
}

function segmented(label, key, options, filters, changed) {
	const group = h("div", { class: "segmented", role: "radiogroup", "aria-label": label });
	for (const [value, text] of options) {
		group.append(h("label", {}, h("input", {
			type: "radio", name: key, value, checked: value === filters[key],
			on: { change: () => {
				filters[key] = value;
				changed();
			} },
		}), h("span", {}, text)));
	}
	return group;
}

function box(label, key, filters, changed, extra = {}) {
	return h("input", {
		type: "search", class: "filter-input", name: key, value: filters[key],
		placeholder: label, "aria-label": label, spellcheck: "false", autocomplete: "off",
		maxlength: "200", ...extra,
		on: { change: (event) => {
			filters[key] = event.target.value.trim();
			changed();
		} },
	});
}

function choice(label, key, options, filters, changed) {
	return h("select", { class: "filter-input", name: key, "aria-label": label, on: {
		change: (event) => {
			filters[key] = event.target.value;
			changed();
		},
	} }, options.map(([value, text]) => h("option", { value,
		selected: value === filters[key] }, text)));
}

/**
 * @param {object} filters of readFilters(), written in place
 * @param {() => void} changed
 * @returns {{element: HTMLElement, search: HTMLInputElement,
 *            offer: (incidents: object[]) => void}} offer: kinds that are there become choices
 */
export function filterBar(filters, changed) {
	const search = box("Search address, kind, technique", "q", filters, changed,
		{ "aria-keyshortcuts": "/" });
	const known = new Map([["", "any kind"]]);
	if (filters.detector) {
		known.set(filters.detector, capital(filters.detector));
	}
	const kinds = choice("Kind", "detector", [...known], filters, changed);
	const more = h("div", { class: "filter-more" },
		box("Source", "src_ip", filters, changed),
		box("Destination", "dst_ip", filters, changed), kinds,
		choice("Protocol", "protocol", PROTOCOLS, filters, changed),
		choice("Time", "age", AGES, filters, changed));
	return {
		search,
		element: h("div", { class: "filters" },
			h("div", { class: "filter-line" }, search,
				segmented("State", "state", STATES, filters, changed),
				segmented("Severity", "severity", [["", "Any"],
					...SEVERITIES.map((s) => [s, capital(s)])], filters,
				changed)),
			more),
		offer(incidents) {
			for (const { detector, title } of incidents) {
				if (!known.has(detector)) {
					known.set(detector, title || detector);
					kinds.append(h("option", { value: detector },
						capital(title || detector)));
				}
			}
		},
	};
}
