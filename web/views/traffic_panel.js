// Traffic over time on the overview: a window of five minutes to ninety days, moved and narrowed by
// buttons, keys or by dragging over the plot; kept in the address; live while it ends now.

import { get } from "../api.js";
import { button, fill, h, panel } from "../ui.js";
import { icon } from "../icons.js";
import { latest } from "../live.js";
import { timeChart } from "../time_chart.js";

const SPANS = [[300, "5 m"], [3600, "1 h"], [21600, "6 h"], [86400, "24 h"], [604800, "7 d"],
	[2592000, "30 d"], [7776000, "90 d"]];
const POINTS = 240; // about three pixels a point on a wide screen, 160 bytes a point on the wire
const STEPS = [1, 2, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 10800, 43200];
const LIVE_STEP_S = 60; // up to here the newest step grows by the second
const RELOAD_MS = 60000; // above it the window is asked for again
const SPAN_MIN_S = 60;
const SPAN_MAX_S = 90 * 86400;
const SUMMED = ["bytes_in", "bytes_out", "dropped_packets"];

/** The step that makes about POINTS points of a span. @param {number} span seconds */
function stepFor(span) {
	return STEPS.find((s) => span / s <= POINTS) || STEPS.at(-1);
}

/** The window of an address: `span` seconds up to `end`, Unix seconds, or null for now. */
function readWindow(query) {
	const span = Math.min(SPAN_MAX_S, Math.max(SPAN_MIN_S, Number(query.get("span")) || 3600));
	return { span, end: Number(query.get("end")) || null };
}

/** The steps of a window; where it ends now, the newest step grows by the second. */
function seriesBuffer() {
	const rows = [];
	let step = 10;
	let sums = null;
	const row = (ms, item, seconds) => [new Date(ms), item.bytes_in / seconds,
		item.bytes_out / seconds, item.dropped_packets / seconds];

	/** Where nothing was counted the line is broken, not drawn straight. */
	function addGap(at) {
		const before = rows.at(-1)?.[0].getTime();
		if (before && at - before > 3 * step * 1000) {
			rows.push([new Date(before + step * 1000), null, null, 0]);
		}
	}
	return {
		rows,
		load(series, from, to) {
			rows.length = 0;
			sums = null;
			step = series.step;
			for (const item of series.items) {
				const at = Date.parse(item.time);
				// a step that is still filling is left to the snapshots
				if (at >= from && at + step * 1000 <= to) {
					addGap(at);
					rows.push(row(at, item, step));
				}
			}
		},
		add(snapshot, span) {
			const start =
				Math.floor(Date.parse(snapshot.time) / 1000 / step) * step * 1000;
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
			for (const key of SUMMED) {
				sums[key] += snapshot.rates[key] || 0;
			}
			if (sums.seconds === 1) {
				addGap(start);
			}
			rows.push(row(start, sums, sums.seconds));
			while (rows.length && rows[0][0].getTime() < start - span * 1000) {
				rows.shift();
			}
		},
	};
}

function controls(shown, move) {
	const spans = h("div", { class: "segmented spans", role: "radiogroup",
		"aria-label": "Time shown" },
	SPANS.map(([span, label]) => h("label", {}, h("input", { type: "radio", name: "span",
		value: String(span), on: { change: () => move({ span, end: null }) } }),
	h("span", {}, label))));
	const small = (picture, label, on) => h("button", { type: "button", class: "icon-button",
		"aria-label": label, title: label, on: { click: on } }, icon(picture));
	const earlier = small("left", "Earlier (←)", () => shown.shift(-1));
	const later = small("right", "Later (→)", () => shown.shift(1));
	const closer = small("plus", "Closer (+)", () => shown.zoom(0.5));
	const wider = small("minus", "Wider (−)", () => shown.zoom(2));
	const now = button("Now", { kind: "small", on: () => move({ end: null }) });
	return {
		element: h("div", { class: "time-controls" }, spans,
			h("div", { class: "time-steps" }, earlier, later, closer, wider, now)),
		draw({ span, end }) {
			for (const input of spans.querySelectorAll("input")) {
				input.checked = end === null && Number(input.value) === span;
			}
			now.disabled = end === null;
			later.disabled = end === null;
			closer.disabled = span <= SPAN_MIN_S;
			wider.disabled = span >= SPAN_MAX_S;
		},
	};
}

