/*
 * Named detectors. Fed with flows as they change, with what the datapath hands up, with names; they
 * say findings. Grouping into incidents is the incident service's. Owned by the pipeline thread;
 * takes time as input; bounded memory with a "full" counter. What each counts and from where on it
 * speaks: include/detectors.def.
 */
#ifndef SLUICE_DETECT_DETECT_H
#define SLUICE_DETECT_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/incident.h"

struct coverage;
struct detect;
struct name_event;
struct payload;
struct seen_entry;
struct seen_key;

typedef void (*detect_finding_fn)(void *arg, const struct finding *finding);

struct detect_options {
	detect_finding_fn on_finding; /* @finding is borrowed for the call */
	void *arg;
	unsigned int hosts_max; /* (source, destination) pairs tracked at once */
	uint64_t start_ns;	/* now, as the calls will say it: what was before was not seen */
	uint64_t learn_s;	/* what is new in this time is not said; 0: 1 h */
	/* a listening port answered, a hardware address spoke; from time to time while they go on.
	 * @key is borrowed. May be NULL */
	void (*on_seen)(void *arg, const struct seen_key *key);
};

/* A packet of a rule that only counts. */
struct detect_contact {
	struct five_tuple tuple; /* as on the wire */
	bool is_outgoing;
	const char *list;   /* its name, for the reason; "" = a rule by itself */
	const char *domain; /* the name that is listed; NULL: an address is */
	uint64_t at_ns;
};

int detect_new(const struct detect_options *options, struct detect **out);
void detect_free(struct detect *detect);
DEFINE_CLEANUP(detect_free, struct detect)

/*
 * detect_know - ports and hardware addresses (SEEN_LISTENER, SEEN_MAC) that were seen in former
 * runs: they are not new. Before anything else. @is_complete: those runs lasted as long as the
 * learning, so what is not among them is new from now on.
 */
void detect_know(struct detect *detect, const struct seen_entry *known, size_t count,
		 bool is_complete);
/* detect_flow - one flow began or changed. */
void detect_flow(struct detect *detect, const struct flow *flow, bool is_new, uint64_t now_ns);
/* detect_delta - what the datapath counted, before the flow table, which may be full. */
void detect_delta(struct detect *detect, const struct flow_delta *delta);
/* detect_name - a question, an answer, a banner. */
void detect_name(struct detect *detect, const struct name_event *event);
/* detect_payload - first bytes, and whole frames of ARP and neighbour discovery. */
void detect_payload(struct detect *detect, const struct payload *payload);
/* detect_listed - a list that only counts was hit. */
void detect_listed(struct detect *detect, const struct detect_contact *contact);
/*
 * detect_coverage - once a second, with counters read after the flows: says when packets are
 * missing from the sums (a gap that rises for 15 s or more), could not be attributed, or events
 * were lost. Repeats at most every 60 s.
 */
void detect_coverage(struct detect *detect, const struct coverage *coverage, uint64_t now_ns,
		     int64_t unix_ms);
/* detect_tick - once a second: decide and forget. A finding repeats at most every 10 s while it
 * goes on. */
void detect_tick(struct detect *detect, uint64_t now_ns, int64_t unix_ms);
/* detect_glance - between two ticks, with all flows read: scans and floods that are clear already.
 */
void detect_glance(struct detect *detect, uint64_t now_ns, int64_t unix_ms);
uint64_t detect_full_count(const struct detect *detect);
/* detect_is_learning - of what is new: not said yet. */
bool detect_is_learning(const struct detect *detect, uint64_t now_ns);

#endif
