/*
 * Packets that rules dropped, as records of the history. The datapath samples them; here those of
 * one five-tuple and rule become one record a minute, the first after a few seconds. Bounded, and
 * what does not fit is counted. The pipeline thread only.
 */
#ifndef SLUICE_APP_HITS_H
#define SLUICE_APP_HITS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/flow.h"
#include "include/history.h"

struct block_rule;
struct capture_hit;
struct hits;

/* Five-tuples and rules at once, so at most as many records a minute: 7 MB an hour. */
#define HITS_MAX 2048

struct hits_sink {
	void *arg;
	/* an id that no flow has: records of one five-tuple share it */
	uint64_t (*take_id)(void *arg);
	/* a record to write; its names are unknown, its rule is the block's number */
	void (*on_record)(void *arg, const struct flow *flow, const struct flow_extra *extra);
};

/* hits_new - @sink is copied. Returns 0 or -ENOMEM. */
int hits_new(const struct hits_sink *sink, struct hits **out);
void hits_free(struct hits *hits); /* accepts NULL; without writing */
DEFINE_CLEANUP(hits_free, struct hits)

/* hits_know - which block, and which incident, a rule of the datapath stands for from now on. */
void hits_know(struct hits *hits, const struct block_rule *rules, size_t count);
/* hits_list_of - the list that a rule of the datapath stands for; "" = none, also of @hits NULL. */
const char *hits_list_of(const struct hits *hits, uint32_t rule_id);
/* hits_take - one sampled packet. @unix_minus_mono_ms turns its time into wall time. */
void hits_take(struct hits *hits, const struct capture_hit *hit, int64_t unix_minus_mono_ms);
/* hits_expire - write what is due: 5 s after the first packet, then once a minute. */
void hits_expire(struct hits *hits, uint64_t now_ns);
/* hits_flush - write all that is not written: at the end. */
void hits_flush(struct hits *hits);
/* hits_full - packets for which there was no room. */
uint64_t hits_full(const struct hits *hits);

#endif
