// The settings: every option with what it means, its bounds and where its value comes from. Changes
// are gathered, shown as a difference, and applied together.

import { get, put } from "../api.js";
import { clean, count } from "../format.js";
import { button, confirmDialog, empty, failure, fill, h, name, panel, setText, toast, uid }
	from "../ui.js";
import { outputsPanel } from "./outputs.js";

const SOURCES = { default: "default", file: "from the file", page: "changed here",
	environment: "from the environment", "command line": "from the command line" };

const isYes = (value) => ["yes", "true", "on", "1", true].includes(value);

/** What may stand there, in words. @param {object} item */
function bounds(item) {
	const parts = [];
	const unit = item.unit ? ` ${clean(item.unit, 16)}` : "";
	if (item.type === "size") {
		parts.push("as 512MiB, 2GiB");
	} else if (item.type === "duration") {
		parts.push("as 30s, 15m, 4h, 7d, or never");
	} else if (item.type === "list") {
		parts.push("separated by commas");
	} else if (item.type === "int" && item.max) {
		parts.push(`${count(item.min)} to ${count(item.max)}${unit}`);
	}
	const usual = item.type === "bool" ? (isYes(item.default) ? "yes" : "no") : item.default;
	if (usual !== "" && usual !== null && item.type !== "secret") {
		parts.push(`default ${clean(usual, 80)}`);
	}
	return parts.join("; ");
}

/** The control of one option: what it holds now, as text. */
function control(item, id, changed) {
	const shared = { id, disabled: !item.settable,
		"aria-describedby": `${id}-hint ${id}-error` };
	const value = item.value ?? "";
	const on = { input: changed, change: changed };
	if (item.type === "bool" || item.type === "enum") {
		const words = item.type === "bool" ? ["yes", "no"] : item.words || [];
		const current = item.type === "bool"
			? (isYes(value) ? "yes" : "no") : value;
		return h("select", { ...shared, on }, words.map((w) => h("option", { value: w,
			selected: w === current }, w)));
	}
	return h("input", { ...shared, on, type: item.type === "secret" ? "password" : "text",
		value: item.type === "secret" ? "" : value, autocomplete: "off",
			spellcheck: "false",
		placeholder: item.type === "secret" && item.has_value ? "set; type to replace" : "",
		maxlength: "8192", inputmode: item.type === "int" ? "numeric" : null });
}

function sentence(text) {
	return text.charAt(0).toUpperCase() + text.slice(1);
}

function marks(item) {
	return h("span", { class: "setting-marks" },
		h("span", { class: "badge" }, SOURCES[item.source] || clean(item.source, 24)),
		item.restart ? h("span", { class: "badge" }, "at the next start") : null,
		item.waiting ? h("span", { class: "badge badge-wait" }, "waits for a restart")
			: null);
}

function row(item, changed) {
	const id = uid("setting");
	const input = control(item, id, () => self.changed());
	const initial = input.value;
	const error = h("p", { class: "field-error", id: `${id}-error`, role: "alert" });
	const meanwhile = h("p", { class: "risk meanwhile" });
	const back = button("Take back", { kind: "quiet small",
		label: `Take back what this page keeps of ${item.key}`,
		on: () => self.takeBack() });
	back.hidden = !item.is_stored || !item.settable;
	const element = h("div", { class: "setting field", data: { key: item.key } },
		h("div", { class: "setting-what" }, h("label", { for: id }, name(item.name, 64)),
			h("p", { class: "setting-help" }, name(sentence(item.help), 400)),
				marks(item)),
		h("div", { class: "setting-how" }, input, h("p", { class: "field-hint",
			id: `${id}-hint` }, bounds(item)), error, meanwhile, back));
	const self = {
		element, item, taken: false,
		changed() {
			self.taken = false;
			setText(error, "");
			element.toggleAttribute("data-changed", self.wish() !== undefined);
			changed();
		},
		takeBack() {
			self.taken = true;
			element.setAttribute("data-changed", "");
			changed();
		},
		/** Somebody else changed this while the page stood open. */
		noteOther(who) {
			setText(meanwhile, `${who || "Somebody"} changed this meanwhile${
				item.type === "secret" ? "" : `: it is ${
					clean(item.value, 80) || "empty"} now`}.`);
		},
		/** Ask for this again, which was typed before the page was loaded anew. */
		askFor(wish) {
			if (wish === null) {
				self.takeBack();
			} else if (item.settable) {
				input.value = wish;
				self.changed();
			}
		},
		/** What to ask for: undefined when nothing changed, null to take back. */
		wish: () => (self.taken ? null : input.value === initial ? undefined : input.value),
		setError(text) {
			setText(error, clean(text, 300));
			input.setAttribute("aria-invalid", "true");
			input.focus();
		},
		matches: (text) => `${item.key} ${item.help}`.toLowerCase().includes(text),
	};
	return self;
}

