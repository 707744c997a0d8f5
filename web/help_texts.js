// What the help of each page says: what it answers, how to use it, where the numbers come from.
// Sentences only; the keys of a page come from the page itself.

/** By the `help` of a view: title and paragraphs. */
export const HELP = {
	overview: ["Overview", [
		"Is all well? The sentence on top says so; the tiles are the last "
			+ "second.",
		"The chart shows the window chosen above it. Drag across it to look "
			+ "closer; Earlier and Later move it, Wider shows more. The address keeps "
			+ "the window, so it can be sent.",
		"Top talkers, protocols and names are of the last minute while the "
			+ "window is an hour or less and ends now; else they are of whole hours.",
		"Coverage: each packet seen is counted once more in exactly one place. "
			+ "100 % means that nothing went by unseen.",
	]],
	flows: ["Flows", [
		"Who talks to whom? Without a time the table shows flows that are "
			+ "active or ended lately; with since: or until: it shows the history.",
		"Type in the box or click on a value to narrow the search. Conditions "
			+ "beside each other must all hold; OR and a minus sign in front work as "
			+ "expected.",
		"Columns chooses what is shown; Busiest sums up everything that matches "
			+ "by one field.",
	]],
	incidents: ["Incidents", [
		"What must I do? The list opens with what is neither resolved nor a "
			+ "false positive.",
		"Each incident says in one sentence what was measured and what is "
			+ "normal here, and holds the flows behind it.",
		"Expected here: this is normal in your network. Such findings are "
			+ "counted and no longer reported while the entry lasts.",
		"Block drops every packet of the source in the kernel. Before it asks, "
			+ "it says what is in force today and what the block would have dropped "
			+ "in the last 7 days.",
	]],
	hosts: ["A host", [
		"Everything on one address: its course, with whom it spoke, ports, "
			+ "names, incidents.",
		"The numbers are from the flow history; a long search is cut at its "
			+ "time limit and says so.",
		"Never block puts the address on the safe list, which is asked before "
			+ "each drop.",
	]],
	blocks: ["Blocks and lists", [
		"An address, a prefix, or a name with everything below it. Names are "
			+ "stopped in DNS, TLS, QUIC and HTTP.",
		"A wide block or a long list has to be confirmed within a minute, or it "
			+ "ends by itself: a mistake cannot lock you out for long.",
		"Lists are files with one entry a line. A new version replaces the old "
			+ "one without a gap.",
		"The safe list fills itself with own addresses, gateways, resolvers and "
			+ "logged-in admins, and holds your own entries.",
	]],
	reports: ["Reports", [
		"A report is a PDF of a period, drawn on this host; nothing leaves it.",
		"It is made in the background. The page shows how far it is.",
	]],
	settings: ["Settings", [
		"Every option with its meaning, its bounds, and where its value comes "
			+ "from.",
		"Changes are gathered and shown as a difference before they are "
			+ "applied. Some take effect at once, some at the next start; the marks "
			+ "say which.",
		"Secrets are never shown again.",
	]],
	users: ["Users", [
		"Viewers look. Analysts also work on incidents. Admins also block and "
			+ "change things.",
		"A first password must be changed at the first login. The last admin "
			+ "cannot be disabled.",
	]],
	account: ["Your account", [
		"A second factor asks for a code of your phone after the password.",
		"Tokens are for scripts. Give each the smallest right it needs and an "
			+ "end.",
	]],
	audit: ["Audit", [
		"Who did what, when, from where. Each row is chained to the one before "
			+ "and the end is sealed, so that a changed or missing row is found.",
	]],
	backups: ["Backups and keys", [
		"A backup is one file with a checksum, made while the service runs.",
		"Incident details are sealed with the key ring. Keep a recovery key "
			+ "outside this host.",
	]],
};
