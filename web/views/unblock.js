// The original's unblock links: a question first, for no link may change anything.

import { get, remove } from "../api.js";
import { clean } from "../format.js";
import { button, fill, h, link, toast } from "../ui.js";

/** @param {object} context see app.js; its one parameter is the block's number @returns {object} */
export function unblockView(context) {
	const [id] = context.params;
	const what = h("p", { class: "muted" }, "Looking it up…");
	let seen = "";
	const go = button("Unblock", { kind: "primary", on: async () => {
		go.disabled = true;
		try {
			await remove(`/blocks/${id}`, seen);
			toast("Unblocked.");
			context.navigate("/blocks");
		} catch (error) {
			toast(error.message, "error");
			load();
		}
	} });
	go.disabled = true;
	async function load() {
		try {
			const block = await get(`/blocks/${id}`);
			const ended = ["removed", "expired", "rolled_back"].includes(block.state);
			fill(what, h("strong", {}, clean(block.value, 300)), ended
				? " is not blocked any more." : " will be let through again.");
			go.disabled = ended;
			seen = block.etag;
		} catch (error) {
			fill(what, clean(error.message, 300));
		}
	}
	return {
		title: "Unblock",
		element: h("div", { class: "view view-narrow" }, h("section", { class: "panel" },
			h("h1", {}, "Unblock?"), what,
			h("div", { class: "form-actions" }, go,
				link("/blocks", { class: "button" }, "Keep it")))),
		start: load,
	};
}
