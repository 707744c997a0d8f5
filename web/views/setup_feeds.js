// The second step of set-up: lists that others keep, one click each, with their terms. None is on
// unless somebody clicks.

import { get, post } from "../api.js";
import { clean } from "../format.js";
import { button, h, name } from "../ui.js";

function row(feed) {
	const said = h("span", { class: "sub", role: "status" });
	const add = button("Add", { kind: "quiet small", label: `Add the feed ${feed.name}`,
		on: async () => {
			add.disabled = true;
			try {
				await post("/feeds", { name: feed.name, url: feed.url,
					action: "drop", every: "24h" });
				add.textContent = "Added";
			} catch (error) {
				add.disabled = false;
				said.textContent = clean(error.message, 200);
			}
		} });
	return h("li", {}, h("div", {}, h("strong", {}, name(feed.name, 48)), ": ",
		name(feed.what, 120),
		h("span", { class: "sub" }, "Terms: ", name(feed.licence, 160)),
		said), add);
}

/** @param {() => void} done goes on without any of them, or with those that were added */
export function setupFeeds(done) {
	const list = h("ul", { class: "setup-feeds", "aria-label": "Feeds" });
	get("/feeds/offered").then(({ items }) => list.append(...items.map(row)))
		.catch((error) => list.append(h("li", {}, clean(error.message, 200))));
	return [list, h("p", { class: "muted" },
		"What one would have dropped can be seen first: Blocks, Feeds, Preview. "
		+ "Nothing on the safe list is ever dropped."),
	button("Go to the overview", { kind: "primary", on: done })];
}
