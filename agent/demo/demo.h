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
	int64_t start_unix_ms;	    /* 0 = now */
	uint64_t quiet_after_s;	    /* ordinary traffic ends then; 0 = never */
	unsigned int attack_rarity; /* so many times the gap between attacks; 0 = 1 */
};

/*
 * demo_open - a capture source whose drain advances the scenario to now and feeds its frames.
 * The first attack begins within 12 s of the start at speed 1. Close with capture_close.
 */
int demo_open(const struct demo_options *options, struct capture **out);

/* ---- play.c: chosen attacks as frames, for a real interface ------------------------------------
 */

#define DEMO_FRAME_MAX 1514 /* Ethernet II with an MTU of 1500 */

/* One attack to play: of which detector, when, and (0: as in the demo) how much of it. */
struct demo_cue {
	const char *detector;
	uint32_t at_ms, count, gap_us;
	uint32_t bulk_packets, bulk_gap_us;
};

/* What a detector should say of it. */
struct demo_truth {
	const char *detector;
	struct addr src, dst;
	uint32_t at_ms;
};

/* @is_egress: from the server the scenario is about. */
typedef void (*demo_frame_fn)(void *arg, const uint8_t *frame, size_t len, bool is_egress);

struct demo_play;
/* demo_play_new - at most 16 cues; the same seed gives the same truth. -EINVAL: no such kind. */
int demo_play_new(uint64_t seed, const struct demo_cue *cues, size_t count, struct demo_play **out);
void demo_play_free(struct demo_play *play); /* accepts NULL */
void demo_play_truth(const struct demo_play *play, size_t cue, struct demo_truth *out);
/* demo_play_advance - all frames up to @at_ns since the beginning. Returns when the next one is
 * due; UINT64_MAX: none is left. */
uint64_t demo_play_advance(struct demo_play *play, uint64_t at_ns, demo_frame_fn send, void *arg);

/* One frame each, with right checksums, into @out of DEMO_FRAME_MAX bytes; its length. */
struct five_tuple;
size_t demo_frame_datagram(const struct five_tuple *tuple, uint8_t *out);
size_t demo_frame_question(const struct five_tuple *tuple, const char *name, uint8_t *out);
/* demo_frame_hello - a SYN (@is_syn), else the ClientHello that follows it. */
size_t demo_frame_hello(const struct five_tuple *tuple, const char *name, bool is_syn,
			uint8_t *out);
/* demo_server_addr - the server the scenario is about. */
struct addr demo_server_addr(bool is_ipv6);

/* demo_due_ns - of one of demo_open: when the next packet is, by its clock; UINT64_MAX: never. */
uint64_t demo_due_ns(const struct capture *capture);

/* demo_history - totals per minute (unix_s at the minute) of the @count minutes before @until. */
void demo_history(uint64_t seed, int64_t until_unix_s, struct totals *out, size_t count);
#define DEMO_SECONDS_MAX 60
/* demo_history_seconds - totals per second from there up to @until. Returns how many, below 60. */
size_t demo_history_seconds(uint64_t seed, int64_t until_unix_s,
			    struct totals out[static DEMO_SECONDS_MAX]);

#endif
