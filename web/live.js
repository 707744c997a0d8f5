// One stream of server-sent events per browser: the tab that holds the Web Lock reads it and
// passes events on by BroadcastChannel; hidden tabs let go. Silence for SILENCE_MS, for whatever
// reason, turns every visible tab to polling, and the state is shown.

import { ApiError, EVENTS_URL, get } from "./api.js";

const NAMES = ["analyzer_status", "new_incident", "incident", "incidents_update",
	"statistics_update", "snapshot", "block"];
const STICKY = new Set(["analyzer_status", "incidents_update", "statistics_update", "snapshot"]);
const SILENCE_MS = 5000; // a snapshot comes every second: five missed in a row
const POLL_MS = 5000;
const LOST_MS = 10000; // neither stream nor poll: a server that hangs, before requests time out
const RETRY_MAX_MS = 15000;
const CHANNEL = "sluice-live";

const listeners = new Map();
const last = new Map();
const own = { // what this tab holds
	running: false, state: "connecting", source: null, channel: null, campaign: null,
	release: null, retryTimer: 0, retryMs: 1000, watchTimer: 0, heardAt: 0, polledAt: 0,
	answeredAt: 0,
};

function emit(name, data) {
	for (const fn of listeners.get(name) || []) {
		fn(data);
	}
}

function setState(state) {
	if (own.state !== state) {
		own.state = state;
		emit("state", state);
	}
}

function deliver(name, data) {
	if (STICKY.has(name)) {
		last.set(name, data);
	}
	if (name === "snapshot") {
		own.heardAt = Date.now();
		setState("live");
	}
	emit(name, data);
}

function onStreamEvent(name, text) {
	let data;
	try {
		data = JSON.parse(text);
	} catch {
		return; // a broken event is dropped; the next snapshot is a second away
	}
	deliver(name, data);
	own.channel?.postMessage({ type: "event", name, data });
}

function openStream() {
	closeStream();
	const source = new EventSource(EVENTS_URL);
	own.source = source;
	for (const name of NAMES) {
		source.addEventListener(name, (event) => onStreamEvent(name, event.data));
	}
	source.onopen = () => {
		own.retryMs = 1000;
	};
	source.onerror = () => {
		// CONNECTING: the browser retries by itself and sends Last-Event-ID
		if (source.readyState === EventSource.CLOSED && own.source === source) {
			own.retryTimer = setTimeout(openStream, own.retryMs);
			own.retryMs = Math.min(own.retryMs * 2, RETRY_MAX_MS);
		}
	};
}

function closeStream() {
	clearTimeout(own.retryTimer);
	own.source?.close();
	own.source = null;
}

function lead() {
	openStream();
	return new Promise((resolve) => {
		own.release = resolve;
	});
}

function join() {
	if (own.campaign) {
		return;
	}
	own.campaign = new AbortController();
	own.channel?.postMessage({ type: "hello" });
	if (!navigator.locks || !own.channel) {
		openStream(); // plain HTTP off loopback has no Web Locks: one stream per tab
		return;
	}
	navigator.locks.request(CHANNEL, { signal: own.campaign.signal }, lead).catch((error) => {
		if (error.name !== "AbortError") {
			openStream();
		}
	});
}

function leave() {
	own.campaign?.abort();
	own.campaign = null;
	closeStream();
	own.release?.();
	own.release = null;
}

function onMessage({ data: message }) {
	if (message.type === "event" && !own.source && own.campaign) {
		deliver(message.name, message.data);
	} else if (message.type === "hello" && own.source) {
		for (const [name, data] of last) {
			own.channel.postMessage({ type: "event", name, data });
		}
	} else if (message.type === "logout") {
		emit("logout");
	}
}

function ratesOf(series) {
	const step = series.step || 10;
	// the newest step is still filling; the one before it is whole
	const whole = series.items.at(-2) || series.items.at(-1) || {};
	const rates = {};
	for (const key of ["packets_in", "bytes_in", "packets_out", "bytes_out",
		"dropped_packets", "dropped_bytes", "new_flows"]) {
		rates[key] = (whole[key] || 0) / step;
	}
	return rates;
}

async function pollSnapshot() {
	const [status, series, hosts, protocols] = await Promise.all([
		get("/status"), get("/series", { seconds: 30, step: 10 }),
		get("/top", { by: "hosts", limit: 10 }),
		get("/top", { by: "protocols", limit: 16 }),
	]);
	return {
		...(last.get("snapshot") || {}), time: new Date().toISOString(), polled: true,
		rates: ratesOf(series), hosts: hosts.items, protocols: protocols.items,
		ifaces: status.ifaces, enforcement: status.enforcement, mode: status.mode,
		processed_packets: status.processed_packets,
	};
}

async function poll() {
	own.polledAt = Date.now();
	try {
		const snapshot = await pollSnapshot();
		own.answeredAt = Date.now();
		if (Date.now() - own.heardAt > SILENCE_MS) {
			setState("polling");
			last.set("snapshot", snapshot);
			emit("snapshot", snapshot);
		}
	} catch (error) {
		if (error instanceof ApiError && error.status !== 401) {
			setState("lost");
		}
	}
}

function watch() {
	const now = Date.now();
	if (document.hidden || now - own.heardAt <= SILENCE_MS) {
		return;
	}
	if (now - Math.max(own.heardAt, own.answeredAt) > LOST_MS) {
		setState("lost");
	}
	if (now - own.polledAt >= POLL_MS) {
		poll();
	}
}

function onVisibility() {
	if (!own.running) {
		return;
	}
	if (document.hidden) {
		leave();
		return;
	}
	own.heardAt = Date.now(); // the silence of a hidden tab is no loss
	join();
	emit("resume");
}

/** Begin to listen; once after login. */
export function startLive() {
	if (own.running) {
		return;
	}
	own.running = true;
	own.heardAt = Date.now();
	if (window.BroadcastChannel) {
		own.channel = new BroadcastChannel(CHANNEL);
		own.channel.onmessage = onMessage;
	}
	document.addEventListener("visibilitychange", onVisibility);
	window.addEventListener("pagehide", leave);
	window.addEventListener("pageshow", onVisibility);
	own.watchTimer = setInterval(watch, 1000);
	if (!document.hidden) {
		join();
	}
}

/** End everything; at logout. @param {boolean} tellOthers other tabs of this browser too */
export function stopLive(tellOthers = false) {
	if (!own.running) {
		return;
	}
	if (tellOthers) {
		own.channel?.postMessage({ type: "logout" });
	}
	own.running = false;
	clearInterval(own.watchTimer);
	document.removeEventListener("visibilitychange", onVisibility);
	window.removeEventListener("pagehide", leave);
	window.removeEventListener("pageshow", onVisibility);
	leave();
	own.channel?.close();
	own.channel = null;
	last.clear();
	own.state = "connecting";
}

/**
 * Listen to one kind of event: those of docs/api.md, and "state", "resume", "logout".
 * @param {string} name
 * @param {(data: any) => void} fn
 * @returns {() => void} ends the subscription
 */
export function subscribe(name, fn) {
	if (!listeners.has(name)) {
		listeners.set(name, new Set());
	}
	listeners.get(name).add(fn);
	return () => listeners.get(name).delete(fn);
}

/** The newest event of a sticky kind, or null. @param {string} name */
export function latest(name) {
	return last.get(name) || null;
}

/** @returns {"connecting"|"live"|"polling"|"lost"} */
export function liveState() {
	return own.state;
}
