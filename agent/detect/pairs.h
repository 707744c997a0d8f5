/*
 * Which ports a source tried at a destination, and which of them answered: a bounded table of
 * (source, destination, protocol). Up to 64 ports are kept with their times; a pair that tried more
 * gets bitmaps over all ports from a small pool. Only agent/detect includes it.
 *
 * When a set is full the pair with the fewest ports makes room, so that made-up sources displace
 * each other and not a scan in progress.
 */
#ifndef SLUICE_DETECT_PAIRS_H
#define SLUICE_DETECT_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/incident.h"

#define PAIR_PORTS    64 /* both floors of the port scan, 20 and 60, fit */
#define PAIR_WAYS     8
#define PAIR_CASES    256 /* pairs with evidence and bitmaps at once: 4.5 MB when all are used */
#define PAIR_CASE_AT  10  /* ports of a pair before flows are kept as evidence */
#define PAIR_MEMORY_S 3600

/* How long a pair with bitmaps waits for a new port before it begins anew. */
#define PAIR_PAUSE_NS 60000000000ULL

/* More about a pair that may be a scan. */
struct pair_case {
	uint32_t owner; /* number of the pair, or PAIR_NONE */
	bool is_wide;	/* bitmaps in use */
	bool is_fast;	/* it began with ports within the short window */
	uint32_t tried, answered;
	uint64_t since_ns; /* of the bitmaps */
	uint64_t used_ns;
	unsigned int evidence_count;
	struct flow evidence[FINDING_EVIDENCE_MAX];
	uint8_t tried_bits[8192], answered_bits[8192];
};

#define PAIR_NONE UINT32_MAX

struct pair {
	struct addr src, dst;
	uint8_t proto;
	uint8_t count;	      /* of port[] */
	bool is_dirty;	      /* in the list of those to judge */
	uint32_t pair_case;   /* number, or PAIR_NONE */
	uint64_t answered;    /* bit i: port[i] answered */
	uint64_t newest_ns;   /* of any try */
	uint64_t last_new_ns; /* of a port not tried before */
	uint64_t reported_ns; /* newest_ns (wide: last_new_ns) as of the last finding */
	uint64_t finding_ns;  /* when it was said; 0: never */
	uint16_t port[PAIR_PORTS];
	uint32_t tried_ms[PAIR_PORTS]; /* modulo 49 days; none is kept longer than 2 hours */
};

/* One port as a flow shows it. */
struct pair_try {
	uint16_t port;
	bool has_answered;
	uint64_t at_ns;
};

struct pairs {
	struct pair *pairs;
	uint32_t *tags; /* of each pair, together, so that a set is one cache line; 0: free */
	struct pair_case *cases;
	uint32_t *dirty; /* numbers of pairs touched since they were judged */
	uint32_t dirty_count;
	uint32_t set_count;
	uint64_t seed;
	uint64_t full; /* living pairs, or cases, that had to make room */
};

int pairs_init(struct pairs *pairs, unsigned int max);
void pairs_done(struct pairs *pairs);

/* pairs_try - the flow's initiator tried its port; the flow is kept as evidence when of use. */
void pairs_try(struct pairs *pairs, const struct flow *flow, const struct pair_try *try);
/* pairs_forget - what looked like a try was an answer of that port. */
void pairs_forget(struct pairs *pairs, const struct flow *flow);
/* pair_prune - forget ports tried more than an hour before the newest. */
void pair_prune(struct pair *pair);
/* pair_age_ms - from the @i-th port's try to the newest. */
uint32_t pair_age_ms(const struct pair *pair, unsigned int i);
struct pair_case *pair_case_of(const struct pairs *pairs, const struct pair *pair);

#endif
