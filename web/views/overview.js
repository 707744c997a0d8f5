// The overview: is all well, what flows, who talks most, what was not seen, what happened.
// Draws from the snapshot of every second; asks for the last hour once and again after a pause.

import { get } from "../api.js";
import { sparkline, trafficChart } from "../charts.js";
import { bitParts, bits, compact, count, duration, plural } from "../format.js";
import { icon } from "../icons.js";
import { latest, liveState, subscribe } from "../live.js";
import { onOpenIncidents } from "../open_incidents.js";
import { button, fill, h, link, panel, setText } from "../ui.js";
import { coveragePanel, incidentsPanel, interfacesPanel, protocolsPanel, talkersPanel }
	from "./panels.js";

const HOUR_S = 3600;
const STEP_S = 10;
const STATUS_MS = 60000;
const LOSS_MS = 5 * 60 * 1000; // how long a loss stays in the sentence on top

function watched(snapshot) {
	const names = (snapshot.ifaces || []).filter((i) => i.mode !== "none").map((i) => i.name);
	return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`
		: names.join(", ");
}

function worries(snapshot, counts, losing) {
	const list = [];
	if (snapshot.enforcement === "panic") {
		list.push(["bad", "Enforcement is off: panic was ordered, so nothing is dropped."]);
	}
	if (!watched(snapshot)) {
		list.push(["bad", "No interface is being watched."]);
	}
	if (counts?.high) {
		list.push(["bad",
			`${plural(counts.high, "incident")} of high severity to look at.`]);
	}
	if (counts && !counts.high && counts.total) {
		list.push(["warn", `${plural(counts.total, "open incident")} to look at.`]);
	}
	if (losing) {
		list.push(["warn", "In the last minutes packets were seen that no flow holds."]);
	}
	if (snapshot.enforcement === "none") {
		list.push(["warn", "Traffic is counted, but nothing can be dropped."]);
	}
	if (snapshot.enforcement === "dry_run") {
		list.push(["warn", "Dry run: blocks count what they match and let it pass."]);
	}
	return list;
}

/** Did the count of unattributed packets or lost events grow lately? Old losses are no alarm. */
function lossWatch() {
	let known = null;
	let grewAt = 0;
	return () => {
		const snapshot = latest("snapshot");
		const sum = (snapshot?.unattributed || 0) + (snapshot?.events_lost || 0);
		if (known !== null && sum > known) {
			grewAt = Date.now();
		}
		known = snapshot ? sum : known;
		return Date.now() - grewAt < LOSS_MS;
	};
}

/** The one sentence on top: level, headline, details. */
function judge(snapshot, counts, losing) {
	if (liveState() === "lost") {
		return ["bad", "Sluice does not answer.",
			"What follows is the last that was seen."];
	}
	if (!snapshot) {
		return ["wait", "Waiting for the first picture…", "It comes every second."];
	}
	const list = worries(snapshot, counts, losing);
	const seen = `${count(snapshot.processed_packets)} packets`;
	const whole = snapshot.complete ? ", all accounted for" : "";
	if (list.length === 0) {
		return ["ok", "All is well.",
			`Watching ${watched(snapshot)}; ${seen}${whole}; no open incident.`];
	}
	const level = list.some(([l]) => l === "bad") ? "bad" : "warn";
	return [level, list[0][1], list.length > 1 ? list.slice(1).map(([, t]) => t).join(" ")
		: `Watching ${watched(snapshot) || "nothing"}; ${seen}${whole}.`];
}

function statusLine() {
	const mark = h("span", { class: "verdict-mark" });
	const headline = h("h1", {}, "Overview");
	const detail = h("p", { class: "verdict-detail" });
	const uptime = h("p", { class: "verdict-uptime" });
	const element = h("section", { class: "verdict", "aria-label": "Is all well?" }, mark,
		h("div", {}, headline, detail), uptime);
	return {
		element,
		draw(level, title, text) {
			if (element.dataset.level !== level) {
				element.dataset.level = level;
				fill(mark, icon({ ok: "ok", warn: "alert", bad: "alert",
					wait: "clock" }[level]));
			}
			setText(headline, title);
			setText(detail, text);
		},
		uptime(seconds) {
			setText(uptime, `up ${duration(seconds)}`);
		},
	};
}

function tile(label, kind, picture, href) {
	const value = h("span", { class: "tile-value" }, "–");
	const unit = h("span", { class: "tile-unit" });
	const foot = h("p", { class: "tile-foot" });
	const spark = sparkline(kind);
	const element = link(href, { class: `tile tile-${kind}` },
		h("p", { class: "tile-label" }, icon(picture), label),
		h("p", { class: "tile-number" }, value, " ", unit), foot, spark.element);
	return {
		element, push: spark.push,
		set([number, unitText], text) {
			setText(value, number);
			setText(unit, unitText);
			setText(foot, text);
		},
	};
}

function severityTile() {
	const parts = ["high", "medium", "low"].map((level) => {
		const number = h("span", { class: "count-value" }, "–");
		const element = link(`/incidents?state=open&severity=${level}`, {
			class: `count count-${level}`,
		}, icon(level, "solid"), number, h("span", { class: "count-label" }, level));
		return { level, number, element };
	});
	const element = h("div", { class: "tile tile-incidents" },
		h("p", { class: "tile-label" }, icon("incidents"), "Open incidents"),
		h("div", { class: "counts" }, parts.map((p) => p.element)));
	return {
		element,
		draw(counts) {
			for (const { level, number } of parts) {
				setText(number, `${counts[level]}${counts.more ? "+" : ""}`);
			}
		},
	};
}

function tiles() {
	const all = {
		in: tile("In", "in", "down", "/flows?sort=bytes_in"),
		out: tile("Out", "out", "up", "/flows?sort=bytes_out"),
		drop: tile("Dropped", "drop", "drop", "/blocks"),
		flows: tile("Flows", "flow", "flows", "/flows"),
	};
	const severities = severityTile();
	function push(rates) {
		all.in.push(rates.bytes_in);
		all.out.push(rates.bytes_out);
		all.drop.push(rates.dropped_packets);
		all.flows.push(rates.new_flows);
	}
	return {
		element: h("section", { class: "tiles", "aria-label": "Now" },
			...Object.values(all).map((t) => t.element), severities.element),
		severities: severities.draw,
		draw(snapshot) {
			const r = snapshot.rates;
			all.in.set(bitParts(r.bytes_in), `${compact(r.packets_in)} packets/s`);
			all.out.set(bitParts(r.bytes_out), `${compact(r.packets_out)} packets/s`);
			all.drop.set([compact(r.dropped_packets), "packets/s"],
				bits(r.dropped_bytes));
			const capacity = snapshot.flow_capacity;
			all.flows.set([count(snapshot.flow_count), capacity
				? `of ${compact(capacity)}` : ""],
				`${compact(r.new_flows)} new/s`);
			push(r);
		},
		async load() {
			const seconds = await get("/series", { seconds: 60, step: 1 });
			seconds.items.slice(0, -1).forEach(push);
		},
	};
}

/** The last hour in steps; the newest step grows by the second. */
function hourBuffer() {
	const rows = [];
	let sums = null;
	const row = (ms, item, seconds) => [new Date(ms), item.bytes_in / seconds,
		item.bytes_out / seconds, item.dropped_packets / seconds];
	/** Where nothing was counted the line is broken, not drawn straight. */
	function addGap(at) {
		const before = rows.at(-1)?.[0].getTime();
		if (before && at - before > 3 * STEP_S * 1000) {
			rows.push([new Date(before + STEP_S * 1000), null, null, 0]);
		}
	}
	return {
		rows,
		load(series) {
			rows.length = 0;
			sums = null;
			// a step that is still filling is left to the snapshots
			const now = Date.parse(latest("snapshot")?.time) || Date.now();
			for (const item of series.items) {
				const at = Date.parse(item.time);
				if (at + STEP_S * 1000 <= now) {
					addGap(at);
					rows.push(row(at, item, STEP_S));
				}
			}
		},
		add(snapshot) {
			const now = Date.parse(snapshot.time);
			const start = Math.floor(now / 1000 / STEP_S) * STEP_S * 1000;
			if (sums?.start === start) {
				rows.pop();
			} else {
				sums = { start, seconds: 0, bytes_in: 0, bytes_out: 0,
					dropped_packets: 0 };
			}
			if (rows.length && rows.at(-1)[0].getTime() >= start) {
				return;
			}
			sums.seconds++;
			for (const key of ["bytes_in", "bytes_out", "dropped_packets"]) {
				sums[key] += snapshot.rates[key] || 0;
			}
			if (sums.seconds === 1) {
				addGap(start);
			}
			rows.push(row(start, sums, sums.seconds));
			while (rows.length && rows[0][0].getTime() < start - HOUR_S * 1000) {
				rows.shift();
			}
		},
	};
}

function trafficPanel() {
	const chart = trafficChart();
	const buffer = hourBuffer();
	const error = h("div", { class: "panel-error", hidden: true });
	let ready = false;

	async function load() {
		try {
			buffer.load(await get("/series", { seconds: HOUR_S, step: STEP_S }));
			ready = true;
			error.hidden = true;
			chart.set(buffer.rows);
		} catch (cause) {
			error.hidden = false;
			fill(error, cause.message, " ", button("Try again", { on: load }));
		}
	}
	return {
		element: panel("Traffic, last hour", { class: "panel-traffic" }, error,
			chart.element),
		load,
		add(snapshot) {
			if (ready && !snapshot.polled) {
				buffer.add(snapshot);
				chart.set(buffer.rows);
			}
		},
		stop: chart.stop,
	};
}

/** Everything on the page, and how a snapshot is drawn into it. */
function overviewParts() {
	const status = statusLine();
	const numbers = tiles();
	const traffic = trafficPanel();
	const panels = [incidentsPanel(), talkersPanel(), protocolsPanel(), coveragePanel(),
		interfacesPanel()];
	const losing = lossWatch();
	let counts = null;

	function drawStatus() {
		status.draw(...judge(latest("snapshot"), counts, losing()));
	}
	return {
		status, numbers, traffic, panels, drawStatus,
		element: h("div", { class: "overview" }, status.element, numbers.element,
			h("div", { class: "grid" }, traffic.element,
				panels.map((part) => part.element))),
		drawCounts(now) {
			counts = now;
			numbers.severities(now);
			drawStatus();
		},
		draw(snapshot) {
			numbers.draw(snapshot);
			traffic.add(snapshot);
			panels.forEach((part) => part.snapshot?.(snapshot));
			drawStatus();
		},
	};
}

/** @returns {object} the view */
export function overviewView() {
	const parts = overviewParts();
	let ends = [];
	let stopped = false;

	/** The last minute of the sparklines comes before its first second. */
	async function begin() {
		await parts.numbers.load().catch(() => {
			// without the past the lines grow from now on
		});
		if (stopped) {
			return;
		}
		ends.push(subscribe("snapshot", parts.draw));
		if (latest("snapshot")) {
			parts.draw(latest("snapshot"));
		}
	}

	function loadStatus() {
		get("/status").then((answer) => parts.status.uptime(answer.uptime_s)).catch(() => {
			// the connection banner says it
		});
	}

	function resume() {
		parts.traffic.load();
		parts.panels.forEach((part) => part.load?.());
	}

	return {
		title: "Overview", element: parts.element,
		start() {
			const timer = setInterval(loadStatus, STATUS_MS);
			ends = [subscribe("state", parts.drawStatus), subscribe("resume", resume),
				onOpenIncidents(parts.drawCounts), () => clearInterval(timer)];
			parts.drawStatus();
			begin();
			parts.traffic.load();
			loadStatus();
			parts.panels.forEach((part) => part.start?.());
		},
		stop() {
			stopped = true;
			ends.forEach((end) => end());
			parts.panels.forEach((part) => part.stop?.());
			parts.traffic.stop();
		},
	};
}
