/*
 * The edge to sqlite3: everything above it sees -errno and values. Statements are cached per
 * connection by the address of their text.
 */
#include "agent/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/addr_set.h"
#include "agent/store/scan_row.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"

/* More than there are statements in this module; a literal each. */
#define DB_STATEMENTS_MAX 64
/* Virtual machine steps between looks at the clock: about 20 us on this class of machine
 * (measured: 1M rows of a full scan, about 10 steps a row, 0.3 s). */
#define DB_PROGRESS_STEPS 1000

struct db {
	sqlite3 *handle;
	struct scan_sink *sink;
	uint64_t deadline_ns;
	uint64_t generation;
	_Atomic uint64_t commits;
	unsigned int cached;
	struct {
		const char *sql;
		sqlite3_stmt *statement;
	} cache[DB_STATEMENTS_MAX];
};

struct code_name {
	int code;
	int error;
};

/* By extended code first, then by primary code. Source: sqlite.org/rescode.html */
static const struct code_name CODES[] = {
	{ SQLITE_CONSTRAINT_UNIQUE, -EEXIST },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, -EEXIST },
	{ SQLITE_CONSTRAINT_FOREIGNKEY, -ENOENT },
	{ SQLITE_IOERR_CORRUPTFS, -EBADMSG },
	{ SQLITE_IOERR_NOMEM, -ENOMEM },
	{ SQLITE_CONSTRAINT, -EINVAL },
	{ SQLITE_FULL, -ENOSPC },
	{ SQLITE_NOMEM, -ENOMEM },
	{ SQLITE_BUSY, -EBUSY },
	{ SQLITE_LOCKED, -EBUSY },
	{ SQLITE_INTERRUPT, -ETIMEDOUT },
	{ SQLITE_CORRUPT, -EBADMSG },
	{ SQLITE_NOTADB, -EBADMSG },
	{ SQLITE_READONLY, -EROFS },
	{ SQLITE_PERM, -EACCES },
	{ SQLITE_AUTH, -EACCES },
	{ SQLITE_TOOBIG, -E2BIG },
};

static int db_error(const struct db *db, int code)
{
	int system;

	if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
		return 0;
	system = sqlite3_system_errno(db->handle);
	for (size_t i = 0; i < sizeof(CODES) / sizeof(CODES[0]); i++)
		if (CODES[i].code == code || CODES[i].code == (code & 0xff))
			return CODES[i].error;
	/* SQLite says "I/O error" of a full disk when it could not grow the shared index. */
	if ((code & 0xff) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT))
		return -ENOSPC;
	if ((code & 0xff) == SQLITE_CANTOPEN && system > 0)
		return -system;
	return (code & 0xff) == SQLITE_ERROR ? -EINVAL : -EIO;
}

static int db_progress(void *arg)
{
	const struct db *db = arg;

	return db->deadline_ns && clock_monotonic_ns() > db->deadline_ns;
}

/*
 * The file must be ours alone from its first byte; SQLite gives -wal and -shm the same mode. An
 * existing file is not opened: closing it would drop the locks of other connections (fcntl(2)).
 */
static int db_make_file(const char *path)
{
	CLEANUP(close) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 && errno != EEXIST ? -errno : 0;
}

static int db_configure(struct db *db, int busy_ms)
{
	int code = sqlite3_extended_result_codes(db->handle, 1);

	if (!code)
		code = sqlite3_busy_timeout(db->handle, busy_ms);
	/* A changed file must not run code of its own: no schema tricks, no wrong cells. */
	if (!code)
		code = sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (!code)
		code = addr_set_register(db->handle);
	if (!code)
		code = scan_row_register(db->handle, &db->sink);
	if (code)
		return db_error(db, code);
	sqlite3_progress_handler(db->handle, DB_PROGRESS_STEPS, db_progress, db);
	return db_exec(db, "PRAGMA trusted_schema = OFF;"
			   "PRAGMA cell_size_check = ON;"
			   "PRAGMA foreign_keys = ON;"
			   "PRAGMA temp_store = MEMORY;"
			   "PRAGMA mmap_size = 0;"
			   "PRAGMA cache_size = -1024;");
}

