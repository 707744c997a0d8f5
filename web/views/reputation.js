// What VirusTotal and AbuseIPDB said of an address; asked only where an admin configured them.

import { get, post } from "../api.js";
import { clean, count } from "../format.js";
import { whyNot } from "../session.js";
import { button, fill, h, name, panel, time, toast } from "../ui.js";

const NAMES = { virustotal: "VirusTotal", abuseipdb: "AbuseIPDB" };
const VERDICTS = { high: "badge-drop", medium: "badge-wait", clean: "", unknown: "" };
const ASK_AGAIN_MS = 3000; // while a question waits for its turn
const ASKS_MAX = 10;

function numbers(item) {
	if (item.reports !== undefined && item.reports !== null) {
		return `${count(item.reports)} reports, score ${count(item.score)}`;
	}
	const engines = ["malicious", "suspicious", "harmless", "undetected"];
	const sum = engines.reduce((n, key) => n + (item[key] || 0), 0);
	return sum ? `${count(item.malicious)} of ${count(sum)} engines call it malicious` : "";
}

function row(item) {
	return h("li", {}, h("strong", {}, NAMES[item.provider] || name(item.provider, 24)), " ",
		h("span", { class: `badge ${VERDICTS[item.verdict] || ""}` },
			clean(item.verdict, 12)), " ", numbers(item),
		h("p", { class: "muted" }, [item.owner, item.country].filter(Boolean)
			.map((t) => clean(t, 80)).join(", "), " asked ", time(item.fetched)));
}

/** @param {string} value an address @returns {HTMLElement} a panel that fills itself */
export function reputationPanel(value) {
	const body = h("div", {}, h("p", { class: "muted" }, "Looking…"));
	const element = panel("Reputation", { note: "what others say" }, body);
	let asks = 0;

	function draw(answer) {
		const on = (answer.providers || []).filter((p) => p.on);
		const say = (text) => h("p", { class: "muted" }, text);
		const ask = button(answer.queued ? "Asked, waiting…" : "Ask now", { kind: "small",
			why: answer.queued ? "The question waits for its turn."
				: whyNot("analyst", "Asking"), on: askNow });
		fill(body, answer.items.length ? h("ul", { class: "reputation" },
			answer.items.map(row)) : say(on.length ? "Nobody was asked yet."
			: "No provider is configured: nothing is told to others."),
		on.map((p) => (p.error ? say(`${NAMES[p.provider] || clean(p.provider, 24)}: ${
			clean(p.error, 200)}`) : null)),
		on.length ? ask : null);
		if (answer.queued && element.isConnected && asks++ < ASKS_MAX) {
			setTimeout(load, ASK_AGAIN_MS);
		}
	}

	async function askNow() {
		try {
			asks = 0;
			draw(await post("/reputation", { value }));
		} catch (error) {
			toast(error.message, "error");
		}
	}

	async function load() {
		try {
			draw(await get("/reputation", { value }));
		} catch (error) {
			fill(body, h("p", { class: "muted" }, clean(error.message, 200)));
		}
	}

	load();
	return element;
}
