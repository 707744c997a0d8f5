/*
 * Opening and closing of the store as a whole: main.db first, as nothing works without it, then
 * the vault, flows.db, the readers and the thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/backup.h"
#include "agent/store/internal.h"
#include "agent/store/reserve.h"
#include "agent/store/schema.h"
#include "agent/util/crypto.h"

/* The command line may write users while no service runs; longer than any commit of it. */
#define MAIN_BUSY_MS 1000

static char *path_join(const char *dir, const char *prefix, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s%s", dir, prefix, name) < 0 ? NULL : path;
}

static int store_set_paths(struct store *store, const struct store_options *options)
{
	const char *prefix = options->is_demo ? "demo-" : "";

	store->dir = strdup(options->dir);
	store->main_path = path_join(options->dir, prefix, "main.db");
	store->main_wal_path = path_join(options->dir, prefix, "main.db-wal");
	store->reserve_path = path_join(options->dir, prefix, "main.db-reserve");
	store->flows_path = path_join(options->dir, prefix, "flows.db");
	store->flows_wal_path = path_join(options->dir, prefix, "flows.db-wal");
	if (!store->dir || !store->main_path || !store->main_wal_path || !store->reserve_path ||
	    !store->flows_path || !store->flows_wal_path)
		return -ENOMEM;
	int error = pool_new(store->main_path, &store->main_readers);
	return error ? error : pool_new(store->flows_path, &store->flows_readers);
}

struct main_opening {
	struct db *db;
	int64_t version; /* as found */
	char *error;	 /* STORE_ERROR_MAX; set when there is more to say than the code does */
};

/* Reads only until the file is known to be good: a corrupt main.db stays byte for byte. */
static int main_open(const struct store *store, bool is_demo, struct main_opening *out)
{
	CLEANUP(db_close) struct db *main = NULL;
	struct backup_guard rewrite = { store->dir, is_demo, out->error };
	const struct schema_guard guard = { backup_before_rewrite, &rewrite };
	int error = db_open(store->main_path, DB_WRITE, MAIN_BUSY_MS, &main);

	if (error)
		return error;
	db_leave_wal(main);
	error = db_check_whole(main, "PRAGMA quick_check(1)");
	if (!error)
		error = db_exec(main, "PRAGMA journal_mode = WAL;"
				      "PRAGMA journal_size_limit = 8388608;"
				      "PRAGMA secure_delete = ON"); /* what an old key sealed */
	if (!error)
		error = db_exec(main, is_demo ? "PRAGMA synchronous = NORMAL"
					      : "PRAGMA synchronous = FULL");
	if (!error)
		error = db_read_int(main, "PRAGMA user_version", &out->version);
	if (!error)
		error = schema_run(main, &SCHEMA_MAIN_MIGRATIONS, &guard);
	if (error)
		return error;
	db_keep_wal(main);
	out->db = TAKE(main);
	return 0;
}

__attribute__((format(printf, 3, 4))) static int store_fail(char *error, int code,
							    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, STORE_ERROR_MAX, format, args); /* cut is fine */
	va_end(args);
	return code;
}

/* What to type, as exactly as it can be told. */
static int fail_corrupt(const struct store *store, const struct store_options *options, char *error)
{
	char folder[PATH_MAX], newest[PATH_MAX] = "";
	bool is_default = !strcmp(options->dir, "/var/lib/sluice");

	(void)snprintf(folder, sizeof(folder), "%.4000s/" BACKUP_DIR, options->dir);
	if (backup_newest(options->backup_dir ? options->backup_dir : folder, newest,
			  sizeof(newest)))
		return store_fail(error, -EBADMSG,
				  "%.100s is corrupt and was left as it is: restore a backup with "
				  "`sluice restore FILE%s%.60s`",
				  store->main_path, is_default ? "" : " --state ",
				  is_default ? "" : options->dir);
	return store_fail(
		error, -EBADMSG,
		"%.60s is corrupt and was left as it is: run `sluice restore %.90s%s%.60s`",
		store->main_path, newest, is_default ? "" : " --state ",
		is_default ? "" : options->dir);
}

static int store_check_restore(const struct store *store, char *error)
{
	char mark[PATH_MAX];

	if (snprintf(mark, sizeof(mark), "%s/" RESTORE_MARK, store->dir) >= PATH_MAX ||
	    access(mark, F_OK))
		return 0;
	return store_fail(error, -EBUSY,
			  "a restore into %.120s was cut off: run the same `sluice restore` again",
			  store->dir);
}

