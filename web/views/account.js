// The pages of the account: set-up, login, forced and free change of the password, logout.

import { changePassword, login, logout, session, setUp } from "../session.js";
import { field, form } from "../forms.js";
import { logo } from "../icons.js";
import { demoBanner } from "../shell.js";
import { button, h, link, toast } from "../ui.js";
import { clean } from "../format.js";
import { setupFeeds } from "./setup_feeds.js";

// The server's own minimum (OWASP ASVS 4.0.3, 2.1.1), said before the request; it checks more.
const PASSWORD_MIN = 12;

function outside(title, lead, ...content) {
	return h("div", { class: "outside-wrap" }, demoBanner(), h("main", { id: "main",
		class: "outside", tabindex: "-1" },
	h("div", { class: "outside-brand" }, logo(), h("span", { class: "brand-name" }, "Sluice")),
	h("section", { class: "panel outside-panel" }, h("h1", {}, title),
		lead ? h("p", { class: "muted" }, lead) : null, ...content),
	h("p", { class: "outside-foot muted" }, `Sluice ${clean(session().version, 32)}`)));
}

function passwordFields(old) {
	const fields = {};
	if (old) {
		fields.old = field({ name: "old", label: "Current password", type: "password",
			required: true, autocomplete: "current-password", maxlength: 1024 });
	}
	fields.new = field({ name: "new", label: "New password", type: "password", required: true,
		autocomplete: "new-password", maxlength: 1024,
		hint: `At least ${PASSWORD_MIN} characters; a sentence is good.` });
	fields.again = field({ name: "again", label: "New password again", type: "password",
		required: true, autocomplete: "new-password", maxlength: 1024 });
	return fields;
}

function checkPasswords(values) {
	if (values.new.length < PASSWORD_MIN) {
		return ["new", `Too short: at least ${PASSWORD_MIN} characters.`];
	}
	return values.new === values.again ? null : ["again", "The two are not the same."];
}

/** The API calls the fields by its own names: put the refusal beside the one on the page. */
async function atField(request) {
	try {
		await request;
	} catch (error) {
		const ours = { password: "new", new: "new", old: "old" };
		error.field = error.code === "wrong_login" ? "old" : ours[error.field] || null;
		throw error;
	}
}

function first(fields) {
	Object.values(fields)[0].input.dataset.focus = "";
}

/** Ask for the code when the password was right; else ask for the password again. */
function refused(fields, error) {
	const { code, password } = fields;
	if (error.code !== "totp_required") {
		password.input.value = "";
		throw error;
	}
	const isFirst = code.element.hidden;
	code.element.hidden = false;
	code.input.value = "";
	code.input.focus();
	throw isFirst ? new Error("One more step: the code of your second factor.") : error;
}

/** Log in. @param {object} context see app.js */
export function loginView(context) {
	const fields = {
		username: field({ name: "username", label: "User name", required: true,
			maxlength: 64,
			autocomplete: "username" }),
		password: field({ name: "password", label: "Password", type: "password",
			required: true,
			maxlength: 1024, autocomplete: "current-password" }),
	};
	fields.code = field({ name: "code", label: "Code of your second factor", maxlength: 24,
		autocomplete: "one-time-code", hint: "From the app, or a recovery code." });
	fields.code.element.hidden = true;
	first(fields);
	const hint = session().demo_login
		? h("p", { class: "hint-box" }, "This demo listens on loopback only: log in with ",
			h("strong", { class: "mono" }, "admin"), " / ",
			h("strong", { class: "mono" }, "admin"),
			". You are asked to change it at once.") : null;
	return {
		title: "Log in",
		element: outside("Log in", "", hint, form({
			fields, submit: "Log in", class: "form-stack",
			run: async ({ username, password, code }) => {
				try {
					await login(username, password, code);
				} catch (error) {
					refused(fields, error);
				}
				context.entered();
			},
		})),
	};
}

/** First start: nobody can log in yet. */
export function needsSetupView() {
	return {
		title: "Set up",
		element: outside("Sluice is not set up yet", "",
			h("p", {},
				"No user has a password. Open the one-time link that the service ",
				"printed when it started; it looks like ",
				h("span", { class: "mono" }, `${location.origin}/setup#…`),
			". It is also in the journal:"),
			h("p", {}, h("code", { class: "command" },
				"journalctl -u sluice | grep 'set up'")),
			session().setup_allowed ? null
				: h("p", { class: "muted" },
					"Set-up works on the host itself only, or through "
					+ "an SSH tunnel.")),
	};
}

function offerFeeds(context) {
	return outside("Lists to begin with?",
		"Sluice can fetch lists of bad addresses and names once a day and drop what is "
		+ "on them. None is on unless you add it.",
	...setupFeeds(context.entered));
}

/** The one-time link: the token is in the fragment, which never leaves the browser by itself. */
export function setupView(context) {
	const token = decodeURIComponent(location.hash.slice(1));
	if (!session().needs_setup) {
		return { title: "Set up", element: outside("Already set up", "",
			h("p", {}, "A user exists; this link has done its work."),
			link("/login", { class: "button primary" }, "Log in")) };
	}
	const fields = {
		username: field({ name: "username", label: "User name", required: true,
			value: "admin",
			maxlength: 64, autocomplete: "username" }),
		...passwordFields(false),
	};
	first(fields);
	const why = token ? ""
		: "This link has no token: open the whole link, with what follows #.";
	return {
		title: "Set up",
		element: outside("Set up Sluice",
			"Make the first account. It is an admin: it may block, "
			+ "and make other users.", form({
			fields, submit: "Create the account", class: "form-stack", why,
			check: checkPasswords,
			run: async (values) => {
				await atField(setUp(token, values.username, values.new));
				history.replaceState(null, "", "/setup");
				document.querySelector(".outside-wrap")
					.replaceWith(offerFeeds(context));
				document.getElementById("main").focus();
			},
		})),
	};
}

function changeForm(done) {
	const fields = passwordFields(true);
	first(fields);
	return form({
		fields, submit: "Change password", class: "form-stack", check: checkPasswords,
		run: async (values) => {
			await atField(changePassword(values.old, values.new));
			toast("The password is changed.");
			done();
		},
	});
}

/** Forced change: nothing else works until then. */
export function mustChangeView(context) {
	return {
		title: "Change password",
		element: outside("Choose your own password",
			"The one you used was given to you; it must be "
			+ "changed before anything else.", changeForm(context.entered)),
	};
}

/** Free change, from the user menu. */
export function passwordView(context) {
	return {
		title: "Change password",
		element: h("div", { class: "view view-narrow" },
			h("div", { class: "view-head" }, h("h1", {}, "Change password")),
			h("section", { class: "panel" }, changeForm(() =>
				context.navigate("/dashboard")))),
	};
}

/** Logging out is a change: it is confirmed, never done by a link alone. */
export function logoutView(context) {
	const go = button("Log out", { kind: "primary", on: async () => {
		go.disabled = true;
		try {
			await logout();
			context.loggedOut();
		} catch (error) {
			go.disabled = false;
			toast(error.message, "error");
		}
	} });
	go.dataset.focus = "";
	return {
		title: "Log out",
		element: h("div", { class: "view view-narrow" }, h("section", { class: "panel" },
			h("h1", {}, "Log out?"),
			h("p", {},
				"Counting and blocking go on without you. All tabs of this ",
				"browser end."),
			h("div", { class: "form-actions" }, go,
				link("/dashboard", { class: "button" }, "Stay")))),
	};
}
