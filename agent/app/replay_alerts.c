/*
 * What the detectors found in a capture, told as incidents are: once per source and detector.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/app/replay_sum.h"
#include "agent/incident/incident.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"
#include "agent/util/proto.h"

/* As incidents are told apart: by source and cause; where many are the source, by whom it hits. */
static struct replay_alert *find(struct replay_alerts *alerts, const struct finding *finding)
{
	static const uint8_t none[4] = { 0 };
	bool is_many = !memcmp(finding->src.bytes + 12, none, sizeof(none));

	for (unsigned int i = 0; i < alerts->count; i++) {
		struct replay_alert *alert = &alerts->at[i];

		if (alert->detector == finding->detector &&
		    addr_is_equal(&alert->src, &finding->src) &&
		    (!is_many || addr_is_equal(&alert->dst, &finding->dst)))
			return alert;
	}
	return NULL;
}

/* The strongest finding tells it, the first one when it began. */
static void describe(struct replay_alert *alert, const struct finding *finding)
{
	alert->severity = finding->severity;
	alert->dst = finding->dst;
	alert->proto = finding->proto;
	alert->dst_port = finding->dst_port;
	alert->count = finding->count;
	alert->score = finding->score;
	(void)snprintf(alert->reason, sizeof(alert->reason), "%s", finding->reason);
}

bool replay_alerts_add(struct replay_alerts *alerts, const struct finding *finding)
{
	struct replay_alert *alert = find(alerts, finding);
	bool is_worse = alert && finding->severity > alert->severity;

	if (alert) {
		if (is_worse ||
		    (finding->severity == alert->severity && finding->count >= alert->count))
			describe(alert, finding);
		alert->last_unix_ms = finding->last_unix_ms;
		return is_worse;
	}
	if (alerts->count == REPLAY_ALERTS) {
		alerts->more++;
		return true;
	}
	alert = &alerts->at[alerts->count++];
	alert->detector = finding->detector;
	alert->src = finding->src;
	alert->first_unix_ms = finding->first_unix_ms;
	alert->last_unix_ms = finding->last_unix_ms;
	describe(alert, finding);
	return true;
}

struct json *replay_alerts_encode(const struct replay_alerts *alerts)
{
	struct json *array = json_new_array();

	for (unsigned int i = 0; i < alerts->count; i++) {
		const struct replay_alert *alert = &alerts->at[i];
		struct json *item = json_new_object();
		char text[ADDR_TEXT_MAX], proto[PROTO_TEXT_MAX];

		json_set_string(item, "detector", incident_detector_name(alert->detector));
		json_set_string(item, "title", incident_detector_title(alert->detector));
		json_set_string(item, "severity", incident_severity_name(alert->severity));
		json_set_double(item, "score", alert->score);
		json_set_string(item, "src_ip", addr_format(&alert->src, text));
		json_set_string(item, "dst_ip", addr_format(&alert->dst, text));
		json_set_uint(item, "dst_port", alert->dst_port);
		json_set_string(item, "proto",
				alert->proto ? proto_format(alert->proto, proto) : NULL);
		json_set_time(item, "first_seen", alert->first_unix_ms);
		json_set_time(item, "last_seen", alert->last_unix_ms);
		json_set_uint(item, "count", alert->count);
		json_set_string(item, "reason", alert->reason);
		json_set_string(item, "technique", incident_detector_technique(alert->detector));
		json_add(array, item);
	}
	return array;
}

void replay_alerts_print(const struct replay_alerts *alerts)
{
	if (alerts->count)
		printf("\nalerts\n");
	for (unsigned int i = 0; i < alerts->count; i++) {
		const struct replay_alert *alert = &alerts->at[i];

		printf("  %-6s %s: %s\n", incident_severity_name(alert->severity),
		       incident_detector_title(alert->detector), alert->reason);
	}
	if (alerts->more)
		printf("  and %" PRIu64 " more findings\n", alerts->more);
}
