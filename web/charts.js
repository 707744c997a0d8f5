// Time charts with dygraphs (its legend and HTML labels off, ours instead); bars, meters and
// sparklines as plain elements and SVG. dygraphs comes as a classic script when first needed.

import { bits, clock, compact } from "./format.js";
import { svg } from "./icons.js";
import { h, setText } from "./ui.js";

const SCRIPT = "/vendor/dygraphs.min.js";
const STYLE = "/vendor/dygraphs.css";
const DROPS_SHARE = 0.08; // of the plot's height, for the tallest bar of drops
const HOUR_MS = 3600 * 1000;
const POINTS = 360; // an hour in steps of ten seconds
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

/** Drops as bars on the floor of the plot, on a scale of their own: a few matter as much. */
function drawDrops(canvas, area, graph, rows) {
	const top = Math.max(...rows.map((r) => r[3] || 0));
	if (top === 0) {
		return;
	}
	canvas.fillStyle = colour("--drop");
	const width = Math.ceil(area.w / POINTS);
	for (const [time, , , dropped] of rows) {
		const height = Math.ceil((dropped / top) * area.h * DROPS_SHARE);
		if (dropped > 0) {
			// whole pixels: no seams between neighbours
			const left = Math.floor(graph.toDomXCoord(time) - width / 2);
			canvas.fillRect(left, area.y + area.h - height, width, height);
		}
	}
}