function shownValue(value, secret) {
	return secret ? h("em", {}, "secret") : value === null || value === ""
		? h("span", { class: "muted" }, "empty") : name(String(value), 200);
}

function difference(changes) {
	return h("ul", { class: "diff" }, changes.map((c) => h("li", {},
		h("strong", {}, name(c.key, 80)),
		h("p", {}, h("del", {}, shownValue(c.from, c.secret)), " → ",
			h("ins", {}, shownValue(c.to, c.secret))),
		c.restart ? h("p", { class: "muted" }, "Takes effect at the next start.") : null,
		c.risk ? h("p", { class: "risk" }, name(c.risk, 300)) : null)));
}

function wishes(rows) {
	return Object.fromEntries(rows.map((r) => [r.item.key, r.wish()])
		.filter(([, v]) => v !== undefined));
}

/** Show the difference; apply it when it is confirmed. */
async function review({ rows, version }, done, overtaken) {
	const changes = wishes(rows);
	/** Ask; when somebody was faster, say so and show theirs. @returns the answer or null */
	const ask = async (more) => {
		try {
			return await put("/settings", { changes, version, ...more });
		} catch (error) {
			if (error.code !== "changed_meanwhile") {
				throw error;
			}
			await overtaken(error.who);
			toast(`${error.message} What you entered is still here.`, "error");
			return null;
		}
	};
	try {
		const plan = await ask({ dry_run: true });
		const risky = plan?.changes.some((c) => c.risk);
		if (!plan) {
			return;
		}
		confirmDialog({
			title: "Apply these changes?", confirm: "Apply",
			kind: risky ? "danger" : "primary", body: [difference(plan.changes)],
			run: async () => {
				if (await ask({ confirm: risky })) {
					toast("The settings are changed.");
					done();
				}
			},
		});
	} catch (error) {
		const at = rows.find((r) => r.item.key === error.field);
		if (at) {
			at.setError(error.message);
		} else {
			toast(error.message, "error");
		}
	}
}

function groups(rows) {
	const sections = [...new Set(rows.map((r) => r.item.section))];
	return sections.map((section) => panel(section, { class: "settings-group" },
		rows.filter((r) => r.item.section === section).map((r) => r.element)));
}

function barOf(onReview, onDrop) {
	const text = h("strong", { role: "status" });
	const element = h("div", { class: "bulk save-bar", hidden: true }, text,
		button("Review…", { kind: "primary small", on: onReview }),
		button("Drop changes", { kind: "quiet small", on: onDrop }));
	return {
		element,
		draw(n) {
			element.hidden = n === 0;
			setText(text, n === 1 ? "1 change" : `${n} changes`);
		},
	};
}

/** Hide what does not fit the search, and sections with nothing left. */
function narrow(root, rows, text) {
	rows.forEach((r) => {
		r.element.hidden = !r.matches(text);
	});
	for (const group of root.querySelectorAll(".settings-group")) {
		group.hidden = !group.querySelector(".setting:not([hidden])");
	}
}

/** @returns {object} the view */
export function settingsView() {
	const list = h("div", { class: "settings" });
	const state = { rows: [], version: null };
	const bar = barOf(() => review(state, load, overtaken),
		() => load());
	const search = h("input", { type: "search", class: "filter-input", maxlength: "100",
		placeholder: "Search settings", "aria-label": "Search settings",
		on: { input: () => narrow(list, state.rows, search.value.trim().toLowerCase()) } });
	const outputs = outputsPanel();
	const draw = () => bar.draw(Object.keys(wishes(state.rows)).length);

	async function read() {
		const answer = await get("/settings");
		state.version = answer.version;
		state.rows = answer.items.map((item) => row(item, draw));
		fill(list, state.rows.length ? groups(state.rows)
			: empty("No settings", "This program has none."));
		narrow(list, state.rows, search.value.trim().toLowerCase());
		draw();
	}

	async function load() {
		try {
			await read();
		} catch (error) {
			fill(list, failure(error, load));
		}
	}

	/** Somebody was faster: what is there now, with what was typed here, and theirs marked. */
	async function overtaken(who) {
		const before = state.rows;
		await read();
		for (const now of state.rows) {
			const was = before.find((r) => r.item.key === now.item.key);
			if (was && (was.item.value !== now.item.value
				|| was.item.stored !== now.item.stored)) {
				now.noteOther(who);
			}
			if (was?.wish() !== undefined) {
				now.askFor(was.wish());
			}
		}
		draw();
	}
	return {
		title: "Settings", help: "settings", keeps: () =>
			Object.keys(wishes(state.rows)).length > 0,
		element: h("div", { class: "view" }, h("div", { class: "view-head" },
			h("h1", {}, "Settings"), h("p", { class: "muted summary" },
				"What is changed here goes before the files, and is kept over "
					+ "restarts.")),
		search, bar.element, list, outputs.element),
		start() {
			load();
			outputs.load();
		},
	};
}
