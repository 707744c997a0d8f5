// The frame around every view: navigation, status light, enforcement, user menu, demo banner,
// lost-connection banner, footer. Owns what is in the frame, nothing in the view.

import { icon, logo } from "./icons.js";
import { liveState, latest, subscribe } from "./live.js";
import { navigation } from "./nav.js";
import { printHead } from "./print.js";
import { session, setTheme, theme } from "./session.js";
import { fill, h, setText } from "./ui.js";
import { clean } from "./format.js";

const LIGHTS = {
	connecting: ["wait", "Connecting", "Waiting for the first picture of the traffic."],
	live: ["ok", "Running", "Running. The picture is renewed every second."],
	polling: ["wait", "Polling", "The live stream is interrupted; asking every 5 seconds."],
	lost: ["bad", "No connection", "Sluice does not answer; trying again."],
};

const TROUBLE = {
	lost: "Connection lost: Sluice does not answer. What you see is old. Trying again…",
	polling: "The live stream is interrupted. This page asks every 5 seconds instead.",
};

const UNITS = "Bytes are IP bytes; rates are bits per second; times are your browser's.";

const ENFORCEMENT = {
	on: ["shield", "ok", "Enforcing", "Blocked addresses are dropped."],
	dry_run: ["flask", "wait", "Dry run", "Blocks are counted; nothing is dropped."],
	panic: ["alert", "bad", "Panic: off", "Enforcement was ended by `sluice panic`."],
	none: ["alert", "wait", "Not enforcing", "No interface can drop packets at the moment."],
};

/** The sentence that says this is a demo, or null. Shown on every page, also before login. */
export function demoBanner() {
	if (session().mode !== "demo") {
		return null;
	}
	return h("div", { class: "banner banner-demo", role: "note" }, icon("flask"),
		h("p", {}, h("strong", {}, "Demo. "),
			"All traffic here is simulated; nothing of your network is watched or ",
			"blocked."));
}

function themeChoice() {
	const group = h("div", { class: "segmented", role: "radiogroup", "aria-label": "Theme" });
	for (const [value, label] of [["auto", "Auto"], ["light", "Light"], ["dark", "Dark"]]) {
		group.append(h("label", {}, h("input", {
			type: "radio", name: "theme", value, checked: theme() === value,
			on: { change: () => setTheme(value) },
		}), h("span", {}, label)));
	}
	return group;
}

function userMenu() {
	const user = session().user;
	const panel = h("div", { class: "menu-panel", hidden: true, id: "user-menu" },
		h("p", { class: "menu-who" }, h("strong", {}, clean(user.name, 64)),
			h("span", { class: "muted" }, user.role)),
		h("div", { class: "menu-theme" }, h("span", { class: "muted" }, "Theme"),
			themeChoice()),
		h("a", { href: "/account", class: "menu-item" }, "Your account"),
		h("a", { href: "/password", class: "menu-item" }, "Change password"),
		h("a", { href: "/logout", class: "menu-item" }, "Log out"));
	const toggle = h("button", {
		type: "button", class: "menu-button", "aria-expanded": "false",
		"aria-controls": "user-menu", "aria-label": `Account of ${clean(user.name, 64)}`,
	}, icon("user"), h("span", { class: "menu-name" }, clean(user.name, 24)), icon("chevron"));
	const element = h("div", { class: "menu" }, toggle, panel);
	const open = (yes) => {
		panel.hidden = !yes;
		toggle.setAttribute("aria-expanded", String(yes));
	};
	toggle.addEventListener("click", () => open(panel.hidden));
	element.addEventListener("keydown", (event) => {
		if (event.key === "Escape") {
			open(false);
			toggle.focus();
		}
	});
	element.addEventListener("focusout", (event) => {
		if (event.relatedTarget && !element.contains(event.relatedTarget)) {
			open(false);
		}
	});
	panel.addEventListener("click", (event) => event.target.closest("a") && open(false));
	const outside = (event) => !element.contains(event.target) && open(false);
	document.addEventListener("pointerdown", outside);
	return { element, stop: () => document.removeEventListener("pointerdown", outside) };
}

function statusChips() {
	const light = h("span", { class: "chip", role: "status" });
	const enforcement = h("span", { class: "chip chip-enforce" });
	return {
		light, enforcement,
		drawLight(state) {
			const [kind, label, title] = LIGHTS[state];
			light.className = `chip chip-${kind}`;
			light.title = title;
			light.dataset.state = state;
			fill(light, h("span", { class: "light", "aria-hidden": "true" }),
				h("span", { class: "chip-text" }, label));
		},
		drawEnforcement(word) {
			if (enforcement.dataset.word === word) {
				return;
			}
			const [picture, kind, label, title] = ENFORCEMENT[word] || ENFORCEMENT.none;
			enforcement.className = `chip chip-enforce chip-${kind}`;
			enforcement.dataset.word = word;
			enforcement.title = title;
			fill(enforcement, icon(picture), h("span", { class: "chip-text" }, label));
		},
	};
}

function connectionBanner() {
	const text = h("p", {});
	const element = h("div", { class: "banner banner-lost", role: "alert", hidden: true },
		icon("offline"), text);
	return {
		element,
		draw(state) {
			element.hidden = state === "live" || state === "connecting";
			document.body.classList.toggle("is-stale", state === "lost");
			setText(text, TROUBLE[state] || "");
		},
	};
}

function footer() {
	return h("footer", { class: "footer" },
		h("span", {}, `Sluice ${clean(session().version, 32)}`),
		h("span", {}, UNITS));
}

/**
 * Draw the frame for somebody logged in.
 * @param {HTMLElement} root emptied first
 * @param {() => void} onHelp shows the help of the page
 * @returns {{main: HTMLElement, select: (path: string) => void, openIncidents: (n: number) => void,
 *            stop: () => void}}
 */
export function mountShell(root, onHelp) {
	const menu = userMenu();
	const chips = statusChips();
	const lost = connectionBanner();
	const nav = navigation();
	const main = h("main", { id: "main", tabindex: "-1" });
	const paper = printHead(main);
	fill(root, h("div", { class: "shell" },
		h("header", { class: "top" },
			h("a", { href: "/dashboard", class: "brand",
				"aria-label": "Sluice, overview" }, logo(),
				h("span", { class: "brand-name" }, "Sluice")),
			h("div", { class: "chips" }, chips.light, chips.enforcement),
			h("button", { type: "button", class: "icon-button help-button",
				"aria-label": "Help", title: "Help", on: { click: onHelp } },
			icon("help")), menu.element),
		nav.element,
		h("div", { class: "page" }, paper.element, demoBanner(), lost.element, main,
			footer())));

	const onState = (state) => {
		chips.drawLight(state);
		lost.draw(state);
	};
	const onSnapshot = (snapshot) => chips.drawEnforcement(snapshot.enforcement);
	onState(liveState());
	if (latest("snapshot")) {
		onSnapshot(latest("snapshot"));
	}
	const ends = [subscribe("state", onState), subscribe("snapshot", onSnapshot), menu.stop,
		paper.stop];
	return {
		main,
		select: nav.select,
		openIncidents: nav.openIncidents,
		stop: () => ends.forEach((end) => end()),
	};
}
