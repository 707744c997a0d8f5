// Bars, meters and sparklines as plain elements and SVG. Time charts are in time_chart.js.

import { compact } from "./format.js";
import { svg } from "./icons.js";
import { h, setText } from "./ui.js";

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

/**
 * Bars of counts over time, one a step; decoration beside a sentence that says the sum.
 * @param {number[]} values @param {string[]} titles what each bar is, for the pointer
 * @returns {SVGElement}
 */
export function barsOverTime(values, titles) {
	const top = Math.max(1, ...values);
	const root = svg("svg", { class: "hours", viewBox: `0 0 ${values.length * 10} 60`,
		preserveAspectRatio: "none", "aria-hidden": "true" });
	values.forEach((value, i) => {
		const height = value ? Math.max(3, (value / top) * 58) : 1;
		const bar_ = svg("rect", { x: i * 10 + 1, width: 8, y: 60 - height, height,
			class: value ? "hour-bar" : "hour-none" });
		const title = svg("title", {});
		title.textContent = titles[i];
		bar_.append(title);
		root.append(bar_);
	});
	return root;
}
