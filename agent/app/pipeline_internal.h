/*
 * The pipeline thread's state, shared by pipeline.c (drains, orders, the thread) and
 * pipeline_second.c (what is told once a second).
 */
#ifndef SLUICE_APP_PIPELINE_INTERNAL_H
#define SLUICE_APP_PIPELINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/app/orders.h"
#include "agent/app/pipeline.h"
#include "agent/util/log.h"
#include "include/coverage.h"

struct anomaly;
struct detect;
struct flow_table;
struct hits;
struct naming_way;
struct outlet;
struct totals;

struct pipeline {
	struct pipeline_options options;
	struct flow_table *flows;
	struct detect *detect;
	struct anomaly *anomaly;
	struct naming_way *naming;
	struct hits *hits;
	struct outlet *outlet; /* NULL: nothing goes out */
	struct orders orders;
	pthread_t thread;
	int epoll, timer;
	atomic_bool is_stopping;
	atomic_bool is_panicked;
	atomic_bool is_paused; /* by a person: what comes is let go */
	atomic_ullong beats;
	/* below: the thread's own */
	struct coverage coverage;
	int64_t last_unix_s;
	uint64_t seq, processed;
	bool is_panic_ordered; /* where no pin holds the flag: the demo, an unpinned run */
	uint64_t dropped, dropped_bytes; /* sums of the last coverage */
	bool has_coverage;
	unsigned int drains;
	uint64_t findings_lost;
	struct log_limit limit;
};

/* pipeline_take_coverage - the datapath's counters, read a moment ago; @totals gets the drops. */
void pipeline_take_coverage(struct pipeline *p, struct totals *totals, int64_t unix_ms);
/* pipeline_publish - a snapshot for all readers. */
void pipeline_publish(struct pipeline *p, const struct totals *totals, int64_t unix_ms);
/* Whoever asks before the first second is over sees what is watched. */
void pipeline_show_beginning(struct pipeline *p);

#endif
