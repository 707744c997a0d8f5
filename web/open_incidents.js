// The count of open incidents by severity: kept current for the navigation and the overview.

import { get } from "./api.js";
import { subscribe } from "./live.js";

const SETTLE_MS = 400; // many events at once make one request
const RETRY_MS = 5000;

const listeners = new Set();
let newest = null;

async function count() {
	const { open } = await get("/incidents", { limit: 1 });
	const counts = { ...open, total: open.high + open.medium + open.low };
	newest = counts;
	listeners.forEach((fn) => fn(counts));
}

/**
 * Keep counting until ended.
 * @param {(total: number) => void} onTotal
 * @returns {() => void}
 */
export function watchOpenIncidents(onTotal) {
	let timer = 0;
	const after = (ms) => {
		clearTimeout(timer);
		timer = setTimeout(() => count().catch(() => {
			listeners.forEach((fn) => fn(newest));
			after(RETRY_MS);
		}), ms);
	};
	const again = () => after(SETTLE_MS);
	const forward = (counts) => counts && onTotal(counts.total);
	listeners.add(forward);
	const ends = ["new_incident", "incident", "incidents_update", "resume"]
		.map((name) => subscribe(name, again));
	after(0);
	return () => {
		clearTimeout(timer);
		newest = null;
		listeners.delete(forward);
		ends.forEach((end) => end());
	};
}

/**
 * Hear the counts, at once if they are known; null when they cannot be had and never were.
 * @param {(counts: ?{high: number, medium: number, low: number, total: number}) => void} fn
 * @returns {() => void}
 */
export function onOpenIncidents(fn) {
	listeners.add(fn);
	if (newest) {
		fn(newest);
	}
	return () => listeners.delete(fn);
}
