/*
 * EVE lines of what detectors found. Readers group by signature and addresses, so that the
 * signature is the detector's title and nothing else; what is particular is in the metadata, whose
 * values are arrays of strings (Suricata etc/schema.json).
 */
#include <stdio.h>

#include "agent/export/internal.h"
#include "agent/util/clock.h"

/* 9000000 to 9000999 are nobody's: local rules begin at 1000000 and end below 2000000. */
#define SIGNATURE_BASE 9000000

static const struct {
	const char *name, *title, *technique;
} detectors[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) \
	[DETECTOR_##id] = { name, title, technique },
#include "include/detectors.def"
#undef DETECTOR
};

/* Suricata's classes (etc/classification.config). */
static const char *category_of(uint8_t detector)
{
	switch (detector) {
	case DETECTOR_PORT_SCAN:
	case DETECTOR_HOST_SCAN:
		return "Detection of a Network Scan";
	case DETECTOR_SYN_FLOOD:
	case DETECTOR_UDP_FLOOD:
	case DETECTOR_ICMP_FLOOD:
		return "Detection of a Denial of Service Attack";
	case DETECTOR_BRUTE_FORCE:
		return "Attempted Administrator Privilege Gain";
	case DETECTOR_DNS_TUNNEL:
	case DETECTOR_EXFILTRATION:
		return "Potential Corporate Privacy Violation";
	case DETECTOR_DGA:
	case DETECTOR_BEACON:
	case DETECTOR_LISTED_CONTACT:
		return "Malware Command and Control Activity Detected";
	case DETECTOR_ARP_SPOOF:
	case DETECTOR_PLAIN_PASSWORD:
		return "Potentially Bad Traffic";
	default:
		return "Misc activity";
	}
}

static const char *const severity_names[] = {
	[SEVERITY_LOW] = "low",
	[SEVERITY_MEDIUM] = "medium",
	[SEVERITY_HIGH] = "high",
};

/* Theirs counts down: 1 is the highest. */
static uint64_t severity_of(const struct finding *finding)
{
	return SEVERITY_HIGH - finding->severity + 1U;
}

static void write_list(struct buffer *out, const char *key, const char *text)
{
	text_open(out, key, '[');
	text_string(out, text);
	text_close(out, ']');
}

static void write_metadata(struct buffer *out, const struct finding *finding)
{
	char text[32];

	text_open(out, "metadata", '{');
	write_list(out, "sluice_detector", detectors[finding->detector].name);
	write_list(out, "sluice_severity", severity_names[finding->severity]);
	write_list(out, "sluice_reason", finding->reason);
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)finding->count);
	write_list(out, "sluice_count", text);
	(void)snprintf(text, sizeof(text), "%.3f", finding->score);
	write_list(out, "confidence", text);
	write_list(out, "mitre_technique_id", detectors[finding->detector].technique);
	text_close(out, '}');
}

/* The flow behind it when there is one: its ports and its id lead to the other lines. */
static struct five_tuple tuple_of(const struct finding *finding)
{
	struct five_tuple tuple = { .src = finding->src,
				    .dst = finding->dst,
				    .dst_port = finding->dst_port,
				    .proto = finding->proto };

	for (unsigned int i = 0; i < finding->evidence_count; i++) {
		const struct five_tuple *flow = &finding->evidence[i].tuple;

		if (!tuple.src_port && flow->dst_port == finding->dst_port)
			tuple.src_port = flow->src_port;
	}
	return tuple;
}

void eve_alert(struct eve *eve, const struct finding *finding)
{
	const struct five_tuple tuple = tuple_of(finding);
	const struct eve_head head = {
		.event_type = "alert",
		.unix_ns = finding->last_unix_ms * (int64_t)NS_PER_MS,
		.tuple = &tuple,
	};
	struct buffer *out = &eve->text;
	char signature[96];

	if (finding->detector >= DETECTOR_COUNT || finding->severity > SEVERITY_HIGH)
		return;
	eve_begin(eve, &head);
	text_open(out, "alert", '{');
	text_member(out, "action", "allowed");
	text_number(out, "gid", 1);
	text_number(out, "signature_id", SIGNATURE_BASE + 1U + finding->detector);
	text_number(out, "rev", 1);
	(void)snprintf(signature, sizeof(signature), "sluice %s",
		       detectors[finding->detector].title);
	text_member(out, "signature", signature);
	text_member(out, "category", category_of(finding->detector));
	text_number(out, "severity", severity_of(finding));
	write_metadata(out, finding);
	text_close(out, '}');
	eve_end(eve);
}
