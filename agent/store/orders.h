/*
 * Writes to main.db that somebody waits for: a bounded queue of them and the group commit. Any
 * thread posts; the writer thread runs them.
 */
#ifndef SLUICE_STORE_ORDERS_H
#define SLUICE_STORE_ORDERS_H

#include "agent/store/db.h"
#include "agent/util/cleanup.h"

struct orders;

/* Runs in a transaction of @main; see writer_order_fn. */
typedef int (*order_fn)(struct db *main, void *arg);

/* orders_new - @reserve: given up when main.db finds the disk full (reserve.h); borrowed. */
int orders_new(const char *reserve, struct orders **out);
/* orders_free - nobody may wait any more. Accepts NULL. */
void orders_free(struct orders *orders);
DEFINE_CLEANUP(orders_free, struct orders)

/*
 * orders_post - hand over and wait. @in_transaction: false for an order that needs none of main.db
 * Returns what @run returned or the error of the commit; -EAGAIN when too many wait.
 */
int orders_post(struct orders *orders, order_fn run, void *arg, int in_transaction);

int orders_fd(const struct orders *orders);
/* orders_run - run what waits, commit, wake who waits. The writer thread only. */
void orders_run(struct orders *orders, struct db *main);

#endif