function options(width, onHover, rows) {
	return {
		labels: ["Time", "In", "Out"], labelsUTC: false, legend: "never",
		underlayCallback: (canvas, area, graph) => drawDrops(canvas, area, graph, rows()),
		showLabelsOnHighlight: false, fillGraph: true, fillAlpha: 0.16, strokeWidth: 1.4,
		drawPoints: false, highlightCircleSize: 3, interactionModel: {}, gridLineWidth: 1,
		gridLinePattern: [2, 3], axisLabelFontSize: 12, xRangePad: 0, rightGap: 8,
		includeZero: true, connectSeparatedPoints: false,
		axes: {
			x: { axisLabelFormatter: (t) => clock(t).slice(0, 5), pixelsPerLabel: 72,
				drawGrid: false },
			y: { axisLabelFormatter: axisBits, axisLabelWidth: width < 480 ? 62 : 76,
				pixelsPerLabel: 34 },
		},
		highlightCallback: (_event, x, points) => onHover(x, points),
		unhighlightCallback: () => onHover(null, []),
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

function makeLegend() {
	const items = {
		in: legendItem("in", "In"), out: legendItem("out", "Out"),
		drop: legendItem("drop", "Dropped"),
	};
	const when = h("span", { class: "legend-when" });
	const element = h("div", { class: "legend" }, items.in.element, items.out.element,
		items.drop.element, when);
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

function describe(rows) {
	const top = (i) => bits(Math.max(0, ...rows.map((r) => Math.abs(r[i] || 0))));
	return `Traffic of the last hour: at most ${top(1)} in and ${top(2)} out.`;
}

/** What dygraphs draws: the rows without their drops, and the hour they are in. */
function hourOf(rows) {
	const end = rows.at(-1)[0].getTime();
	return { file: rows.map(([t, i, o]) => [t, i, o]), dateWindow: [end - HOUR_MS, end] };
}

/**
 * The last hour as a mirrored water line: in above zero, out below, drops as bars on the floor.
 * @returns {{element: HTMLElement, set: (rows: [Date, number, number, number][]) => void,
 *            stop: () => void}} rows: bytes a second in and out (null: a gap),
 *            packets a second dropped
 */
export function trafficChart() {
	const state = { graph: null, rows: [], hovered: null, stopped: false };
	const legend = makeLegend();
	const plot = h("div", { class: "plot", role: "img" });

	function showLegend() {
		legend.show(state.hovered ?? state.rows.at(-1),
			state.hovered ? clock(state.hovered[0]) : "now");
	}

	function onHover(x) {
		state.hovered = state.rows.find((r) => r[0].getTime() === x) || null;
		showLegend();
	}

	async function create() {
		const Dygraph = await loadDygraphs();
		if (state.stopped || state.graph || !plot.isConnected) {
			return;
		}
		// no Legend, ChartLabels or Annotations: they write HTML with inline styles
		Dygraph.PLUGINS = [Dygraph.Plugins.Grid, Dygraph.Plugins.Axes];
		const { file, dateWindow } = hourOf(state.rows);
		state.graph = new Dygraph(plot, file, {
			...options(plot.clientWidth, onHover, () => state.rows), dateWindow,
		});
	}

	const unwatch = watchAppearance(plot, () => state.graph?.updateOptions(colours()),
		() => state.graph?.resize());
	return {
		element: h("div", { class: "chart" }, legend.element, plot),
		set(rows) {
			state.rows = rows.map(([t, i, o, d]) => [t, i, o === null ? null : -o, d]);
			if (rows.length === 0) {
				return;
			}
			showLegend();
			plot.setAttribute("aria-label", describe(state.rows));
			if (state.graph) {
				state.graph.updateOptions(hourOf(state.rows));
			} else {
				create().catch((error) => fillPlot(plot, error));
			}
		},
		stop() {
			state.stopped = true;
			unwatch();
			state.graph?.destroy();
		},
	};
}

function fillPlot(plot, error) {
	plot.replaceChildren(h("p", { class: "empty" }, error.message));
}

/**
 * A line of the last values, decoration beside the number it belongs to.
 * @param {string} kind in, out or drop: the colour
 * @param {number} length values kept
 * @returns {{element: SVGElement, push: (value: number) => void}}
 */
export function sparkline(kind, length = 60) {
	const values = [];
	const line = svg("path", { class: "spark-line" });
	const area = svg("path", { class: "spark-area" });
	const element = svg("svg", { class: `spark spark-${kind}`, viewBox: `0 0 ${length - 1} 20`,
		preserveAspectRatio: "none", "aria-hidden": "true" });
	element.append(area, line);
	return {
		element,
		push(value) {
			values.push(Math.max(0, value));
			if (values.length > length) {
				values.shift();
			}
			const top = Math.max(...values, 1e-9);
			const from = length - values.length;
			const points = values.map((v, i) =>
				`${from + i},${(19 - (v / top) * 17).toFixed(2)}`);
			line.setAttribute("d", `M${points.join("L")}`);
			area.setAttribute("d", `M${from},20L${points.join("L")}L${length - 1},20Z`);
		},
	};
}

/**
 * A share as a bar; the number stands beside it in the text.
 * @param {string} kind class suffix for the colour
 * @returns {{element: HTMLElement, set: (share: number) => void}} share 0..1
 */
export function bar(kind = "in") {
	const inner = h("span", { class: `bar-fill bar-${kind}` });
	const element = h("span", { class: "bar", "aria-hidden": "true" }, inner);
	return {
		element,
		set(share) {
			const percent = Math.min(1, Math.max(0, share)) * 100;
			inner.style.width = `${percent.toFixed(2)}%`;
		},
	};
}

/**
 * Parts of a whole in one bar with a legend of words and numbers.
 * @param {[key: string, label: string, help: string][]} parts
 * @returns {{element: HTMLElement, set: (values: Object<string, number>) => void}}
 */
export function stackedMeter(parts) {
	const bars = h("div", { class: "meter-bar", "aria-hidden": "true" });
	const list = h("ul", { class: "meter-legend" });
	const items = new Map(parts.map(([key, label, help]) => {
		const piece = h("span", { class: `meter-piece meter-${key}` });
		const value = h("span", { class: "meter-value" });
		bars.append(piece);
		list.append(h("li", { title: help },
			h("span", { class: `swatch swatch-${key}`, "aria-hidden": "true" }),
			h("span", { class: "meter-label" }, label), value));
		return [key, { piece, value }];
	}));
	return {
		element: h("div", { class: "meter" }, bars, list),
		set(values) {
			for (const [key, { piece, value }] of items) {
				const n = Math.max(0, values[key] || 0);
				piece.style.flexGrow = String(n);
				piece.hidden = n === 0;
				setText(value, compact(n));
				value.title = `${n.toLocaleString("en-US")} packets`;
			}
		},
	};
}
