/*
 * The store's thread: orders first, then rows, and once a second the chores.
 */
#include "agent/store/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "agent/store/orders.h"
#include "agent/store/reserve.h"
#include "agent/store/rows.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

/* 8 x 128 rows a transaction: 1k rows measured as the best batch (bench_store). */
#define PENDING_MAX	       8
#define TOTALS_GROUP	       256
#define TICK_NS		       NS_PER_S
#define CHECKPOINT_EVERY_TICKS 60
/* A wall clock that moves this much against the monotonic one was set, not slewed, and retention
 * by age waits until it has kept still for an hour. */
#define CLOCK_JUMP_MS	   60000
#define CLOCK_SETTLE_TICKS 3600
/* Ids reserved ahead in main.db: one more commit there per 65,536 new flows. */
#define FLOW_IDS_AHEAD 65536

struct writer {
	struct db *main;
	struct history *history;
	const char *dir, *flows_wal, *reserve;
	uint64_t free_floor_bytes;

	pthread_t thread;
	bool is_running;
	int stop_fd;
	struct orders *orders;
	struct rows *rows;

	/* The writer thread's own. */
	struct row_batch *pending[PENDING_MAX];
	size_t pending_count;
	struct totals totals[TOTALS_GROUP];
	const char *stop_reason; /* why no rows are written; NULL when they are */
	bool must_wait;		 /* the last write failed: not again before the next tick */
	uint64_t next_tick_ns;
	uint64_t ticks;
	int64_t clock_offset_ms;
	uint64_t clock_settle_tick; /* age counts from this tick on */
	uint64_t ids_reserved;
	struct log_limit limit;
};

/* ---- flow ids ------------------------------------------------------------------------------ */

static int writer_reserve_ids_order(struct db *main, const uint64_t *next)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main, "UPDATE flow_ids SET next = ?");
	query_bind_int(&query, (int64_t)*next);
	return query_run(&query);
}

/* Ids of stored flows are never given again, also when flows.db is lost: main.db knows first. */
static int writer_reserve_ids(struct writer *writer)
{
	uint64_t highest = 0;

	for (size_t i = 0; i < writer->pending_count; i++)
		for (unsigned int r = 0; r < writer->pending[i]->count; r++)
			if (writer->pending[i]->rows[r].id > highest)
				highest = writer->pending[i]->rows[r].id;
	if (highest < writer->ids_reserved)
		return 0;
	uint64_t next = highest + FLOW_IDS_AHEAD;
	int error = db_begin(writer->main);
	if (!error)
		error = writer_reserve_ids_order(writer->main, &next);
	if (!error)
		error = db_commit(writer->main);
	if (error)
		db_rollback(writer->main);
	else
		writer->ids_reserved = next;
	return error;
}

/* ---- whether rows may be written ------------------------------------------------------------- */

static bool writer_wal_is_full(const struct writer *writer)
{
	struct stat wal;

	return stat(writer->flows_wal, &wal) == 0 &&
	       (uint64_t)wal.st_size > history_wal_max(writer->history);
}

static void writer_note(struct writer *writer, const char *what, int error)
{
	/* -EBUSY: somebody reads or another process writes; the next tick tries again. */
	if (error && error != -EBUSY && error != -ENODEV)
		log_write_limited(&writer->limit, LOG_LEVEL_WARN, "store: %s failed: %s", what,
				  strerror(-error));
}

