// Completion of the search language in a text field: fields first, then values that are known; a
// combobox with a list (WAI-ARIA 1.2), by keys and by pointer.

import { clean } from "./format.js";
import { h, uid } from "./ui.js";

const SHOWN = 10;

/** Field and what it looks at, in the order offered. */
export const FIELDS = [["ip:", "either side, as 192.0.2.0/24"], ["src:", "who began it"],
	["dst:", "the other end"], ["port:", "either port"], ["dport:", "destination port"],
	["sport:", "source port"], ["proto:", "tcp, udp, icmp"],
	["domain:", "a name and all below it"], ["sni:", "server name, as *.example.com"],
	["dns:", "looked-up name or HTTP host"], ["host:", "address or name"],
	["ja4:", "TLS fingerprint"], ["bytes>", "as 10k, 1.5M"], ["bytes_out>", "sent"],
	["bytes_in>", "returned"], ["packets>", "packets"], ["duration>", "as 30s, 15m"],
	["state:", "of the flow"], ["flags:", "TCP flags, as SA"], ["dir:", "in, out"],
	["iface:", "interface"], ["vlan:", "outermost tag"], ["ipv:", "4, 6"],
	["verdict:", "pass, drop"], ["rule:", "number of a block"], ["incident:", "its number"],
	["name:", "what a device calls itself"], ["country:", "of either end, as DE"],
	["asn:", "network of either end, as 64496"], ["owner:", "of that network"],
	["proc:", "process"], ["unit:", "systemd unit"], ["since:", "as 2h, 7d, today"],
	["until:", "as 2h, 2026-11-24T13:45"]];

const VALUES = {
	proto: ["tcp", "udp", "icmp", "ipv6-icmp", "sctp"],
	state: ["new", "established", "closed", "expired"], verdict: ["pass", "drop"],
	dir: ["in", "out"], ipv: ["4", "6"], since: ["15m", "1h", "24h", "7d", "30d", "today",
		"yesterday"], until: ["1h", "24h", "today"], flags: ["S", "SA", "R", "F", "none"],
};

/** The word at the caret: where it begins, and its text up to the caret. */
function wordAt(input) {
	const caret = input.selectionStart ?? input.value.length;
	const start = input.value.lastIndexOf(" ", caret - 1) + 1;
	return { start, caret, text: input.value.slice(start, caret) };
}

/** What could follow: [insert, shown, help]. */
function suggestions(text, known) {
	const sign = /^[-!(]+/.exec(text)?.[0] || "";
	const bare = text.slice(sign.length);
	const at = bare.search(/[:=<>]/);
	if (at < 0) {
		return bare ? FIELDS.filter(([f]) => f.startsWith(bare.toLowerCase()))
			.map(([f, help]) => [sign + f, f, help]) : [];
	}
	const field = bare.slice(0, at);
	const typed = bare.slice(at + 1).toLowerCase();
	const values = [...(VALUES[field] || []), ...known(field)];
	return [...new Set(values)].filter((v) => v.toLowerCase().includes(typed)
		&& v.toLowerCase() !== typed)
		.map((v) => [sign + bare.slice(0, at + 1) + v, v, ""]);
}

/** Puts a suggestion in place of the word; a value ends it with a blank. */
function insert(input, word, text) {
	const tail = /[:=<>]$/.test(text) ? "" : " ";
	const rest = input.value.slice(word.caret);
	input.value = input.value.slice(0, word.start) + text + (rest.startsWith(" ") ? "" : tail)
		+ rest;
	const caret = word.start + text.length + tail.length;
	input.setSelectionRange(caret, caret);
	input.dispatchEvent(new Event("input", { bubbles: true }));
	input.focus();
}

function optionOf([, shown, help], id, choose) {
	return h("li", { id, role: "option", "aria-selected": "false", class: "option",
		on: { pointerdown: (event) => event.preventDefault(), click: choose } },
	h("code", {}, clean(shown, 80)), help ? h("span", { class: "muted" }, help) : null);
}

/**
 * Offer completions below a field.
 * @param {HTMLInputElement} input
 * @param {(field: string) => string[]} known values of a field seen lately
 * @returns {HTMLElement} the list, to be put behind the field
 */
export function complete(input, known) {
	const id = uid("complete");
	const list = h("ul", { id, role: "listbox", class: "options", hidden: true,
		"aria-label": "Suggestions" });
	let offered = [];
	let at = -1;
	Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false",
		"aria-controls": id }).forEach(([k, v]) => input.setAttribute(k, v));

	function mark(index) {
		at = index;
		[...list.children].forEach((o, i) => o.setAttribute("aria-selected",
			String(i === at)));
		if (at >= 0) {
			input.setAttribute("aria-activedescendant", list.children[at].id);
			list.children[at].scrollIntoView({ block: "nearest" });
		} else {
			input.removeAttribute("aria-activedescendant");
		}
	}

	function show(items) {
		offered = items.slice(0, SHOWN);
		list.replaceChildren(...offered.map((o, i) => optionOf(o, `${id}-${i}`,
			() => insert(input, wordAt(input), o[0]))));
		list.hidden = offered.length === 0;
		input.setAttribute("aria-expanded", String(!list.hidden));
		mark(-1);
	}

	const look = () => show(document.activeElement === input
		? suggestions(wordAt(input).text, known) : []);
	input.addEventListener("input", look);
	input.addEventListener("blur", () => show([]));
	input.addEventListener("keydown", (event) => {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (list.hidden) {
			return;
		}
		if (step) {
			event.preventDefault();
			mark((at + step + offered.length + (at < 0 && step < 0 ? 1 : 0))
				% offered.length);
		} else if (["Enter", "Tab"].includes(event.key) && at >= 0) {
			event.preventDefault();
			insert(input, wordAt(input), offered[at][0]);
		} else if (event.key === "Escape") {
			event.preventDefault();
			show([]);
		}
	});
	return list;
}
