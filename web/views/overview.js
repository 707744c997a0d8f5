// The overview: is all well, what flows, who talks most, what was not seen, what happened, what
// changed since yesterday. Draws from the snapshot of every second until somebody pauses it.

import { get } from "../api.js";
import { sparkline } from "../charts.js";
import { bitParts, bits, compact, count, duration, plural } from "../format.js";
import { icon } from "../icons.js";
import { latest, liveState, subscribe } from "../live.js";
import { onOpenIncidents } from "../open_incidents.js";
import { bindKeys } from "../keys.js";
import { button, fill, h, link, setText, toast } from "../ui.js";
import { changesPanel } from "./changes_panel.js";
import { captureSwitch } from "./capture_switch.js";
import { incidentChartsPanel } from "./incident_charts.js";
import { coveragePanel, incidentsPanel, interfacesPanel } from "./panels.js";
import { namesPanel, protocolsPanel, talkersPanel } from "./top_panels.js";
import { trafficPanel } from "./traffic_panel.js";

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
	if (list.length === 0 && counts === null) {
		return ["warn", "Open incidents could not be counted.",
			`It is tried again. Watching ${watched(snapshot)}; ${seen}${whole}.`];
	}
	if (list.length === 0 && !counts) {
		return ["wait", "Counting open incidents…",
			`Watching ${watched(snapshot)}; ${seen}${whole}.`];
	}
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
	const actions = h("div", { class: "verdict-actions" });
	const element = h("section", { class: "verdict", "aria-label": "Is all well?" }, mark,
		h("div", {}, headline, detail), uptime, actions);
	return {
		element, actions,
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
				setText(number, count(counts[level]));
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

/** A stop for the eyes: what is on the page rests until it goes on. */
function pauseSwitch(onChange) {
	const state = { paused: false };
	const draw = () => fill(element, ...button(state.paused ? "Go on" : "Pause",
		{ icon: state.paused ? "play" : "pause" }).childNodes);
	const element = h("button", { type: "button", class: "button quiet",
		on: { click: toggle } });
	function toggle() {
		state.paused = !state.paused;
		draw();
		document.body.classList.toggle("is-paused", state.paused);
		if (state.paused) {
			toast("Paused: the page rests until you go on. Nothing is lost.");
		}
		onChange();
	}
	draw();
	return { element, state, toggle };
}

/** Everything on the page, and how a snapshot is drawn into it. */
function overviewParts(context) {
	const status = statusLine();
	const numbers = tiles();
	const pause = pauseSwitch(() => latest("snapshot") && self.draw(latest("snapshot")));
	const tops = [talkersPanel(), protocolsPanel(), namesPanel()];
	const traffic = trafficPanel(context, (w) => tops.forEach((part) => part.window(w)));
	const panels = [incidentsPanel(), ...tops, changesPanel(), incidentChartsPanel(),
		coveragePanel(), interfacesPanel()];
	const capture = captureSwitch();
	const losing = lossWatch();
	let counts; // undefined: still counting; null: could not be counted

	function drawStatus() {
		status.draw(...judge(latest("snapshot"), counts, losing()));
	}
	status.actions.append(pause.element, capture.element);
	tops.forEach((part) => part.window(traffic.window));
	const self = {
		status, numbers, traffic, panels, drawStatus, capture,
		keys: [{ key: "p", label: "pause, go on", run: pause.toggle }, ...traffic.keys],
		element: h("div", { class: "overview" }, status.element, numbers.element,
			h("div", { class: "grid" }, traffic.element,
				panels.map((part) => part.element))),
		drawCounts(now) {
			counts = now;
			if (now) {
				numbers.severities(now);
			}
			drawStatus();
		},
		draw(snapshot) {
			if (pause.state.paused) {
				return;
			}
			numbers.draw(snapshot);
			traffic.add(snapshot);
			panels.forEach((part) => part.snapshot?.(snapshot));
			drawStatus();
		},
	};
	return self;
}

/** @param {object} context see app.js @returns {object} the view */
export function overviewView(context) {
	const parts = overviewParts(context);
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
		title: "Overview", help: "overview", element: parts.element,
		start() {
			const timer = setInterval(loadStatus, STATUS_MS);
			ends = [subscribe("state", parts.drawStatus), subscribe("resume", resume),
				onOpenIncidents(parts.drawCounts), () => clearInterval(timer),
				bindKeys(parts.keys), parts.capture.start()];
			parts.drawStatus();
			begin();
			parts.traffic.start();
			loadStatus();
			parts.panels.forEach((part) => part.start?.());
		},
		stop() {
			stopped = true;
			document.body.classList.remove("is-paused");
			ends.forEach((end) => end());
			parts.panels.forEach((part) => part.stop?.());
			parts.traffic.stop();
		},
	};
}
