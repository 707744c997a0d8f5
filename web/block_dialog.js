// The question before a block, wherever it is asked: what is there today, what it would have
// dropped in the last week, for how long, why.

import { get, post } from "./api.js";
import { clean } from "./format.js";
import { field, LIFETIMES } from "./forms.js";
import { icon } from "./icons.js";
import { confirmDialog, fill, h, mono, name, toast } from "./ui.js";

const VERDICTS = {
	pass: ["ok", "Not blocked, not on the safe list: it can be blocked."],
	drop: ["blocks", "Already blocked."],
	refuse: ["blocks", "Already blocked; questions for it are refused."],
	count: ["blocks", "Counted already, not dropped."],
	safe: ["shield", "On the safe list: it will be refused."],
};

/**
 * What the kernel does with a value today and what a block would have done in the last week.
 * @param {HTMLElement} element filled; `data-verdict` says which
 * @param {string} value
 * @param {() => boolean} isCurrent false once the answer is no longer wanted
 */
export async function lookBefore(element, value, isCurrent = () => true) {
	const [today, past] = await Promise.allSettled([get("/blocks/test", { value }),
		get("/blocks/preview", { value })]);
	if (!isCurrent()) {
		return;
	}
	if (today.status === "rejected") {
		fill(element); // the form itself reports a wrong address
		return;
	}
	const { verdict } = today.value;
	const [picture, text] = VERDICTS[verdict] || VERDICTS.pass;
	const reason = verdict === "pass" ? "" : today.value.reason; // that nothing blocks it
	element.dataset.verdict = verdict;
	fill(element, icon(picture), h("span", {}, text, " ",
		reason ? [name(reason, 200), "."] : "",
		past.status === "fulfilled" ? h("span", { class: "sub preview-past" },
			name(past.value.summary, 300)) : null));
}

/**
 * Ask, then block.
 * @param {{value: string, reason?: string, incidentId?: number, done: (block: object) => void}}
 *        order
 */
export function askBlock({ value, reason = "", incidentId = null, done }) {
	const lifetime = field({ name: "ttl", label: "Block for", options: LIFETIMES,
		value: "24h" });
	const why = field({ name: "reason", label: "Reason", maxlength: 500, wide: true,
		value: reason });
	const look = h("p", { class: "preview", role: "status" }, "Looking…");
	lookBefore(look, value);
	return confirmDialog({
		title: `Block ${clean(value, 64)}?`, confirm: "Block",
		body: [h("p", {}, "Every packet from and to ", mono(value),
			" is dropped, from the next one on. You can remove the block at any time."),
		look, lifetime.element, why.element],
		run: async () => {
			const block = await post("/blocks", {
				value, action: "drop", direction: "both", ttl: lifetime.input.value,
				reason: why.input.value.trim(), incident_id: incidentId,
			});
			toast(block.state === "pending"
				? `${block.value} is blocked for now: confirm it in Blocks.`
				: `${block.value} is blocked.`);
			done(block);
		},
	});
}
