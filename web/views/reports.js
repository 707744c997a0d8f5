// Reports: made in the background of any period, fetched as PDF, JSON or CSV, made again by a
// schedule.

import { get, post, remove } from "../api.js";
import { absolute, bytes, capital, clean } from "../format.js";
import { field, form } from "../forms.js";
import { may, whyNot } from "../session.js";
import { createTable } from "../table.js";
import { button, confirmDialog, empty, failure, fill, h, name, panel, time, toast } from "../ui.js";

const WATCH_MS = 1000; // while one is being made
const KINDS = [["general", "General overview"], ["incidents", "Security incidents"],
	["traffic", "Traffic analysis"], ["anomaly", "Anomaly detection"],
	["executive", "Executive summary"]];
const ABOUT = {
	general: "Totals, busiest hosts, protocols and incidents on a page each.",
	incidents: "Each incident with its reason and what was done.",
	traffic: "Course, protocols, talkers, hours of the week.",
	anomaly: "What stood out against the learned normal.",
	executive: "One page for somebody who has a minute.",
};
const FORMATS = [["pdf", "PDF"], ["json", "JSON"], ["csv", "CSV"]];
const PERIODS = [["86400", "last 24 hours"], ["604800", "last 7 days"],
	["2592000", "last 30 days"], ["7776000", "last 90 days"], ["own", "from … to …"]];
const EVERY = [["daily", "every day"], ["weekly", "every week"], ["monthly", "every month"]];
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const OVER = ["done", "failed"];

function shared(why) {
	const disabled = Boolean(why);
	return {
		kind: field({ name: "kind", label: "Report", options: KINDS, value: "general",
			hint: ABOUT.general, disabled }),
		format: field({ name: "format", label: "As", options: FORMATS, disabled }),
	};
}

/** The period chosen: [from, to] as RFC 3339, or a fault of a field. */
function periodOf({ period, from, to }) {
	if (period !== "own") {
		const now = Date.now();
		return [new Date(now - Number(period) * 1000).toISOString(),
			new Date(now).toISOString()];
	}
	return [from, to].map((t) => new Date(t).toISOString());
}

function periodFields(disabled) {
	const period = field({ name: "period", label: "Period", options: PERIODS,
		value: "604800", disabled });
	const from = field({ name: "from", label: "From", type: "datetime-local", disabled });
	const to = field({ name: "to", label: "To", type: "datetime-local", disabled });
	const show = () => {
		from.element.hidden = to.element.hidden = period.input.value !== "own";
	};
	period.input.addEventListener("change", show);
	show();
	return { period, from, to };
}

function makePanel(made) {
	const why = whyNot("analyst", "Making reports");
	const fields = { ...shared(why), ...periodFields(Boolean(why)) };
	fields.kind.input.addEventListener("change", () => {
		fields.kind.element.querySelector(".field-hint").textContent =
			ABOUT[fields.kind.input.value];
	});
	return panel("Make a report", { class: "panel-add" }, form({
		fields, submit: "Make report", why, class: "form-grid form-report",
		check: (v) => (v.period === "own" && !(Date.parse(v.from) < Date.parse(v.to))
			? ["to", "The period ends before it begins."] : null),
		run: async (values) => {
			const [from, to] = periodOf(values);
			await post("/reports", { kind: values.kind, format: values.format, from, to,
				zone: ZONE });
			toast("The report is being made.");
			made();
		},
	}));
}

function stateCell(r) {
	if (r.state === "done") {
		return h("a", { class: "button small", href: `/api/v1/reports/${Number(r.id)}/file`,
			download: "" }, `Download ${clean(r.format, 8).toUpperCase()}`);
	}
	if (r.state === "failed") {
		return h("span", { class: "risk" }, name(r.error || "failed", 200));
	}
	const meter = h("progress", { max: "100", value: Number(r.progress) || 0,
		"aria-label": "Progress" });
	return [meter,
		h("span", { class: "sub" }, `${capital(r.state)}, ${Number(r.progress) || 0} %`)];
}

function askDelete(r, done) {
	confirmDialog({ title: "Delete this report?", confirm: "Delete",
		body: [h("p", {}, name(r.title, 80), `, made ${absolute(r.created)}.`)],
		run: async () => {
			await remove(`/reports/${Number(r.id)}`);
			done();
		} });
}

