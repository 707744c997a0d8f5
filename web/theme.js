// Sets the theme before the first paint, so that a dark page never flashes white, and what frame is
// painted until the modules are here. A classic script on purpose: modules run after the first
// paint. session.js offers the choice.
(function () {
	"use strict";
	let choice = null;
	try {
		choice = localStorage.getItem("sluice-theme");
	} catch {
		choice = null; // storage refused: follow the system
	}
	if (choice === "dark" || choice === "light") {
		document.documentElement.dataset.theme = choice;
	}
	document.documentElement.dataset.boot = /^\/(login|setup)\b/.test(location.pathname)
		? "outside" : "inside";
})();
