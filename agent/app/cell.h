/*
 * The newest snapshot, handed from the pipeline thread to any reader: a pointer under a mutex,
 * freed with its last reference.
 */
#ifndef SLUICE_APP_CELL_H
#define SLUICE_APP_CELL_H

#include <pthread.h>

#include "include/snapshot.h"

struct cell {
	pthread_mutex_t mutex;
	struct snapshot *newest;
};

void cell_init(struct cell *cell);
void cell_done(struct cell *cell);
/* cell_put - takes @snapshot and the reference in it. */
void cell_put(struct cell *cell, struct snapshot *snapshot);
/* cell_get - with a reference for the caller (snapshot_unref), or NULL before the first. */
struct snapshot *cell_get(struct cell *cell);

#endif
