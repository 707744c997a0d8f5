/*
 * flows.db for writing.
 */
#include "agent/store/history.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/aside.h"
#include "agent/store/history_check.h"
#include "agent/store/retention.h"
#include "agent/store/schema.h"
#include "agent/store/seen.h"
#include "agent/store/tops.h"
#include "agent/store/totals.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

/* Another process (sqlite3 in a shell) may hold the lock that long before a batch waits its turn
 * in memory instead. */
#define BUSY_MS 50
/* How often totals are folded; a fold moves this many seconds' rows at once. */
#define FOLD_EVERY_S 300
/* Sums are written that often, and after that many records: what a crash leaves to be summed again
 * at start takes 0.3 s at most (bench_store). */
#define SUMS_EVERY_NS	(5 * NS_PER_S)
#define SUMS_EVERY_ROWS 262144
/* How many records are written between two looks at the budget: 0.6 MB. */
#define ROOM_EVERY_ROWS 8192
/* At the end: all that memory can hold, a few hundred a transaction (seen.c). */
#define SEEN_ROUNDS_AT_END 64
/* Hours dropped at once for room; the next batch goes on. */
#define ROOM_HOURS_MAX 8

struct history {
	char *path;
	struct retention retention;
	bool is_relaxed;
	struct pool *readers;
	struct db *db; /* NULL while it cannot be opened */
	struct flows_writer flows;
	struct tops *tops;
	struct seen_notes *seen;
	uint64_t flushed_ns;
	uint64_t rows_since_look;
	bool has_forgotten; /* sums: to be read again */
	bool is_full;
	int64_t folded_unix_s;
	atomic_uint resets;
};

/* SQLite refuses to make the file larger; one that is larger already shrinks (retention.c). */
static int history_cap(const struct history *history, struct db *db)
{
	struct retention_share share = retention_split(history->retention.max_bytes);
	char sql[64]; /* PRAGMA takes no bound value; this is our own number */
	int64_t page_size;
	int error = db_read_int(db, "PRAGMA page_size", &page_size);

	if (error || !share.file_bytes || page_size <= 0)
		return error;
	(void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %llu",
		       (unsigned long long)(share.file_bytes / (uint64_t)page_size));
	return db_exec(db, sql);
}

/* Without room for it, it is done when hours are written again. */
static int history_recover(struct history *history, struct db *db)
{
	int error = db_begin(db);

	if (!error)
		error = tops_recover(history->tops, db);
	if (!error)
		error = db_commit(db);
	if (!error)
		return 0;
	tops_forget(history->tops);
	db_rollback(db);
	return error == -ENOSPC || error == -EBUSY ? 0 : error;
}

static int history_open_file(struct history *history)
{
	CLEANUP(db_close) struct db *db = NULL;
	int error = db_open(history->path, DB_WRITE, BUSY_MS, &db);

	if (error)
		return error;
	db_leave_wal(db); /* until it is known to be good */
	/* Before the first table, else it has no effect; lets free pages go without VACUUM. */
	error = db_exec(db, "PRAGMA auto_vacuum = INCREMENTAL");
	if (!error)
		error = history_check(db);
	/* Zeroing dropped hours would double the cost of retention; names here are in clear
	 * anyway. */
	if (!error)
		error = db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA secure_delete = OFF;"
				    "PRAGMA journal_size_limit = 8388608");
	if (!error)
		error = db_exec(db, history->is_relaxed ? "PRAGMA synchronous = OFF"
							: "PRAGMA synchronous = NORMAL");
	if (!error)
		error = schema_migrate(db, SCHEMA_FLOWS);
	if (!error)
		error = history_cap(history, db);
	if (!error)
		error = history_recover(history, db);
	if (error)
		return error;
	db_keep_wal(db);
	history->db = TAKE(db);
	return 0;
}

/* What is prepared or remembered of the file, after a rollback and before another file. */
static void history_forget(struct history *history)
{
	flows_forget(&history->flows);
	tops_forget(history->tops);
	seen_forget(history->seen);
}

static void history_close_file(struct history *history)
{
	history_forget(history);
	db_close(history->db);
	history->db = NULL;
}

/* Under the readers' lock: nobody opens the file meanwhile. */
static int history_replace(void *arg)
{
	struct history *history = arg;

	if (history->db)
		db_leave_wal(history->db);
	history_close_file(history);
	int error = aside_move(history->path, clock_unix_ms() / 1000);
	return error ? error : history_open_file(history);
}

static int history_reset(struct history *history)
{
	log_error("flows.db is corrupt: set aside as flows.db.corrupt-*, history begins anew");
	(void)atomic_fetch_add(&history->resets, 1);
	return pool_replace(history->readers, history_replace, history);
}

/* A write that can be done again in a new file. */
typedef int (*history_fn)(struct history *history, void *arg);

