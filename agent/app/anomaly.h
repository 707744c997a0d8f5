/*
 * The anomaly model's way through the service: flows in, findings out; fits and files on a thread
 * of its own, so that the pipeline never waits for them. Owned by the pipeline thread, except where
 * a function says "any thread".
 */
#ifndef SLUICE_APP_ANOMALY_H
#define SLUICE_APP_ANOMALY_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/learning.h"

struct addr;
struct anomaly;
struct cell;
struct config;
struct finding;
struct flow;

struct anomaly_options {
	const struct config *config;
	const char *dir;   /* where models/ is; borrowed */
	struct cell *cell; /* the newest snapshot, for evidence */
	uint64_t seed;	   /* 0: a random one */
	void (*on_finding)(void *arg, const struct finding *finding); /* borrowed for the call */
	void *arg;
};

/* anomaly_start - what was learned before is read; a file that is none is said, and that kind of
 * windows begins anew. Returns 0 or -errno. */
int anomaly_start(const struct anomaly_options *options, struct anomaly **out);
/* anomaly_stop - what was learned is written. Accepts NULL. */
void anomaly_stop(struct anomaly *anomaly);
DEFINE_CLEANUP(anomaly_stop, struct anomaly)

/* anomaly_begin - a flow began. */
void anomaly_begin(struct anomaly *anomaly, const struct flow *flow);
/* anomaly_record - a flow ended or was cut: its counters since the last cut. */
void anomaly_record(struct anomaly *anomaly, const struct flow *flow);
/* anomaly_flag - what a detector found is kept out of what is learned, and not told twice. */
void anomaly_flag(struct anomaly *anomaly, const struct finding *finding, uint64_t now_ns);
/* anomaly_tick - once a second, after the detectors. */
void anomaly_tick(struct anomaly *anomaly, uint64_t now_ns, int64_t unix_ms);
/* As of the last tick. */
void anomaly_status(const struct anomaly *anomaly, struct learning *out);
/* anomaly_host - Returns 0 or -ENOENT. */
int anomaly_host(const struct anomaly *anomaly, const struct addr *addr, struct learning_host *out);

#define ANOMALY_OPEN_MAX 1024
/* Any thread; copied, in force with the next tick. */
void anomaly_set_own(struct anomaly *anomaly, const struct addr *own, size_t count);
/* Sources of open incidents: their traffic teaches nothing. */
void anomaly_set_open(struct anomaly *anomaly, const struct addr *open, size_t count);

#endif
