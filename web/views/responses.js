// Automatic responses: what the service does by itself when a kind of incident opens. A dry run
// until an admin turns it on.

import { get, post } from "../api.js";
import { clean, duration } from "../format.js";
import { field } from "../forms.js";
import { whyNot } from "../session.js";
import { createTable } from "../table.js";
import { button, confirmDialog, failure, fill, h, name, panel, time, toast } from "../ui.js";

const WORDS = { none: "nothing", ask: "asks", block: "blocks the source" };
const CHOICES = [["none", "do nothing"], ["ask", "ask"], ["block", "block the source for a time"],
	["default", "as in the settings"]];
const TTLS = [["10m", "10 minutes"], ["1h", "1 hour"], ["4h", "4 hours"], ["24h", "1 day"]];

function askPolicy(item, done) {
	const what = field({ name: "response", label: "When it opens", options: CHOICES,
		value: item.is_default ? "default" : item.response });
	const ttl = field({ name: "ttl", label: "Block for", options: TTLS, value: "1h" });
	confirmDialog({ title: clean(item.title, 80), confirm: "Save", kind: "primary",
		body: [h("p", {},
			"A block by itself is exactly one address wide (a /64 of IPv6), never "
			+ "on the safe list, and ends after its time."), what.element, ttl.element],
		item, reload: done,
		run: async () => {
			await post(`/response/${encodeURIComponent(item.detector)}`,
				{ response: what.input.value, ttl: ttl.input.value }, item.etag);
			toast("The policy is changed.");
			done();
		} });
}

function askDryRun(isDry, done) {
	confirmDialog({ title: isDry ? "Let responses act?" : "Back to the dry run?",
		confirm: isDry ? "Let them act" : "Dry run", kind: isDry ? "danger" : "primary",
		body: [h("p", {}, isDry
			? "From now on such incidents really block their source. Look "
			+ "first at what the dry run would have blocked: it is in the timeline of "
			+ "each "
			+ "incident." : "Incidents then only say what would have been blocked.")],
		run: async () => {
			await post("/response", { dry_run: !isDry });
			done();
		} });
}

/** @returns {{element: HTMLElement, load: () => Promise<void>}} */
export function responsesPanel() {
	const head = h("p", { class: "lead" });
	const problem = h("div", {});
	const why = whyNot("admin", "Responses");
	const actions = h("span", {});
	const table = createTable({ caption: "Responses", class: "compact", columns: [
		{ key: "title", label: "Kind", value: (r) => r.title, cell: (r) =>
			name(r.title, 80) },
		{ key: "response", label: "When it opens", value: (r) => r.response,
			signature: (r) => JSON.stringify(r),
			cell: (r) => [WORDS[r.response] || clean(r.response, 16),
				r.response === "block" ? ` for ${duration(r.ttl_s)}` : "",
				r.is_default ? h("span", { class: "badge place" }, "default")
					: null] },
		{ key: "author", label: "By", class: "p2", value: (r) => r.author || "",
			cell: (r) => (r.author ? [name(r.author, 64), " ", time(r.changed)] : "") },
		{ key: "change", label: "", name: "Change", class: "action-cell",
			cell: (r) => button("Change…", { kind: "quiet small", why,
				label: `Change: ${r.title}`, on: () => askPolicy(r, load) }),
			signature: (r) => JSON.stringify(r) },
	], rowKey: (r) => r.detector });

	async function load() {
		try {
			const answer = await get("/response");
			fill(head, h("strong", {}, answer.dry_run ? "Dry run. " : "Acting. "),
				answer.dry_run ? "Incidents only say what would have been blocked."
					: "Sources are blocked by themselves where the policy "
						+ "says so.");
			fill(actions, button(answer.dry_run ? "Let them act…" : "Dry run…",
				{ kind: "small", why, on: () => askDryRun(answer.dry_run, load) }));
			table.update(answer.items);
			fill(problem);
		} catch (error) {
			fill(problem, failure(error, load));
		}
	}
	return { element: panel("Automatic responses", { actions }, head, problem, table.element),
		load };
}
