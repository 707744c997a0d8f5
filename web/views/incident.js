// One incident: why it was reported, the numbers and the flows behind it, what to do, and the
// button that drops its source. After a block the page shows what it drops, live.

import { get, post } from "../api.js";
import { absolute, clean, cleanLines, count } from "../format.js";
import { form, field } from "../forms.js";
import { icon } from "../icons.js";
import { bindKeys, showKeys } from "../keys.js";
import { subscribe } from "../live.js";
import { may, whyNot } from "../session.js";
import { blockSource, expectIt, neighbours, setState, triageKeys } from "../triage.js";
import { button, empty, failure, fill, h, link, mono, name, panel, severity, stateBadge, time }
	from "../ui.js";
import { actionsPanel, evidencePanel, reasonPanel, relatedPanel, timelinePanel }
	from "./incident_parts.js";
import { reputationPanel } from "./reputation.js";

const HITS_MS = 1000;
const STATES = [["acknowledged", "Acknowledge"], ["resolved", "Resolve"],
	["false_positive", "False positive"], ["open", "Reopen"]];

function notesPanel(incident, changed) {
	const why = whyNot("analyst", "Adding notes");
	const text = field({ name: "text", label: "New note", type: "textarea", required: true,
		maxlength: 4000, disabled: Boolean(why), wide: true });
	const none = may("analyst") ? "No note yet."
		: "Notes are sealed; they need the role analyst.";
	const notes = incident.notes ?? [];
	return panel("Notes", {}, notes.length
		? notes.map((note) => h("p", { class: "note-text" },
			h("span", { class: "muted" }, `${absolute(note.time)} `,
				h("bdi", {}, clean(note.author))),
			h("br"), h("bdi", {}, cleanLines(note.text))))
		: h("p", { class: "muted" }, none),
	form({
		fields: { text }, submit: "Add note", kind: "quiet", why,
		run: async (values) => changed(await post(`/incidents/${Number(incident.id)}/notes`,
			values)),
	}));
}

function stateButtons(incident, act) {
	const why = whyNot("analyst", "Changing the state");
	const open = ["open", "acknowledged"].includes(incident.state);
	const offered = STATES.filter(([state]) => state !== incident.state
		&& (state === "open" ? !open : open));
	const buttons = offered.map(([state, label]) => button(label, { why, kind: "quiet",
		on: () => act(state) }));
	if (open) {
		buttons.push(button("Expected here…", { why, kind: "quiet",
			on: () => act("expected") }));
	}
	return buttons;
}

function blockedPanel(block, changed) {
	const hits = h("strong", { class: "hits" }, count(block.hits));
	const tail = h("span", {});
	const draw = (b) => {
		fill(hits, count(b.hits));
		fill(tail, ` packet${b.hits === 1 ? "" : "s"} dropped`,
			b.last_hit ? h("span", {}, ", last ", time(b.last_hit)) : "", ".");
	};
	draw(block);
	const timer = setInterval(async () => {
		if (document.hidden) {
			return;
		}
		try {
			const now = await get(`/blocks/${Number(block.id)}`);
			draw(now);
			if (!["active", "pending"].includes(now.state)) {
				changed();
			}
		} catch {
			// the connection banner says it
		}
	}, HITS_MS);
	return {
		element: panel("Blocked", { class: "panel-block is-blocked" },
			h("p", { class: "block-live", "aria-live": "off" }, icon("shield"),
				h("span", {}, mono(block.value), ": ", hits, tail)),
			h("p", { class: "muted" }, "By ", name(block.author, 64), ", ",
				block.expires ? h("span", {}, "ends ", time(block.expires))
					: "until removed", "."),
			link("/blocks", { class: "button" }, "See all blocks")),
		stop: () => clearInterval(timer),
	};
}

/** What the service would do by itself here. */
function responseText(response) {
	if (!response || response.policy === "none") {
		return null;
	}
	const text = response.policy === "ask" ? "The policy for this kind is to ask you."
		: response.dry_run
			? "The policy for this kind is to block; the dry run only says so."
			: "The policy for this kind is to block by itself; this one was not.";
	return h("p", { class: "muted" }, text);
}

