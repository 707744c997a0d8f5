// Backups and the keys of the vault: what there is, when the next comes, and how one is made or a
// key renewed.

import { get, post } from "../api.js";
import { bytes, clean, count, duration } from "../format.js";
import { createTable } from "../table.js";
import { button, confirmDialog, empty, facts, failure, fill, h, mono, name, panel, time, toast }
	from "../ui.js";

const WATCH_MS = 2000; // while one is being made

function backupsPart() {
	const body = h("div", {});
	const table = createTable({
		caption: "Backups", class: "compact",
		columns: [
			{ key: "name", label: "File", class: "label", value: (b) => b.name,
				cell: (b) => mono(b.name) },
			{ key: "time", label: "Made", class: "when", first: "desc",
				value: (b) => b.time, cell: (b) => time(b.time) },
			{ key: "bytes", label: "Size", class: "num", first: "desc",
				value: (b) => b.bytes, cell: (b) => bytes(b.bytes) },
		],
		rowKey: (b) => b.name,
		empty: () => empty("No backup yet", "Make one now, or let the service make them: "
			+ "Settings, Store, backup_every."),
	});
	const make = button("Back up now", { kind: "primary small", on: async () => {
		try {
			draw(await post("/backups"));
			toast("A backup is being made.");
		} catch (error) {
			toast(error.message, "error");
		}
	} });
	let timer = 0;

	function draw(answer) {
		clearTimeout(timer);
		make.disabled = answer.running;
		table.update(answer.items);
		fill(body, facts([
			["Folder", mono(answer.dir)],
			["State", answer.running ? "one is being made" : "idle"],
			["Made since start",
				`${count(answer.made)}, failed ${count(answer.failed)}`],
			["Last problem", answer.error ? h("span", { class: "risk" },
				name(answer.error, 300)) : null],
			["Next", answer.next_backup_s ? `in ${duration(answer.next_backup_s)}`
				: "by hand only"],
		]));
		timer = answer.running ? setTimeout(load, WATCH_MS) : 0;
	}

	async function load() {
		try {
			draw(await get("/backups"));
		} catch (error) {
			fill(body, failure(error, load));
		}
	}
	return {
		element: panel("Backups",
			{ note: "one file with a checksum, made while the service runs",
			actions: make }, body, table.element,
		h("p", { class: "muted" }, "Restored with ", h("code", {}, "sluice restore FILE"),
			", which checks everything before it replaces anything.")),
		load, stop: () => clearTimeout(timer),
	};
}

function askRotate(done) {
	confirmDialog({
		title: "Make a new key?", confirm: "New key", kind: "primary",
		body: [h("p", {},
			"Incidents are sealed anew with it while the service runs. Backups "
			+ "made before stay readable with the old key, which is kept.")],
		run: async () => {
			done(await post("/vault/rotate"));
			toast("A new key is in use; older incidents are being sealed anew.");
		},
	});
}

function vaultPart() {
	const body = h("div", {});
	const rotate = button("New key…", { kind: "small", on: () => askRotate(draw) });

	function draw(v) {
		rotate.disabled = v.rotating;
		fill(body, facts([
			["Key in use", mono(v.key_id)],
			["Keys kept", count(v.keys.length)],
			["Newest", time(v.keys.at(-1)?.created)],
			["Recovery key", v.recovery_key ? "there is one"
				: h("span", {}, "none: make one with ",
				h("code", {}, "sluice recovery-key"))],
			["Sealing anew", v.rotating ? `${count(v.left)} left` : null],
			["Cannot be opened", v.damaged ? h("span", { class: "risk" },
				count(v.damaged)) : null],
			["Last problem", v.error ? clean(v.error, 300) : null],
		]));
	}

	async function load() {
		try {
			draw(await get("/vault"));
		} catch (error) {
			fill(body, failure(error, load));
		}
	}
	return { element: panel("Keys", { actions: rotate,
		note: "incident details are sealed; the key ring is outside the database" }, body),
			load };
}

/** @returns {object} the view */
export function backupsView() {
	const backups = backupsPart();
	const vault = vaultPart();
	return {
		title: "Backups", help: "backups",
		element: h("div", { class: "view" },
			h("div", { class: "view-head" }, h("h1", {}, "Backups and keys")),
			backups.element, vault.element),
		start() {
			backups.load();
			vault.load();
		},
		stop: backups.stop,
	};
}
