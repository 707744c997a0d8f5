/*
 * The demo begins with a day behind it: totals of ordinary traffic, and attacks that the detectors
 * really found, with their flows, so that pages have something to show.
 */
#ifndef SLUICE_APP_PAST_H
#define SLUICE_APP_PAST_H

#include <stdint.h>

struct queue;
struct store;

struct past_options {
	struct store *store;
	struct queue *service; /* gets struct service_message, the day's findings */
	const char *dir;       /* of truth.ndjson */
	uint64_t seed;
};

/*
 * past_fill - unless the store has a day already. Before any thread runs. @flow_ids_used: how many
 * ids from store_next_flow_id on are taken. Returns 0 or -errno.
 */
int past_fill(const struct past_options *options, uint64_t *flow_ids_used);

#endif