static int history_transact(struct history *history, history_fn write, void *arg)
{
	if (!history->db && history_open_file(history))
		return -ENODEV;
	int error = db_begin(history->db);
	if (error)
		return error;
	error = write(history, arg);
	if (!error)
		error = db_commit(history->db);
	if (!error)
		return 0;
	/* Tables made in the transaction are gone, so their statements must be, too. */
	history_forget(history);
	history->has_forgotten = true;
	db_rollback(history->db);
	if (error == -ENOSPC)
		retention_want_room(&history->retention);
	return error;
}

static int history_flush_inside(struct history *history, void *arg)
{
	(void)arg;
	return tops_flush(history->tops, history->db);
}

int history_open(const struct history_options *options, struct history **out)
{
	CLEANUP(history_close) struct history *history = calloc(1, sizeof(*history));

	if (!history)
		return -ENOMEM;
	history->path = strdup(options->path);
	if (!history->path)
		return -ENOMEM;
	history->retention.max_bytes = options->max_bytes;
	history->retention.max_age_s = options->max_age_s;
	history->retention.writer = &history->flows;
	if (tops_new(retention_split(options->max_bytes).tops_keys, &history->tops))
		return -ENOMEM;
	history->retention.tops = history->tops;
	if (seen_notes_new(options->max_bytes, &history->seen))
		return -ENOMEM;
	history->is_relaxed = options->is_relaxed;
	history->readers = options->readers;
	int error = history_open_file(history);
	if (error == -EBADMSG)
		error = history_reset(history);
	if (error == -ESTALE || error == -ENOMEM)
		return error;
	if (error)
		log_warn("flows.db cannot be opened, trying again: %s", strerror(-error));
	*out = TAKE(history);
	return 0;
}

static int history_write_seen(struct history *history, void *arg)
{
	return seen_write(history->seen, history->db, arg != NULL);
}

/* What is not written within a moment is noted again when it is seen again. */
static void history_finish_seen(struct history *history)
{
	int error = 0;

	seen_finish(history->seen);
	for (int i = 0; i < SEEN_ROUNDS_AT_END && !error && seen_is_waiting(history->seen); i++) {
		error = history_transact(history, history_write_seen, history);
		if (!error)
			seen_written(history->seen);
	}
}

void history_close(struct history *history)
{
	if (!history)
		return;
	if (history->db && tops_pending(history->tops))
		(void)history_transact(history, history_flush_inside,
				       NULL); /* else at next start */
	if (history->db && history->seen)
		history_finish_seen(history);
	if (history->seen)
		history_close_file(history);
	seen_notes_free(history->seen);
	tops_free(history->tops);
	free(history->path);
	free(history);
}

unsigned int history_resets(const struct history *history)
{
	return atomic_load(&history->resets);
}

static int history_transact_healing(struct history *history, history_fn write, void *arg)
{
	int error = history_transact(history, write, arg);

	if (error != -EBADMSG)
		return error;
	error = history_reset(history);
	return error ? error : history_transact(history, write, arg);
}

struct retain {
	int64_t now_unix_s;
	bool may_age;
	bool folds;
	struct retention_result result;
};

static int history_drop_inside(struct history *history, void *arg)
{
	struct retain *retain = arg;

	return retention_drop_hour(history->db, &history->retention, retain->now_unix_s,
				   retain->may_age, &retain->result);
}

/* Apart from the drop: what these write may find no room before it. */
static int history_tidy_inside(struct history *history, void *arg)
{
	const struct retain *retain = arg;
	int error = 0;

	if (history->has_forgotten)
		error = tops_recover(history->tops, history->db);
	if (!error)
		error = tops_close_old(history->tops, history->db, retain->now_unix_s / 3600);
	if (error || !retain->folds)
		return error;
	return retention_totals(history->db, &history->retention, retain->now_unix_s);
}

/* Hours go as soon as the budget is used up, not only once a second. */
static int history_make_room(struct history *history, int64_t now_unix_s)
{
	struct retain retain = { .now_unix_s = now_unix_s };
	int error = 0;

	history->rows_since_look = 0;
	for (int i = 0; i < ROOM_HOURS_MAX && !error; i++) {
		if (!history->db || retention_is_over(history->db, &history->retention) <= 0)
			return 0;
		error = history_transact_healing(history, history_drop_inside, &retain);
		history->is_full = !error && retain.result.is_full;
		if (error || !retain.result.dropped[0])
			return error;
		log_info("history: hour dropped for room table=%s", retain.result.dropped);
	}
	return error;
}

/* The hour's sums are read before the first of the batch's records is in it. */
static int history_insert(struct history *history, struct flow_row *row)
{
	int64_t hour = flows_row_hour(row);
	int error = flows_open(&history->flows, history->db, hour);

	if (!error)
		error = tops_open(history->tops, history->db, hour);
	return error ? error : flows_insert(&history->flows, history->db, row);
}

