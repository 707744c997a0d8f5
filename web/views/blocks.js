// Blocks: the form that makes one (with a look before the leap), the list with hits live, and the
// safe list beside it.

import { get, post, remove } from "../api.js";
import { lookBefore } from "../block_dialog.js";
import { bytes, capital, clean, count } from "../format.js";
import { field, form, LIFETIMES } from "../forms.js";
import { subscribe } from "../live.js";
import { may, session, whyNot } from "../session.js";
import { createTable } from "../table.js";
import { button, confirmDialog, empty, failure, fill, h, hostLink, link, mono, name, panel, setText,
	time,
	toast } from "../ui.js";
import { feedsPanel } from "./feeds.js";
import { listsPanel, showEntries } from "./lists.js";
import { panicSwitch } from "./panic_switch.js";
import { responsesPanel } from "./responses.js";
import { safePanel } from "./safe.js";

const REFRESH_MS = 2000;
const LOOK_MS = 300;
const LIMIT = 500;

const SCOPE = {
	live: "Packets of these addresses and names are dropped in the kernel, or only counted "
		+ "where a block says so; never those of the safe list.",
	demo: "Simulated packets of these addresses and names are dropped, or only counted where "
		+ "a block says so; never those of the safe list.",
};

/** Says while typing what the kernel does with this address today, and what a block had done. */
function preview(input) {
	const element = h("p", { class: "preview", role: "status" });
	let timer = 0;
	async function look() {
		const value = input.value.trim();
		if (value.length < 3) {
			fill(element);
			return;
		}
		await lookBefore(element, value, () => input.value.trim() === value);
	}
	const later = () => {
		clearTimeout(timer);
		timer = setTimeout(look, LOOK_MS);
	};
	input.addEventListener("input", later);
	return { element, look: later };
}

/** What the form asks for; what is any is left out. */
function orderOf({ port, proto, ...values }, addresses) {
	return { ...values, ...(proto ? { proto } : {}), ...(port ? { port: Number(port) } : {}),
		...(addresses ? { addresses: true } : {}) };
}

function addPanel(initial, added) {
	const why = whyNot("admin", "Blocking");
	const disabled = Boolean(why);
	const addresses = h("input", { type: "checkbox", name: "addresses", disabled });
	const fields = {
		value: field({ name: "value", label: "Address, prefix or name",
			required: true, value: initial,
			placeholder: "192.0.2.7 or example.com", disabled,
			maxlength: 253 }),
		ttl: field({ name: "ttl", label: "For", options: LIFETIMES, value: "24h",
			disabled }),
		direction: field({ name: "direction", label: "Direction", disabled, value: "both",
			options: [["both", "both ways"], ["in", "coming in"],
				["out", "going out"]] }),
		action: field({ name: "action", label: "Action", disabled, value: "drop",
			options: [["drop", "drop"], ["refuse", "drop, DNS: answer REFUSED"],
				["count", "count only"]] }),
		proto: field({ name: "proto", label: "Protocol", disabled, options: [["", "any"],
			["tcp", "TCP"], ["udp", "UDP"], ["icmp", "ICMP"]] }),
		port: field({ name: "port", label: "Port", disabled, maxlength: 5,
			placeholder: "any" }),
		reason: field({ name: "reason", label: "Reason",
			placeholder: "why, for whoever reads it later",
			disabled, maxlength: 500, wide: true }),
	};
	const look = preview(fields.value.input);
	fields.value.element.append(look.element);
	if (initial) {
		look.look();
	}
	return panel("Block an address or a name", { class: "panel-add" }, form({
		fields, submit: "Block", kind: "danger", icon: "blocks", why,
		class: "form-grid form-block", extra: [h("label", { class: "check" }, addresses,
			"A name: block the addresses it was seen on, too")],
		check: ({ port }) => (port && !(Number(port) > 0 && Number(port) < 65536)
			? ["port", "A port is 1 to 65535."] : null),
		run: async (values, element) => {
			const block = await post("/blocks", orderOf(values, addresses.checked));
			(block.notes || []).slice(0, 3).forEach((text) => toast(text));
			toast(block.state === "pending"
				? `${block.value} is blocked for now: confirm it below, or it `
					+ "ends by itself."
				: `${block.value} is blocked.`);
			element.reset();
			fields.value.input.value = "";
			fields.reason.input.value = "";
			fill(look.element);
			added();
		},
	}));
}

