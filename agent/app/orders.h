/*
 * Block orders from the service thread to the pipeline thread: posted, done, waited for.
 */
#ifndef SLUICE_APP_ORDERS_H
#define SLUICE_APP_ORDERS_H

#include "agent/block/block.h"

struct capture;
struct queue;

/* orders_datapath - callbacks that post to @orders and wait. */
struct block_datapath orders_datapath(struct queue *orders);
/* orders_panic - post and wait, as the callbacks do. */
int orders_panic(struct queue *orders, bool on);
/* orders_serve - do every waiting order; on the pipeline thread. @panic: set by such an order. */
void orders_serve(struct queue *orders, struct capture *capture, bool *panic);

#endif
