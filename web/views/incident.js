// One incident: why it was reported, the numbers and the flows behind it, what to do, and the
// button that drops its source. After a block the page shows what it drops, live.

import { get, post } from "../api.js";
import { absolute, bytes, capital, clean, cleanLines, count, endpoint, STATE_LABELS }
	from "../format.js";
import { form, field, LIFETIMES } from "../forms.js";
import { icon } from "../icons.js";
import { subscribe } from "../live.js";
import { may, whyNot } from "../session.js";
import { createTable } from "../table.js";
import { button, confirmDialog, empty, facts, failure, fill, h, link, mono, name, panel, severity,
	stateBadge, time, toast } from "../ui.js";
import { showFlow } from "./flow_details.js";

const HITS_MS = 1000;
const ATTACK = "https://attack.mitre.org/techniques/";
const STATES = [["acknowledged", "Acknowledge"], ["resolved", "Resolve"],
	["false_positive", "False positive"], ["open", "Reopen"]];

function reasonPanel(incident) {
	const text = incident.reason
		? h("p", { class: "reason" }, name(incident.reason, 2000))
		: h("p", { class: "muted" }, "The reason is sealed; it needs the role analyst.");
	return panel("Why it was reported", { class: "panel-reason" }, text, facts([
		["Source", link(`/flows?q=${encodeURIComponent(`ip:${incident.src_ip}`)}`, {},
			mono(incident.src_ip))],
		["Destination", mono(endpoint(incident.dst_ip, incident.dst_port))],
		["Protocol", name(incident.proto, 16)],
		["Count", count(incident.count)],
		["Score", `${Number(incident.score || 0).toFixed(2)} of 1`],
		["Detector", name(incident.detector, 48)],
		["ATT&CK technique", incident.technique ? h("a", {
			href: ATTACK + encodeURIComponent(incident.technique),
			rel: "noreferrer noopener", target: "_blank",
		}, name(incident.technique, 16), icon("link")) : null],
		["First seen", h("span", {}, time(incident.first_seen),
			h("span", { class: "muted" },
			` · ${absolute(incident.first_seen)}`))],
		["Last seen", h("span", {}, time(incident.last_seen), h("span", { class: "muted" },
			` · ${absolute(incident.last_seen)}`))],
	]));
}

function evidencePanel() {
	const table = createTable({
		caption: "Evidence: flows behind this incident", class: "table-evidence",
		columns: [
			{ key: "src", label: "Source", class: "addr",
				value: (r) => endpoint(r.src_ip, r.src_port),
				cell: (r) => mono(endpoint(r.src_ip, r.src_port)) },
			{ key: "dst", label: "Destination", class: "addr addr-to",
				value: (r) => endpoint(r.dst_ip, r.dst_port),
				cell: (r) => mono(endpoint(r.dst_ip, r.dst_port)) },
			{ key: "proto", label: "Proto", value: (r) => r.proto,
				cell: (r) => name(r.proto, 12) },
			{ key: "state", label: "State", class: "p4",
				value: (r) => capital(r.state) },
			{ key: "packets", label: "Packets", class: "num", first: "desc",
				value: (r) => r.packets_out + r.packets_in,
				cell: (r) => `${count(r.packets_out)} / ${count(r.packets_in)}` },
			{ key: "bytes", label: "Bytes", class: "num p4", first: "desc",
				value: (r) => r.bytes_out + r.bytes_in,
				cell: (r) => bytes(r.bytes_out + r.bytes_in) },
			{ key: "start", label: "Started", class: "when p2", value: (r) => r.start,
				cell: (r) => time(r.start) },
			{ key: "more", label: "", name: "Details", class: "more-cell",
				cell: () => h("button", {
				type: "button", class: "icon-button",
				"aria-label": "Details of this flow",
				data: { open: "" },
			}, icon("right")) },
		],
		rowKey: (r) => `${r.id} ${r.src_ip} ${r.src_port} ${r.dst_ip} ${r.dst_port}`,
		onRow: (row) => showFlow(row),
		empty: () => (may("analyst")
			? empty("No evidence kept", "The detector named no flow for this incident.")
			: empty("Sealed", "Evidence needs the role analyst.")),
	});
	return { element: panel("Evidence", { note: "flows behind it" }, table.element),
		update: table.update };
}

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

function stateButtons(incident, changed) {
	const why = whyNot("analyst", "Changing the state");
	const open = ["open", "acknowledged"].includes(incident.state);
	const offered = STATES.filter(([state]) => state !== incident.state
		&& (state === "open" ? !open : open));
	return offered.map(([state, label]) => button(label, { why, kind: "quiet", on: async () => {
		try {
			changed(await post(`/incidents/${Number(incident.id)}/state`, { state }));
			toast(`The incident is now: ${STATE_LABELS[state].toLowerCase()}.`);
		} catch (error) {
			toast(error.message, "error");
		}
	} }));
}

