// Sets the theme before the first paint, so that a dark page never flashes white. A classic
// script on purpose: modules run after the first paint. session.js offers the choice.
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
})();
