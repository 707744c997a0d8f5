/*
 * A scenario of the demo run through at once, by a clock of its own: simulator -> datapath -> flow
 * table and names -> detectors. For the demo's day before the start, and for judging the detectors
 * by the scenario's truth. One thread; nothing is kept but what the callbacks keep.
 */
#ifndef SLUICE_APP_REHEARSE_H
#define SLUICE_APP_REHEARSE_H

#include <stdint.h>

struct finding;
struct flow;
struct flow_names;

struct rehearse_options {
	uint64_t seed;
	int64_t start_unix_ms;
	uint64_t length_s;
	uint64_t learn_s;
	uint64_t
		quiet_after_s; /* ordinary traffic ends then, and idle time is skipped; 0 = never */
	unsigned int attack_rarity; /* as the demo's */
	const char *truth_path;	    /* as the demo's; NULL = none */
	uint64_t first_flow_id;
	void *arg;
	/* @unix_ms: when it was said; both borrowed. May be NULL. */
	void (*on_finding)(void *arg, const struct finding *finding, int64_t unix_ms);
	void (*on_record)(void *arg, const struct flow *flow, struct flow_names *names);
};

/* rehearse - returns 0 or -errno. */
int rehearse(const struct rehearse_options *options);

#endif
