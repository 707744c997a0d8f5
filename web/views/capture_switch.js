// Start and stop of counting, for admins: the original's two buttons.

import { getOriginal, postOriginal } from "../api.js";
import { icon } from "../icons.js";
import { latest, subscribe } from "../live.js";
import { may } from "../session.js";
import { confirmDialog, fill, h, toast } from "../ui.js";

async function change(what, done) {
	const answer = await postOriginal(`/api/${what}_analyzer`,
		what === "stop" ? { enforcement: "keep" } : {});
	toast(answer.message);
	done();
}

/** @returns {{element: HTMLElement, start: () => () => void}} */
export function captureSwitch() {
	const element = h("div", { class: "capture" });
	const state = { running: true };

	function ask() {
		const stops = state.running;
		confirmDialog({
			title: stops ? "Stop counting?" : "Start counting?",
			confirm: stops ? "Stop" : "Start", kind: stops ? "danger" : "primary",
			body: [h("p", {}, stops
				? "Packets are no longer counted and nothing new "
				+ "is detected until somebody starts it again. Blocks go on."
				: "Packets are counted again from now on.")],
			run: () => change(stops ? "stop" : "start", refresh),
		});
	}

	function draw(status) {
		state.running = status !== "stopped";
		if (may("admin")) {
			fill(element, h("button", { type: "button", class: "button quiet",
				on: { click: ask } }, icon(state.running ? "stop" : "play"),
			h("span", {}, state.running ? "Stop" : "Start")));
		}
	}

	function refresh() {
		getOriginal("/api/analyzer_status").then((s) => draw(s.status)).catch(() => {
			// the connection banner says it
		});
	}
	return {
		element,
		start() {
			draw(latest("analyzer_status")?.status);
			return subscribe("analyzer_status", (s) => draw(s.status));
		},
	};
}
