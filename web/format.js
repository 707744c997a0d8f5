// Numbers, times and names as people read them. Pure functions; no state, no document.

const NUMBER = new Intl.NumberFormat("en-US");
const ABSOLUTE = new Intl.DateTimeFormat("en-GB", {
	day: "numeric", month: "short", year: "numeric",
	hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});
const CLOCK = new Intl.DateTimeFormat("en-GB", {
	hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});

// Control characters and everything that reorders text (Unicode UAX 9: 200E, 200F, 202A-202E,
// 2066-2069), and the line separators: shown by their number, so that a name cannot pose.
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * Text from outside, bounded and with invisible characters made visible.
 * @param {unknown} value anything; null and undefined give ""
 * @param {number} max characters kept
 * @returns {string}
 */
export function clean(value, max = 240) {
	if (value === null || value === undefined) {
		return "";
	}
	const text = String(value);
	const cut = text.length > max ? text.slice(0, max) + "…" : text;
	return cut.replace(UNSAFE, (c) =>
		"\u27e8" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9");
}

/**
 * The same for a text of several lines, which keeps its line ends; a megabyte at most.
 * @param {unknown} value
 * @returns {string}
 */
export function cleanLines(value) {
	return String(value ?? "").slice(0, 1 << 20).split("\n")
		.map((line) => clean(line, 1 << 20)).join("\n");
}

/** 12,345 @param {number} n @returns {string} */
export function count(n) {
	return NUMBER.format(Math.round(Number(n) || 0));
}

/** "1 packet", "2 packets" @param {number} n @param {string} noun @returns {string} */
export function plural(n, noun) {
	return `${count(n)} ${noun}${Number(n) === 1 ? "" : "s"}`;
}

function scaled(value, units, base) {
	let x = Math.abs(Number(value) || 0);
	let unit = 0;
	while (x >= base * 0.9995 && unit < units.length - 1) {
		x /= base;
		unit++;
	}
	const digits = unit === 0 || x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2;
	return [x.toFixed(digits), units[unit]];
}

/**
 * A rate in bytes a second as bit/s, in two parts so that the unit can be set smaller.
 * @param {number} bytesPerSecond
 * @returns {[string, string]}
 */
export function bitParts(bytesPerSecond) {
	return scaled(bytesPerSecond * 8, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"], 1000);
}

/** "12.4 Mbit/s" @param {number} bytesPerSecond @returns {string} */
export function bits(bytesPerSecond) {
	return bitParts(bytesPerSecond).join(" ");
}

/** "3.41 MB", decimal as on a bill @param {number} n @returns {string} */
export function bytes(n) {
	return scaled(n, ["B", "kB", "MB", "GB", "TB", "PB"], 1000).join(" ");
}

/** "12.3k" for tight places @param {number} n @returns {string} */
export function compact(n) {
	return scaled(n, ["", "k", "M", "G", "T"], 1000).join("");
}

/** "37 %", never 100 % or 0 % by rounding @param {number} part @param {number} whole */
export function percent(part, whole) {
	if (!whole || !part) {
		return "0 %";
	}
	const p = (part / whole) * 100;
	if (p < 0.1) {
		return "< 0.1 %";
	}
	if (p > 99.9 && part !== whole) {
		return "> 99.9 %";
	}
	return (p >= 10 ? p.toFixed(p > 99 && p < 100 ? 1 : 0) : p.toFixed(1)) + " %";
}

/** "3 d 4 h", two largest units @param {number} seconds @returns {string} */
export function duration(seconds) {
	const s = Math.max(0, Math.floor(seconds));
	const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"],
		[Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
	const first = parts.findIndex(([n]) => n > 0);
	if (first < 0) {
		return "0 s";
	}
	return parts.slice(first, first + 2).filter(([n]) => n > 0)
		.map(([n, unit]) => `${n} ${unit}`).join(" ");
}

/**
 * "12 s ago", "in 3 min": one unit, so that a column of them is calm.
 * @param {number} then ms
 * @param {number} now ms
 * @returns {string}
 */
export function relative(then, now) {
	const s = Math.round((now - then) / 1000);
	const a = Math.abs(s);
	if (a < 2) {
		return "now";
	}
	const text = a < 60 ? `${a} s` : a < 3600 ? `${Math.floor(a / 60)} min`
		: a < 86400 ? `${Math.floor(a / 3600)} h` : `${Math.floor(a / 86400)} d`;
	return s >= 0 ? `${text} ago` : `in ${text}`;
}

/** "24 Nov 2026, 14:03:05" in the browser's zone @param {string|number|Date} t */
export function absolute(t) {
	const date = new Date(t);
	return Number.isNaN(date.getTime()) ? "unknown" : ABSOLUTE.format(date);
}

/** "14:03:05" @param {string|number|Date} t @returns {string} */
export function clock(t) {
	return CLOCK.format(new Date(t));
}

/** "192.0.2.1:443", "[2001:db8::1]:443" @param {string} ip @param {number} port */
export function endpoint(ip, port) {
	const host = clean(ip, 64);
	if (!port) {
		return host;
	}
	return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const TCP_FLAGS = {
	F: "FIN", S: "SYN", R: "RST", P: "PSH", A: "ACK", U: "URG", E: "ECE", C: "CWR",
};

/** The API's letters ("SA") as the names of RFC 9293 3.1 @param {string} letters */
export function tcpFlags(letters) {
	return [...clean(letters, 8)].map((c) => TCP_FLAGS[c] || c).join(" ") || "none";
}

/** What people call a state of an incident. */
export const STATE_LABELS = {
	open: "Open", acknowledged: "Acknowledged", resolved: "Resolved",
	false_positive: "False positive",
};

/** Severities, worst first. */
export const SEVERITIES = ["high", "medium", "low"];

/** "high" → "High" @param {string} word @returns {string} */
export function capital(word) {
	const text = clean(word, 64).replaceAll("_", " ");
	return text.charAt(0).toUpperCase() + text.slice(1);
}