static const char *writer_find_stop_reason(const struct writer *writer)
{
	struct statvfs fs;

	if (writer->free_floor_bytes && statvfs(writer->dir, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < writer->free_floor_bytes)
		return "free space is below [Store] free_floor";
	if (!reserve_keep(writer->reserve))
		return "the disk is full";
	if (writer_wal_is_full(writer))
		return "a reader keeps flows.db-wal from being emptied";
	if (history_is_full(writer->history))
		return "the present hour alone fills [Store] flows_max_bytes";
	return NULL;
}

static void writer_check_space(struct writer *writer)
{
	/* of a small budget SQLite's own checkpoint comes too late, and a dropped hour is a lot */
	if (writer_wal_is_full(writer))
		writer_note(writer, "checkpoint", history_checkpoint(writer->history));
	const char *reason = writer_find_stop_reason(writer);

	if (reason && !writer->stop_reason)
		log_warn("flow rows stop: %s", reason);
	if (!reason && writer->stop_reason)
		log_info("flow rows go on: it is over that %s", writer->stop_reason);
	writer->stop_reason = reason;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void writer_free_pending(struct writer *writer)
{
	while (writer->pending_count)
		rows_done(writer->rows, writer->pending[--writer->pending_count]);
}

static void writer_give_up_pending(struct writer *writer)
{
	for (size_t i = 0; i < writer->pending_count; i++)
		rows_count_lost(writer->rows, writer->pending[i]->count);
	writer_free_pending(writer);
}

/* Errors that come from the rows, not from the disk: trying again would never end. */
static bool writer_is_hopeless(int error)
{
	return error == -EINVAL || error == -EEXIST || error == -E2BIG;
}

static int writer_write(struct writer *writer, size_t row_arrays, size_t totals_count)
{
	struct flow_row *rows[PENDING_MAX];
	unsigned int counts[PENDING_MAX];
	const struct history_batch batch = { rows,	   counts,
					     row_arrays,   writer->totals,
					     totals_count, rows_iface_names(writer->rows) };
	int error = row_arrays ? writer_reserve_ids(writer) : 0;

	for (size_t i = 0; i < row_arrays; i++) {
		rows[i] = writer->pending[i]->rows;
		counts[i] = writer->pending[i]->count;
	}
	return error ? error : history_write(writer->history, &batch);
}

static void writer_flush(struct writer *writer)
{
	/* A second of rows at full speed is 20 MB of WAL, so it is looked at before each batch. */
	if (!writer->stop_reason && writer_wal_is_full(writer))
		writer_check_space(writer);
	size_t arrays = writer->stop_reason ? 0 : writer->pending_count;
	size_t totals = rows_peek_totals(writer->rows, writer->totals, TOTALS_GROUP);

	if (!arrays && !totals)
		return;
	int error = writer_write(writer, arrays, totals);
	if (error && !writer_is_hopeless(error)) {
		writer->must_wait = true;
		log_write_limited(&writer->limit, LOG_LEVEL_WARN,
				  "flow rows wait in memory: writing flows.db failed: %s",
				  strerror(-error));
		return;
	}
	rows_drop_totals(writer->rows, totals);
	if (error) {
		log_error("flow rows given up: %s", strerror(-error));
		writer_give_up_pending(writer);
	} else if (arrays) {
		writer_free_pending(writer);
	}
}

static void writer_collect(struct writer *writer, bool partial)
{
	while (writer->pending_count < PENDING_MAX) {
		struct row_batch *batch = rows_take(writer->rows, partial);

		if (!batch)
			return;
		writer->pending[writer->pending_count++] = batch;
	}
}

/* As many transactions as there are full batches, but orders are not kept waiting for them all. */
static void writer_run_rows(struct writer *writer, bool is_tick)
{
	writer_collect(writer, is_tick);
	bool is_due = writer->pending_count == PENDING_MAX && !writer->stop_reason;
	if (is_tick || (is_due && !writer->must_wait))
		writer_flush(writer);
}

/* ---- once a second --------------------------------------------------------------------------- */

static bool writer_clock_is_settled(struct writer *writer)
{
	int64_t offset_ms = clock_unix_ms() - (int64_t)(clock_monotonic_ns() / NS_PER_MS);
	int64_t moved_ms = offset_ms - writer->clock_offset_ms;

	writer->clock_offset_ms = offset_ms;
	if (moved_ms > CLOCK_JUMP_MS || moved_ms < -CLOCK_JUMP_MS)
		writer->clock_settle_tick = writer->ticks + CLOCK_SETTLE_TICKS;
	return writer->ticks >= writer->clock_settle_tick;
}

static void writer_tick(struct writer *writer)
{
	bool may_age = writer_clock_is_settled(writer);

	writer->ticks++;
	writer->must_wait = false;
	writer_note(writer, "beginning a new flows.db", history_heal(writer->history));
	writer_note(writer, "retention",
		    history_retain(writer->history, clock_unix_ms() / 1000, may_age));
	writer_check_space(writer);
	if (writer->ticks % CHECKPOINT_EVERY_TICKS == 0 || writer->stop_reason) {
		writer_note(writer, "checkpoint", history_checkpoint(writer->history));
		writer_note(writer, "checkpoint", db_checkpoint(writer->main));
	}
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Returns false when it is to stop. */
static bool writer_wait(const struct writer *writer)
{
	bool takes_rows = writer->pending_count < PENDING_MAX;
	struct pollfd fds[3] = {
		{ .fd = writer->stop_fd, .events = POLLIN },
		{ .fd = orders_fd(writer->orders), .events = POLLIN },
		{ .fd = takes_rows ? rows_fd(writer->rows) : -1, .events = POLLIN },
	};
	uint64_t now_ns = clock_monotonic_ns();
	uint64_t left_ns = writer->next_tick_ns > now_ns ? writer->next_tick_ns - now_ns : 0;

	/* A failing poll (EINTR, no memory) is a look at the queues too early. */
	(void)poll(fds, 3, (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS));
	return !(fds[0].revents & POLLIN);
}

static void writer_finish(struct writer *writer)
{
	uint64_t lost = rows_lost(writer->rows);

	orders_run(writer->orders, writer->main);
	writer->must_wait = false;
	writer_collect(writer, true);
	while (!writer->must_wait && (rows_peek_totals(writer->rows, writer->totals, 1) ||
				      (writer->pending_count && !writer->stop_reason))) {
		writer_flush(writer);
		writer_collect(writer, true);
	}
	while (writer->pending_count) {
		writer_give_up_pending(writer);
		writer_collect(writer, true);
	}
	lost = rows_lost(writer->rows) - lost;
	if (lost)
		log_warn("flow rows lost at the end: count=%" PRIu64, lost);
}

static void *writer_run(void *arg)
{
	struct writer *writer = arg;

	(void)pthread_setname_np(pthread_self(), "store"); /* only for people who look */
	while (writer_wait(writer)) {
		uint64_t now_ns = clock_monotonic_ns();
		bool is_tick = now_ns >= writer->next_tick_ns;

		orders_run(writer->orders, writer->main);
		if (is_tick) {
			writer->next_tick_ns = now_ns + TICK_NS;
			writer_tick(writer);
		}
		writer_run_rows(writer, is_tick);
	}
	writer_finish(writer);
	return NULL;
}

/* Signals are the pipeline thread's: the new thread starts with all of them blocked. */
static int writer_create_thread(struct writer *writer)
{
	sigset_t all, before;

	(void)sigfillset(&all); /* cannot fail */
	int error = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (error)
		return -error;
	error = pthread_create(&writer->thread, NULL, writer_run, writer);
	int restore_error = pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return -error;
	writer->is_running = true;
	return -restore_error;
}

int writer_start(const struct writer_options *options, struct writer **out)
{
	CLEANUP(writer_stop) struct writer *writer = calloc(1, sizeof(*writer));
	int64_t next_id;

	if (!writer)
		return -ENOMEM;
	writer->main = options->main;
	writer->history = options->history;
	writer->dir = options->dir;
	writer->flows_wal = options->flows_wal;
	writer->reserve = options->reserve;
	writer->free_floor_bytes = options->free_floor_bytes;
	writer->clock_offset_ms = clock_unix_ms() - (int64_t)(clock_monotonic_ns() / NS_PER_MS);
	writer->next_tick_ns = clock_monotonic_ns() + TICK_NS;
	writer->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (writer->stop_fd < 0)
		return -errno;
	int error = orders_new(options->reserve, &writer->orders);
	if (!error)
		error = rows_new(&writer->rows);
	if (!error)
		error = db_read_int(writer->main, "SELECT next FROM flow_ids", &next_id);
	if (error)
		return error;
	writer->ids_reserved = (uint64_t)next_id;
	writer_check_space(writer);
	error = writer_create_thread(writer);
	if (error)
		return error;
	*out = TAKE(writer);
	return 0;
}

void writer_stop(struct writer *writer)
{
	uint64_t one = 1;

	if (!writer)
		return;
	if (writer->is_running) {
		/* An eventfd takes 8 bytes unless its counter is full, which is as good. */
		(void)!write(writer->stop_fd, &one, sizeof(one));
		(void)pthread_join(writer->thread, NULL); /* fails only for a wrong thread */
	}
	orders_free(writer->orders);
	rows_free(writer->rows);
	if (writer->stop_fd >= 0)
		(void)close(writer->stop_fd); /* nothing buffered in it */
	free(writer);
}

/* ---- the callers' side ------------------------------------------------------------------------
 */

int writer_add_flow(struct writer *writer, const struct flow *flow, const struct flow_extra *extra)
{
	return rows_add_flow(writer->rows, flow, extra);
}

int writer_add_totals(struct writer *writer, const struct totals *totals)
{
	return rows_add_totals(writer->rows, totals);
}

void writer_set_iface(struct writer *writer, uint8_t index, const char *name)
{
	rows_set_iface(writer->rows, index, name);
}

uint64_t writer_rows_lost(const struct writer *writer)
{
	return rows_lost(writer->rows);
}

uint64_t writer_names_lost(const struct writer *writer)
{
	return rows_names_lost(writer->rows);
}

int writer_order(struct writer *writer, writer_order_fn run, void *arg)
{
	return orders_post(writer->orders, run, arg, true);
}

int writer_order_plain(struct writer *writer, writer_order_fn run, void *arg)
{
	return orders_post(writer->orders, run, arg, false);
}

struct minutes_order {
	struct history *history;
	const struct totals *minutes;
	size_t count;
};

static int writer_run_minutes(struct db *main, void *arg)
{
	const struct minutes_order *order = arg;

	(void)main; /* another database */
	return history_write_minutes(order->history, order->minutes, order->count);
}

int writer_order_minutes(struct writer *writer, const struct totals *minutes, size_t count)
{
	struct minutes_order order = { writer->history, minutes, count };

	return orders_post(writer->orders, writer_run_minutes, &order, false);
}
