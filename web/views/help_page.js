// The help as pages: all texts, the search language, the API with examples that run.

import { get } from "../api.js";
import { clean } from "../format.js";
import { HELP } from "../help_texts.js";
import { session } from "../session.js";
import { empty, failure, fill, h, link, name, panel } from "../ui.js";

const FIELDS = [
	["src, dst, ip", "192.0.2.7, 192.0.2.0/24, 192.0.2.*, a..b",
		"who began the flow, the other end, either"],
	["sport, dport, port", "443, 8000..8100, 80,443",
		"port of the source, the destination, either"],
	["proto", "tcp, udp, icmp, ipv6-icmp, sctp, 47", "IP protocol"],
	["bytes, bytes_out, bytes_in", ">1M, 10k..2GiB", "IP bytes: both ways, sent, returned"],
	["packets, packets_out, packets_in", ">100", "packets, as above"],
	["duration", ">30s, ..500ms", "from first to last packet"],
	["sni, dns, host", "*.example.com",
		"server name; looked-up name or HTTP host; address or name"],
	["domain", "example.com", "the name and everything below it"],
	["ja4", "t13d…", "TLS client fingerprint"],
	["state", "new, established, closed, expired", "state of the flow"],
	["flags", "S, SA, none", "TCP flags that were seen"],
	["verdict, rule, incident", "drop, 7",
		"what was done, the block that did it, the incident"],
	["iface, vlan, dir, ipv", "eth0, 10, in, 6", "where it passed"],
	["proc, unit, pid, uid", "nginx", "the process, where it is known"],
	["since, until", "2h, 7d, today, 2026-11-24T13:45",
		"when it ended: makes it a search of the history"],
];
const EXAMPLES = [
	["src:192.168.0.0/16 dport:443 bytes>10M since:24h",
		"large uploads and downloads over HTTPS"],
	["(dport:22 OR dport:3389) -src:10.0.0.0/8", "logins from outside"],
	["domain:example.com verdict:drop since:7d", "what was stopped of a name"],
	["proto:udp port:53 duration>5s", "long DNS conversations"],
];

function table(caption, heads, rows) {
	return h("div", { class: "table-wrap" }, h("table", { class: "table table-help" },
		h("caption", { class: "hidden" }, caption),
		h("thead", {}, h("tr", {}, heads.map((t) => h("th", { scope: "col" }, t)))),
		h("tbody", {},
			rows.map((cells) => h("tr", {}, cells.map((c) => h("td", {}, c)))))));
}

function frame(title, ...content) {
	return h("div", { class: "view" }, h("div", { class: "view-head" }, h("h1", {}, title)),
		...content);
}

/** Everything that the help panels say. */
export function helpView() {
	return { title: "Help", element: frame("Help",
		panel("More", {}, h("ul", { class: "outside-links" },
			h("li", {}, link("/help/search", {}, "Search language")),
			h("li", {}, link("/help/api", {}, "API")),
			h("li", {}, link("/about", {}, "About this program"))),
		h("p", { class: "muted" }, "On every page, ? shows its keys. On the command line, ",
			h("code", {}, "sluice --help"), " and ", h("code", {}, "man sluice"), ".")),
		h("div", { class: "pairs" }, Object.values(HELP).map(([title, paragraphs]) =>
			panel(title, { class: "panel-help" },
				paragraphs.map((p) => h("p", {}, p)))))) };
}

/** The search language. */
export function helpSearchView() {
	const code = (text) => h("code", {}, text);
	return { title: "Search language", element: frame("Search language",
		panel("How it reads", {}, h("p", {}, "Conditions beside each other must all hold. ",
			code("OR"), " joins alternatives, ", code("-"),
				" turns a condition round, ",
			"parentheses group. ", code("field:value"),
				" holds when the value fits; several "
			+ "values are separated by commas; ", code("field=value"),
				" is the whole text; "
			+ "numbers take ", code("> >= < <="), " and ranges ", code("a..b"), ". ",
			code("*"), " is any text. Quotes keep a value together. A word alone is an "
			+ "address, a port, a protocol, or part of a name.")),
		panel("Fields", {}, table("Fields", ["Field", "As", "Looks at"],
			FIELDS.map(([field, value, text]) => [code(field), code(value), text]))),
		panel("Examples", {},
			table("Examples", ["Search", "Finds"], EXAMPLES.map(([q, text]) =>
			[link(`/flows?q=${encodeURIComponent(q)}`, {}, code(q)), text])))) };
}

function example(method, path) {
	const body = method === "GET" || method === "DELETE" ? ""
		: " -H 'Content-Type: application/json' -d '{…}'";
	const verb = method === "GET" ? "" : ` -X ${method}`;
	return `curl${verb} -H "Authorization: Bearer $TOKEN"${body} '${location.origin}${path}'`;
}

function operationRow([method, path, operation]) {
	const role = operation["x-role"] || operation["x-sluice-role"] || "";
	return h("details", { class: "operation" },
		h("summary", {}, h("span", { class: `badge method-${method}` }, method), " ",
			h("code", {}, clean(path, 120)), " ",
			h("span", { class: "muted" }, clean(role, 16))),
		operation.summary || operation.description
			? h("p", {}, name(operation.summary || operation.description, 2000)) : null,
		h("code", { class: "command" }, example(method, clean(path, 200))));
}

function operations(document_) {
	return Object.entries(document_.paths || {}).flatMap(([path, methods]) =>
		Object.entries(methods).map(([method, operation]) =>
			[method.toUpperCase(), path, operation]));
}

function byGroup(rows) {
	const groups = new Map();
	for (const row of rows) {
		const key = row[1].replace(/^\/api\/v1\//, "").split(/[/{.]/)[0] || "/";
		groups.set(key, [...(groups.get(key) || []), row]);
	}
	return [...groups];
}

/** The API, from the document that the service makes of its own table of routes. */
export function helpApiView() {
	const body = h("div", { class: "view" }, h("p", { class: "muted" }, "Loading…"));

	async function load() {
		try {
			const rows = operations(await get("/openapi.json"));
			fill(body, rows.length ? h("div", { class: "pairs" }, byGroup(rows)
				.map(([key, group]) => panel(key, {}, group.map(operationRow))))
				: empty("Nothing", "The document names no route."));
		} catch (error) {
			fill(body, failure(error, load));
		}
	}
	const token = `TOKEN=…   # ${session().user.role === "admin" ? "made in your account"
		: "an admin makes one for you"}`;
	const live = `curl -N -H "Authorization: Bearer $TOKEN" ${location.origin}/api/v1/events`;
	return { title: "API", element: frame("API",
		panel("First steps", {},
			h("p", {}, "Everything these pages do goes over the API. Lists are ",
			h("code", {}, "{\"items\":[],\"next\":null}"), ", errors ",
			h("code", {},
				"{\"error\":{\"code\",\"message\",\"field\",\"request_id\"}}"),
			". The whole document: ", h("a", { href: "/api/v1/openapi.json",
				download: "sluice-openapi.json" }, "openapi.json"), "."),
		h("pre", { class: "command", tabindex: "0" },
			[token, example("GET", "/api/v1/status"),
			example("GET", "/api/v1/flows?q=dport:443&limit=10"), live].join("\n"))),
		body), start: load };
}
