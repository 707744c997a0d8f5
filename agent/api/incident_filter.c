/*
 * What a query asks of incidents: the original's filters (ORIGINAL.md 4.2) and ours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/incident/incident.h"
#include "agent/query/query.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/proto.h"

static int refuse(struct call *call, const char *name, const char *message)
{
	answer_error(call, 422, "invalid", name, message);
	return -EINVAL;
}

/* Whole octets: "192.0.2." or "10" hold what begins so. */
static int read_begin(const char *text, struct prefix *prefix)
{
	size_t len = strlen(text), dots = 0;
	char whole[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < len; i++)
		dots += text[i] == '.';
	if (!len || len > 15 || strspn(text, "0123456789.") != len || !dots || dots > 3)
		return -EINVAL;
	if (text[len - 1] == '.')
		dots--;
	(void)snprintf(whole, sizeof(whole), "%.*s%s/%zu", (int)(len - (text[len - 1] == '.')),
		       text, &".0.0.0"[2 * dots], 8 * (dots + 1)); /* fits */
	return prefix_parse(whole, false, prefix);
}

int read_prefix(const char *text, struct prefix *prefix)
{
	if (!prefix_parse(text, true, prefix))
		return 0;
	return read_begin(text, prefix);
}

static int read_addr(struct call *call, const char *name, struct prefix *prefix)
{
	char text[PARAM_MAX], message[160];

	if (!param_text(call->request->query, name, text) && (!*text || !read_prefix(text, prefix)))
		return 0;
	(void)snprintf(message, sizeof(message),
		       "%s is an address, a prefix, or the begin of an address such as 192.0.2.",
		       name);
	return refuse(call, name, message);
}

static int read_time(struct call *call, const char *name, int64_t *unix_ms)
{
	char text[PARAM_MAX], message[160];

	if (!param_text(call->request->query, name, text) &&
	    (!*text || !flow_query_time(text, clock_unix_ms(), unix_ms)))
		return 0;
	(void)snprintf(message, sizeof(message),
		       "%s is a time as 1h, 2d, today, 2026-11-24 or 2026-11-24T13:45:00Z.", name);
	return refuse(call, name, message);
}

static int read_names(struct call *call, struct incident_filter *filter)
{
	const char *query = call->request->query;
	char text[PARAM_MAX];
	uint8_t value = 0;

	if (param_text(query, "severity", text) || (*text && incident_severity_parse(text, &value)))
		return refuse(call, "severity", "severity is low, medium or high.");
	if (*text)
		filter->severity = value;
	if (param_text(query, "state", text) || (*text && incident_state_parse(text, &value)))
		return refuse(call, "state",
			      "state is open, acknowledged, resolved or false_positive.");
	if (*text)
		filter->state = value;
	if (param_text(query, "detector", text) || (*text && incident_detector_parse(text, &value)))
		return refuse(call, "detector", "There is no such detector.");
	if (*text)
		filter->detector = value;
	return 0;
}

static int read_settled(struct call *call, struct incident_filter *filter)
{
	char text[PARAM_MAX];

	if (param_text(call->request->query, "resolved", text) ||
	    (*text && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0))
		return refuse(call, "resolved", "resolved is yes or no.");
	if (*text)
		filter->settled = *text == 'y' ? INCIDENTS_SETTLED : INCIDENTS_UNSETTLED;
	return 0;
}

static int read_proto(struct call *call, struct incident_filter *filter)
{
	char text[PARAM_MAX];

	if (param_text(call->request->query, "protocol", text) ||
	    (*text && proto_parse(text, &filter->proto)))
		return refuse(call, "protocol", "protocol is TCP, UDP, ICMP or a number.");
	filter->has_proto = *text != '\0';
	return 0;
}

static int read_sort(struct call *call, struct incident_filter *filter)
{
	static const char *const names[INCIDENT_SORTS] = {
		[INCIDENTS_NEWEST] = "id",	   [INCIDENTS_LAST_SEEN] = "last_seen",
		[INCIDENTS_SEVERITY] = "severity", [INCIDENTS_SCORE] = "score",
		[INCIDENTS_COUNT] = "count",
	};
	char text[PARAM_MAX];

	if (param_text(call->request->query, "sort", text))
		*text = '?';
	for (int i = 0; i < INCIDENT_SORTS; i++)
		if (!*text || !strcmp(text, names[i])) {
			filter->sort = (uint8_t)i;
			return 0;
		}
	return refuse(call, "sort", "sort is id, last_seen, severity, score or count.");
}

int read_incident_filter(struct call *call, struct incident_filter *filter)
{
	*filter = (struct incident_filter){ .severity = -1, .state = -1, .detector = -1 };
	if (param_int(call, "before", 1, INT64_MAX, &filter->before_id) ||
	    read_names(call, filter) || read_settled(call, filter) || read_proto(call, filter) ||
	    read_addr(call, "src_ip", &filter->src) || read_addr(call, "dst_ip", &filter->dst) ||
	    read_time(call, "from", &filter->from_unix_ms) ||
	    read_time(call, "to", &filter->to_unix_ms))
		return -EINVAL;
	return read_sort(call, filter);
}
