// One's own account: password, second factor, sessions; for admins also the tokens of scripts.

import { get, post, remove } from "../api.js";
import { absolute, clean, plural } from "../format.js";
import { field, form } from "../forms.js";
import { qrPicture } from "../qr.js";
import { may, session } from "../session.js";
import { createTable } from "../table.js";
import { button, confirmDialog, empty, facts, failure, fill, h, link, mono, name, panel, showDialog,
	time, toast, uid } from "../ui.js";

const CODE = { name: "code", label: "Code", required: true, maxlength: 24,
	autocomplete: "one-time-code", placeholder: "123456" };
const SCOPES = [["read", "read: look"], ["incidents", "incidents: work on them"],
	["blocks", "blocks: block and unblock"], ["admin", "admin: settings, users"],
	["all", "all of it"]];
const TTLS = [["30d", "30 days"], ["90d", "90 days"], ["365d", "a year"], ["never", "no end"]];

/** Shown once: what a person has to keep. */
function showOnce(title, lead, lines) {
	const id = uid("once");
	const text = lines.join("\n");
	const close = button("I have kept it", { kind: "primary", on: () => dialog.close() });
	const copy = button("Copy", { on: async () => {
		try {
			await navigator.clipboard.writeText(text);
			toast("Copied.");
		} catch {
			toast("This browser does not let pages copy here; mark the text.", "error");
		}
	} });
	const dialog = h("dialog", { class: "dialog", "aria-labelledby": id },
		h("h2", { id }, title), h("div", { class: "dialog-body" }, h("p", {}, lead),
			h("pre", { class: "command once", tabindex: "0" }, text)),
		h("div", { class: "dialog-actions" }, copy, close));
	showDialog(dialog);
	close.focus();
}

function showCodes(answer) {
	showOnce("Recovery codes",
		"Each opens the account once when the phone is lost. They are not "
		+ "shown again: print them or keep them in a safe place.", answer.recovery_codes);
}

function offerForm(offer, done) {
	const code = field({ ...CODE, label: "Code that the app shows now" });
	return h("div", { class: "totp-offer" }, h("div", { class: "qr" }, qrPicture(offer.uri)),
		h("div", {}, h("p", {}, "Scan this with an authenticator app, or type the secret:"),
			h("p", {}, h("code", { class: "command" },
				clean(offer.secret, 64).replace(/(.{4})/g, "$1 ").trim())),
			form({ fields: { code }, submit: "Turn on", class: "form-stack",
				run: async (values) => {
					showCodes(await post("/totp/confirm", values));
					done();
				} })));
}

function askCode(title, text, confirm, run) {
	const code = field(CODE);
	confirmDialog({ title, confirm, kind: "primary", body: [h("p", {}, text), code.element],
		run: () => run(code.input.value.trim()) });
}

function totpActions(state, body, load) {
	if (!state.active) {
		return button("Set up…", { kind: "primary", on: async () => {
			try {
				fill(body, offerForm(await post("/totp"), load));
				body.querySelector("input")?.focus();
			} catch (error) {
				toast(error.message, "error");
			}
		} });
	}
	return [button("New recovery codes…", { on: () => askCode("New recovery codes",
		"The old ones are void then.", "Make new codes", async (code) => {
			showCodes(await post("/totp/codes", { code }));
			load();
		}) }),
	button("Turn off…", { kind: "quiet", on: () => askCode("Turn the second factor off?",
		"The password alone opens the account then.", "Turn off", async (code) => {
			await post("/totp/off", { code });
			toast("The second factor is off.");
			load();
		}) })];
}

function totpPanel() {
	const body = h("div", {});

	async function load() {
		try {
			const state = await get("/totp");
			fill(body, h("p", {}, state.active
				? `On. ${plural(state.recovery_codes_left, "recovery code")} left.`
				: "Off. With it, a code from your phone is asked for after the "
					+ "password."),
			h("div", { class: "form-actions" }, totpActions(state, body, load)));
		} catch (error) {
			fill(body, failure(error, load));
		}
	}
	return { element: panel("Second factor", { class: "panel-totp",
		note: "RFC 6238, as authenticator apps make them" }, body), load };
}

