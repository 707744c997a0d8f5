/*
 * Block orders from the service thread to the pipeline thread: posted, done, waited for.
 */
#ifndef SLUICE_APP_ORDERS_H
#define SLUICE_APP_ORDERS_H

#include <stdatomic.h>

#include "agent/block/block.h"

struct capture;
struct hits;
struct names;
struct queue;

struct orders {
	struct queue *queue;
	atomic_bool is_busy; /* a list is on its way into the datapath */
};

/* What orders are carried out on. */
struct orders_ends {
	struct capture *capture;
	struct names *names;
	struct hits *hits; /* is told what rules stand for */
	bool *panic;	   /* set by such an order */
	/* reads what the datapath has handed up so far: a question about names is asked of all of
	 * it */
	void (*catch_up)(void *arg);
	void *arg;
};

/* orders_datapath - callbacks that post to @orders and wait. */
struct block_datapath orders_datapath(struct orders *orders);
/* orders_panic - post and wait, as the callbacks do. */
int orders_panic(struct orders *orders, bool on);

/* A question that only the pipeline's thread can answer. */
struct orders_call {
	int (*ask)(void *arg, void *out);
	void *arg, *out;
};

/* orders_call - asked there; waits. Returns what it returned. */
int orders_call(struct orders *orders, const struct orders_call *call);
/* orders_serve - do every waiting order; on the pipeline thread. */
void orders_serve(struct orders *orders, const struct orders_ends *ends);

#endif
