/*
 * Which flows show best what is unusual: by bytes, by having failed, else the newest ones.
 */
#include "agent/app/anomaly_say.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/model/model.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/incident.h"
#include "include/snapshot.h"

/* Beyond what the budget allows by so much, an alarm is more than the rarest of the ordinary. */
#define FAR_BEYOND 10

static bool is_of(const struct model_alarm *alarm, const struct flow *flow)
{
	bool is_asked = alarm->class % 2;
	const struct addr *addr = is_asked ? &flow->tuple.dst : &flow->tuple.src;

	return flow->last_ns >= alarm->begun_ns && addr_is_equal(addr, &alarm->src);
}

/* How well a flow shows it; the larger the better. */
static uint64_t weigh(const struct model_alarm *alarm, const struct flow *flow)
{
	switch (alarm->reason_count ? alarm->reasons[0].feature : (uint32_t)FEATURE_COUNT) {
	case FEATURE_BYTES_OUT:
	case FEATURE_Z_BYTES:
	case FEATURE_ASYMMETRY:
		return flow->bytes_out;
	case FEATURE_BYTES_IN:
		return flow->bytes_in;
	case FEATURE_FAILED:
	case FEATURE_FAILED_SHARE:
	case FEATURE_TINY_SHARE:
		return flow->packets_in ? 0 : 1;
	case FEATURE_DURATION:
		return flow->last_ns - flow->first_ns;
	default:
		return flow->first_ns;
	}
}

static void keep_best(const struct model_alarm *alarm, const struct flow *flow,
		      struct finding *finding)
{
	unsigned int at = finding->evidence_count;

	if (at == FINDING_EVIDENCE_MAX &&
	    weigh(alarm, flow) <= weigh(alarm, &finding->evidence[--at]))
		return;
	finding->evidence_count += finding->evidence_count < FINDING_EVIDENCE_MAX;
	for (; at > 0 && weigh(alarm, &finding->evidence[at - 1]) < weigh(alarm, flow); at--)
		finding->evidence[at] = finding->evidence[at - 1];
	finding->evidence[at] = *flow;
	finding->evidence[at].name = 0; /* a number of the snapshot's */
}

/* Where all of its flows went, if they went to one place. */
static void say_where(struct finding *finding, bool is_asked)
{
	static const uint8_t none[4] = { 0 };
	const struct flow *first = &finding->evidence[0];

	finding->dst = addr_from_ipv4(none);
	if (!finding->evidence_count || is_asked)
		return;
	finding->dst = first->tuple.dst;
	finding->dst_port = first->tuple.dst_port;
	finding->proto = first->tuple.proto;
	for (unsigned int i = 1; i < finding->evidence_count; i++) {
		const struct five_tuple *tuple = &finding->evidence[i].tuple;

		if (!addr_is_equal(&tuple->dst, &first->tuple.dst))
			finding->dst = addr_from_ipv4(none);
		if (tuple->dst_port != first->tuple.dst_port)
			finding->dst_port = 0;
		if (tuple->proto != first->tuple.proto)
			finding->proto = 0;
	}
}

static void write_reason(const struct model_alarm *alarm, char reason[static FINDING_REASON_MAX])
{
	char text[ADDR_TEXT_MAX], said[MODEL_SAY_MAX];
	const char *unit = alarm->length_s >= 3600 ? "h" : alarm->length_s >= 60 ? "min" : "s";
	uint32_t length = alarm->length_s >= 3600 ? alarm->length_s / 3600
			  : alarm->length_s >= 60 ? alarm->length_s / 60
						  : alarm->length_s;

	model_alarm_say(alarm, said);
	(void)snprintf(reason, FINDING_REASON_MAX, "Unusual for hosts like %s within %u %s: %s.",
		       addr_format(&alarm->src, text), length, unit, said);
}

_Static_assert(MODEL_REASONS <= FINDING_FEATURES_MAX, "each reason has its place");

/* Its rarest features beside what hosts like it have. */
static void add_features(const struct model_alarm *alarm, struct finding *finding)
{
	for (unsigned int i = 0; i < alarm->reason_count && i < MODEL_REASONS; i++) {
		const struct model_reason *reason = &alarm->reasons[i];
		struct finding_feature *feature = &finding->features[finding->feature_count++];

		(void)snprintf(feature->name, sizeof(feature->name), "%s",
			       model_feature_name(reason->feature));
		(void)snprintf(feature->unit, sizeof(feature->unit), "%s",
			       model_feature_unit(reason->feature));
		feature->value = model_feature_value(reason->feature, reason->value);
		feature->normal_low = model_feature_value(reason->feature, reason->low);
		feature->normal_high = model_feature_value(reason->feature, reason->high);
	}
}

void anomaly_say(const struct model_alarm *alarm, const struct snapshot *snapshot,
		 const struct anomaly_moment *moment, struct finding *finding)
{
	uint64_t begun_ago_ns = moment->now_ns - alarm->begun_ns;
	bool is_far = alarm->rate * FAR_BEYOND < alarm->allowed;

	memset(finding, 0, sizeof(*finding));
	finding->detector = DETECTOR_ANOMALY;
	/* heavy use is no attack: only what looks like searching or hiding is more than low */
	finding->severity =
		is_far && model_alarm_is_suspicious(alarm) ? SEVERITY_MEDIUM : SEVERITY_LOW;
	finding->score = fmax(0.5, 1 - alarm->rate / (2 * alarm->allowed));
	finding->src = alarm->src;
	finding->first_unix_ms = moment->unix_ms - (int64_t)(begun_ago_ns / NS_PER_MS);
	finding->last_unix_ms = moment->unix_ms;
	finding->count = alarm->flows ? alarm->flows : 1;
	for (unsigned int i = 0; snapshot && i < snapshot->flow_count; i++)
		if (is_of(alarm, &snapshot->flows[i]))
			keep_best(alarm, &snapshot->flows[i], finding);
	say_where(finding, alarm->class % 2);
	add_features(alarm, finding);
	write_reason(alarm, finding->reason);
}
