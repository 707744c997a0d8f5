/*
 * The one writer of both databases. Rows and totals wait in bounded, counted memory and are written
 * in one transaction a second or per thousand rows; orders (writes to main.db) are waited for, and
 * those that wait together share one commit.
 */
#ifndef SLUICE_STORE_WRITER_H
#define SLUICE_STORE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/db.h"
#include "agent/store/history.h"
#include "include/flow.h"
#include "include/snapshot.h"

struct writer;

struct writer_options {
	const char *dir;	   /* whose file system must keep @free_floor_bytes; borrowed */
	const char *flows_wal;	   /* its size is watched; borrowed */
	const char *reserve;	   /* file kept back for main.db; borrowed */
	struct db *main;	   /* borrowed; the writer thread's alone from now on */
	struct history *history;   /* likewise */
	uint64_t free_floor_bytes; /* 0 = no floor */
};

/* writer_start - the thread runs when it returns. Returns 0 or -errno. */
int writer_start(const struct writer_options *options, struct writer **out);
/* writer_stop - writes what waits, ends the thread. Accepts NULL. */
void writer_stop(struct writer *writer);
DEFINE_CLEANUP(writer_stop, struct writer)

/* One row more. Never waits. Returns 0, -EAGAIN when memory for rows is full (counted), -ENOMEM. */
int writer_add_flow(struct writer *writer, const struct flow *flow, const struct flow_extra *extra);
int writer_add_totals(struct writer *writer, const struct totals *totals);
void writer_set_iface(struct writer *writer, uint8_t index, const char *name);
uint64_t writer_rows_lost(const struct writer *writer);
uint64_t writer_names_lost(const struct writer *writer);

/*
 * An order: runs on the writer thread in a transaction of main.db, all or nothing. It may run more
 * than once before it is committed, so it writes only into @arg.
 */
typedef int (*writer_order_fn)(struct db *main, void *arg);
/* writer_order - Returns when it is on disk: what @run returned, or the error of the commit. */
int writer_order(struct writer *writer, writer_order_fn run, void *arg);
/* writer_order_plain - runs on the writer thread outside of any transaction. */
int writer_order_plain(struct writer *writer, writer_order_fn run, void *arg);
/* writer_order_minutes - history_write_minutes on the writer thread; waits for it. */
int writer_order_minutes(struct writer *writer, const struct totals *minutes, size_t count);

#endif
