// Traffic over time with dygraphs (its legend and HTML labels off, ours instead), which comes as a
// classic script when first needed. In above zero, out below, drops as bars on the floor.

import { absolute, bits, clock, compact } from "./format.js";
import { paperChart } from "./paper_chart.js";
import { h, setText } from "./ui.js";

const SCRIPT = "/vendor/dygraphs.min.js";
const STYLE = "/vendor/dygraphs.css";
const DROPS_SHARE = 0.08; // of the plot's height, for the tallest bar of drops
const DAY_MS = 24 * 3600 * 1000;
const ZOOM_MIN_MS = 60 * 1000; // a shorter piece of the plot is a click, not a wish
let loading = null;

function loadDygraphs() {
	loading ??= new Promise((resolve, reject) => {
		const script = h("script", { src: SCRIPT, on: {
			load: () => resolve(window.Dygraph),
			error: () => {
				loading = null;
				reject(new Error("The chart library could not be loaded."));
			},
		} });
		document.head.append(h("link", { rel: "stylesheet", href: STYLE }), script);
	});
	return loading;
}

function colour(token) {
	return getComputedStyle(document.documentElement).getPropertyValue(token).trim();
}

function colours() {
	return {
		colors: [colour("--in"), colour("--out")], gridLineColor: colour("--line"),
		axisLineColor: colour("--line-strong"),
	};
}

