// What a person does with incidents, from the list and from one of them: another state, a block of
// the source, "expected here". Remembers the order of the list, so that one leads to the next.

import { post } from "./api.js";
import { askBlock } from "./block_dialog.js";
import { clean, endpoint, plural, STATE_LABELS } from "./format.js";
import { field } from "./forms.js";
import { may, whyNot } from "./session.js";
import { confirmDialog, h, name, toast } from "./ui.js";

const EXPECTED_FOR = [["7d", "7 days"], ["30d", "30 days"], ["90d", "90 days"],
	["never", "until removed"]];
let order = []; // ids as the list showed them last

/** Keep the order of the list. @param {number[]} ids */
export function rememberOrder(ids) {
	order = ids;
}

/** The neighbours of an incident in the list: [before, after], null where there is none. */
export function neighbours(id) {
	const at = order.indexOf(id);
	return at < 0 ? [null, order[0] ?? null] : [order[at - 1] ?? null, order[at + 1] ?? null];
}

function refuse(role, what) {
	const why = whyNot(role, what);
	if (why) {
		toast(why, "error");
	}
	return Boolean(why);
}

/**
 * Another state for one or several.
 * @param {object[]} incidents with `id`, and `version` when it was read
 * @param {string} state
 * @returns {Promise<object|null|undefined>} the incident when it was one, null after several,
 *          undefined when it was refused (and said)
 */
export async function setState(incidents, state) {
	if (refuse("analyst", "Changing the state") || incidents.length === 0) {
		return undefined;
	}
	const label = STATE_LABELS[state].toLowerCase();
	try {
		if (incidents.length > 1) {
			const { changed, failed } = await post("/incidents/bulk", {
				ids: incidents.map((i) => Number(i.id)), state });
			toast(failed.length ? `${failed.length} not changed: ${failed[0].message}`
				: `${plural(changed.length, "incident")}: now ${label}.`,
			failed.length ? "error" : "ok");
			return null;
		}
		const [one] = incidents;
		const now = await post(`/incidents/${Number(one.id)}/state`, { state,
			...(one.version === undefined ? {} : { version: one.version }) });
		toast(`Incident ${Number(one.id)} is now ${label}.`);
		return now;
	} catch (error) {
		toast(error.message, "error");
		return undefined;
	}
}

/** Ask, then block the source. @param {object} incident @param {() => void} done */
export function blockSource(incident, done) {
	if (!refuse("admin", "Blocking")) {
		const kind = incident.title || incident.detector;
		askBlock({ value: incident.src_ip, incidentId: Number(incident.id), done,
			reason: `${kind}, incident ${incident.id}` });
	}
}

function scopeBoxes(incident) {
	const box = (key, label) => {
		const input = h("input", { type: "checkbox", name: key, checked: true });
		return { key, input, element: h("label", { class: "check" }, input, label) };
	};
	const boxes = [box("src", `from ${clean(incident.src_ip, 64)}`),
		box("dst", `to ${clean(incident.dst_ip, 64)}`)];
	if (incident.dst_port) {
		boxes.push(box("port", `port ${Number(incident.dst_port)}`));
	}
	return boxes;
}

/**
 * "Expected here": this is normal; it is not reported again while the entry lasts.
 * @param {object} incident @param {() => void} done
 */
export function expectIt(incident, done) {
	if (refuse("analyst", "Marking as expected")) {
		return;
	}
	const boxes = scopeBoxes(incident);
	const ttl = field({ name: "ttl", label: "For", options: EXPECTED_FOR, value: "30d" });
	const note = field({ name: "note", label: "Why it is normal", maxlength: 500, wide: true,
		placeholder: "the backup of every night" });
	confirmDialog({
		title: "Expected here?", confirm: "Expected here", kind: "primary",
		body: [h("p", {}, "Resolves this incident. The next ones of the same kind, ",
			name(incident.title || incident.detector, 80),
			", are counted but not reported when they are:"),
		h("fieldset", { class: "checks" }, h("legend", { class: "hidden" }, "Scope"),
			boxes.map((b) => b.element)), ttl.element, note.element],
		run: async () => {
			const body = { ttl: ttl.input.value, note: note.input.value.trim() };
			for (const { key, input } of boxes) {
				if (!input.checked) {
					body[key] = null; // any; what is left out is the incident's
				}
			}
			await post(`/incidents/${Number(incident.id)}/expected`, body);
			toast("Expected here from now on.");
			done();
		},
	});
}

/** One sentence on an incident for screen readers and titles. @param {object} i */
export function summaryOf(i) {
	return `${clean(i.title || i.detector, 80)}, ${clean(i.src_ip, 64)} to `
		+ endpoint(i.dst_ip, i.dst_port);
}

/** The keys of triage. @param {(name: string) => void} act called with a name of ACTS */
export function triageKeys(act) {
	const keys = [["a", "acknowledged", "acknowledge"], ["r", "resolved", "resolve"],
		["f", "false_positive", "false positive"], ["u", "open", "open again"],
		["e", "expected", "expected here…"]];
	if (may("admin")) {
		keys.push(["b", "block", "block the source…"]);
	}
	return keys.map(([key, what, label]) => ({ key, label, run: () => act(what) }));
}
