/*
 * Which files there are, when they are read again, and who may look while they change.
 */
#include "agent/geo/geo.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/geo/database.h"

/* Which file it was: one that is replaced has another number or time. */
struct stamp {
	bool is_there;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct geo_file {
	struct geo_state state;
	struct stamp stamp;
	struct database *database; /* NULL = none */
};

struct geo {
	pthread_rwlock_t lock; /* of databases and states; paths never change */
	char dir[GEO_PATH_MAX];
	size_t count;
	struct geo_file files[GEO_FILES_MAX];
};

int geo_new(const char *const *paths, size_t count, const char *dir, struct geo **out)
{
	CLEANUP(free) struct geo *geo = calloc(1, sizeof(*geo));

	if (!geo)
		return -ENOMEM;
	if (count > GEO_FILES_MAX || strlen(dir) >= sizeof(geo->dir))
		return -E2BIG;
	memcpy(geo->dir, dir, strlen(dir) + 1);
	for (; geo->count < count; geo->count++) {
		const char *path = paths[geo->count];

		if (strlen(path) >= GEO_PATH_MAX)
			return -E2BIG;
		memcpy(geo->files[geo->count].state.path, path, strlen(path) + 1);
	}
	int error = -pthread_rwlock_init(&geo->lock, NULL);

	if (!error)
		*out = TAKE(geo);
	return error;
}

void geo_free(struct geo *geo)
{
	if (!geo)
		return;
	for (size_t i = 0; i < geo->count; i++)
		database_close(geo->files[i].database);
	(void)pthread_rwlock_destroy(&geo->lock); /* nobody holds it */
	free(geo);
}

/* ---- files that change ------------------------------------------------------------------------
 */

static struct stamp stamp_of(const char *path)
{
	struct stamp stamp;
	struct stat is;

	memset(&stamp, 0, sizeof(stamp)); /* compared as bytes */
	if (stat(path, &is))
		return stamp;
	stamp.is_there = true;
	stamp.device = is.st_dev;
	stamp.inode = is.st_ino;
	stamp.size = is.st_size;
	stamp.changed = is.st_mtim;
	return stamp;
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
	return a->is_there == b->is_there && a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool needs_reading(const struct geo_file *file, const struct stamp *now)
{
	return !is_same(now, &file->stamp) || (!file->database && !*file->state.error);
}

bool geo_is_stale(struct geo *geo)
{
	bool is_stale = false;

	(void)pthread_rwlock_rdlock(&geo->lock); /* fails for a broken lock only */
	for (size_t i = 0; i < geo->count && !is_stale; i++) {
		const struct stamp now = stamp_of(geo->files[i].state.path);

		is_stale = needs_reading(&geo->files[i], &now);
	}
	(void)pthread_rwlock_unlock(&geo->lock);
	return is_stale;
}

/* One that fails leaves the former one in force. */
static void put(struct geo *geo, struct geo_file *file, struct database *database,
		const struct geo_state *state)
{
	struct database *former = NULL;

	(void)pthread_rwlock_wrlock(&geo->lock);
	memcpy(file->state.error, state->error, sizeof(state->error));
	if (database) {
		former = file->database;
		file->database = database;
		memcpy(file->state.kind, state->kind, sizeof(state->kind));
		file->state.built_unix_ms = state->built_unix_ms;
	}
	(void)pthread_rwlock_unlock(&geo->lock);
	database_close(former);
}

static void refresh_one(struct geo *geo, struct geo_file *file, const struct stamp *now)
{
	struct geo_state state = { .kind = "" };
	struct database *database = NULL;

	/* what went wrong is in the state, which whoever asked for this reads */
	(void)database_open(file->state.path, geo->dir, &state, &database);
	file->stamp = *now;
	put(geo, file, database, &state);
}

void geo_refresh(struct geo *geo)
{
	for (size_t i = 0; i < geo->count; i++) {
		const struct stamp now = stamp_of(geo->files[i].state.path);

		if (needs_reading(&geo->files[i], &now))
			refresh_one(geo, &geo->files[i], &now);
	}
}

/* ---- look-ups ----------------------------------------------------------------------------------
 */

bool geo_find(struct geo *geo, const struct addr *addr, struct geo_place *out)
{
	*out = (struct geo_place){ .asn = 0 };
	(void)pthread_rwlock_rdlock(&geo->lock);
	for (size_t i = 0; i < geo->count; i++)
		if (geo->files[i].database)
			database_find(geo->files[i].database, addr, out);
	(void)pthread_rwlock_unlock(&geo->lock);
	return *out->country || out->asn;
}

size_t geo_states(struct geo *geo, struct geo_state out[static GEO_FILES_MAX])
{
	(void)pthread_rwlock_rdlock(&geo->lock);
	for (size_t i = 0; i < geo->count; i++)
		out[i] = geo->files[i].state;
	(void)pthread_rwlock_unlock(&geo->lock);
	return geo->count;
}
