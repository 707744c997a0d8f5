/*
 * A bounded queue of pointers between threads, with an eventfd to wait on and a count of what did
 * not fit. Several producers, one consumer.
 */
#ifndef SLUICE_UTIL_QUEUE_H
#define SLUICE_UTIL_QUEUE_H

#include <stdint.h>

#include "agent/util/cleanup.h"

struct queue;

/* Returns 0 or -ENOMEM, -errno of eventfd. */
int queue_new(unsigned int capacity, struct queue **out);
/* queue_free - the items left in it are not freed. Accepts NULL. */
void queue_free(struct queue *queue);
DEFINE_CLEANUP(queue_free, struct queue)

/* queue_push - Returns 0, or -EAGAIN when full (counted); @item stays the caller's then. */
int queue_push(struct queue *queue, void *item);
/* queue_pop - NULL when empty. */
void *queue_pop(struct queue *queue);
/* queue_wait - until an item is there or @timeout_ms passed (-1: for ever). Returns 1 or 0. */
int queue_wait(struct queue *queue, int timeout_ms);
/* queue_fd - readable while items are there; for epoll (level triggered). */
int queue_fd(const struct queue *queue);
unsigned int queue_len(struct queue *queue);
uint64_t queue_refused(struct queue *queue);

#endif
