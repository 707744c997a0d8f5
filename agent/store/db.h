/*
 * One connection to one SQLite file: settings, cached statements, deadline, errors as -errno.
 * A connection belongs to one thread at a time: the writer, or whoever holds a lease on it.
 */
#ifndef SLUICE_STORE_DB_H
#define SLUICE_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"

struct db;
struct sqlite3_stmt;

enum db_mode {
	DB_WRITE, /* made when missing, 0600 */
	DB_READ,  /* never makes, changes or checkpoints the file */
};

/*
 * db_open - one connection. Opening reads nothing yet: a corrupt file shows at the first query.
 * @busy_ms: how long a statement waits for another process's lock
 * Returns 0 or the error of open(2) or SQLite.
 */
int db_open(const char *path, enum db_mode mode, int busy_ms, struct db **out);
/* db_close - Accepts NULL. */
void db_close(struct db *db);
DEFINE_CLEANUP(db_close, struct db)
/* db_leave_wal - closing will neither checkpoint nor delete the WAL: the files stay as they are. */
void db_leave_wal(struct db *db);
/* db_keep_wal - the opposite, SQLite's default: the last one to close tidies up. */
void db_keep_wal(struct db *db);

/* db_set_deadline - statements end with -ETIMEDOUT past this monotonic time; 0 = none. */
void db_set_deadline(struct db *db, uint64_t monotonic_ns);
/* db_set_sink - where SQL's scan_take puts rows, see scan_row.c; NULL = nowhere. Borrowed. */
struct scan_sink;
void db_set_sink(struct db *db, struct scan_sink *sink);
/* db_message - SQLite's words for the last failure; borrowed until the next call. */
const char *db_message(const struct db *db);

/* db_exec - statements without values or rows, split by ';'. */
int db_exec(struct db *db, const char *sql);
/* db_read_int - the first column of the first row of a constant query. -ENOENT: no row. */
int db_read_int(struct db *db, const char *sql, int64_t *value);
/* db_check_whole - @pragma is quick_check(1) or integrity_check(1), whole. -EBADMSG: damaged. */
int db_check_whole(struct db *db, const char *pragma);
int db_begin(struct db *db);
int db_commit(struct db *db);
/* db_commits - how many there were; any thread. */
uint64_t db_commits(const struct db *db);
/* db_rollback - no error when SQLite has rolled back by itself. */
void db_rollback(struct db *db);
bool db_in_transaction(const struct db *db);
int64_t db_last_id(const struct db *db);
/* db_changes - rows changed by the last statement. */
int64_t db_changes(const struct db *db);
/* db_checkpoint - move the WAL into the file and truncate it. -EBUSY: a reader holds it. */
int db_checkpoint(struct db *db);
/* db_copy - the whole database as it is at one moment into a new file @path, 0600, not synced. */
int db_copy(struct db *db, const char *path);
/* db_prepare - a statement of the caller's own; it must end it with db_finalize. */
int db_prepare(struct db *db, const char *sql, struct sqlite3_stmt **out);
void db_finalize(struct sqlite3_stmt *statement); /* accepts NULL */
DEFINE_CLEANUP(db_finalize, struct sqlite3_stmt)
/* db_generation - a number its owner gave the connection. */
uint64_t db_generation(const struct db *db);
void db_set_generation(struct db *db, uint64_t generation);

/*
 * One use of a statement: init, bind in the order of its parameters, then run or next, then done.
 * A failure sticks and comes out of query_run or query_next. {0} is a valid, empty query.
 */
struct query {
	struct db *db;
	struct sqlite3_stmt *statement;
	int bound;
	int error;
};

/* query_init - @sql is a literal: statements are cached by its address. */
void query_init(struct query *query, struct db *db, const char *sql);
/* query_init_own - with a statement of db_prepare. */
void query_init_own(struct query *query, struct db *db, struct sqlite3_stmt *statement);
void query_done(struct query *query);
static inline void query_done_cleanup(struct query *query)
{
	query_done(query);
}

void query_bind_int(struct query *query, int64_t value);
void query_bind_double(struct query *query, double value);
void query_bind_null(struct query *query);
/* The bytes must stay until query_done. NULL text is NULL. */
void query_bind_text(struct query *query, const char *text);
void query_bind_blob(struct query *query, const void *data, size_t len);
/* query_bind_addrs - a set for SQL's addr_match(set, src, dst), see addr_set.h. */
struct addr_set;
void query_bind_addrs(struct query *query, const struct addr_set *set);
/* query_bind_addr - 4 or 16 bytes, NULL for ADDR_NONE. */
void query_bind_addr(struct query *query, const struct addr *addr);

/* query_next - Returns 1 with a row, 0 at the end, or -errno. */
int query_next(struct query *query);
/* query_run - to the end. Returns 0 or -errno. */
int query_run(struct query *query);

int64_t query_int(struct query *query, int column);
double query_double(struct query *query, int column);
/* query_text - copied, cut to @size; "" for NULL. */
void query_text(struct query *query, int column, char *out, size_t size);
/* query_blob - borrowed until the next call on the query; NULL and 0 when empty. */
const void *query_blob(struct query *query, int column, size_t *len);
/* query_bytes - exactly @len bytes, else the query's error becomes -EBADMSG. */
void query_bytes(struct query *query, int column, void *out, size_t len);
void query_addr(struct query *query, int column, struct addr *out);

#endif