function blockPanel(incident, act, changed) {
	if (incident.block) {
		return blockedPanel(incident.block, changed);
	}
	const why = whyNot("admin", "Blocking");
	return { element: panel("Block", { class: "panel-block" },
		h("p", {}, mono(incident.src_ip), " is not blocked."),
		responseText(incident.response),
		button("Block this source…", { kind: "danger", icon: "blocks", why,
			on: () => act("block") }),
		why ? h("p", { class: "why" }, why) : null), stop: () => {} };
}

function neighbour(id, picture, label) {
	return id === null ? null : link(`/incidents/${id}`, { class: "icon-button",
		"aria-label": label, title: label }, icon(picture));
}

function head(incident, act) {
	const [before, after] = neighbours(Number(incident.id));
	return h("div", { class: "view-head incident-head" },
		h("span", { class: "back" }, link("/incidents", {}, icon("left"), "Incidents"),
			neighbour(before, "up", "Incident before (k)"),
			neighbour(after, "down", "Next incident (j)")),
		h("h1", {}, name(incident.title || incident.detector, 120)),
		severity(incident.severity), stateBadge(incident.state),
		h("div", { class: "view-actions" }, stateButtons(incident, act),
			button("Keys", { kind: "quiet", on: showKeys })));
}

function draw(incident, act, changed, said) {
	const block = blockPanel(incident, act, () => changed());
	const evidence = evidencePanel();
	evidence.update(incident.evidence || []);
	const element = h("div", {}, head(incident, act),
		h("div", { class: "columns" },
			h("div", { class: "column" }, reasonPanel(incident), evidence.element,
				notesPanel(incident, changed)),
			h("div", { class: "column column-side" }, block.element,
				actionsPanel(incident), said, timelinePanel(incident),
				relatedPanel(incident))));
	return { element, stop: block.stop };
}

function keysOf(id, context, act) {
	const go = (step) => {
		const next = neighbours(id)[step];
		if (next !== null) {
			context.navigate(`/incidents/${next}`);
		}
	};
	return [{ key: "j", label: "next incident", run: () => go(1) },
		{ key: "k", label: "incident before", run: () => go(0) },
		{ key: "o", label: "back to the list", run: () => context.navigate("/incidents") },
		...triageKeys(act)];
}

function noSuch(id) {
	return empty("No such incident", `There is no incident ${id}.`,
		link("/incidents", { class: "button" }, "All incidents"));
}

/** @param {object} context see app.js @returns {object} the view */
export function incidentView(context) {
	const id = Number(context.params[0]);
	const element = h("div", { class: "view" }, h("p", { class: "muted" }, "Loading…"));
	let [drawn, shown, said, ends] = [null, null, null, []];

	function redraw(incident) {
		const typed = element.querySelector("textarea")?.value;
		drawn?.stop();
		shown = incident;
		said ??= reputationPanel(incident.src_ip); // asked once, kept over redraws
		drawn = draw(incident, act, (now) =>
			(now ? redraw({ ...now, typed: "" }) : load()), said);
		fill(element, drawn.element);
		if (typed && incident.typed === undefined) {
			element.querySelector("textarea").value = typed; // is not thrown away
		}
	}

	async function load() {
		try {
			redraw(await get(`/incidents/${id}`));
		} catch (error) {
			fill(element, h("h1", {}, `Incident ${id}`),
				error.status === 404 ? noSuch(id) : failure(error, load));
		}
	}

	async function act(what) {
		if (!shown) {
			return;
		}
		const ask = { block: blockSource, expected: expectIt }[what];
		if (ask) {
			ask(shown, () => load());
			return;
		}
		await setState([shown], what);
		await load(); // also after a refusal: somebody else may have been faster
	}

	/** New counts come by themselves; not while a dialog is open or a note is written. */
	function onUpdate(event) {
		const typing = element.querySelector("textarea")?.value
			|| document.querySelector("dialog");
		if (Number(event.id) === id && !typing) {
			load();
		}
	}

	return {
		title: `Incident ${id}`, help: "incidents", element,
		start() {
			load();
			ends = [subscribe("incident", onUpdate),
				bindKeys(keysOf(id, context, act))];
		},
		stop() {
			drawn?.stop();
			ends.forEach((end) => end());
		},
	};
}
