/*
 * Making a backup: each database is copied whole at one moment by SQLite's online backup, which
 * needs no lock but a reader's, then written into the one file.
 */
#include "agent/store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/backup_file.h"
#include "agent/store/internal.h"
#include "agent/store/recovery.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"

#define BACKUP_BUSY_MS 5000
#define CONFIG_MAX     (1U << 20)
#define PIECE_MAX      65536

static int fail(char *error, int code, const char *what, const char *path)
{
	(void)snprintf(error, STORE_ERROR_MAX, "%s %.160s: %s", what, path, strerror(-code));
	return code;
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* A database on its way into the file; goes when it is in. */
struct copy {
	char path[PATH_MAX];
	uint64_t size;
};

static void copy_done(struct copy *copy)
{
	static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };
	char path[PATH_MAX + 16];

	for (size_t i = 0; copy->path[0] && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", copy->path, suffixes[i]);
		(void)unlink(path); /* most are not there */
	}
	copy->path[0] = '\0';
}

static inline void copy_done_cleanup(struct copy *copy)
{
	copy_done(copy);
}

static int copy_make(const struct store_backup *order, const char *name, struct copy *copy)
{
	CLEANUP(db_close) struct db *from = NULL;
	char path[PATH_MAX];
	struct stat info;

	if (snprintf(path, PATH_MAX, "%s/%s%s", order->dir, order->is_demo ? "demo-" : "", name) >=
		    PATH_MAX ||
	    snprintf(copy->path, PATH_MAX, "%s.part-%s", order->file, name) >= PATH_MAX) {
		copy->path[0] = '\0';
		return -ENAMETOOLONG;
	}
	if (access(path, F_OK)) {
		int error = -errno;

		copy->path[0] = '\0';
		return error;
	}
	/* one that was cut off before may lie there */
	if (unlink(copy->path) && errno != ENOENT)
		return -errno;
	int error = db_open(path, DB_READ, BACKUP_BUSY_MS, &from);
	if (!error)
		error = db_copy(from, copy->path);
	if (!error && stat(copy->path, &info))
		error = -errno;
	if (!error)
		copy->size = (uint64_t)info.st_size;
	return error;
}

static int put_fd(struct backup_writer *writer, int fd, uint64_t size)
{
	CLEANUP(free) uint8_t *piece = malloc(PIECE_MAX);

	if (!piece)
		return -ENOMEM;
	while (size) {
		ssize_t got = read(fd, piece, size < PIECE_MAX ? (size_t)size : PIECE_MAX);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO; /* it became shorter */
		int error = backup_writer_put(writer, piece, (size_t)got);
		if (error)
			return error;
		size -= (uint64_t)got;
	}
	return 0;
}

static int put_copy(struct backup_writer *writer, const char *name, const struct copy *copy)
{
	CLEANUP(close) int fd = open(copy->path, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 ? -errno : backup_writer_begin(writer, name, copy->size);

	return error ? error : put_fd(writer, fd, copy->size);
}

static int put_config(struct backup_writer *writer, const char *path)
{
	CLEANUP(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *slash = strrchr(path, '/');
	char name[BACKUP_NAME_MAX];
	struct stat info;

	if (fd < 0 || fstat(fd, &info))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(info.st_mode) || info.st_size > (off_t)CONFIG_MAX)
		return -EFBIG;
	if (snprintf(name, sizeof(name), "config/%s", slash ? slash + 1 : path) >=
	    (int)sizeof(name))
		return -ENAMETOOLONG;
	int error = backup_writer_begin(writer, name, (uint64_t)info.st_size);
	return error ? error : put_fd(writer, fd, (uint64_t)info.st_size);
}

/* ---- the manifest -----------------------------------------------------------------------------
 */

static int add_key_ids(struct db *db, struct json *manifest)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct json *ids = json_new_array();
	int found;

	json_set(manifest, "key_ids", ids);
	query_init(&query, db, "SELECT DISTINCT key_id FROM incident_details ORDER BY key_id");
	while ((found = query_next(&query)) > 0)
		json_add_int(ids, query_int(&query, 0));
	return found;
}

