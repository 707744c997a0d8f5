/*
 * The table of detectors, each fed with what it asks for and asked once a second.
 */
#include "agent/detect/detect.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/detect/detector.h"
#include "agent/detect/lan.h"
#include "agent/util/clock.h"
#include "include/history.h"
#include "include/payload.h"

#define LEARN_S 3600

/* NULL: others say its findings (the model its own). */
static const struct detector_ops *const detectors[DETECTOR_COUNT] = {
	[DETECTOR_PORT_SCAN] = &port_scan_detector,
	[DETECTOR_COVERAGE] = &coverage_detector,
	[DETECTOR_HOST_SCAN] = &host_scan_detector,
	[DETECTOR_SYN_FLOOD] = &syn_flood_detector,
	[DETECTOR_UDP_FLOOD] = &udp_flood_detector,
	[DETECTOR_ICMP_FLOOD] = &icmp_flood_detector,
	[DETECTOR_BRUTE_FORCE] = &brute_force_detector,
	[DETECTOR_DNS_TUNNEL] = &dns_tunnel_detector,
	[DETECTOR_DGA] = &dga_detector,
	[DETECTOR_BEACON] = &beacon_detector,
	[DETECTOR_EXFILTRATION] = &exfiltration_detector,
	[DETECTOR_NEW_PORT] = &new_port_detector,
	[DETECTOR_NEW_DEVICE] = &new_device_detector,
	[DETECTOR_LISTED_CONTACT] = &listed_contact_detector,
	[DETECTOR_ARP_SPOOF] = &arp_spoof_detector,
	[DETECTOR_PLAIN_PASSWORD] = &plain_password_detector,
};

static const uint8_t severities[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) \
	[DETECTOR_##id] = (severity),
#include "include/detectors.def"
#undef DETECTOR
};

struct detect {
	struct detect_options options;
	uint64_t ticked_ns;
	bool has_learned; /* what is new, in former runs */
	void *state[DETECTOR_COUNT];
};

/* ---- life -------------------------------------------------------------------------------------
 */

int detect_new(const struct detect_options *options, struct detect **out)
{
	CLEANUP(detect_free) struct detect *detect = NULL;

	if (!options->hosts_max || !options->on_finding)
		return -EINVAL;
	detect = calloc(1, sizeof(*detect));
	if (!detect)
		return -ENOMEM;
	detect->options = *options;
	if (!detect->options.learn_s)
		detect->options.learn_s = LEARN_S;
	for (int i = 0; i < DETECTOR_COUNT; i++) {
		int error = detectors[i] ? detectors[i]->open(options->hosts_max, &detect->state[i])
					 : 0;

		if (error)
			return error;
	}
	*out = TAKE(detect);
	return 0;
}

void detect_free(struct detect *detect)
{
	if (!detect)
		return;
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (detectors[i])
			detectors[i]->close(detect->state[i]);
	free(detect);
}

/* ---- food -------------------------------------------------------------------------------------
 */

void detect_know(struct detect *detect, const struct seen_entry *known, size_t count,
		 bool is_complete)
{
	detect->has_learned = is_complete;
	for (int i = 0; i < DETECTOR_COUNT; i++)
		for (size_t k = 0; detectors[i] && detectors[i]->know && k < count; k++)
			detectors[i]->know(detect->state[i], &known[k].key,
					   detect->options.start_ns);
}

void detect_flow(struct detect *detect, const struct flow *flow, bool is_new, uint64_t now_ns)
{
	(void)is_new; /* the initiator may still turn round: each change is looked at as it is */
	(void)now_ns; /* what is tried is dated by its flow's first packet */
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (detectors[i] && detectors[i]->flow)
			detectors[i]->flow(detect->state[i], flow);
}

void detect_delta(struct detect *detect, const struct flow_delta *delta)
{
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (detectors[i] && detectors[i]->delta)
			detectors[i]->delta(detect->state[i], delta);
}