function columns(changed) {
	return [
		{ key: "title", label: "Report", value: (r) => r.title, cell: (r) =>
			[name(r.title, 80),
			h("span", { class: "sub" }, `${absolute(r.from).slice(0, -3)} to `
				+ absolute(r.to).slice(0, -3))] },
		{ key: "created", label: "Made", class: "when", first: "desc",
			value: (r) => r.created, cell: (r) => time(r.created) },
		{ key: "author", label: "By", class: "p2", value: (r) => r.author,
			cell: (r) => [name(r.author, 64), r.schedule_id
				? h("span", { class: "sub" }, "by schedule") : null] },
		{ key: "size", label: "Size", class: "num p2", first: "desc",
			value: (r) => r.size || 0, cell: (r) => (r.size ? bytes(r.size) : "–") },
		{ key: "state", label: "File", value: (r) => r.state,
			signature: (r) => `${r.state} ${r.progress} ${r.error}`, cell: stateCell },
		{ key: "delete", label: "", name: "Delete", class: "action-cell",
			cell: (r) => button("Delete", { kind: "quiet small",
				why: whyNot("analyst", "Deleting reports"),
				label: `Delete the report ${r.id}`, on: () =>
					askDelete(r, changed) }) },
	];
}

function reportsPart() {
	const problem = h("div", {});
	const table = createTable({ caption: "Reports", class: "stack table-reports",
		columns: columns(() => load()), rowKey: (r) => r.id,
		empty: () => empty("No report yet", may("analyst")
			? "Make one above; it takes seconds."
			: "An analyst or admin makes them.") });
	let timer = 0;

	async function load() {
		clearTimeout(timer);
		try {
			const { items } = await get("/reports", { limit: 100 });
			table.update(items);
			fill(problem);
			if (items.some((r) => !OVER.includes(r.state))) {
				timer = setTimeout(load, WATCH_MS);
			}
		} catch (error) {
			fill(problem, failure(error, load));
		}
	}
	return { element: panel("Reports", {}, problem, table.element), load,
		stop: () => clearTimeout(timer) };
}

function scheduleForm(added) {
	const why = whyNot("analyst", "Schedules");
	const noMail = whyNot("admin", "Who gets a report by mail");
	const fields = { ...shared(why),
		every: field({ name: "every", label: "Every", options: EVERY, value: "weekly",
			disabled: Boolean(why) }),
		at: field({ name: "at", label: "At", type: "time", value: "07:30", required: true,
			hint: ZONE, disabled: Boolean(why) }),
		to: field({ name: "to", label: "Mail to", placeholder: "those of [Mail] to",
			hint: noMail || "addresses, comma separated",
			disabled: Boolean(noMail) }) };
	return form({ fields, submit: "Add schedule", kind: "quiet", why,
		class: "form-grid form-report",
		run: async (values) => {
			await post("/reports/schedules", { ...values, zone: ZONE });
			toast("Such a report is made by itself from now on.");
			added();
		} });
}

function schedulesPart() {
	const problem = h("div", {});
	const end = (s) => button("Remove", { kind: "quiet small",
		why: whyNot("analyst", "Schedules"), label: `Remove the schedule ${s.id}`,
		on: () => confirmDialog({ title: "Remove this schedule?", confirm: "Remove",
			body: [h("p", {}, name(s.title, 80), `, ${clean(s.every, 12)} at `
				+ `${clean(s.at, 8)}, is no longer made by itself. `
				+ "Reports that are there stay.")],
			item: s, reload: load,
			run: async () => {
				await remove(`/reports/schedules/${Number(s.id)}`, s.etag);
				load();
			} }) });
	const table = createTable({ caption: "Schedules", class: "compact", columns: [
		{ key: "title", label: "Report", value: (s) => s.title, cell: (s) =>
			[name(s.title, 80),
			h("span", { class: "sub" }, clean(s.format, 8).toUpperCase())] },
		{ key: "every", label: "When", value: (s) => `${s.every} ${s.at}`,
			cell: (s) => [`${clean(s.every, 12)} at ${clean(s.at, 8)}`,
				h("span", { class: "sub" }, clean(s.zone, 48)),
				s.to ? h("span", { class: "sub" },
					`to ${clean(s.to, 120)}`) : null] },
		{ key: "next_due", label: "Next", class: "when", value: (s) => s.next_due || "",
			cell: (s) => time(s.next_due) },
		{ key: "end", label: "", name: "Remove", class: "action-cell", cell: end },
	], rowKey: (s) => s.id, empty: () => empty("No schedule yet",
		"Choose a report and a time above: it is then made by itself, and mailed.") });

	async function load() {
		try {
			table.update((await get("/reports/schedules")).items);
			fill(problem);
		} catch (error) {
			fill(problem, failure(error, load));
		}
	}
	return { element: panel("Schedules", {}, scheduleForm(() => load()), problem,
		table.element),
		load };
}

/** @returns {object} the view */
export function reportsView() {
	const reports = reportsPart();
	const schedules = schedulesPart();
	return {
		title: "Reports", help: "reports",
		element: h("div", { class: "view" }, h("div", { class: "view-head" },
			h("h1", {}, "Reports"), h("p", { class: "muted summary" },
				"Made on this host; nothing leaves it.")),
		makePanel(() => reports.load()), reports.element, schedules.element),
		start() {
			reports.load();
			schedules.load();
		},
		stop: reports.stop,
	};
}
