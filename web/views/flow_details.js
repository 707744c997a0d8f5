// Everything known of one flow, in a dialog; the flows page and the evidence of an incident use it.

import { absolute, bytes, capital, clean, count, endpoint, tcpFlags } from "../format.js";
import { button, facts, h, link, mono, name, showDialog, time, uid } from "../ui.js";

/** What the datapath did with it. @param {object} row @returns {HTMLElement} */
export function verdict(row) {
	const dropped = row.verdict === "drop" || row.verdict === "dropped";
	return dropped ? h("span", { class: "badge badge-drop" }, "dropped")
		: h("span", { class: "muted" }, clean(row.verdict, 12) || "pass");
}

function details(row) {
	const both = (a, b, f) => `${f(a)} sent, ${f(b)} returned`;
	const optional = (v, max) => (v === null || v === undefined || v === "" ? null
		: name(v, max));
	return facts([
		["Source", mono(endpoint(row.src_ip, row.src_port))],
		["Destination", mono(endpoint(row.dst_ip, row.dst_port))],
		["Protocol", name(row.proto, 16)], ["State", capital(row.state)],
		["Started", h("span", {}, time(row.start), " · ", h("span", { class: "muted" },
			absolute(row.start)))],
		["Last packet", h("span", {}, time(row.end, "still going"), " · ",
			h("span", { class: "muted" }, row.end ? absolute(row.end) : ""))],
		["Bytes", both(row.bytes_out, row.bytes_in, bytes)],
		["Packets", both(row.packets_out, row.packets_in, count)],
		["TCP flags", /tcp/i.test(row.proto)
			? both(row.tcp_flags_out, row.tcp_flags_in, tcpFlags) : null],
		["Interface", name(row.iface, 24)], ["VLAN", row.vlan ? String(row.vlan) : null],
		["Server name", optional(row.sni, 2000)], ["HTTP host", optional(row.host, 2000)],
		["JA4", optional(row.ja4, 64)], ["Process", optional(row.process, 2000)],
		["Unit", optional(row.unit, 200)], ["Verdict", verdict(row)],
		["Incident", row.incident_id ? link(`/incidents/${Number(row.incident_id)}`, {},
			`Incident ${Number(row.incident_id)}`) : null],
	]);
}

/** Everything known of one flow. @param {object} row @param {(word: string) => void} [add] */
export function showFlow(row, add) {
	const id = uid("flow");
	const close = () => dialog.close();
	const closing = button("Close", { kind: "primary", on: close });
	const dialog = h("dialog", { class: "dialog", "aria-labelledby": id },
		h("h2", { id }, "Flow"), details(row),
		h("div", { class: "dialog-actions" },
			link(`/blocks?value=${encodeURIComponent(row.src_ip)}`, { class: "button",
				on: { click: close } }, "Block the source…"),
			add ? button("Filter by source", { on: () => {
				close();
				add(`ip:${row.src_ip}`);
			} }) : null,
			closing));
	showDialog(dialog);
	closing.focus();
}
