/*
 * Rows and totals on their way to the writer thread: filled by any thread, a batch at a time,
 * bounded, and counted when they do not fit.
 */
#ifndef SLUICE_STORE_ROWS_H
#define SLUICE_STORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/flows.h"
#include "agent/util/cleanup.h"
#include "include/snapshot.h"

/* 128 rows a hand-over: one lock of the queue per 128 rows; 1024 batches are 131,072 rows, a cut
 * of 100,000 flows at once (facts/server.md 6), 13 MB when all of it waits. */
#define ROWS_PER_BATCH 128
#define ROWS_BATCHES   1024
/* Bytes of names that waiting rows may hold on to; further rows go without them, counted. */
#define ROWS_NAME_BYTES_MAX (32ULL << 20)
/* Seconds of totals that wait while the disk is full: an hour, 230 KB. */
#define ROWS_TOTALS_MAX 3600

struct rows;

struct row_batch {
	unsigned int count;
	uint64_t name_bytes;
	struct flow_row rows[ROWS_PER_BATCH];
};

/* Returns 0 or -errno. */
int rows_new(struct rows **out);
/* rows_free - with what is still in it. Accepts NULL. */
void rows_free(struct rows *rows);
DEFINE_CLEANUP(rows_free, struct rows)

/* Any thread. Returns 0, -EAGAIN (full, counted), -ENOMEM (counted). */
int rows_add_flow(struct rows *rows, const struct flow *flow, const struct flow_extra *extra);
int rows_add_totals(struct rows *rows, const struct totals *totals);
/* rows_set_iface - what rows added from now on call the interface @index of the datapath. */
void rows_set_iface(struct rows *rows, uint8_t index, const char *name);
/* rows_iface_names - of rows that were taken; they never change. */
const struct flow_iface_names *rows_iface_names(const struct rows *rows);
uint64_t rows_lost(const struct rows *rows);
/* rows_names_lost - rows that went without their names. */
uint64_t rows_names_lost(const struct rows *rows);
/* rows_count_lost - rows that the writer had to give up. */
void rows_count_lost(struct rows *rows, uint64_t count);

/* rows_fd - readable while full batches wait. */
int rows_fd(const struct rows *rows);
/* rows_take - the oldest batch, a partly filled one only with @partial; NULL for none. End it with
 * rows_done. */
struct row_batch *rows_take(struct rows *rows, bool partial);
void rows_done(struct rows *rows, struct row_batch *batch);
/* rows_peek_totals - copies the oldest totals; they stay until rows_drop_totals. */
size_t rows_peek_totals(struct rows *rows, struct totals *out, size_t max);
void rows_drop_totals(struct rows *rows, size_t count);

#endif
