/*
 * Named detectors. Fed with flows as they change, they say findings; grouping into incidents is
 * the incident service's. Owned by the pipeline thread; bounded memory with a "full" counter.
 */
#ifndef SLUICE_DETECT_DETECT_H
#define SLUICE_DETECT_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/incident.h"

struct coverage;
struct detect;

typedef void (*detect_finding_fn)(void *arg, const struct finding *finding);

struct detect_options {
	detect_finding_fn on_finding; /* @finding is borrowed for the call */
	void *arg;
	unsigned int hosts_max; /* (source, destination) pairs tracked at once */
};

int detect_new(const struct detect_options *options, struct detect **out);
void detect_free(struct detect *detect);
DEFINE_CLEANUP(detect_free, struct detect)

/*
 * detect_flow - one flow began or changed. Port scan: >= 20 distinct destination ports of one
 * (source, destination) in 10 s, or >= 60 in 1 h, of which >= 70 % failed (no answer, or RST)
 * (facts: detection, starting values). A finding repeats at most every 10 s while it goes on.
 */
void detect_flow(struct detect *detect, const struct flow *flow, bool is_new, uint64_t now_ns);
/*
 * detect_coverage - once a second, with counters read after the flows: says when packets are
 * missing from the sums (a gap that rises for 15 s or more), could not be attributed, or events
 * were lost. Repeats at most every 60 s.
 */
void detect_coverage(struct detect *detect, const struct coverage *coverage, uint64_t now_ns,
		     int64_t unix_ms);
/* detect_tick - once a second: decide and forget. */
void detect_tick(struct detect *detect, uint64_t now_ns, int64_t unix_ms);
uint64_t detect_full_count(const struct detect *detect);

#endif
