/*
 * Publication of snapshots between threads.
 */
#include "agent/app/cell.h"

#include "agent/util/snapshot.h"

void cell_init(struct cell *cell)
{
	(void)pthread_mutex_init(&cell->mutex, NULL); /* cannot fail with default attributes */
	cell->newest = NULL;
}

void cell_done(struct cell *cell)
{
	snapshot_unref(cell->newest);
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
	snapshot_unref(old);
}

struct snapshot *cell_get(struct cell *cell)
{
	struct snapshot *snapshot;

	(void)pthread_mutex_lock(&cell->mutex);
	snapshot = cell->newest;
	if (snapshot)
		(void)snapshot_ref(snapshot);
	(void)pthread_mutex_unlock(&cell->mutex);
	return snapshot;
}