static int put_manifest(struct backup_writer *writer, const struct store_backup *order,
			const struct copy *main_copy)
{
	CLEANUP(json_free) struct json *manifest = json_new_object();
	CLEANUP(db_close) struct db *db = NULL;
	int64_t version = 0;
	size_t len = 0;
	int error = db_open(main_copy->path, DB_WRITE, 0, &db);

	if (!error)
		error = db_read_int(db, "PRAGMA user_version", &version);
	if (error)
		return error;
	json_set_int(manifest, "format", 1);
	json_set_string(manifest, "sluice", order->version);
	json_set_time(manifest, "created", clock_unix_ms());
	json_set_int(manifest, "main_version", version);
	error = add_key_ids(db, manifest);
	if (error)
		return error;
	CLEANUP(free) char *text = json_print(manifest, &len);
	if (!text)
		return -ENOMEM;
	error = backup_writer_begin(writer, "manifest.json", len);
	return error ? error : backup_writer_put(writer, text, len);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static int put_main(struct backup_writer *writer, const struct store_backup *order)
{
	CLEANUP(copy_done) struct copy copy = { 0 };
	int error = copy_make(order, "main.db", &copy);

	if (!error)
		error = put_manifest(writer, order, &copy);
	return error ? error : put_copy(writer, "main.db", &copy);
}

static int put_flows(struct backup_writer *writer, const struct store_backup *order)
{
	CLEANUP(copy_done) struct copy copy = { 0 };
	int error = copy_make(order, "flows.db", &copy);

	if (error)
		return error == -ENOENT ? 0 : error; /* none was begun yet */
	return put_copy(writer, "flows.db", &copy);
}

int store_backup_make(const struct store_backup *order, uint64_t *bytes, char *error)
{
	CLEANUP(backup_writer_free) struct backup_writer *writer = NULL;
	int result = crypto_init();

	if (!result)
		result = backup_writer_new(order->file, order->key, &writer);
	if (result == -EEXIST) {
		(void)snprintf(error, STORE_ERROR_MAX,
			       "%.160s is there already and is no backup: name another file",
			       order->file);
		return result;
	}
	if (result)
		return fail(error, result, "cannot write", order->file);
	result = put_main(writer, order);
	if (result)
		return fail(error, result, "cannot copy main.db into", order->file);
	result = order->with_flows ? put_flows(writer, order) : 0;
	if (result)
		return fail(error, result, "cannot copy flows.db into", order->file);
	for (size_t i = 0; i < order->config_count; i++) {
		result = put_config(writer, order->configs[i]);
		if (result)
			return fail(error, result, "cannot copy", order->configs[i]);
	}
	result = backup_writer_finish(writer, bytes);
	return result ? fail(error, result, "cannot write", order->file) : 0;
}

int backup_before_rewrite(void *arg, unsigned int to)
{
	const struct backup_guard *guard = arg;
	char path[PATH_MAX];
	struct store_backup order = { .dir = guard->dir,
				      .is_demo = guard->is_demo,
				      .file = path,
				      .version = SLUICE_VERSION };
	uint64_t bytes;

	if (snprintf(path, sizeof(path), "%s/main.before-v%u" BACKUP_SUFFIX, guard->dir, to) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	return store_backup_make(&order, &bytes, guard->error);
}

int store_backup_public_key(const struct store_options *options, uint8_t out[static 32])
{
	CLEANUP(vault_close) struct vault *vault = NULL;
	CLEANUP(db_close) struct db *db = NULL;
	char path[PATH_MAX], error[STORE_ERROR_MAX];

	if (snprintf(path, sizeof(path), "%s/%smain.db", options->dir,
		     options->is_demo ? "demo-" : "") >= PATH_MAX)
		return -ENAMETOOLONG;
	int result = crypto_init();
	if (!result)
		result = vault_open(options->key_file, false, &vault, error);
	if (!result)
		result = db_open(path, DB_READ, BACKUP_BUSY_MS, &db);
	return result ? result : recovery_public(db, vault, out);
}