function axisBits(value) {
	return value === 0 ? "0" : bits(Math.abs(value)).replace(/\.0+ /, " ");
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** What the axis says of a time: the clock, or the day where the window spans days. */
function axisTime(time, span) {
	if (span > 4 * DAY_MS) {
		return DAY.format(time);
	}
	const text = clock(time);
	return span > 10 * 60 * 1000 ? text.slice(0, 5) : text;
}

/** Drops as bars on the floor of the plot, on a scale of their own: a few matter as much. */
function drawDrops(canvas, area, graph, rows) {
	const top = Math.max(...rows.map((r) => r[3] || 0));
	if (top === 0) {
		return;
	}
	canvas.fillStyle = colour("--drop");
	const width = Math.ceil(area.w / Math.max(60, rows.length));
	for (const [time, , , dropped] of rows) {
		const height = Math.ceil((dropped / top) * area.h * DROPS_SHARE);
		if (dropped > 0) {
			// whole pixels: no seams between neighbours
			const left = Math.floor(graph.toDomXCoord(time) - width / 2);
			canvas.fillRect(left, area.y + area.h - height, width, height);
		}
	}
}

function options(state, width, on) {
	return {
		labels: ["Time", "In", "Out"], labelsUTC: false, legend: "never",
		underlayCallback: (canvas, area, graph) => drawDrops(canvas, area, graph,
			state.rows),
		showLabelsOnHighlight: false, fillGraph: true, fillAlpha: 0.16, strokeWidth: 1.4,
		drawPoints: false, highlightCircleSize: 3, gridLineWidth: 1,
		gridLinePattern: [2, 3], axisLabelFontSize: 12, xRangePad: 0, rightGap: 8,
		includeZero: true, connectSeparatedPoints: false, animatedZooms: false,
		axes: {
			x: { axisLabelFormatter: (t) => axisTime(t, state.to - state.from),
				pixelsPerLabel: 72, drawGrid: false },
			y: { axisLabelFormatter: axisBits, axisLabelWidth: width < 480 ? 62 : 76,
				pixelsPerLabel: 34 },
		},
		highlightCallback: (_event, x) => on.hover(x),
		unhighlightCallback: () => on.hover(null),
		zoomCallback: (from, to) => on.zoom(from, to),
		...colours(),
	};
}

function legendItem(key, label) {
	const value = h("span", { class: "legend-value" });
	const element = h("span", { class: "legend-item" },
		h("span", { class: `swatch swatch-${key}`, "aria-hidden": "true" }), label, " ",
		value);
	return { element, value };
}

function makeLegend(hasDrops) {
	const items = {
		in: legendItem("in", "In"), out: legendItem("out", "Out"),
		drop: legendItem("drop", "Dropped"),
	};
	const when = h("span", { class: "legend-when" });
	const element = h("div", { class: "legend" }, items.in.element, items.out.element,
		hasDrops ? items.drop.element : null, when);
	return {
		element,
		show(row, label) {
			setText(when, label);
			setText(items.in.value, row ? bits(row[1] || 0) : "");
			setText(items.out.value, row ? bits(Math.abs(row[2] || 0)) : "");
			setText(items.drop.value, row ? `${compact(row[3] || 0)} packets/s` : "");
		},
	};
}

/** Call back when the theme or the size of the plot changes. @returns {() => void} ends it */
function watchAppearance(plot, restyle, resize) {
	const system = window.matchMedia("(prefers-color-scheme: dark)");
	const sizes = new ResizeObserver(resize);
	document.addEventListener("themechange", restyle);
	system.addEventListener("change", restyle);
	sizes.observe(plot);
	return () => {
		document.removeEventListener("themechange", restyle);
		system.removeEventListener("change", restyle);
		sizes.disconnect();
	};
}

/** The same course on paper, drawn when it is asked for. */
function paperOf(state) {
	const element = h("div", {});
	const print = () => element.replaceChildren(paperChart(state.rows, state.from, state.to));
	const printed = () => element.replaceChildren();
	window.addEventListener("beforeprint", print);
	window.addEventListener("afterprint", printed);
	return { element, stop() {
		window.removeEventListener("beforeprint", print);
		window.removeEventListener("afterprint", printed);
	} };
}

function describe(state) {
	const top = (i) => bits(Math.max(0, ...state.rows.map((r) => Math.abs(r[i] || 0))));
	return `Traffic from ${absolute(state.from)} to ${absolute(state.to)}: at most `
		+ `${top(1)} in and ${top(2)} out.`;
}

/** Drag across the plot to look closer; only where somebody listens. */
function interaction(Dygraph, onZoom) {
	if (!onZoom) {
		return {};
	}
	const { mousedown, touchstart, touchmove, touchend } = Dygraph.defaultInteractionModel;
	return { mousedown, touchstart, touchmove, touchend };
}

async function create(state, plot, on) {
	const Dygraph = await loadDygraphs();
	if (state.stopped || state.graph || !plot.isConnected) {
		return;
	}
	// no Legend, ChartLabels or Annotations: they write HTML with inline styles
	Dygraph.PLUGINS = [Dygraph.Plugins.Grid, Dygraph.Plugins.Axes];
	state.graph = new Dygraph(plot, state.file(), {
		...options(state, plot.clientWidth, on), dateWindow: [state.from, state.to],
		interactionModel: interaction(Dygraph, on.zoomed),
	});
}

/**
 * Traffic over a window of time.
 * @param {{drops?: boolean, onZoom?: (fromMs: number, toMs: number) => void}} [wishes]
 * @returns {{element: HTMLElement,
 *            set: (rows: [Date, number, number, number][], fromMs: number, toMs: number) => void,
 *            stop: () => void}} rows: bytes a second in and out (null: a gap), packets a second
 *            dropped
 */
export function timeChart({ drops = true, onZoom = null } = {}) {
	const state = { graph: null, rows: [], hovered: null, stopped: false, from: 0, to: 1,
		file: () => state.rows.map(([t, i, o]) => [t, i, o]) };
	const legend = makeLegend(drops);
	const plot = h("div", { class: "plot", role: "img" });
	loadDygraphs().catch(() => {
		// asked for beside the data; create() says what went wrong
	});

	function showLegend() {
		const row = state.hovered ?? state.rows.at(-1);
		const spansDays = state.to - state.from > DAY_MS;
		legend.show(row, row ? (spansDays ? absolute(row[0]).slice(0, -3) : clock(row[0]))
			: "");
	}

	const on = {
		zoomed: onZoom,
		hover(x) {
			state.hovered = state.rows.find((r) => r[0].getTime() === x) || null;
			showLegend();
		},
		zoom: (from, to) => to - from >= ZOOM_MIN_MS && onZoom?.(from, to),
	};
	const paper = paperOf(state);
	const unwatch = watchAppearance(plot, () => state.graph?.updateOptions(colours()),
		() => state.graph?.resize());
	return {
		element: h("div", { class: "chart" }, legend.element, plot, paper.element),
		set(rows, from, to) {
			state.rows = rows.map(([t, i, o, d]) => [t, i, o === null ? null : -o, d]);
			Object.assign(state, { from, to });
			if (rows.length === 0) {
				return;
			}
			showLegend();
			plot.setAttribute("aria-label", describe(state));
			if (state.graph) {
				state.graph.updateOptions({ file: state.file(),
					dateWindow: [from, to] });
			} else {
				create(state, plot, on).catch((error) => plot.replaceChildren(
					h("p", { class: "empty" }, error.message)));
			}
		},
		stop() {
			state.stopped = true;
			unwatch();
			paper.stop();
			state.graph?.destroy();
		},
	};
}