function askRemove(block, removed) {
	confirmDialog({
		title: `Remove the block of ${clean(block.value, 64)}?`, confirm: "Remove block",
		body: [h("p", {}, block.kind === "list"
			? `All ${count(block.entries)} entries of the list go. ` : "",
		"Its packets pass again from the next one on. So far ",
			h("strong", {}, count(block.hits)), " packets were dropped.")],
		item: block, reload: removed,
		run: async () => {
			await remove(`/blocks/${Number(block.id)}`, block.etag);
			toast(`${block.value} passes again.`);
			removed();
		},
	});
}

function scope(b) {
	const direction = { both: "both ways", in: "in", out: "out" }[b.direction] || b.direction;
	const proto = b.proto && !["any", "0"].includes(String(b.proto)) ? ` ${clean(b.proto, 8)}`
		: "";
	return `${direction}${proto}${b.port ? ` port ${b.port}` : ""}`
		+ `${b.action === "count" ? ", count only" : ""}`;
}

const RUNNING = ["active", "pending", "off"];
const STATES = { rolled_back: "Not confirmed, ended", off: "Switched off" };

function remaining(until) {
	const seconds = Math.max(0, Math.round((Date.parse(until) - Date.now()) / 1000));
	return seconds > 90 ? `${Math.round(seconds / 60)} min` : `${seconds} s`;
}

function endCell(b) {
	if (b.state === "pending") {
		return h("span", { class: "badge badge-wait" },
			`${remaining(b.confirm_by)} to confirm`);
	}
	if (b.state !== "active") {
		return h("span", { class: "badge" }, STATES[b.state] || capital(b.state));
	}
	return time(b.expires, "until removed");
}

async function confirmBlock(block, changed) {
	try {
		await post(`/blocks/${Number(block.id)}/confirm`, {}, block.etag);
		toast(`${block.value} stays blocked.`);
	} catch (error) {
		toast(error.message, "error");
	}
	changed();
}

async function turn(block, changed) {
	const on = block.state === "off";
	try {
		await post(`/blocks/${Number(block.id)}/${on ? "on" : "off"}`, {}, block.etag);
		toast(on ? `${block.value} is blocked again.` : `${block.value} passes for now.`);
	} catch (error) {
		toast(error.message, "error");
	}
	changed();
}

function actionCell(b, changed) {
	if (!RUNNING.includes(b.state)) {
		return "";
	}
	const why = whyNot("admin", "Changing a block");
	return [b.state === "pending" ? button("Confirm", { kind: "small", why,
		label: `Keep the block of ${b.value}`, on: () => confirmBlock(b, changed) }) : null,
	b.state === "pending" ? null : button(b.state === "off" ? "Turn on" : "Turn off", {
		kind: "quiet small", why,
			label: `${b.state === "off" ? "Turn on" : "Turn off"} the `
			+ `block of ${b.value}`, on: () => turn(b, changed) }),
	button("Remove", { kind: "quiet small", why, label: `Remove the block of ${b.value}`,
		on: () => askRemove(b, changed) })];
}

/** At which layer a name was stopped: "dns 12, tls 3". */
function layers(b) {
	return Object.entries(b.layers || {}).filter(([, n]) => n > 0)
		.map(([layer, n]) => `${clean(layer, 8)} ${count(n)}`).join(", ");
}

function blockedCell(b) {
	if (b.kind === "list") {
		return [h("button", { type: "button", class: "cell-link", title: "Show its entries",
			on: { click: () => showEntries(b) } }, mono(b.value)),
		h("span", { class: "sub" }, `list of ${count(b.entries)}`)];
	}
	if (b.kind === "address") {
		return hostLink(b.value);
	}
	const query = b.kind === "domain" ? `domain:${b.value}` : `ip:${b.value}`;
	return link(`/flows?q=${encodeURIComponent(query)}`, { title: "Show its flows" },
		mono(b.value));
}

