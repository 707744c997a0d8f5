/*
 * Incidents as JSON: the contract's fields, the original's, and the flows kept as evidence.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/incident/internal.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"
#include "agent/util/proto.h"

static void set_addr(struct json *object, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	json_set_string(object, key, addr->family == ADDR_NONE ? NULL : addr_format(addr, text));
}

struct json *incident_to_json(const struct incident *incident, const char *reason)
{
	char proto[PROTO_TEXT_MAX];
	struct json *object = json_new_object();

	json_set_int(object, "id", incident->id);
	json_set_string(object, "detector", incident_detector_name(incident->detector));
	json_set_string(object, "title", incident_detector_title(incident->detector));
	json_set_string(object, "severity", incident_severity_name(incident->severity));
	json_set_string(object, "state", incident_state_name(incident->state));
	json_set_double(object, "score", incident->score);
	set_addr(object, "src_ip", &incident->src);
	set_addr(object, "dst_ip", &incident->dst);
	json_set_int(object, "dst_port", incident->dst_port);
	json_set_string(object, "proto", proto_format(incident->proto, proto));
	json_set_time(object, "first_seen", incident->first_unix_ms);
	json_set_time(object, "last_seen", incident->last_unix_ms);
	json_set_uint(object, "count", incident->count);
	json_set_string(object, "reason", reason);
	json_set_string(object, "technique", incident_detector_technique(incident->detector));
	json_set_int(object, "version", incident->version);
	return object;
}

/* The keys and their order as in the original (ORIGINAL.md 4.3). */
struct json *incident_to_legacy_json(const struct incident *incident, const char *reason)
{
	char proto[PROTO_TEXT_MAX];
	struct json *object = json_new_object();

	json_set_int(object, "id", incident->id);
	json_set_time(object, "timestamp", incident->first_unix_ms);
	set_addr(object, "src_ip", &incident->src);
	set_addr(object, "dst_ip", &incident->dst);
	json_set_string(object, "protocol", proto_format(incident->proto, proto));
	json_set_string(object, "details", reason);
	json_set_string(object, "severity", incident_severity_name(incident->severity));
	json_set_bool(object, "resolved",
		      incident->state == INCIDENT_RESOLVED ||
			      incident->state == INCIDENT_FALSE_POSITIVE);
	return object;
}

static const char *flow_state_name(uint8_t state)
{
	static const char *const names[] = {
		[FLOW_NEW] = "new",
		[FLOW_ESTABLISHED] = "established",
		[FLOW_CLOSED] = "closed",
		[FLOW_EXPIRED] = "expired",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : NULL;
}

static void set_tuple(struct json *object, const struct five_tuple *tuple)
{
	char proto[PROTO_TEXT_MAX];

	json_set_int(object, "ip_v", tuple->src.family);
	json_set_string(object, "proto", proto_format(tuple->proto, proto));
	set_addr(object, "src_ip", &tuple->src);
	json_set_int(object, "src_port", tuple->src_port);
	set_addr(object, "dst_ip", &tuple->dst);
	json_set_int(object, "dst_port", tuple->dst_port);
}

static struct json *encode_flow(const struct incident_service *service, const struct flow *flow)
{
	/* What the flow table does not know (yet) is null, so that the shape is the contract's. */
	static const char *const unknown[] = { "rule_id", "sni", "host", "ja4",	       "process",
					       "pid",	  "uid", "unit", "incident_id" };
	const struct incident_options *options = &service->options;
	char flags[TCP_FLAGS_TEXT_MAX];
	struct json *object = json_new_object();

	json_set_uint(object, "id", flow->id);
	json_set_time(object, "start", flow->start_unix_ms);
	json_set_time(object, "end", flow->end_unix_ms);
	json_set_string(object, "iface",
			options->iface_name ? options->iface_name(options->arg, flow->iface)
					    : NULL);
	if (flow->vlan)
		json_set_int(object, "vlan", flow->vlan);
	else
		json_set_null(object, "vlan");
	set_tuple(object, &flow->tuple);
	json_set_uint(object, "packets_out", flow->packets_out);
	json_set_uint(object, "bytes_out", flow->bytes_out);
	json_set_uint(object, "packets_in", flow->packets_in);
	json_set_uint(object, "bytes_in", flow->bytes_in);
	json_set_string(object, "tcp_flags_out", tcp_flags_format(flow->tcp_flags_out, flags));
	json_set_string(object, "tcp_flags_in", tcp_flags_format(flow->tcp_flags_in, flags));
	json_set_string(object, "state", flow_state_name(flow->state));
	json_set_string(object, "verdict", "pass"); /* a dropped packet never makes a flow */
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		json_set_null(object, unknown[i]);
	return object;
}

char *encode_evidence(const struct incident_service *service, const struct finding *finding)
{
	CLEANUP(json_free) struct json *flows = json_new_array();
	unsigned int count = finding->evidence_count;

	if (count > FINDING_EVIDENCE_MAX)
		count = FINDING_EVIDENCE_MAX;
	for (unsigned int i = 0; i < count; i++)
		json_add(flows, encode_flow(service, &finding->evidence[i]));
	return json_print(flows, NULL);
}

char *encode_features(const struct finding *finding)
{
	CLEANUP(json_free) struct json *list = json_new_array();

	for (unsigned int i = 0; i < finding->feature_count; i++) {
		const struct finding_feature *feature = &finding->features[i];
		struct json *item = json_new_object();
		char name[sizeof(feature->name) + 1], unit[sizeof(feature->unit) + 1];

		(void)snprintf(name, sizeof(name), "%.*s", (int)sizeof(feature->name),
			       feature->name);
		(void)snprintf(unit, sizeof(unit), "%.*s", (int)sizeof(feature->unit),
			       feature->unit);
		json_set_string(item, "name", name);
		json_set_string(item, "unit", unit);
		json_set_double(item, "value", feature->value);
		json_set_double(item, "normal_low", feature->normal_low);
		json_set_double(item, "normal_high", feature->normal_high);
		json_add(list, item);
	}
	return json_print(list, NULL);
}

struct json *incident_expected_json(const struct expected *expected)
{
	struct json *item = json_new_object();
	bool any_src = expected->src.addr.family == ADDR_NONE;
	bool any_dst = expected->dst.addr.family == ADDR_NONE;
	char text[PREFIX_TEXT_MAX];

	json_set_int(item, "id", expected->id);
	json_set_string(item, "detector",
			expected->detector < 0
				? NULL
				: incident_detector_name((uint8_t)expected->detector));
	json_set_string(item, "src", any_src ? NULL : prefix_format(&expected->src, text));
	json_set_string(item, "dst", any_dst ? NULL : prefix_format(&expected->dst, text));
	if (expected->dst_port)
		json_set_int(item, "port", expected->dst_port);
	else
		json_set_null(item, "port");
	json_set_string(item, "note", expected->note);
	json_set_string(item, "author", expected->author);
	json_set_time(item, "created", expected->created_unix_ms);
	json_set_time(item, "expires", expected->expires_unix_ms);
	if (expected->incident_id)
		json_set_int(item, "incident_id", expected->incident_id);
	else
		json_set_null(item, "incident_id");
	json_set_uint(item, "silenced", expected->silenced);
	json_set_time(item, "last_silenced", expected->last_unix_ms);
	return item;
}
