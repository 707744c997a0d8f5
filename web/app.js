// Start and routing: one table of paths, one view at a time, the frame around it. Owns the
// current view and the address bar.

import { onSession } from "./api.js";
import { startKeys } from "./keys.js";
import { startLive, stopLive, subscribe } from "./live.js";
import { forget, loadSession, session } from "./session.js";
import { mountShell } from "./shell.js";
import { watchOpenIncidents } from "./open_incidents.js";
import { button, confirmDialog, fill, h, startClock, toast } from "./ui.js";
import { clean } from "./format.js";
import { overviewView } from "./views/overview.js";

// Views load when first visited; the overview comes with the first page.
const ROUTES = [
	[/^\/dashboard$/, async () => overviewView],
	[/^\/flows$/, async () => (await import("./views/flows.js")).flowsView],
	[/^\/incidents$/, async () => (await import("./views/incidents.js")).incidentsView],
	[/^\/incidents\/expected$/,
		async () => (await import("./views/expected.js")).expectedView],
	[/^\/incidents\/(\d{1,18})$/,
		async () => (await import("./views/incident.js")).incidentView],
	[/^\/hosts\/((?:[0-9a-fA-F.:]|%3A){2,90})$/i,
		async () => (await import("./views/host.js")).hostView],
	[/^\/blocks$/, async () => (await import("./views/blocks.js")).blocksView],
	[/^\/unblock_(?:ip|domain)\/(\d{1,18})$/,
		async () => (await import("./views/unblock.js")).unblockView],
	[/^\/reports$/, async () => (await import("./views/reports.js")).reportsView],
	[/^\/settings$/, async () => (await import("./views/settings.js")).settingsView],
	[/^\/users$/, async () => (await import("./views/users.js")).usersView],
	[/^\/audit$/, async () => (await import("./views/audit.js")).auditView],
	[/^\/backups$/, async () => (await import("./views/backups.js")).backupsView],
	[/^\/account$/, async () => (await import("./views/security.js")).securityView],
	[/^\/about$/, async () => (await import("./views/about.js")).aboutView],
	[/^\/help$/, async () => (await import("./views/help_page.js")).helpView],
	[/^\/help\/search$/, async () => (await import("./views/help_page.js")).helpSearchView],
	[/^\/help\/api$/, async () => (await import("./views/help_page.js")).helpApiView],
	[/^\/password$/, async () => (await import("./views/account.js")).passwordView],
	[/^\/logout$/, async () => (await import("./views/account.js")).logoutView],
];

const OTHERS_MS = 1500; // when the first page has its numbers

const root = document.getElementById("app");
const app = { shell: null, view: null, turn: 0, ends: [] };

function endView() {
	app.view?.stop?.();
	app.view = null;
}

function enterShell() {
	if (app.shell) {
		return;
	}
	startLive();
	app.shell = mountShell(root, async () => (await import("./help.js")).showHelp(
		app.view?.help));
	app.ends = [watchOpenIncidents((n) => app.shell?.openIncidents(n)),
		subscribe("logout", sessionEnded)];
}

function leaveShell(tellOthers = false) {
	endView();
	app.ends.forEach((end) => end());
	app.ends = [];
	app.shell?.stop();
	app.shell = null;
	stopLive(tellOthers);
}

function context(match) {
	return {
		params: match ? match.slice(1) : [],
		query: new URLSearchParams(location.search),
		navigate,
		setQuery(values) {
			const text = new URLSearchParams(Object.entries(values).filter(([, v]) =>
				v)).toString();
			history.replaceState(null, "", location.pathname
				+ (text ? `?${text}` : ""));
		},
		entered,
		loggedOut: () => {
			leaveShell(true);
			navigate("/login");
		},
	};
}

/** After login, set-up or a password change: go where the visitor wanted to. */
function entered() {
	if (!["/login", "/setup"].includes(location.pathname)) {
		route(); // the forced change of a password stood before the page asked for
		return;
	}
	const next = new URLSearchParams(location.search).get("next") || "";
	// only a path of this site: one slash, then no second slash or backslash
	navigate(/^\/(?![/\\])[\w\-./?=&:%+~,*@]*$/.test(next) ? next : "/dashboard");
}

