/*
 * The simulator: a seeded scenario of hosts with habits, day rhythm, names and attacks with ground
 * truth. It builds real frames and feeds them to the user-space datapath, so that every number and
 * every block on screen is computed by the same code as live. Needs no privileges, no network.
 */
#ifndef SLUICE_DEMO_DEMO_H
#define SLUICE_DEMO_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/block.h"
#include "include/snapshot.h"

struct capture;

#define DEMO_SAFE_COUNT 4
/* What is new in the first minutes is taken for known: nobody waits for an hour. */
#define DEMO_LEARN_S 300

/* demo_safe_entries - the simulated host's own addresses, its gateway and its resolver. */
void demo_safe_entries(struct safe_entry out[static DEMO_SAFE_COUNT]);

struct demo_options {
	uint64_t seed;
	double speed; /* of scenario time against the clock, > 0 */
	unsigned int flow_slots;
	const char *truth_path; /* truth.ndjson, appended; NULL = none */
	/* another clock than the machine's, and wall time at its beginning: for what runs through a
	 * scenario at once */
	uint64_t (*clock_ns)(void *arg);
	void *clock_arg;
	int64_t start_unix_ms; /* 0 = now */
	bool only_attacks;     /* no ordinary traffic */
};

/*
 * demo_open - a capture source whose drain advances the scenario to now and feeds its frames.
 * The first attack begins within 12 s of the start at speed 1. Close with capture_close.
 */
int demo_open(const struct demo_options *options, struct capture **out);

/* demo_history - totals per minute (unix_s at the minute) of the @count minutes before @until. */
void demo_history(uint64_t seed, int64_t until_unix_s, struct totals *out, size_t count);
#define DEMO_SECONDS_MAX 60
/* demo_history_seconds - totals per second from there up to @until. Returns how many, below 60. */
size_t demo_history_seconds(uint64_t seed, int64_t until_unix_s,
			    struct totals out[static DEMO_SECONDS_MAX]);

#endif
