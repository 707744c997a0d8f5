// Who is logged in, what the server is, and what this browser prefers. The only owner of both.

import { get, post, setCsrf } from "./api.js";

const RANK = { viewer: 1, analyst: 2, admin: 3 };
const THEME_KEY = "sluice-theme";

let current = {
	user: null, needs_setup: false, setup_allowed: false, mode: "live", version: "",
	demo_login: false,
};

/** @returns {object} the last answer of GET /session */
export function session() {
	return current;
}

/** Ask the server who we are. @returns {Promise<object>} */
export async function loadSession() {
	current = await get("/session");
	setCsrf(current.csrf);
	return current;
}

function accept(answer) {
	current = { ...current, user: answer.user, needs_setup: false };
	setCsrf(answer.csrf);
	return answer.user;
}

/**
 * @param {string} username @param {string} password
 * @param {string} [code] of the second factor; refused with `totp_required` when it is needed
 * @returns {Promise<object>} the user
 */
export async function login(username, password, code = "") {
	return accept(await post("/login", { username, password, ...(code ? { code } : {}) }));
}

/** @param {string} token @param {string} username @param {string} password */
export async function setUp(token, username, password) {
	return accept(await post("/setup", { token, username, password }));
}

/** @param {string} old @param {string} next @returns {Promise<object>} the user */
export async function changePassword(old, next) {
	return accept(await post("/password", { old, new: next }));
}

/** End the session here and on the server. */
export async function logout() {
	await post("/logout");
	forget();
}

/** Drop what is known of the user; the server ended the session. */
export function forget() {
	current = { ...current, user: null };
	setCsrf("");
}

/**
 * May the user do what this role may?
 * @param {"viewer"|"analyst"|"admin"} role
 * @returns {boolean}
 */
export function may(role) {
	return (RANK[current.user?.role] || 0) >= RANK[role];
}

/**
 * Why a control is disabled, or "" when it is not.
 * @param {"analyst"|"admin"} role @param {string} what "Blocking", "Adding notes"
 * @returns {string}
 */
export function whyNot(role, what) {
	if (may(role)) {
		return "";
	}
	const mine = current.user?.role || "visitor";
	return `${what} needs the role ${role}; you are ${mine}.`;
}

/** @returns {"auto"|"light"|"dark"} */
export function theme() {
	return document.documentElement.dataset.theme || "auto";
}

/** @param {"auto"|"light"|"dark"} choice kept in this browser */
export function setTheme(choice) {
	if (choice === "auto") {
		delete document.documentElement.dataset.theme;
	} else {
		document.documentElement.dataset.theme = choice;
	}
	try {
		localStorage.setItem(THEME_KEY, choice);
	} catch {
		// storage refused: the choice holds for this page only
	}
	document.dispatchEvent(new CustomEvent("themechange"));
}