void detect_name(struct detect *detect, const struct name_event *event)
{
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (detectors[i] && detectors[i]->name)
			detectors[i]->name(detect->state[i], event);
}

static void take_frame(struct detect *detect, const struct payload *payload)
{
	struct lan_fact fact;

	if (lan_parse(payload, &fact))
		return; /* not well formed: the devices it is meant for drop it, too */
	if (fact.at_ns > detect->options.start_ns)
		fact.watched_ns = fact.at_ns - detect->options.start_ns;
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (detectors[i] && detectors[i]->lan)
			detectors[i]->lan(detect->state[i], &fact);
}

void detect_payload(struct detect *detect, const struct payload *payload)
{
	if (payload->is_frame) {
		take_frame(detect, payload);
		return;
	}
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (detectors[i] && detectors[i]->payload)
			detectors[i]->payload(detect->state[i], payload);
}

void detect_listed(struct detect *detect, const struct detect_contact *contact)
{
	listed_contact_take(detect->state[DETECTOR_LISTED_CONTACT], contact);
}

/* ---- time -------------------------------------------------------------------------------------
 */

static struct detect_moment moment_of(const struct detect *detect, uint64_t now_ns, int64_t unix_ms)
{
	const struct detect_options *options = &detect->options;
	uint64_t since_ns = detect->ticked_ns ? detect->ticked_ns : options->start_ns;
	uint64_t elapsed_ns = now_ns > since_ns ? now_ns - since_ns : 0;

	uint64_t learn_until_ns = options->start_ns + options->learn_s * NS_PER_S;

	return (struct detect_moment){
		.now_ns = now_ns,
		.elapsed_ns = elapsed_ns > NS_PER_S ? elapsed_ns : NS_PER_S,
		.unix_ms = unix_ms,
		.learn_until_ns = learn_until_ns,
		.new_from_ns = detect->has_learned ? options->start_ns : learn_until_ns,
		.on_finding = options->on_finding,
		.on_seen = options->on_seen,
		.arg = options->arg,
		.udp_floods = detect->state[DETECTOR_UDP_FLOOD],
	};
}

void detect_coverage(struct detect *detect, const struct coverage *coverage, uint64_t now_ns,
		     int64_t unix_ms)
{
	const struct detect_moment moment = moment_of(detect, now_ns, unix_ms);

	coverage_watch(detect->state[DETECTOR_COVERAGE], coverage, &moment);
}

void detect_tick(struct detect *detect, uint64_t now_ns, int64_t unix_ms)
{
	const struct detect_moment moment = moment_of(detect, now_ns, unix_ms);

	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (detectors[i] && detectors[i]->tick)
			detectors[i]->tick(detect->state[i], &moment);
	detect->ticked_ns = now_ns;
}

void detect_glance(struct detect *detect, uint64_t now_ns, int64_t unix_ms)
{
	const struct detect_moment moment = moment_of(detect, now_ns, unix_ms);

	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (detectors[i] && detectors[i]->glance)
			detectors[i]->glance(detect->state[i], &moment);
}

uint64_t detect_full_count(const struct detect *detect)
{
	uint64_t full = 0;

	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (detectors[i])
			full += detectors[i]->full(detect->state[i]);
	return full;
}

bool detect_is_learning(const struct detect *detect, uint64_t now_ns)
{
	return now_ns < detect->options.start_ns + detect->options.learn_s * NS_PER_S;
}

/* ---- for the detectors ------------------------------------------------------------------------
 */

int64_t detect_unix_ms(const struct detect_moment *moment, uint64_t at_ns)
{
	if (at_ns >= moment->now_ns)
		return moment->unix_ms;
	return moment->unix_ms - (int64_t)((moment->now_ns - at_ns) / NS_PER_MS);
}

uint8_t detect_severity(enum detector detector)
{
	return severities[detector];
}