static int store_open_main(struct store *store, const struct store_options *options,
			   int64_t *version, char *error)
{
	struct main_opening opening = { .error = error };
	int result = store_check_restore(store, error);

	if (result)
		return result;
	result = main_open(store, options->is_demo, &opening);
	/* Even reading needs room for the WAL's index. */
	if (result == -ENOSPC && reserve_release(store->reserve_path))
		result = main_open(store, options->is_demo, &opening);
	store->main = opening.db;
	*version = opening.version;
	switch (result) {
	case 0:
		return 0;
	case -ESTALE:
		return store_fail(error, result,
				  "%.120s was written by a newer sluice: install that version "
				  "again, or restore an older backup with `sluice restore FILE`",
				  store->main_path);
	case -EBADMSG:
		return fail_corrupt(store, options, error);
	default:
		if (*error) /* the backup before a rewrite */
			return result;
		return store_fail(error, result, "cannot open %.120s: %s", store->main_path,
				  strerror(-result));
	}
}

static int store_open_vault(struct store *store, const char *key_file, int64_t version, char *error)
{
	int sealed = incidents_are_sealed(store->main);

	if (sealed < 0)
		return store_fail(error, sealed, "cannot read %.120s: %s", store->main_path,
				  strerror(-sealed));
	int result = vault_open(key_file, !sealed, &store->vault, error);
	if (!result)
		result = incidents_check_vault(store->main, store->vault, error);
	if (result)
		return result;
	result = audit_prepare(store->main, store->vault, version);
	return result ? store_fail(error, result, "cannot write %.120s: %s", store->main_path,
				   strerror(-result))
		      : 0;
}

static int store_open_history(struct store *store, const struct store_options *options, char *error)
{
	struct history_options history = {
		.path = store->flows_path,
		.max_bytes = options->flows_max_bytes,
		.max_age_s = options->flows_max_age_s,
		.is_relaxed = options->is_demo,
		.readers = store->flows_readers,
	};
	int result = history_open(&history, &store->history);

	if (result == -ESTALE)
		return store_fail(error, result,
				  "%.120s was written by a newer sluice: install that version "
				  "again, or move the file away to begin a new history",
				  store->flows_path);
	if (result)
		return store_fail(error, result, "cannot open %.120s: %s", store->flows_path,
				  strerror(-result));
	return 0;
}

static int store_start_writer(struct store *store, uint64_t free_floor_bytes, char *error)
{
	struct writer_options writer = {
		.dir = store->dir,
		.flows_wal = store->flows_wal_path,
		.reserve = store->reserve_path,
		.main = store->main,
		.history = store->history,
		.free_floor_bytes = free_floor_bytes,
	};
	int64_t next_id = 0;
	int result = db_read_int(store->main, "SELECT next FROM flow_ids", &next_id);

	store->first_flow_id = (uint64_t)next_id;
	if (!result)
		result = writer_start(&writer, &store->writer);
	if (result)
		return store_fail(error, result, "cannot start the store's thread: %s",
				  strerror(-result));
	return 0;
}

int store_open(const struct store_options *options, struct store **out, char *error)
{
	CLEANUP(store_close) struct store *store = calloc(1, sizeof(*store));
	int64_t version = 0;

	error[0] = '\0';
	if (!store)
		return store_fail(error, -ENOMEM, "no memory for the store");
	int result = crypto_init();
	if (!result)
		result = store_set_paths(store, options);
	if (result)
		return store_fail(error, result, "cannot prepare the store: %s", strerror(-result));
	result = store_open_main(store, options, &version, error);
	if (!result)
		result = store_open_vault(store, options->key_file, version, error);
	if (!result)
		result = store_open_history(store, options, error);
	if (!result)
		result = store_start_writer(store, options->free_floor_bytes, error);
	if (result)
		return result;
	error[0] = '\0'; /* a key ring made anew was missing at first */
	*out = TAKE(store);
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	writer_stop(store->writer);
	/* Readers first: the last connection to close is the writer's, which tidies the WAL up. */
	pool_free(store->flows_readers);
	pool_free(store->main_readers);
	history_close(store->history);
	db_close(store->main);
	vault_close(store->vault);
	free(store->dir);
	free(store->main_path);
	free(store->main_wal_path);
	free(store->reserve_path);
	free(store->flows_path);
	free(store->flows_wal_path);
	free(store);
}

bool store_flows_was_reset(const struct store *store)
{
	return history_resets(store->history) > 0;
}

unsigned int store_flows_resets(const struct store *store)
{
	return history_resets(store->history);
}

uint64_t store_db_bytes(struct store *store)
{
	const char *const paths[] = { store->main_path, store->main_wal_path, store->flows_path,
				      store->flows_wal_path };
	uint64_t bytes = 0;
	struct stat info;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (stat(paths[i], &info) == 0) /* a WAL may be absent */
			bytes += (uint64_t)info.st_size;
	return bytes;
}

int store_run_changed(struct query *query)
{
	int error = query_run(query);

	if (error)
		return error;
	return db_changes(query->db) ? 0 : -ENOENT;
}
