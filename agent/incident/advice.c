/*
 * What a person should do next, computed from the case: who did it, how bad it is, what it was.
 */
#include <stdio.h>

#include "agent/incident/internal.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"

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

struct json *incident_advice(const struct incident_service *service,
			     const struct incident *incident, bool is_blocked)
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
	if (incident->severity == SEVERITY_HIGH)
		json_add_string(list, "Keep the evidence: export the flows of that time before "
				      "they are too old.");
	else
		json_add_string(list, "If this is meant to be, say \"expected here\": it is not "
				      "said again.");
	return list;
}
