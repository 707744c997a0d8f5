/*
 * Sums per hour by source, destination, port, protocol, domain and JA4 (enum top_by). They are
 * summed in memory after the records are on disk, and written every few seconds together with the
 * number of the last record in them: after a crash the rest is summed from the records. So at any
 * moment the sums of an hour, "others" included, are those of its records that passed, or will be.
 * The writer thread, except tops_read.
 */
#ifndef SLUICE_STORE_TOPS_H
#define SLUICE_STORE_TOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/db.h"
#include "agent/store/flows.h"
#include "agent/store/top_table.h"
#include "include/history.h"

/* Keys of each kind in the hour being written: 6 x 16,384 x 72 bytes, 8 MB with names at most. */
#define TOPS_MAX 16384
/* Keys of each kind that a past hour keeps: 24 hours of one kind are read in 20 ms
 * (bench_store). */
#define TOPS_KEPT 1000

struct tops;

/* tops_new - @max: keys of each kind, TOPS_KEPT to TOPS_MAX */
int tops_new(uint32_t max, struct tops **out);
void tops_free(struct tops *tops); /* accepts NULL; what is not written is summed again later */
DEFINE_CLEANUP(tops_free, struct tops)

/* tops_open - before records of @hour are inserted, in their transaction. */
int tops_open(struct tops *tops, struct db *db, int64_t hour);
/* tops_add - a record that is on disk now; one that is summed already is known by its row. */
void tops_add(struct tops *tops, const struct flow_row *row);
/* tops_flush - write what changed; in a transaction, before its records are inserted. */
int tops_flush(struct tops *tops, struct db *db);
/* tops_close_old - cut hours before @hour that nothing was added to for two minutes; called once a
 * second, in a transaction. */
int tops_close_old(struct tops *tops, struct db *db, int64_t hour);
/* tops_forget - after a rollback: the memory is behind or ahead of the file. */
void tops_forget(struct tops *tops);
/* tops_pending - records since the last tops_flush. */
uint64_t tops_pending(const struct tops *tops);

/* tops_recover - sums of hours that a crash left unfinished; in a transaction. */
int tops_recover(struct tops *tops, struct db *db);
int tops_drop_hour(struct tops *tops, struct db *db, int64_t hour);

struct tops_rebuilt {
	uint64_t records;
	bool has_changed; /* the sums over all keys of a kind were not those of the records */
};

/* tops_rebuild - an hour's sums anew from its records; in a transaction. -ENOENT: it has none that
 * could be summed, and its sums stay. */
int tops_rebuild(struct tops *tops, struct db *db, int64_t hour, struct tops_rebuilt *out);

/* tops_read - sums of one kind over the hours [from, to) into @table. Any connection. */
struct tops_range {
	int64_t from, to;
	enum top_by by;
};
int tops_read(struct db *db, const struct tops_range *range, struct top_table *table);
/* tops_read_kind - of one hour, "others" included. */
int tops_read_kind(struct db *db, int64_t hour, int by, struct top_table *table);

#endif