/** The window and what moves it; every move is in the address. */
function movableWindow(context, changed) {
	const shown = { ...readWindow(context.query) };
	const nowS = () => Math.floor(Date.now() / 1000);

	function move(wish) {
		Object.assign(shown, wish);
		shown.span = Math.round(Math.min(SPAN_MAX_S, Math.max(SPAN_MIN_S, shown.span)));
		if (shown.end !== null && shown.end >= nowS() - 1) {
			shown.end = null;
		}
		context.setQuery({ span: shown.span === 3600 ? "" : shown.span,
			end: shown.end === null ? "" : Math.round(shown.end) });
		changed();
	}
	Object.assign(shown, {
		move,
		shift: (steps) => move({ end: (shown.end ?? nowS()) + steps * shown.span / 2 }),
		zoom(factor) {
			const span = Math.min(SPAN_MAX_S,
				Math.max(SPAN_MIN_S, shown.span * factor));
			const middle = shown.end === null ? null : shown.end - shown.span / 2;
			move({ span, end: middle === null ? null : middle + span / 2 });
		},
		bounds() {
			const to = shown.end === null ? Date.now() : shown.end * 1000;
			return [to - shown.span * 1000, to];
		},
	});
	return shown;
}

function keysOf(shown) {
	return [{ key: "ArrowLeft", label: "earlier", run: () => shown.shift(-1) },
		{ key: "ArrowRight", label: "later",
			run: () => shown.end !== null && shown.shift(1) },
		{ key: "+", label: "closer", run: () => shown.zoom(0.5) },
		{ key: "-", label: "wider", run: () => shown.zoom(2) },
		{ key: "n", label: "up to now", run: () => shown.move({ end: null }) }];
}

/**
 * @param {object} context see app.js
 * @param {(window: {span: number, end: number|null}) => void} moved the window changed
 */
export function trafficPanel(context, moved) {
	const shown = movableWindow(context, () => {
		load();
		moved(shown);
	});
	const chart = timeChart({ onZoom: (from, to) => shown.move({ span: (to - from) / 1000,
		end: Math.round(to / 1000) }) });
	const bar = controls(shown, shown.move);
	const buffer = seriesBuffer();
	const error = h("div", { class: "panel-error", hidden: true });
	const state = { ready: false, turn: 0, timer: 0 };
	const isLive = () => shown.end === null && stepFor(shown.span) <= LIVE_STEP_S;

	async function load() {
		const mine = ++state.turn;
		const step = stepFor(shown.span);
		const ago = shown.end === null ? 0 : Math.max(0,
			Math.floor(Date.now() / 1000 - shown.end));
		bar.draw(shown);
		try {
			const series = await get("/series",
				{ seconds: Math.max(shown.span, step), step,
				ago: ago || null });
			if (mine !== state.turn) {
				return; // the window moved on
			}
			const [from, to] = shown.bounds();
			const whole = isLive() ? Date.parse(latest("snapshot")?.time) || to
				: to + step * 1000;
			buffer.load(series, from - step * 1000, whole);
			state.ready = true;
			error.hidden = true;
			chart.set(buffer.rows, from, to);
		} catch (cause) {
			error.hidden = false;
			fill(error, cause.message, " ", button("Try again", { on: load }));
		}
	}

	return {
		element: panel("Traffic", { class: "panel-traffic", actions: bar.element }, error,
			chart.element),
		load, keys: keysOf(shown), window: shown,
		start() {
			load();
			state.timer = setInterval(() => document.hidden || isLive()
				|| shown.end !== null || load(), RELOAD_MS);
		},
		add(snapshot) {
			if (state.ready && isLive() && !snapshot.polled) {
				buffer.add(snapshot, shown.span);
				chart.set(buffer.rows, ...shown.bounds());
			}
		},
		stop() {
			clearInterval(state.timer);
			chart.stop();
		},
	};
}
