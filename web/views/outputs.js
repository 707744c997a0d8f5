// Where events go besides the pages: each output, whether it is up, what it could not take.

import { get, post } from "../api.js";
import { capital, clean, count } from "../format.js";
import { whyNot } from "../session.js";
import { button, fill, h, name, panel, toast } from "../ui.js";

const WATCH_MS = 1000; // while a test mail is under way
const WATCHES = 60;    // a server that answers nothing is given up by then

const NAMES = { eve_file: "EVE file", eve_socket: "EVE socket", evebox: "EveBox",
	syslog: "Syslog", ipfix: "IPFIX", webhook: "Webhook", mail: "Mail",
	reverse: "Reverse look-ups" };

function row(o) {
	return h("tr", {}, h("th", { scope: "row" }, NAMES[o.name] || name(o.name, 24)),
		h("td", {}, h("span", { class: `badge ${o.state === "up" ? "" : "badge-wait"}` },
			capital(o.state)), o.error ? [" ", name(o.error, 200)] : null),
		h("td", { class: "num" }, count(o.sent)),
		h("td", { class: "num" }, count(o.dropped)));
}

function table(items) {
	const heads = [["Output", null], ["State", null], ["Sent", "num"], ["Dropped", "num"]];
	return h("div", { class: "table-wrap" }, h("table", { class: "table compact table-top" },
		h("caption", { class: "hidden" }, "Outputs"),
		h("thead", {}, h("tr", {}, heads.map(([text, klass]) =>
			h("th", { scope: "col", class: klass }, text)))),
		h("tbody", {}, items.map(row))));
}

/** Until the server took it or not. */
async function watchTest(before, load) {
	for (let i = 0; i < WATCHES; i += 1) {
		await new Promise((resolve) => { setTimeout(resolve, WATCH_MS); });
		const mail = (await load()).find((o) => o.name === "mail");
		if (mail && mail.sent > before.sent) {
			toast("Sent: the server took it.");
			return;
		}
		if (mail && mail.failures > before.failures) {
			toast(`Not sent: ${mail.error}`, "error");
			return;
		}
	}
	toast("The server has not answered yet.", "error");
}

function testButton(load) {
	return button("Send a test mail", { kind: "quiet small", why: whyNot("admin", "Mail"),
		on: async () => {
			try {
				await watchTest(await post("/mail/test"), load);
			} catch (error) {
				toast(error.message, "error");
			}
		} });
}

/** @returns {{element: HTMLElement, load: () => Promise<void>}} */
export function outputsPanel() {
	const body = h("div", {});
	async function load() {
		try {
			const { items } = await get("/outputs");
			const hasMail = items.some((o) => o.name === "mail");
			fill(body, items.length ? table(items) : h("p", { class: "muted" },
				"None. [Export] and [Mail] of the configuration file name files, "
					+ "hosts and people that get events."),
			hasMail ? h("p", {}, testButton(load)) : null);
			return items;
		} catch (error) {
			fill(body, h("p", { class: "muted" }, clean(error.message, 200)));
			return [];
		}
	}
	return { load,
		element: panel("Outputs", { note: "where events go besides these pages" }, body) };
}
