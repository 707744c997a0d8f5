// Every picture of the pages: strokes on a 16 x 16 grid, drawn as SVG elements, never as text.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
	overview: "M2 9.5 5 6l3 3 3-5 3 4M2 13.5h12",
	flows: "M2 5h10M9.5 2.5 12 5 9.5 7.5M14 11H4m2.5-2.5L4 11l2.5 2.5",
	incidents: "M8 2.2 14.4 13.3H1.6zM8 6.5v3.2m0 1.7v.1",
	blocks: "M8 1.8 13.3 4v4c0 3-2.2 5.2-5.3 6.2C4.9 13.2 2.7 11 2.7 8V4zM6 6.2l4 4m0-4-4 4",
	shield: "M8 1.8 13.3 4v4c0 3-2.2 5.2-5.3 6.2C4.9 13.2 2.7 11 2.7 8V4z"
		+ "M5.6 8l1.7 1.7L10.6 6.4",
	user: "M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8zM2.8 14c.5-2.6 2.5-4 5.2-4s4.7 1.4 5.2 4",
	check: "M3 8.5 6.5 12 13 4.5",
	ok: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM5 8.2l2.1 2.1L11 6.2",
	alert: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 4.8v4m0 2.2v.1",
	x: "M4 4l8 8m0-8-8 8",
	pause: "M5.5 3.5v9m5-9v9",
	play: "M5 3.2v9.6L12.5 8z",
	down: "M8 3v10m-4-4 4 4 4-4",
	up: "M8 13V3M4 7l4-4 4 4",
	drop: "M2.5 4h11M4.5 4v6m7-6v6M8 6.5v7m-2.2-2.2L8 13.5l2.2-2.2",
	search: "M7 12a5 5 0 1 0 0-10 5 5 0 0 0 0 10zm3.6-1.4L14 14",
	link: "M6.5 3.5h-3v9h9v-3M9 3h4v4m0-4L7.5 8.5",
	plus: "M8 3.5v9M3.5 8h9",
	minus: "M3.5 8h9",
	stop: "M4.5 4.5h7v7h-7z",
	help: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM6.2 6.3a1.9 1.9 0 1 1 2.6 1.8"
		+ "c-.5.2-.8.6-.8 1.1v.3m0 1.8v.1",
	report: "M4 1.8h5.5L12.5 5v9.2H4zM9.5 1.8V5h3M6 8.5h4.5M6 11h4.5",
	gear: "M8 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4zM8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2"
		+ "M3.6 3.6 5 5M11 11l1.4 1.4M12.4 3.6 11 5M5 11l-1.4 1.4",
	more: "M3 8h.1M8 8h.1M13 8h.1",
	chevron: "M4.5 6 8 9.5 11.5 6",
	right: "M6 4l4 4-4 4",
	left: "M10 4 6 8l4 4",
	high: "M8 2.2 14.4 13.3H1.6z",
	medium: "M8 2 14 8 8 14 2 8z",
	low: "M8 13a5 5 0 1 0 0-10 5 5 0 0 0 0 10z",
	clock: "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 4.5V8l2.5 1.5",
	flask: "M6 2h4M6.7 2v4L3 12.6c-.4.8.1 1.4.8 1.4h8.4c.7 0 1.2-.6.8-1.4L9.3 6V2M5 10h6",
	offline: "M2 6.5C3.7 5 5.7 4.2 8 4.2s4.3.8 6 2.3M4.5 9.2A5 5 0 0 1 8 7.9c1.3 0 2.5.4 3.5"
		+ " 1.3M8 12.2v.1M2.5 2.5l11 11",
};

function svg(tag, attributes) {
	const element = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes)) {
		element.setAttribute(name, value);
	}
	return element;
}

/**
 * An icon, hidden from screen readers: the word stands beside it.
 * @param {string} name a key of PATHS
 * @param {string} [extra] more classes
 * @returns {SVGElement}
 */
export function icon(name, extra = "") {
	const root = svg("svg", {
		viewBox: "0 0 16 16", class: `icon ${extra}`.trim(), "aria-hidden": "true",
		focusable: "false",
	});
	root.append(svg("path", { d: PATHS[name] }));
	return root;
}

/** The sluice gate: two posts, a lifted gate, water running below. @returns {SVGElement} */
export function logo() {
	const root = svg("svg", { viewBox: "0 0 32 32", class: "logo", "aria-hidden": "true" });
	root.append(
		svg("rect", { class: "logo-ground", width: 32, height: 32, rx: 7 }),
		svg("path", { class: "logo-frame", d: "M7 6v20M25 6v20M7 7h18" }),
		svg("rect", { class: "logo-gate", x: 10.4, y: 9.6, width: 11.2, height: 8.4,
			rx: 1 }),
		svg("path", {
			class: "logo-water", d: "M10.5 22.2c1.9-1.7 3.6-1.7 5.5 0s3.6 1.7 5.5 0",
		}),
	);
	return root;
}

export { svg };
