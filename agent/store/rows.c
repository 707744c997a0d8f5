/*
 * What waits for the writer.
 */
#include "agent/store/rows.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/queue.h"
#include "agent/util/snapshot.h"
#include "include/coverage.h"

struct rows {
	pthread_mutex_t lock; /* of open, totals and the queue's order */
	struct row_batch *open;
	struct queue *full;
	struct totals totals[ROWS_TOTALS_MAX]; /* a ring */
	size_t totals_first, totals_count;
	/* Every name that was ever set; only more come. A row keeps the number of its name, as the
	 * datapath may give its index to another interface while the row waits. */
	struct flow_iface_names iface_names;
	unsigned int iface_count;
	uint8_t iface_of[COVERAGE_IFACES_MAX]; /* by index of the datapath */
	atomic_uint_fast64_t lost, names_lost;
	atomic_uint_fast64_t name_bytes;
};

int rows_new(struct rows **out)
{
	CLEANUP(rows_free) struct rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	(void)pthread_mutex_init(&rows->lock, NULL); /* cannot fail with default attributes */
	int error = queue_new(ROWS_BATCHES, &rows->full);
	if (error)
		return error;
	*out = TAKE(rows);
	return 0;
}

void rows_free(struct rows *rows)
{
	if (!rows)
		return;
	for (struct row_batch *batch = rows->full ? queue_pop(rows->full) : NULL; batch;
	     batch = queue_pop(rows->full))
		rows_done(rows, batch);
	queue_free(rows->full);
	rows_done(rows, rows->open);
	(void)pthread_mutex_destroy(&rows->lock);
	free(rows);
}

void rows_done(struct rows *rows, struct row_batch *batch)
{
	if (!batch)
		return;
	for (unsigned int i = 0; i < batch->count; i++)
		flow_names_unref(batch->rows[i].names);
	(void)atomic_fetch_sub(&rows->name_bytes, batch->name_bytes);
	free(batch);
}

/* The row's own reference of its names, while there is room for what they hold. */
static void keep_names(struct rows *rows, struct row_batch *batch, struct flow_row *row)
{
	size_t bytes;

	if (!row->names)
		return;
	bytes = strlen(row->names->sni) + strlen(row->names->host) + strlen(row->names->ja4);
	if (atomic_load(&rows->name_bytes) + bytes > ROWS_NAME_BYTES_MAX) {
		row->names = NULL;
		(void)atomic_fetch_add(&rows->names_lost, 1);
		return;
	}
	(void)flow_names_ref(row->names);
	(void)atomic_fetch_add(&rows->name_bytes, bytes);
	batch->name_bytes += bytes;
}

/* Hand the open batch over if it is full. -EAGAIN: it stays open, and full. */
static int rows_hand_over_locked(struct rows *rows)
{
	if (!rows->open || rows->open->count < ROWS_PER_BATCH)
		return 0;
	int error = queue_push(rows->full, rows->open);
	if (!error)
		rows->open = NULL;
	return error;
}

static int rows_add_flow_locked(struct rows *rows, const struct flow *flow,
				const struct flow_extra *extra)
{
	int error = rows_hand_over_locked(rows);
	struct flow_row *row;

	if (error)
		return error;
	if (!rows->open) {
		rows->open = malloc(sizeof(*rows->open));
		if (!rows->open)
			return -ENOMEM;
		rows->open->count = 0;
		rows->open->name_bytes = 0;
	}
	row = &rows->open->rows[rows->open->count++];
	flow_row_from(flow, extra, row);
	if (flow->iface < COVERAGE_IFACES_MAX)
		row->iface_name = rows->iface_of[flow->iface];
	keep_names(rows, rows->open, row);
	(void)rows_hand_over_locked(rows); /* refused: the next row tries again */
	return 0;
}

int rows_add_flow(struct rows *rows, const struct flow *flow, const struct flow_extra *extra)
{
	(void)pthread_mutex_lock(&rows->lock);
	int error = rows_add_flow_locked(rows, flow, extra);
	(void)pthread_mutex_unlock(&rows->lock);
	if (error)
		rows_count_lost(rows, 1);
	return error;
}

static uint8_t iface_number_locked(struct rows *rows, const char *name)
{
	unsigned int i = 1;

	while (i <= rows->iface_count &&
	       strncmp(rows->iface_names.text[i], name, IFACE_NAME_MAX) != 0)
		i++;
	if (i == FLOW_IFACE_NAMES || !*name)
		return 0; /* more names than a host has: rows go without */
	if (i > rows->iface_count) {
		(void)snprintf(rows->iface_names.text[i], IFACE_NAME_MAX, "%s", name);
		rows->iface_count = i;
	}
	return (uint8_t)i;
}

void rows_set_iface(struct rows *rows, uint8_t index, const char *name)
{
	if (index >= COVERAGE_IFACES_MAX)
		return;
	(void)pthread_mutex_lock(&rows->lock);
	rows->iface_of[index] = iface_number_locked(rows, name);
	(void)pthread_mutex_unlock(&rows->lock);
}

const struct flow_iface_names *rows_iface_names(const struct rows *rows)
{
	return &rows->iface_names;
}

int rows_add_totals(struct rows *rows, const struct totals *totals)
{
	(void)pthread_mutex_lock(&rows->lock);
	bool fits = rows->totals_count < ROWS_TOTALS_MAX;
	if (fits) {
		size_t at = (rows->totals_first + rows->totals_count++) % ROWS_TOTALS_MAX;

		rows->totals[at] = *totals;
	}
	(void)pthread_mutex_unlock(&rows->lock);
	if (!fits)
		rows_count_lost(rows, 1);
	return fits ? 0 : -EAGAIN;
}

uint64_t rows_lost(const struct rows *rows)
{
	return atomic_load(&rows->lost);
}

uint64_t rows_names_lost(const struct rows *rows)
{
	return atomic_load(&rows->names_lost);
}

void rows_count_lost(struct rows *rows, uint64_t count)
{
	(void)atomic_fetch_add(&rows->lost, count);
}

int rows_fd(const struct rows *rows)
{
	return queue_fd(rows->full);
}

struct row_batch *rows_take(struct rows *rows, bool partial)
{
	struct row_batch *batch = queue_pop(rows->full);

	if (batch || !partial)
		return batch;
	(void)pthread_mutex_lock(&rows->lock);
	/* Between the look at the queue and the lock a full batch may have come: it is older. */
	batch = queue_pop(rows->full);
	if (!batch)
		batch = TAKE(rows->open);
	(void)pthread_mutex_unlock(&rows->lock);
	return batch;
}

size_t rows_peek_totals(struct rows *rows, struct totals *out, size_t max)
{
	(void)pthread_mutex_lock(&rows->lock);
	size_t count = rows->totals_count < max ? rows->totals_count : max;
	for (size_t i = 0; i < count; i++)
		out[i] = rows->totals[(rows->totals_first + i) % ROWS_TOTALS_MAX];
	(void)pthread_mutex_unlock(&rows->lock);
	return count;
}

void rows_drop_totals(struct rows *rows, size_t count)
{
	(void)pthread_mutex_lock(&rows->lock);
	rows->totals_first = (rows->totals_first + count) % ROWS_TOTALS_MAX;
	rows->totals_count -= count;
	(void)pthread_mutex_unlock(&rows->lock);
}