int db_open(const char *path, enum db_mode mode, int busy_ms, struct db **out)
{
	CLEANUP(db_close) struct db *db = calloc(1, sizeof(*db));
	int flags = SQLITE_OPEN_NOMUTEX;
	int error = mode == DB_WRITE ? db_make_file(path) : 0;

	if (error)
		return error;
	if (!db)
		return -ENOMEM;
	flags |= mode == DB_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
	if (!db->handle)
		return -ENOMEM;
	error = code ? db_error(db, code) : db_configure(db, busy_ms);
	if (error)
		return error;
	if (mode == DB_READ)
		db_leave_wal(db);
	*out = TAKE(db);
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (unsigned int i = 0; i < db->cached; i++)
		db_finalize(db->cache[i].statement);
	/* Fails only with statements left open, a programming error; nothing else to do here. */
	(void)sqlite3_close(db->handle);
	free(db);
}

void db_leave_wal(struct db *db)
{
	/* Cannot fail: the option exists in every version this builds with. */
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void db_keep_wal(struct db *db)
{
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0,
				NULL); /* as above */
}

void db_set_sink(struct db *db, struct scan_sink *sink)
{
	db->sink = sink;
}

void db_set_deadline(struct db *db, uint64_t monotonic_ns)
{
	db->deadline_ns = monotonic_ns;
}

const char *db_message(const struct db *db)
{
	return sqlite3_errmsg(db->handle);
}

int db_exec(struct db *db, const char *sql)
{
	return db_error(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int db_read_int(struct db *db, const char *sql, int64_t *value)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, sql);
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	*value = query_int(&query, 0);
	return 0;
}

int db_check_whole(struct db *db, const char *pragma)
{
	CLEANUP(query_done) struct query query = { 0 };
	char verdict[8] = "";

	query_init(&query, db, pragma);
	int found = query_next(&query);
	if (found > 0)
		query_text(&query, 0, verdict, sizeof(verdict));
	if (found < 0)
		return found;
	return strcmp(verdict, "ok") == 0 ? 0 : -EBADMSG;
}

int db_begin(struct db *db)
{
	return db_exec(db, "BEGIN IMMEDIATE");
}

int db_commit(struct db *db)
{
	int error = db_exec(db, "COMMIT");

	if (!error)
		atomic_fetch_add(&db->commits, 1);
	return error;
}

uint64_t db_commits(const struct db *db)
{
	return atomic_load(&db->commits);
}

void db_rollback(struct db *db)
{
	if (db_in_transaction(db))
		(void)db_exec(db, "ROLLBACK"); /* fails only when there is none */
}

bool db_in_transaction(const struct db *db)
{
	return !sqlite3_get_autocommit(db->handle);
}

int64_t db_last_id(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_changes(const struct db *db)
{
	return sqlite3_changes64(db->handle);
}

int db_checkpoint(struct db *db)
{
	return db_error(db, sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE,
						      NULL, NULL));
}

int db_copy(struct db *db, const char *path)
{
	CLEANUP(db_close) struct db *to = NULL;
	int error = db_open(path, DB_WRITE, 0, &to);

	/* Nobody reads it before it is whole, so it needs no journal. */
	if (!error)
		error = db_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
	if (error)
		return error;
	sqlite3_backup *backup = sqlite3_backup_init(to->handle, "main", db->handle, "main");
	if (!backup)
		return db_error(to, sqlite3_errcode(to->handle));
	/* In one step: one read transaction, so a writer never makes it begin again. */
	(void)sqlite3_backup_step(backup, -1); /* its error comes out of finish */
	return db_error(to, sqlite3_backup_finish(backup));
}

int db_prepare(struct db *db, const char *sql, struct sqlite3_stmt **out)
{
	return db_error(
		db, sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL));
}

void db_finalize(struct sqlite3_stmt *statement)
{
	(void)sqlite3_finalize(statement); /* repeats the last step's error, already seen */
}

uint64_t db_generation(const struct db *db)
{
	return db->generation;
}

void db_set_generation(struct db *db, uint64_t generation)
{
	db->generation = generation;
}

static int db_cached(struct db *db, const char *sql, struct sqlite3_stmt **out)
{
	for (unsigned int i = 0; i < db->cached; i++) {
		if (db->cache[i].sql == sql) {
			*out = db->cache[i].statement;
			return 0;
		}
	}
	if (db->cached == DB_STATEMENTS_MAX)
		return -ENOBUFS;
	int error = db_prepare(db, sql, out);
	if (error)
		return error;
	db->cache[db->cached].sql = sql;
	db->cache[db->cached++].statement = *out;
	return 0;
}

