/*
 * The pipeline thread: drain -> flow table -> detectors -> snapshot, once a second; block orders
 * in between, at once. It alone touches the capture source, the flow table and the detectors.
 */
#ifndef SLUICE_APP_PIPELINE_H
#define SLUICE_APP_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/block/block.h"

/* Precedence of its thread (nice(2)): the unit and a start as root allow this much. */
#define PIPELINE_NICE (-10)

struct anomaly;
struct capture;
struct cell;
struct config;
struct facts;
struct mirror;
struct orders;
struct outputs;
struct pipeline;
struct queue;
struct store;

struct pipeline_options {
	struct capture *capture; /* borrowed; only the pipeline uses it from now on */
	struct store *store;
	struct queue *service;	     /* gets struct service_message */
	const struct mirror *mirror; /* NULL: no mirror port; borrowed */
	struct facts *facts;	     /* learns names of devices; borrowed */
	struct cell *cell;
	struct outputs *outputs;     /* NULL: nothing goes out */
	const struct config *config; /* borrowed; read at the start */
	const char *dir;	     /* the state directory; borrowed */
	uint64_t seed;		     /* of the model; 0: a random one */
	uint64_t flow_ids_used; /* of this start's, by others before it: the demo's day before */
	uint64_t learn_s;	/* [Detect] learn */
	bool is_dry_run;	/* count what would be dropped, drop nothing: no lease is given */
	bool keeps_on_stop;	/* [Block] on_stop = keep */
};

int pipeline_start(const struct pipeline_options *options, struct pipeline **out);
/* pipeline_stop - last drain, records flushed to the store, lease shortened. Accepts NULL. */
void pipeline_stop(struct pipeline *pipeline);

/* The way of block orders to the datapath: each call waits until the pipeline did it. */
struct block_datapath pipeline_datapath(struct pipeline *pipeline);

/* pipeline_panic - end all drops, or allow them again, by order; waits until it is so. */
int pipeline_panic(struct pipeline *pipeline, bool on);

/* pipeline_pause - nothing is counted, recorded or detected until it is turned off; blocks go on,
 * names among them. Any thread. */
void pipeline_pause(struct pipeline *pipeline, bool on);
bool pipeline_is_paused(const struct pipeline *pipeline);

/* For questions that only its thread answers (orders_call), and what any thread may tell the
 * anomaly model. Both live as long as the pipeline. */
struct orders *pipeline_orders(struct pipeline *pipeline);
struct anomaly *pipeline_anomaly(struct pipeline *pipeline);

/* pipeline_beats - grows while the thread moves. */
uint64_t pipeline_beats(const struct pipeline *pipeline);
/* pipeline_is_panicked - as of the last second; any thread. */
bool pipeline_is_panicked(const struct pipeline *pipeline);

#endif