function sessionsPanel() {
	const problem = h("div", {});
	const others = button("End all others", { kind: "small", on: async () => {
		const { ended } = await remove("/sessions");
		toast(`${plural(ended, "session")} ended.`);
		load();
	} });
	const end = (s) => button("End",
		{ kind: "quiet small", label: `End the session from ${s.peer}`,
		on: async () => {
			await remove(`/sessions/${encodeURIComponent(s.id)}`);
			toast("That session is over.");
			load();
		} });
	const table = createTable({ caption: "Your sessions", class: "compact", columns: [
		{ key: "peer", label: "From", value: (s) => s.peer || "", cell: (s) =>
			[mono(s.peer),
			s.current ? h("span", { class: "badge place" }, "this one") : null] },
		{ key: "created", label: "Since", class: "when p2", first: "desc",
			value: (s) => s.created, cell: (s) => time(s.created) },
		{ key: "last_seen", label: "Last used", class: "when", first: "desc",
			value: (s) => s.last_seen, cell: (s) => time(s.last_seen) },
		{ key: "end", label: "", name: "End", class: "action-cell",
			cell: (s) => (s.current ? "" : end(s)) },
	], rowKey: (s) => s.id });

	async function load() {
		try {
			const { items } = await get("/sessions");
			table.update(items);
			others.disabled = items.length < 2;
			fill(problem);
		} catch (error) {
			fill(problem, failure(error, load));
		}
	}
	return { element: panel("Sessions", { note: "where you are logged in", actions: others },
		problem, table.element), load };
}

function tokenForm(added) {
	const fields = {
		name: field({ name: "name", label: "Name", required: true, maxlength: 64,
			placeholder: "what it is for" }),
		role: field({ name: "role", label: "Role", value: "viewer", options: [
			["viewer", "viewer"], ["analyst", "analyst"], ["admin", "admin"]] }),
		scopes: field({ name: "scopes", label: "May", options: SCOPES, value: "read" }),
		ttl: field({ name: "ttl", label: "For", options: TTLS, value: "90d" }),
	};
	return form({ fields, submit: "Make a token", class: "form-grid form-tokens",
		run: async (values, element) => {
			const token = await post("/tokens", { ...values, scopes: [values.scopes] });
			element.reset();
			showOnce("The token",
				"Sent as “Authorization: Bearer …”. It is not shown again.",
				[token.token]);
			added();
		} });
}

function askRevoke(token, done) {
	confirmDialog({ title: `Revoke ${clean(token.name, 64)}?`, confirm: "Revoke",
		body: [h("p", {}, "Whatever uses it is refused from now on.")],
		item: token, reload: done,
		run: async () => {
			await remove(`/tokens/${Number(token.id)}`, token.etag);
			toast("The token is revoked.");
			done();
		} });
}

function tokensPanel() {
	const problem = h("div", {});
	const table = createTable({ caption: "Tokens", class: "compact stack table-tokens",
		columns: [
		{ key: "name", label: "Token", value: (t) => t.name, cell: (t) => [name(t.name, 64),
			h("span", { class: "sub" }, "by ", name(t.author, 64))] },
		{ key: "role", label: "May", value: (t) => t.role, cell: (t) =>
			`${clean(t.role, 16)}: ${t.scopes.map((s) => clean(s, 16)).join(", ")}` },
		{ key: "last_used", label: "Last used", class: "when", first: "desc",
			value: (t) => t.last_used || "", cell: (t) => time(t.last_used) },
		{ key: "expires", label: "Ends", class: "when", value: (t) => t.expires || "9999",
			cell: (t) => time(t.expires, "no end") },
		{ key: "revoke", label: "", name: "Revoke", class: "action-cell",
			cell: (t) => button("Revoke", { kind: "quiet small",
				label: `Revoke ${t.name}`, on: () => askRevoke(t, load) }) },
	], rowKey: (t) => t.id, empty: () => empty("No tokens",
		"Make one above for each script or program: it logs in with it, without a "
		+ "password.") });

	async function load() {
		try {
			table.update((await get("/tokens")).items);
			fill(problem);
		} catch (error) {
			fill(problem, failure(error, load));
		}
	}
	return { element: panel("Tokens", { note: "for scripts and other programs", actions:
		link("/help/api", {}, "How they are used") }, tokenForm(() => load()), problem,
	table.element), load };
}

/** @returns {object} the view */
export function securityView() {
	const user = session().user;
	const parts = [totpPanel(), sessionsPanel()];
	if (may("admin")) {
		parts.push(tokensPanel());
	}
	return {
		title: "Account", help: "account",
		element: h("div", { class: "view" }, h("div", { class: "view-head" },
			h("h1", {}, "Your account")),
		panel("You", { actions: link("/password", { class: "button small" },
			"Change password") }, facts([["User", name(user.name, 64)],
			["Role", clean(user.role, 16)],
			["Now", `${absolute(Date.now())}, by this browser's clock`]])),
		parts.map((p) => p.element)),
		start: () => parts.forEach((p) => p.load()),
	};
}
