/*
 * Publication of snapshots between threads.
 */
#include "agent/app/cell.h"

#include <stdlib.h>

void snapshot_release(struct snapshot *snapshot)
{
	if (snapshot && atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) == 1)
		free(snapshot);
}

void cell_init(struct cell *cell)
{
	(void)pthread_mutex_init(&cell->mutex, NULL); /* cannot fail with default attributes */
	cell->newest = NULL;
}

void cell_done(struct cell *cell)
{
	snapshot_release(cell->newest);
	cell->newest = NULL;
	(void)pthread_mutex_destroy(&cell->mutex);
}

void cell_put(struct cell *cell, struct snapshot *snapshot)
{
	struct snapshot *old;

	(void)pthread_mutex_lock(&cell->mutex);
	old = cell->newest;
	cell->newest = snapshot;
	(void)pthread_mutex_unlock(&cell->mutex);
	snapshot_release(old);
}

struct snapshot *cell_get(struct cell *cell)
{
	struct snapshot *snapshot;

	(void)pthread_mutex_lock(&cell->mutex);
	snapshot = cell->newest;
	if (snapshot)
		atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
	(void)pthread_mutex_unlock(&cell->mutex);
	return snapshot;
}
