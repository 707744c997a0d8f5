// Users: who may do what, who was here last, and the changes an admin makes.

import { get, post } from "../api.js";
import { capital, clean } from "../format.js";
import { field, form } from "../forms.js";
import { session } from "../session.js";
import { createTable } from "../table.js";
import { button, confirmDialog, empty, failure, fill, h, link, name, panel, time, toast }
	from "../ui.js";

const ROLES = [["viewer", "viewer: looks"], ["analyst", "analyst: also works on incidents"],
	["admin", "admin: everything"]];
const EXPLAINED = [["viewer", "sees traffic, incidents without their sealed details, blocks, "
	+ "reports"],
["analyst", "also reads details, adds notes, resolves incidents, marks what is expected"],
["admin", "also blocks, keeps the safe list, changes settings, makes users and tokens, starts "
	+ "and stops counting"]];
const PASSWORD_MIN = 12;

const path = (user) => `/users/${encodeURIComponent(user.name)}`;

function addPanel(added) {
	const fields = {
		name: field({ name: "name", label: "User name", required: true, maxlength: 64 }),
		email: field({ name: "email", label: "E-mail (may be left out)", type: "email",
			maxlength: 120 }),
		role: field({ name: "role", label: "Role", options: ROLES, value: "viewer" }),
		password: field({ name: "password", label: "First password", type: "password",
			required: true, autocomplete: "new-password", maxlength: 1024,
			hint: `At least ${PASSWORD_MIN} characters; it must be changed at the `
				+ "first "
				+ "login." }),
	};
	return panel("Add a user", { class: "panel-add" }, form({
		fields, submit: "Add user", class: "form-grid form-users",
		check: ({ password }) => (password.length < PASSWORD_MIN
			? ["password", `Too short: at least ${PASSWORD_MIN} characters.`] : null),
		run: async (values, element) => {
			const user = await post("/users", values);
			toast(`${user.name} can log in now.`);
			element.reset();
			added();
		},
	}), h("details", { class: "more" }, h("summary", {}, "What each role may do"),
		h("dl", { class: "facts" }, EXPLAINED.map(([role, text]) => h("div", {},
			h("dt", {}, capital(role)), h("dd", {}, text))))));
}

function askPassword(user, changed) {
	const next = field({ name: "password", label: "New password", type: "password",
		autocomplete: "new-password", maxlength: 1024,
		hint: "It must be changed at the next login; all sessions of this user end." });
	confirmDialog({
		title: `New password for ${clean(user.name, 64)}`, confirm: "Set password",
		kind: "primary", body: [next.element], item: user, reload: changed,
		run: async () => {
			await post(`${path(user)}/password`, { password: next.input.value },
				user.etag);
			toast(`The password of ${user.name} is changed.`);
			changed();
		},
	});
}

function askRole(user, changed) {
	const role = field({ name: "role", label: "Role", options: ROLES, value: user.role });
	confirmDialog({
		title: `Role of ${clean(user.name, 64)}`, confirm: "Change role", kind: "primary",
		body: [role.element], item: user, reload: changed,
		run: async () => {
			await post(`${path(user)}/role`, { role: role.input.value }, user.etag);
			toast(`${user.name} is ${role.input.value} from now on.`);
			changed();
		},
	});
}

function askDisabled(user, changed) {
	const off = !user.disabled;
	confirmDialog({
		title: off ? `Keep ${clean(user.name, 64)} out?`
			: `Let ${clean(user.name, 64)} in again?`,
		confirm: off ? "Disable" : "Enable", kind: off ? "danger" : "primary",
		body: [h("p", {}, off
			? "All sessions and tokens of this user end at once. What the user "
			+ "did stays in the audit log." : "The user can log in again.")],
		item: user, reload: changed,
		run: async () => {
			await post(`${path(user)}/disabled`, { disabled: off }, user.etag);
			toast(off ? `${user.name} is disabled.` : `${user.name} is enabled.`);
			changed();
		},
	});
}

function askTotp(user, changed) {
	confirmDialog({
		title: `Take the second factor off ${clean(user.name, 64)}?`,
			confirm: "Take it off",
		body: [h("p", {},
			"For somebody who lost the phone and the recovery codes. The password "
			+ "alone is enough until a new second factor is set up.")],
		item: user, reload: changed,
		run: async () => {
			await post(`${path(user)}/totp`, { on: false }, user.etag);
			toast(`${user.name} logs in with the password alone.`);
			changed();
		},
	});
}

function actions(user, changed) {
	const small = (label, on, why = "") => button(label, { kind: "quiet small", on, why,
		label: `${label}: ${user.name}` });
	const own = user.name === session().user.name;
	const why = own ? "This is you." : "";
	return h("span", { class: "row-actions" },
		small("Role…", () => askRole(user, changed), why),
		small("Password…", () => askPassword(user, changed), why),
		user.totp ? small("Second factor…", () => askTotp(user, changed), why) : null,
		small(user.disabled ? "Enable…" : "Disable…", () => askDisabled(user, changed),
			why));
}

function standing(user) {
	const marks = [];
	if (user.disabled) {
		marks.push(h("span", { class: "badge badge-drop" }, "disabled"));
	}
	if (user.must_change) {
		marks.push(h("span", { class: "badge badge-wait" }, "must change password"));
	}
	if (user.totp) {
		marks.push(h("span", { class: "badge" }, "second factor"));
	}
	return marks.length ? marks : h("span", { class: "muted" }, "password");
}

function columns(changed) {
	return [
		{ key: "name", label: "User", value: (u) => u.name, cell: (u) => [name(u.name, 64),
			u.email ? h("span", { class: "sub" }, name(u.email, 120)) : null] },
		{ key: "role", label: "Role", value: (u) => u.role,
			cell: (u) => capital(u.role) },
		{ key: "standing", label: "Login", value: (u) =>
			`${u.disabled} ${u.must_change} ${u.totp}`, cell: standing },
		{ key: "last_login", label: "Last login", class: "when", first: "desc",
			value: (u) => u.last_login || "", cell: (u) => time(u.last_login) },
		{ key: "created", label: "Since", class: "when p2", first: "desc",
			value: (u) => u.created, cell: (u) => time(u.created) },
		{ key: "actions", label: "", name: "Change", class: "action-cell",
			signature: (u) => JSON.stringify(u), cell: (u) => actions(u, changed) },
	];
}

/** @returns {object} the view */
export function usersView() {
	const problem = h("div", {});
	const table = createTable({ caption: "Users", class: "table-users stack",
		columns: columns(() => load()), rowKey: (u) => u.name,
		rowClass: (u) => (u.disabled ? "ended" : "active"),
		empty: () => empty("No users", "Add one above.") });

	async function load() {
		try {
			table.update((await get("/users")).items);
			fill(problem);
		} catch (error) {
			fill(problem, failure(error, load));
		}
	}
	return {
		title: "Users", help: "users",
		element: h("div", { class: "view view-wide" },
			h("div", { class: "view-head" }, h("h1", {}, "Users"),
				h("p", { class: "muted summary" },
					"Your own password, sessions and tokens are in ",
					link("/account", {}, "your account"), ".")),
			addPanel(() => load()), problem, table.element),
		start: load,
	};
}
