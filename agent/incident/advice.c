/*
 * What a person should do next, computed from the case: who did it, how bad it is, what it was.
 */
#include <stdio.h>
#include <string.h>

#include "agent/incident/internal.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"

#define REFUSED	    "Look what refused it or was silent: somebody searches, or a setting is wrong."
#define PORTS	    "Look which services it tried, and which of them answered."
#define PLACES	    "Look at the places it went to for the first time, and what runs there."
#define SENT	    "Look where the bytes went, and which program sent them."
#define ONE	    "Look at the one place it went to most often: a program may be stuck in a loop."
#define ASKED	    "Look who came: a new use of this service, or a flood that begins."
#define LOOKS_MAX   2
#define PROBLEM_MAX 128 /* json_parse's error */

/* By detector: when the source is outside, and when it is this host or one of the network. */
static const struct {
	const char *outside, *inside;
} words[DETECTOR_COUNT] = {
	[DETECTOR_PORT_SCAN] = { "Close the ports that answered and need not be open.",
				 "Ask who scans there: an inventory, a monitor, or a worm." },
	[DETECTOR_HOST_SCAN] = { "Look whether any host behind this one answered.",
				 "Look at what the source sent to those who answered: a worm "
				 "spreads this way." },
	[DETECTOR_SYN_FLOOD] = { "Check that SYN cookies are on (net.ipv4.tcp_syncookies), and ask "
				 "the provider to filter when the line is full.",
				 "Find the process that opens these connections and stop it." },
	[DETECTOR_UDP_FLOOD] = { "Ask the provider to filter when the line is full; nothing here "
				 "can empty it.",
				 "Find the process that sends this and stop it." },
	[DETECTOR_ICMP_FLOOD] = { "Limit ICMP at the provider when the line is full.",
				  "Find the process that sends this and stop it." },
	[DETECTOR_BRUTE_FORCE] = { "Look in the service's own log whether a login succeeded, and "
				   "allow keys instead of passwords.",
				   "Look which program logs in there and with whose password: "
				   "often one that was changed." },
	[DETECTOR_DNS_TUNNEL] = { "Look which host asked for these names and what it runs.",
				  "Find the process that asks for these names; block the domain." },
	[DETECTOR_DGA] = { "Look which host asked for these names and what it runs.",
			   "Find the process that asks for these names: malware looking for its "
			   "master, or a broken setting." },
	[DETECTOR_BEACON] = { "Find out what answers that regularly and why.",
			      "Find the process that calls home: an update service is fine, an "
			      "unknown program is not." },
	[DETECTOR_EXFILTRATION] = { "Look what was taken, and over which service.",
				    "Find out what was sent and by whom: a new backup, or a "
				    "thief." },
	[DETECTOR_NEW_PORT] = { "Find the process that listens, and whether it should.",
				"Find the process that listens (ss -ltnp), and whether it "
				"should." },
	[DETECTOR_NEW_DEVICE] = { "Find out whose device it is.", "Find out whose device it is." },
	[DETECTOR_LISTED_CONTACT] = { "Look what the host got from there.",
				      "Find the process that talked to it." },
	[DETECTOR_ARP_SPOOF] = { "Compare the hardware address with the real owner's; check the "
				 "switch port.",
				 "Compare the hardware address with the real owner's; find the "
				 "switch port it came from and close it." },
	[DETECTOR_PLAIN_PASSWORD] = { "Change that password, and switch the service to TLS or SSH.",
				      "Change that password, and switch the client to TLS or "
				      "SSH." },
	[DETECTOR_HISTORY] = { "Look at the disk (dmesg, smartctl); the damaged file is kept "
			       "beside "
			       "the new one.",
			       "Look at the disk (dmesg, smartctl); the damaged file is kept "
			       "beside "
			       "the new one." },
	[DETECTOR_COVERAGE] = { "Look at `sluice coverage`: what of the traffic is not seen.",
				"Look at `sluice coverage`: what of the traffic is not seen." },
};