function columns(removed) {
	return [
		{ key: "value", label: "Blocked", class: "addr", value: (b) => b.value,
			cell: blockedCell },
		{ key: "hits", label: "Dropped", class: "num", first: "desc", value: (b) => b.hits,
			signature: (b) => `${b.hits} ${b.hit_bytes} ${layers(b)}`,
			cell: (b) => [count(b.hits), h("span", { class: "sub" },
				layers(b) || bytes(b.hit_bytes))] },
		{ key: "last_hit", label: "Last hit", class: "when", first: "desc",
			value: (b) => b.last_hit || "", cell: (b) => time(b.last_hit) },
		{ key: "reason", label: "Reason", class: "label", value: (b) => b.reason || "",
			cell: (b) => [name(b.reason, 200) , b.incident_id
				? link(`/incidents/${Number(b.incident_id)}`, { class: "sub" },
					`incident ${Number(b.incident_id)}`) : null] },
		{ key: "scope", label: "Scope", class: "p2", value: scope },
		{ key: "author", label: "By", class: "p2", value: (b) => b.author || "",
			cell: (b) => name(b.author, 64) },
		{ key: "created", label: "Since", class: "when p3", first: "desc",
			value: (b) => b.created,
			cell: (b) => time(b.created) },
		{ key: "expires", label: "Ends", class: "when ends", value: (b) => b.expires
			|| "9999",
			signature: (b) => `${b.state} ${b.expires} `
				+ `${b.confirm_by && remaining(b.confirm_by)}`,
			cell: endCell },
		{ key: "remove", label: "", name: "Remove", class: "action-cell",
			signature: (b) => `${b.state} ${b.etag}`,
			cell: (b) => actionCell(b, removed) },
	];
}

function listPanel() {
	const problem = h("div", {});
	const summary = h("span", {});
	const all = h("input", { type: "checkbox", on: { change: () => load() } });
	const table = createTable({
		caption: "Blocks", class: "table-blocks stack", columns: columns(() => load()),
		rowKey: (b) => b.id,
		rowClass: (b) => (RUNNING.includes(b.state) ? "active" : "ended"),
		empty: () => empty("Nothing is blocked", may("admin")
			? "Block an address above, or the source of an incident."
			: "An admin can block an address here or from an incident."),
	});

	async function load() {
		try {
			const { items } = await get("/blocks",
				{ limit: LIMIT, active: all.checked ? null : 1 });
			const active = items.filter((b) => b.state === "active").length;
			const waiting = items.filter((b) => b.state === "pending").length;
			table.update(items);
			setText(summary, waiting ? `${active} active, ${waiting} to confirm`
				: `${active} active`);
			fill(problem);
		} catch (error) {
			if (error.status) {
				fill(problem, failure(error, load));
			}
		}
	}
	return {
		element: panel("Blocks", { class: "panel-list", note: summary,
			actions: [h("label", { class: "check" }, all, " ended ones too")] },
				problem,
		table.element),
		load,
	};
}

/** @param {object} context see app.js @returns {object} the view */
export function blocksView(context) {
	const list = listPanel();
	const safe = safePanel();
	const responses = responsesPanel();
	const feeds = feedsPanel(() => list.load());
	const panic = panicSwitch();
	let timer = 0;
	let ends = [];
	if (context.query.get("refused")) {
		toast("Not blocked: the address is wrong, safe, or blocked already.", "error");
	}
	return {
		title: "Blocks", help: "blocks",
		element: h("div", { class: "view view-wide" },
			h("div", { class: "view-head" }, h("h1", {}, "Blocks"),
				h("p", { class: "muted summary" },
					SCOPE[session().mode] || SCOPE.live),
				h("div", { class: "view-actions" }, panic.element)),
			addPanel(context.query.get("value") || "", () => {
				context.setQuery({});
				list.load();
			}),
			list.element, listsPanel(() => list.load()), feeds.element,
			safe.element,
			responses.element),
		start() {
			list.load();
			safe.load();
			responses.load();
			feeds.load();
			timer = setInterval(() => document.hidden || list.load(), REFRESH_MS);
			ends = [panic.start(), subscribe("block", () => list.load()),
				subscribe("resume", () => list.load())];
		},
		stop() {
			clearInterval(timer);
			feeds.stop();
			ends.forEach((end) => end());
		},
	};
}
