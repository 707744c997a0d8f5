/*
 * flows.db as it grew, and the runner. A released migration is never edited: add one below it.
 * Times are unix ms unless the name says _s; addresses are 4 or 16 bytes in network order.
 */
#include "agent/store/schema.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/db.h"

#define TOTALS_COLUMNS                        \
	"  unix_s INTEGER PRIMARY KEY,"       \
	"  packets_in INTEGER NOT NULL,"      \
	"  bytes_in INTEGER NOT NULL,"        \
	"  packets_out INTEGER NOT NULL,"     \
	"  bytes_out INTEGER NOT NULL,"       \
	"  dropped_packets INTEGER NOT NULL," \
	"  dropped_bytes INTEGER NOT NULL,"   \
	"  new_flows INTEGER NOT NULL"

static const char *const FLOWS_MIGRATIONS[] = {
	/* 1: totals; the hourly tables are made as hours come (SCHEMA_HOUR_CREATE) */
	"CREATE TABLE totals_second (" TOTALS_COLUMNS ") STRICT;"
	"CREATE TABLE totals_minute (" TOTALS_COLUMNS ") STRICT;",
};

/*
 * Small integers first in mind: SQLite stores 0 and 1 in no byte and others in as few as they
 * need, so an IPv4 row takes about 55 bytes (bench_store). "flags" holds enum flow_state, then
 * bit 2: the initiator's packets come in, bit 3: last record of the flow, from bit 4: interface
 * index. "tcp_flags" is out << 8 | in. end_ms counts from the hour's begin, so it needs 3 bytes.
 */
const char SCHEMA_HOUR_CREATE[] = "CREATE TABLE IF NOT EXISTS %s ("
				  "  id INTEGER NOT NULL,"
				  "  end_ms INTEGER NOT NULL,"
				  "  duration_ms INTEGER NOT NULL,"
				  "  src BLOB NOT NULL,"
				  "  dst BLOB NOT NULL,"
				  "  src_port INTEGER NOT NULL,"
				  "  dst_port INTEGER NOT NULL,"
				  "  proto INTEGER NOT NULL,"
				  "  vlan INTEGER NOT NULL,"
				  "  flags INTEGER NOT NULL,"
				  "  tcp_flags INTEGER NOT NULL,"
				  "  packets_out INTEGER NOT NULL,"
				  "  bytes_out INTEGER NOT NULL,"
				  "  packets_in INTEGER NOT NULL,"
				  "  bytes_in INTEGER NOT NULL"
				  ") STRICT";

const char SCHEMA_HOUR_INSERT[] = "INSERT INTO %s VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

static const struct migrations SCHEMA_FLOWS_MIGRATIONS = {
	FLOWS_MIGRATIONS,
	sizeof(FLOWS_MIGRATIONS) / sizeof(FLOWS_MIGRATIONS[0]),
};

static int schema_step(struct db *db, const char *sql, size_t index)
{
	char version[48]; /* PRAGMA takes no bound value; this is our own small number */
	int error = db_begin(db);

	(void)snprintf(version, sizeof(version), "PRAGMA user_version = %zu", index + 1);
	if (!error)
		error = db_exec(db, sql);
	if (!error)
		error = db_exec(db, version);
	if (!error)
		error = db_commit(db);
	if (error)
		db_rollback(db);
	return error;
}

static bool schema_rewrites(const char *sql)
{
	return !strncmp(sql, SCHEMA_REWRITES, sizeof(SCHEMA_REWRITES) - 1);
}

int schema_run(struct db *db, const struct migrations *migrations, const struct schema_guard *guard)
{
	int64_t version;
	int error = db_read_int(db, "PRAGMA user_version", &version);

	if (error)
		return error;
	if (version < 0 || (uint64_t)version > migrations->count)
		return -ESTALE;
	for (size_t i = (size_t)version; i < migrations->count && !error; i++) {
		/* A new file has nothing to lose, and is made by all steps in turn. */
		if (guard && version > 0 && schema_rewrites(migrations->steps[i]))
			error = guard->before_rewrite(guard->arg, (unsigned int)i + 1);
		if (!error)
			error = schema_step(db, migrations->steps[i], i);
	}
	return error;
}

int schema_migrate(struct db *db, enum schema schema)
{
	return schema_run(
		db, schema == SCHEMA_MAIN ? &SCHEMA_MAIN_MIGRATIONS : &SCHEMA_FLOWS_MIGRATIONS,
		NULL);
}
