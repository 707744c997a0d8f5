/*
 * What one named detector is to the module: a row of functions over a state of its own. Only
 * agent/detect includes it. A new detector is one file, one row in include/detectors.def and one
 * in detect.c.
 */
#ifndef SLUICE_DETECT_DETECTOR_H
#define SLUICE_DETECT_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/detect/detect.h"

struct lan_fact;

/* The moment of a tick and where findings go. */
struct detect_moment {
	uint64_t now_ns;
	uint64_t elapsed_ns;	 /* since the last tick, at least a second */
	int64_t unix_ms;	 /* the same moment */
	uint64_t learn_until_ns; /* what was new before it may well be old */
	uint64_t new_from_ns;	 /* likewise, of what detect_know was told */
	detect_finding_fn on_finding;
	void (*on_seen)(void *arg, const struct seen_key *key);
	void *arg;
	const void *udp_floods; /* state of that detector */
};

/* All but open, close and full may be NULL. know: what was seen in former runs. */
struct detector_ops {
	int (*open)(unsigned int hosts_max, void **state);
	void (*close)(void *state); /* accepts NULL */
	void (*flow)(void *state, const struct flow *flow);
	void (*delta)(void *state, const struct flow_delta *delta);
	void (*name)(void *state, const struct name_event *event);
	void (*lan)(void *state, const struct lan_fact *fact);
	void (*payload)(void *state, const struct payload *payload);
	void (*tick)(void *state, const struct detect_moment *moment);
	/* between two ticks: what cannot wait for the next */
	void (*glance)(void *state, const struct detect_moment *moment);
	uint64_t (*full)(const void *state); /* what had to make room so far */
	void (*know)(void *state, const struct seen_key *key, uint64_t now_ns);
};

extern const struct detector_ops port_scan_detector;
extern const struct detector_ops coverage_detector;
extern const struct detector_ops host_scan_detector;
extern const struct detector_ops syn_flood_detector;
extern const struct detector_ops udp_flood_detector;
extern const struct detector_ops icmp_flood_detector;
extern const struct detector_ops brute_force_detector;
extern const struct detector_ops dns_tunnel_detector;
extern const struct detector_ops dga_detector;
extern const struct detector_ops beacon_detector;
extern const struct detector_ops exfiltration_detector;
extern const struct detector_ops new_port_detector;
extern const struct detector_ops new_device_detector;
extern const struct detector_ops listed_contact_detector;
extern const struct detector_ops arp_spoof_detector;
extern const struct detector_ops plain_password_detector;

/* coverage_watch - the coverage detector's own food. @state: of its open. */
void coverage_watch(void *state, const struct coverage *coverage,
		    const struct detect_moment *moment);
/* listed_contact_take - the listed_contact detector's own food. */
void listed_contact_take(void *state, const struct detect_contact *contact);

/* udp_flood_is_on - @dst is being flooded, as far as was said. @state: of that detector's open. */
bool udp_flood_is_on(const void *state, const struct addr *dst);

/* detect_unix_ms - wall time of @at_ns, which lies before the moment. */
int64_t detect_unix_ms(const struct detect_moment *moment, uint64_t at_ns);
uint8_t detect_severity(enum detector detector);

#endif
