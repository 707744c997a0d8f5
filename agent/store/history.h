/*
 * flows.db as its only writer sees it: batches of rows and totals in, old hours out. Disposable: a
 * damaged file is set aside and begun again, at start and at run time. Used by the writer thread,
 * except history_open and history_close.
 */
#ifndef SLUICE_STORE_HISTORY_H
#define SLUICE_STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/flows.h"
#include "agent/store/pool.h"
#include "include/snapshot.h"

struct history;

struct history_options {
	const char *path;     /* copied */
	uint64_t max_bytes;   /* 0 = no bound */
	int64_t max_age_s;    /* 0 = no bound */
	bool is_relaxed;      /* synchronous=OFF: the demo */
	struct pool *readers; /* of the same file; borrowed */
};

/*
 * history_open - open, check, migrate; a corrupt file is set aside. A full disk is no error: the
 * file is then tried again with every write.
 * Returns 0, -ESTALE, -ENOMEM.
 */
int history_open(const struct history_options *options, struct history **out);
/* history_close - Accepts NULL. */
void history_close(struct history *history);
DEFINE_CLEANUP(history_close, struct history)
/* history_resets - how often a corrupt file was set aside since history_open. Any thread. */
unsigned int history_resets(const struct history *history);

/* What one transaction writes. */
struct history_batch {
	struct flow_row *const *rows;	/* arrays of rows, whose numbers are set, */
	const unsigned int *row_counts; /* their lengths, */
	size_t row_arrays;		/* and how many of them */
	const struct totals *totals;	/* seconds */
	size_t totals_count;
	const struct flow_iface_names *iface_names; /* of the rows; NULL = none */
};

/*
 * history_write - all of @batch or nothing. Met damage sets the file aside and writes into the new
 * one. Returns 0, -ENOSPC, -EBUSY, -ENODEV (no file at the moment), other -errno.
 */
int history_write(struct history *history, const struct history_batch *batch);
/* history_write_minutes - @count values of whole minutes, all or nothing. Errors as above. */
int history_write_minutes(struct history *history, const struct totals *minutes, size_t count);

struct tops_rebuilt;
/* history_rebuild_hour - tops_rebuild in a transaction of its own. -ENODEV: no file. */
int history_rebuild_hour(struct history *history, int64_t hour, struct tops_rebuilt *out);

/* history_seen_note, history_seen_full - as in seen.h. Any thread. */
void history_seen_note(struct history *history, const struct seen_key *key, int64_t unix_s);
uint64_t history_seen_full(const struct history *history);

/*
 * history_retain - one step of retention: at most one hour dropped, old totals folded or dropped.
 * Call once a second. @may_age: the clock can be believed, so age may be judged by it
 */
int history_retain(struct history *history, int64_t now_unix_s, bool may_age);
/* history_limits - as they were given; 0 = no bound. */
void history_limits(const struct history *history, uint64_t *max_bytes, int64_t *max_age_s);
/* history_is_full - the byte budget is used up by the hour being written alone. */
bool history_is_full(const struct history *history);
/* history_wal_max - past this size of the WAL rows must stop. */
uint64_t history_wal_max(const struct history *history);
/* history_heal - set the file aside when a reader has met damage. */
int history_heal(struct history *history);
int history_checkpoint(struct history *history);

#endif
