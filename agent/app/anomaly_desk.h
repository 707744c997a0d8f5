/*
 * The service thread's side of the anomaly model: what it is told of this machine and its
 * incidents, and what it is asked. No state but a count of seconds.
 */
#ifndef SLUICE_APP_ANOMALY_DESK_H
#define SLUICE_APP_ANOMALY_DESK_H

#include <stdint.h>

struct addr;
struct anomaly;
struct block_service;
struct learning;
struct learning_host;
struct orders;
struct store;

/* All borrowed. */
struct anomaly_desk {
	struct orders *orders;
	struct anomaly *anomaly;
	struct store *store;
	struct block_service *block;
	uint64_t seconds;
};

/* anomaly_desk_tick - once a second: own addresses every 10 s, open incidents every minute. */
void anomaly_desk_tick(struct anomaly_desk *desk);
/* anomaly_desk_status - what was learned so far; waits for the pipeline. Returns 0 or -errno. */
int anomaly_desk_status(const struct anomaly_desk *desk, struct learning *out);
/* anomaly_desk_host - one host beside what is normal; waits. Returns 0, -ENOENT or -errno. */
int anomaly_desk_host(const struct anomaly_desk *desk, const struct addr *addr,
		      struct learning_host *out);

#endif
