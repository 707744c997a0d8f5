// The course of traffic as SVG, for paper: a canvas that was drawn for the screen prints blank, or
// in the screen's colours and size.

import { absolute, bits } from "./format.js";
import { svg } from "./icons.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [52, 496, 6, 140]; // of the plot in a picture of 500 by 155
const TICKS = 4;

/** Pieces between gaps. @param {[Date, number|null, number|null][]} rows @param {number} column */
function pieces(rows, column) {
	const found = [[]];
	for (const row of rows) {
		if (row[column] !== null) {
			found.at(-1).push(row);
		} else if (found.at(-1).length) {
			found.push([]);
		}
	}
	return found.filter((piece) => piece.length > 1);
}

function label(x, y, text, anchor) {
	const element = svg("text", { x, y, "text-anchor": anchor });
	element.append(text);
	return element;
}

function line(x1, y1, x2, y2) {
	return svg("line", { class: "paper-line", x1, y1, x2, y2 });
}

/**
 * @param {[Date, number|null, number|null][]} rows bytes a second in, and out below zero
 * @param {number} from ms @param {number} to ms
 * @returns {SVGElement}
 */
export function paperChart(rows, from, to) {
	const most = Math.max(1, ...rows.map((r) => r[1] || 0));
	const least = Math.min(0, ...rows.map((r) => r[2] || 0));
	const x = (t) => LEFT + ((t - from) / (to - from)) * (RIGHT - LEFT);
	const y = (v) => BOTTOM - ((v - least) / (most - least)) * (BOTTOM - TOP);
	const element = svg("svg", { class: "paper-chart", viewBox: "0 0 500 155",
		"aria-hidden": "true" });
	for (const value of least < 0 ? [most, most / 2, 0, least] : [most, most / 2, 0]) {
		element.append(line(LEFT, y(value), RIGHT, y(value)), label(LEFT - 4,
			y(value) + 2, value === 0 ? "0" : bits(Math.abs(value)), "end"));
	}
	for (let i = 0; i <= TICKS; i++) {
		const at = from + ((to - from) * i) / TICKS;
		element.append(label(x(at), BOTTOM + 11, absolute(at).slice(0, -3),
			i === 0 ? "start" : i === TICKS ? "end" : "middle"));
	}
	for (const [column, name] of [[1, "in"], [2, "out"]]) {
		for (const piece of pieces(rows, column)) {
			const points = piece.map((r) =>
				`${x(r[0].getTime()).toFixed(1)},${y(r[column]).toFixed(1)}`);
			element.append(svg("path", { class: `paper-${name}`, d: `M${
				x(piece[0][0].getTime()).toFixed(1)},${y(0).toFixed(1)}L${
				points.join("L")}L${x(piece.at(-1)[0].getTime()).toFixed(1)},${
				y(0).toFixed(1)}Z` }));
		}
	}
	return element;
}