async function show(load, match, where) {
	const turn = ++app.turn;
	endView();
	let view;
	try {
		view = (await load())(context(match));
	} catch (error) {
		view = {
			title: "Not loaded",
			element: h("div", { class: "empty failure" },
				h("h1", {}, "This page could not be loaded"),
				h("p", {}, clean(error.message, 200)),
				button("Try again", { on: () => route() })),
		};
	}
	if (turn !== app.turn) {
		view.stop?.();
		return; // the visitor went on meanwhile
	}
	app.view = view;
	document.title = `${view.title} · Sluice`;
	fill(where, view.element);
	view.start?.();
	window.scrollTo(0, 0);
	where.querySelector("h1")?.setAttribute("tabindex", "-1");
	where.querySelector("[data-focus]")?.focus();
}

async function showOutside(name) {
	leaveShell();
	const load = async () => (await import("./views/account.js"))[name];
	await show(load, null, root);
}

async function route() {
	const path = location.pathname.replace(/\/+$/, "") || "/";
	const { user, needs_setup: needsSetup } = session();
	if (!user) {
		if (path === "/setup") {
			await showOutside("setupView");
		} else if (path === "/login") {
			await showOutside(needsSetup ? "needsSetupView" : "loginView");
		} else {
			const next = path === "/" || path === "/logout" ? "" : location.pathname
				+ location.search;
			history.replaceState(null, "", "/login"
				+ (next ? `?${new URLSearchParams({ next })}` : ""));
			await route();
		}
		return;
	}
	if (user.must_change) {
		await showOutside("mustChangeView");
		return;
	}
	if (path === "/" || path === "/login" || path === "/setup") {
		history.replaceState(null, "", "/dashboard");
		await route();
		return;
	}
	enterShell();
	if (path === "/dashboard" && new URLSearchParams(location.search).get("refused")) {
		toast("You need administrator privileges to do this.", "error");
		history.replaceState(null, "", path);
	}
	app.shell.select(path);
	for (const [pattern, load] of ROUTES) {
		const match = pattern.exec(path);
		if (match) {
			await show(load, match, app.shell.main);
			return;
		}
	}
	await show(async () => (await import("./views/notfound.js")).notFoundView, null,
		app.shell.main);
}

/**
 * Go to a path of this application; asks first when something would be lost.
 * @param {string} path
 */
export function navigate(path) {
	const go = () => {
		history.pushState(null, "", path);
		route();
	};
	if (!app.view?.keeps?.()) {
		go();
		return;
	}
	confirmDialog({ title: "Leave without applying?", confirm: "Leave",
		body: [h("p", {}, "What you changed on this page is lost then.")],
		run: async () => go() });
}

/** The browser asks by itself when the tab is closed. */
function onUnload(event) {
	if (app.view?.keeps?.()) {
		event.preventDefault();
	}
}

function sessionEnded() {
	if (!session().user) {
		return;
	}
	forget();
	leaveShell();
	route();
}

async function mustChange() {
	await loadSession();
	route();
}

function onClick(event) {
	const anchor = event.target.closest("a[href]");
	if (!anchor || event.defaultPrevented || event.button !== 0 || event.metaKey
		|| event.ctrlKey
		|| event.shiftKey || event.altKey || anchor.target
			|| anchor.origin !== location.origin
		|| anchor.getAttribute("href").startsWith("#")) {
		return;
	}
	event.preventDefault();
	navigate(anchor.pathname + anchor.search);
	app.shell?.main.focus({ preventScroll: true });
}

/** While nothing else is to do, the other views: a switch then needs no request of its own. */
function loadOthers() {
	const rest = ROUTES.map(([, load]) => load);
	const idle = window.requestIdleCallback || ((fn) => setTimeout(fn, 200));
	const next = () => rest.length && idle(() => rest.shift()().then(next, () => {
		// it is asked for again when it is visited, and said then
	}));
	next();
}

async function boot() {
	try {
		await loadSession();
	} catch (error) {
		fill(root, h("main", { id: "main", class: "outside" },
			h("div", { class: "empty failure" },
			h("h1", {}, "Sluice does not answer"),
			h("p", {}, clean(error.message, 200)),
			button("Try again", { on: boot }))));
		return;
	}
	await route();
	setTimeout(loadOthers, OTHERS_MS);
}

startClock();
startKeys();
onSession({ ended: sessionEnded, mustChange });
document.addEventListener("click", onClick);
window.addEventListener("popstate", route);
window.addEventListener("beforeunload", onUnload);
boot();