void query_init(struct query *query, struct db *db, const char *sql)
{
	query_done(query); /* a query may be used again for the next statement */
	*query = (struct query){ .db = db };
	query->error = db_cached(db, sql, &query->statement);
}

void query_init_own(struct query *query, struct db *db, struct sqlite3_stmt *statement)
{
	*query = (struct query){ .db = db, .statement = statement };
}

void query_done(struct query *query)
{
	if (!query->statement)
		return;
	/* Repeats the last step's error; clearing drops the pointers to the caller's bytes. */
	(void)sqlite3_reset(query->statement);
	(void)sqlite3_clear_bindings(query->statement);
	query->statement = NULL;
}

static void query_bound(struct query *query, int code)
{
	if (!query->error)
		query->error = db_error(query->db, code);
}

void query_bind_int(struct query *query, int64_t value)
{
	if (!query->error)
		query_bound(query, sqlite3_bind_int64(query->statement, ++query->bound, value));
}

void query_bind_double(struct query *query, double value)
{
	if (!query->error)
		query_bound(query, sqlite3_bind_double(query->statement, ++query->bound, value));
}

void query_bind_null(struct query *query)
{
	if (!query->error)
		query_bound(query, sqlite3_bind_null(query->statement, ++query->bound));
}

void query_bind_text(struct query *query, const char *text)
{
	if (!query->error)
		query_bound(query, sqlite3_bind_text(query->statement, ++query->bound, text, -1,
						     SQLITE_STATIC));
}

void query_bind_blob(struct query *query, const void *data, size_t len)
{
	if (!query->error)
		query_bound(query, sqlite3_bind_blob64(query->statement, ++query->bound, data, len,
						       SQLITE_STATIC));
}

void query_bind_addr(struct query *query, const struct addr *addr)
{
	if (addr->family == ADDR_IPV4)
		query_bind_blob(query, addr->bytes + 12, 4);
	else if (addr->family == ADDR_IPV6)
		query_bind_blob(query, addr->bytes, 16);
	else
		query_bind_null(query);
}

void query_bind_addrs(struct query *query, const struct addr_set *set)
{
	void *pointer; /* SQLite's is not const; only addr_match reads it */

	memcpy(&pointer, &set, sizeof(pointer));
	if (!query->error)
		query_bound(query, sqlite3_bind_pointer(query->statement, ++query->bound, pointer,
							ADDR_SET_TYPE, NULL));
}

int query_next(struct query *query)
{
	if (query->error)
		return query->error;
	int code = sqlite3_step(query->statement);
	if (code == SQLITE_ROW)
		return 1;
	query->error = db_error(query->db, code);
	return query->error;
}

int query_run(struct query *query)
{
	int found;

	do
		found = query_next(query);
	while (found > 0);
	return found;
}

int64_t query_int(struct query *query, int column)
{
	return sqlite3_column_int64(query->statement, column);
}

double query_double(struct query *query, int column)
{
	return sqlite3_column_double(query->statement, column);
}

void query_text(struct query *query, int column, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(query->statement, column);

	(void)snprintf(out, size, "%s", text ? (const char *)text : ""); /* cut is meant */
}

const void *query_blob(struct query *query, int column, size_t *len)
{
	const void *data = sqlite3_column_blob(query->statement, column);

	*len = data ? (size_t)sqlite3_column_bytes(query->statement, column) : 0;
	return data;
}

void query_bytes(struct query *query, int column, void *out, size_t len)
{
	size_t have;
	const void *data = query_blob(query, column, &have);

	if (have == len)
		memcpy(out, data, len);
	else
		query->error = -EBADMSG;
}

void query_addr(struct query *query, int column, struct addr *out)
{
	size_t len;
	const void *data = query_blob(query, column, &len);

	memset(out, 0, sizeof(*out));
	if (len == 4)
		*out = addr_from_ipv4(data);
	else if (len == 16)
		*out = addr_from_ipv6(data);
	else if (len)
		query->error = -EBADMSG;
}
