/*
 * Read connections to one database, lent to any thread for one call each, with a deadline so that
 * no reader pins the WAL. The owner may replace the file below while no connection is being made.
 */
#ifndef SLUICE_STORE_POOL_H
#define SLUICE_STORE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/db.h"
#include "agent/util/cleanup.h"

struct pool;

/* pool_new - @path is copied; nothing is opened yet. Returns 0 or -ENOMEM. */
int pool_new(const char *path, struct pool **out);
/* pool_free - no lease may be out. Accepts NULL. */
void pool_free(struct pool *pool);
DEFINE_CLEANUP(pool_free, struct pool)

/* pool_replace - run @replace while nobody can open a connection; old ones are not lent again. */
int pool_replace(struct pool *pool, int (*replace)(void *arg), void *arg);
/* pool_report_corrupt - a reader met damage in the file of @generation. */
void pool_report_corrupt(struct pool *pool, uint64_t generation);
/* pool_is_corrupt - somebody reported damage of the present file. */
bool pool_is_corrupt(struct pool *pool);

struct lease {
	struct pool *pool;
	struct db *db;
};

/*
 * lease_begin - borrow a connection; every statement on it ends by the thread's deadline, 1 s from
 * now unless store_set_patience (store.h) said otherwise.
 * Returns 0, -ETIMEDOUT when all are out for that long, or the error of opening one.
 */
int lease_begin(struct lease *lease, struct pool *pool);
/* lease_end - queries on it must be done: declare them after the lease. {0} is fine. */
void lease_end(struct lease *lease);
static inline void lease_end_cleanup(struct lease *lease)
{
	lease_end(lease);
}

#endif
