/*
 * Read connections, lent one call at a time.
 */
#include "agent/store/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "agent/store/store.h"
#include "agent/util/clock.h"

/* Service, jobs and control threads read at once; each connection costs up to 1 MiB of cache. */
#define POOL_MAX 4
/* A reader that lives longer would let the WAL grow (facts/server.md 2.3). */
#define LEASE_NS NS_PER_S

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t given_back;
	char *path;
	struct db *idle[POOL_MAX];
	unsigned int idle_count;
	unsigned int open_count; /* idle and lent */
	uint64_t generation;
	bool is_corrupt;
};

int pool_new(const char *path, struct pool **out)
{
	CLEANUP(pool_free) struct pool *pool = calloc(1, sizeof(*pool));
	pthread_condattr_t monotonic;

	if (!pool)
		return -ENOMEM;
	/* None of these fails on Linux with valid arguments (pthread_condattr_init(3)). */
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&pool->given_back, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&pool->lock, NULL);
	pool->path = strdup(path);
	if (!pool->path)
		return -ENOMEM;
	*out = TAKE(pool);
	return 0;
}

static void pool_close_idle(struct pool *pool)
{
	while (pool->idle_count) {
		db_close(pool->idle[--pool->idle_count]);
		pool->open_count--;
	}
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pool_close_idle(pool);
	(void)pthread_cond_destroy(&pool->given_back);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool->path);
	free(pool);
}

int pool_replace(struct pool *pool, int (*replace)(void *arg), void *arg)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool_close_idle(pool);
	pool->generation++;
	pool->is_corrupt = false;
	int error = replace(arg);
	(void)pthread_mutex_unlock(&pool->lock);
	return error;
}

void pool_report_corrupt(struct pool *pool, uint64_t generation)
{
	(void)pthread_mutex_lock(&pool->lock);
	if (generation == pool->generation)
		pool->is_corrupt = true;
	(void)pthread_mutex_unlock(&pool->lock);
}

bool pool_is_corrupt(struct pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	bool is_corrupt = pool->is_corrupt;
	(void)pthread_mutex_unlock(&pool->lock);
	return is_corrupt;
}

/* The first query is made here, under the lock: it opens -wal and -shm by name, which must belong
 * to the same file. */
static int pool_open_locked(struct pool *pool, struct db **out)
{
	CLEANUP(db_close) struct db *db = NULL;
	int64_t version;
	int error = db_open(pool->path, DB_READ, 100, &db);

	if (!error)
		error = db_read_int(db, "PRAGMA user_version", &version);
	if (error)
		return error;
	db_set_generation(db, pool->generation);
	pool->open_count++;
	*out = TAKE(db);
	return 0;
}

static int pool_take_locked(struct pool *pool, const struct timespec *until, struct db **out)
{
	while (!pool->idle_count && pool->open_count == POOL_MAX)
		if (pthread_cond_timedwait(&pool->given_back, &pool->lock, until) == ETIMEDOUT)
			return -ETIMEDOUT;
	if (!pool->idle_count)
		return pool_open_locked(pool, out);
	*out = pool->idle[--pool->idle_count];
	return 0;
}

/* Of the calling thread: a matter of who waits for it, not of what is asked. 0: as for all. */
static _Thread_local uint64_t patience_ns;

void store_set_patience(uint64_t ns)
{
	patience_ns = ns;
}

int lease_begin(struct lease *lease, struct pool *pool)
{
	uint64_t until_ns = clock_monotonic_ns() + (patience_ns ? patience_ns : LEASE_NS);
	struct timespec until = { .tv_sec = (time_t)(until_ns / NS_PER_S),
				  .tv_nsec = (long)(until_ns % NS_PER_S) };
	struct db *db = NULL;

	(void)pthread_mutex_lock(&pool->lock);
	int error = pool_take_locked(pool, &until, &db);
	if (error == -EBADMSG)
		pool->is_corrupt = true;
	(void)pthread_mutex_unlock(&pool->lock);
	if (error)
		return error;
	db_set_deadline(db, until_ns);
	*lease = (struct lease){ pool, db };
	return 0;
}

void lease_end(struct lease *lease)
{
	struct pool *pool = lease->pool;
	struct db *old = NULL;

	if (!lease->db)
		return;
	(void)pthread_mutex_lock(&pool->lock);
	if (db_generation(lease->db) == pool->generation) {
		pool->idle[pool->idle_count++] = lease->db;
	} else {
		old = lease->db;
		pool->open_count--;
	}
	(void)pthread_cond_signal(&pool->given_back);
	(void)pthread_mutex_unlock(&pool->lock);
	db_close(old);
	lease->db = NULL;
}