static int history_write_batch(struct history *history, void *arg)
{
	const struct history_batch *batch = arg;

	history->flows.iface_names = batch->iface_names;
	bool is_due = tops_pending(history->tops) >= SUMS_EVERY_ROWS ||
		      clock_monotonic_ns() - history->flushed_ns >= SUMS_EVERY_NS;
	int error = is_due ? tops_flush(history->tops, history->db) : 0;

	for (size_t i = 0; i < batch->totals_count && !error; i++)
		error = totals_add_second(history->db, &batch->totals[i]);
	for (size_t i = 0; i < batch->row_arrays; i++)
		for (unsigned int r = 0; r < batch->row_counts[i] && !error; r++)
			error = history_insert(history, &batch->rows[i][r]);
	if (!error)
		error = seen_write(history->seen, history->db, false);
	if (is_due)
		history->flushed_ns = clock_monotonic_ns();
	return error;
}

/* Sums count what is on disk. */
static void history_sum_batch(struct history *history, const struct history_batch *batch)
{
	for (size_t i = 0; i < batch->row_arrays; i++) {
		history->rows_since_look += batch->row_counts[i];
		for (unsigned int r = 0; r < batch->row_counts[i]; r++) {
			tops_add(history->tops, &batch->rows[i][r]);
			seen_note_row(history->seen, &batch->rows[i][r]);
		}
	}
	seen_written(history->seen);
}

int history_write(struct history *history, const struct history_batch *batch)
{
	struct history_batch again = *batch;
	int error = 0;

	if (history->rows_since_look >= ROOM_EVERY_ROWS)
		error = history_make_room(history, clock_unix_ms() / 1000);
	if (!error)
		error = history_transact_healing(history, history_write_batch, &again);
	/* rows larger than most, or an hour that the budget itself has no room for */
	if (error == -ENOSPC) {
		error = history_make_room(history, clock_unix_ms() / 1000);
		if (!error)
			error = history_transact_healing(history, history_write_batch, &again);
	}
	if (error == -ENOSPC)
		history->rows_since_look = ROOM_EVERY_ROWS;
	if (error)
		return error;
	history->retention.missing_bytes = 0;
	history_sum_batch(history, batch);
	return 0;
}

struct minutes {
	const struct totals *values;
	size_t count;
};

static int history_write_minutes_inside(struct history *history, void *arg)
{
	const struct minutes *minutes = arg;
	int error = 0;

	for (size_t i = 0; i < minutes->count && !error; i++)
		error = totals_add_minute(history->db, &minutes->values[i]);
	return error;
}

int history_write_minutes(struct history *history, const struct totals *values, size_t count)
{
	struct minutes minutes = { values, count };

	return history_transact_healing(history, history_write_minutes_inside, &minutes);
}

int history_retain(struct history *history, int64_t now_unix_s, bool may_age)
{
	int64_t since_s = now_unix_s - history->folded_unix_s;
	struct retain retain = { .now_unix_s = now_unix_s,
				 .may_age = may_age,
				 .folds = may_age && (since_s < 0 || since_s >= FOLD_EVERY_S) };

	int error = history_transact_healing(history, history_drop_inside, &retain);
	if (error)
		return error;
	history->is_full = retain.result.is_full;
	if (retain.result.dropped[0])
		log_info("history: hour dropped table=%s", retain.result.dropped);
	error = history_transact_healing(history, history_tidy_inside, &retain);
	if (error)
		return error;
	history->has_forgotten = false;
	if (retain.folds)
		history->folded_unix_s = now_unix_s;
	return retention_shrink(history->db, &history->retention);
}

void history_limits(const struct history *history, uint64_t *max_bytes, int64_t *max_age_s)
{
	*max_bytes = history->retention.max_bytes;
	*max_age_s = history->retention.max_age_s;
}

bool history_is_full(const struct history *history)
{
	return history->is_full;
}

struct rebuild {
	int64_t hour;
	struct tops_rebuilt *out;
};

static int history_rebuild_inside(struct history *history, void *arg)
{
	const struct rebuild *rebuild = arg;

	return tops_rebuild(history->tops, history->db, rebuild->hour, rebuild->out);
}

int history_rebuild_hour(struct history *history, int64_t hour, struct tops_rebuilt *out)
{
	struct rebuild rebuild = { hour, out };

	return history_transact_healing(history, history_rebuild_inside, &rebuild);
}

void history_seen_note(struct history *history, const struct seen_key *key, int64_t unix_s)
{
	seen_note(history->seen, key, unix_s);
}

uint64_t history_seen_full(const struct history *history)
{
	return seen_full(history->seen);
}

uint64_t history_wal_max(const struct history *history)
{
	return retention_split(history->retention.max_bytes).wal_bytes;
}

int history_heal(struct history *history)
{
	return pool_is_corrupt(history->readers) ? history_reset(history) : 0;
}

int history_checkpoint(struct history *history)
{
	return history->db ? db_checkpoint(history->db) : 0;
}
