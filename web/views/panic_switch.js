// The end of all drops at once, and the way back: for the minute in which something is wrong.

import { post } from "../api.js";
import { latest, subscribe } from "../live.js";
import { whyNot } from "../session.js";
import { button, confirmDialog, fill, h, toast } from "../ui.js";

function ask(isOn) {
	confirmDialog({
		title: isOn ? "Allow blocking again?" : "End all blocking now?",
		confirm: isOn ? "Allow blocking" : "End all blocking", kind: isOn ? "primary"
			: "danger",
		body: [h("p", {}, isOn ? "Every active block drops again from the next packet on."
			: "No packet is dropped any more until blocking is allowed again. The "
				+ "blocks stay "
				+ "in the list.")],
		run: async () => {
			await post("/panic", { on: !isOn });
			toast(isOn ? "Blocks drop again." : "All blocking has ended.");
		},
	});
}

/** @returns {{element: HTMLElement, start: () => () => void}} */
export function panicSwitch() {
	const element = h("div", {});
	let drawn = null;

	function draw(snapshot) {
		const isOn = snapshot?.enforcement === "panic";
		if (drawn !== isOn) {
			drawn = isOn;
			fill(element, button(isOn ? "Allow blocking again…" : "End all blocking…",
				{ kind: isOn ? "danger" : "quiet", why: whyNot("admin", "This"),
					on: () => ask(isOn) }));
		}
	}
	return {
		element,
		start() {
			draw(latest("snapshot"));
			return subscribe("snapshot", draw);
		},
	};
}