function askBlock(incident, changed) {
	const lifetime = field({ name: "ttl", label: "Block for", options: LIFETIMES,
		value: "24h" });
	const reason = field({ name: "reason", label: "Reason", maxlength: 500, wide: true,
		value: `${incident.title || incident.detector}, incident ${incident.id}` });
	confirmDialog({
		title: `Block ${clean(incident.src_ip, 64)}?`, confirm: "Block",
		body: [h("p", {}, "Every packet from and to ", mono(incident.src_ip),
			" is dropped, from the next one on. You can remove the block at any time."),
		lifetime.element, reason.element],
		run: async () => {
			const block = await post("/blocks", {
				value: incident.src_ip, action: "drop", direction: "both",
				ttl: lifetime.input.value, reason: reason.input.value.trim(),
				incident_id: Number(incident.id),
			});
			toast(`${block.value} is blocked.`);
			changed();
		},
	});
}

function blockPanel(incident, changed) {
	const block = incident.block;
	if (!block) {
		const why = whyNot("admin", "Blocking");
		return { element: panel("Block", { class: "panel-block" },
			h("p", {}, mono(incident.src_ip), " is not blocked."),
			button("Block this source…", { kind: "danger", icon: "blocks", why,
				on: () => askBlock(incident, changed) }),
			why ? h("p", { class: "why" }, why) : null), stop: () => {} };
	}
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
			if (now.state !== "active") {
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

function actionsPanel(incident) {
	const ip = encodeURIComponent(incident.src_ip);
	const outside = (href, label) => h("li", {}, h("a", {
		href, target: "_blank", rel: "noreferrer noopener",
	}, label, icon("link")));
	return panel("Recommended actions", {},
		h("ul", { class: "actions" }, (incident.actions || []).map((a) =>
			h("li", {}, icon("check"), h("span", {}, name(a, 300))))),
		h("h3", {}, "About this address elsewhere"),
		h("ul", { class: "outside-links" },
			outside(`https://www.abuseipdb.com/check/${ip}`, "AbuseIPDB"),
			outside(`https://www.virustotal.com/gui/ip-address/${ip}`, "VirusTotal")),
		h("p", { class: "muted" },
			"These links leave Sluice; the address is told to that site."));
}

function relatedPanel(incident) {
	const related = incident.related || [];
	return panel("Related incidents", { note: "same source" }, related.length
		? h("ul", { class: "events" }, related.map((r) => h("li", {},
			link(`/incidents/${Number(r.id)}`, { class: "event event-small" },
				severity(r.severity),
				h("span", { class: "event-title" },
					name(r.title || r.detector, 80)),
				time(r.last_seen)))))
		: h("p", { class: "muted" }, "None from this source."));
}

function draw(incident, changed) {
	const block = blockPanel(incident, () => changed());
	const evidence = evidencePanel();
	evidence.update(incident.evidence || []);
	const element = h("div", {},
		h("div", { class: "view-head incident-head" },
			link("/incidents", { class: "back" }, icon("left"), "Incidents"),
			h("h1", {}, name(incident.title || incident.detector, 120)),
			severity(incident.severity), stateBadge(incident.state),
			h("div", { class: "view-actions" }, stateButtons(incident, changed))),
		h("div", { class: "columns" },
			h("div", { class: "column" }, reasonPanel(incident), evidence.element,
				notesPanel(incident, changed)),
			h("div", { class: "column column-side" }, block.element,
				actionsPanel(incident),
				relatedPanel(incident))));
	return { element, stop: block.stop };
}

/** @param {object} context see app.js @returns {object} the view */
export function incidentView(context) {
	const id = Number(context.params[0]);
	const element = h("div", { class: "view" }, h("p", { class: "muted" }, "Loading…"));
	let drawn = null;
	let ends = [];

	function redraw(incident) {
		drawn?.stop();
		drawn = draw(incident, (now) => (now ? redraw(now) : load()));
		fill(element, drawn.element);
	}

	async function load() {
		try {
			redraw(await get(`/incidents/${id}`));
		} catch (error) {
			fill(element, error.status === 404
				? empty("No such incident", `There is no incident ${id}.`,
					link("/incidents", { class: "button" }, "All incidents"))
				: failure(error, load));
		}
	}

	/** New counts come by themselves; a note being written is not thrown away. */
	function onUpdate(event) {
		const typing = element.querySelector("textarea")?.value
			|| document.querySelector("dialog");
		if (Number(event.id) === id && !typing) {
			load();
		}
	}

	return {
		title: `Incident ${id}`, element,
		start() {
			load();
			ends = [subscribe("incident", onUpdate)];
		},
		stop() {
			drawn?.stop();
			ends.forEach((end) => end());
		},
	};
}