/* What to look at first, by what was most unusual of it: names of include/features.def. */
static const struct {
	const char *feature, *text;
} looks[] = {
	{ "failed flows", REFUSED },
	{ "share of failed flows", REFUSED },
	{ "share of tiny flows", REFUSED },
	{ "ports", PORTS },
	{ "entropy of ports", PORTS },
	{ "destinations", PLACES },
	{ "new contacts", PLACES },
	{ "share of new contacts", PLACES },
	{ "entropy of contacts", PLACES },
	{ "bytes sent", SENT },
	{ "asymmetry", SENT },
	{ "bytes against its own past", SENT },
	{ "bytes received",
	  "Look what it fetched: an update or a copy is fine, an unknown place is not." },
	{ "flows", ONE },
	{ "most flows to one", ONE },
	{ "share of that one", ONE },
	{ "flows against its own past", ONE },
	{ "mean duration", "Look which connection stays open, and for what: a tunnel does." },
	{ "questions for names",
	  "Look which names it asked for: many unknown ones are a sign of malware." },
	{ "flows from others", ASKED },
	{ "load against its own past", ASKED },
	{ "time since it was first seen", "Find out whose machine it is: it was not here before." },
};

enum incident_place incident_place_of(const struct incident_service *service,
				      const struct addr *addr)
{
	return service->options.place ? service->options.place(service->options.arg, addr)
				      : PLACE_REMOTE;
}

static void add_block(struct json *list, const struct incident_service *service,
		      const struct incident *incident, bool is_blocked)
{
	char text[192], what[PREFIX_TEXT_MAX];
	struct prefix target;

	if (is_blocked) {
		json_add_string(list, "The source is blocked. Watch whether it keeps trying, and "
				      "resolve this when it stops.");
		return;
	}
	if (incident->severity < SEVERITY_MEDIUM ||
	    !incident_response_target(service, incident, &target))
		return;
	(void)snprintf(text, sizeof(text),
		       incident->severity == SEVERITY_HIGH ? "Block %s now, unless it is yours."
							   : "Block %s for a while, unless it is "
							     "yours.",
		       prefix_format(&target, what));
	json_add_string(list, text);
}

static void add_place(struct json *list, const struct incident *incident, enum incident_place place)
{
	char text[192], source[ADDR_TEXT_MAX];

	(void)addr_format(&incident->src, source);
	if (place == PLACE_OWN)
		(void)snprintf(text, sizeof(text),
			       "This host did it: look at its own processes "
			       "first.");
	else if (place == PLACE_LOCAL)
		(void)snprintf(text, sizeof(text),
			       "%s is in your own network: find that machine and look at it.",
			       source);
	else
		(void)snprintf(text, sizeof(text), "Look at all flows of %s: what did it reach?",
			       source);
	json_add_string(list, text);
}

static const char *look_for(const struct json *number)
{
	const char *name;

	if (json_get_string(number, "name", &name))
		return NULL;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if (!strcmp(looks[i].feature, name))
			return looks[i].text;
	return NULL;
}

/* What was most unusual, at most two sentences, none twice; false: nothing is known of it. */
static bool add_looks(struct json *list, const char *numbers)
{
	CLEANUP(json_free) struct json *rows = NULL;
	char problem[PROBLEM_MAX];
	const char *said[LOOKS_MAX] = { NULL };
	unsigned int count = 0;

	if (!numbers || json_parse(numbers, strlen(numbers), &rows, problem))
		return false;
	for (size_t i = 0; i < json_array_len(rows) && count < LOOKS_MAX; i++) {
		const char *text = look_for(json_array_get(rows, i));

		if (!text || (count && !strcmp(said[0], text)))
			continue;
		said[count++] = text;
		json_add_string(list, text);
	}
	return count > 0;
}

struct json *incident_advice(const struct incident_service *service,
			     const struct incident *incident, const char *numbers, bool is_blocked)
{
	enum incident_place place = incident_place_of(service, &incident->src);
	bool has_source = incident_is_one(&incident->src);
	struct json *list = json_new_array();
	const char *text = NULL;

	if (incident->detector < DETECTOR_COUNT)
		text = place == PLACE_REMOTE ? words[incident->detector].outside
					     : words[incident->detector].inside;
	if (has_source) {
		add_block(list, service, incident, is_blocked);
		add_place(list, incident, place);
	} else if (incident->detector != DETECTOR_COVERAGE &&
		   incident->detector != DETECTOR_HISTORY) {
		json_add_string(list, "The sources are made up: blocking them one by one does not "
				      "help.");
	}
	if (text)
		json_add_string(list, text);
	else if (incident->detector == DETECTOR_ANOMALY && !add_looks(list, numbers))
		json_add_string(list,
				"Look at its flows of that time beside those of another day.");
	if (incident->severity == SEVERITY_HIGH)
		json_add_string(list, "Keep the evidence: export the flows of that time before "
				      "they are too old.");
	else
		json_add_string(list, "If this is meant to be, say \"expected here\": it is not "
				      "said again.");
	return list;
}
