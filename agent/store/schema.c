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
	/* 2: sums per hour, filters of addresses. Hours are counted from 1970; "by" is enum top_by.
	 */
	"CREATE TABLE totals_hour (" TOTALS_COLUMNS ") STRICT;"
	"CREATE TABLE hours ("
	"  hour INTEGER PRIMARY KEY,"
	"  summed_row INTEGER NOT NULL," /* records up to this one are in tops */
	"  is_closed INTEGER NOT NULL,"	 /* cut to the keys with the most bytes */
	"  tops_rows INTEGER NOT NULL"	 /* its rows in tops */
	") STRICT;"
	"CREATE TABLE tops ("
	"  hour INTEGER NOT NULL,"
	"  by INTEGER NOT NULL,"
	"  is_others INTEGER NOT NULL,"
	"  key BLOB NOT NULL,"
	"  records INTEGER NOT NULL,"
	"  packets_out INTEGER NOT NULL,"
	"  bytes_out INTEGER NOT NULL,"
	"  packets_in INTEGER NOT NULL,"
	"  bytes_in INTEGER NOT NULL,"
	"  PRIMARY KEY (hour, by, is_others, key)"
	") STRICT, WITHOUT ROWID;"
	/* One question reads one part of every block: these lie side by side. */
	"CREATE TABLE filters ("
	"  hour INTEGER NOT NULL,"
	"  part INTEGER NOT NULL,"
	"  block INTEGER NOT NULL,"
	"  bits BLOB NOT NULL,"
	"  PRIMARY KEY (hour, part, block)"
	") STRICT, WITHOUT ROWID;",
	/* 3: names of interfaces: what the number in an hour's flags means (hour_ifaces.h) */
	"CREATE TABLE ifaces ("
	"  hour INTEGER NOT NULL,"
	"  iface INTEGER NOT NULL,"
	"  name TEXT NOT NULL,"
	"  PRIMARY KEY (hour, iface)"
	") STRICT, WITHOUT ROWID;",
	/* 4: what was ever seen; "kind" is enum seen_kind */
	"CREATE TABLE seen ("
	"  kind INTEGER NOT NULL,"
	"  key BLOB NOT NULL,"
	"  first_s INTEGER NOT NULL,"
	"  last_s INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, key)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX seen_by_first ON seen (kind, first_s);",
};

/*
 * Small integers first in mind: SQLite stores 0 and 1 in no byte and others in as few as they
 * need, so an IPv4 row takes about 55 bytes (bench_store). What sums over many rows ask for stands
 * first, as SQLite walks a row's header up to the last column asked for. "flags" holds enum
 * flow_state, then bit 2: the initiator's packets come in, bit 3: last record of the flow, from bit
 * 4: interface (of the hour's ifaces), bit 12: dropped. "tcp_flags" is out << 8 | in. end_ms counts
 * from the hour's begin, so it needs 3 bytes. "name" is an id of the hour's names, 0 for none.
 */
const char SCHEMA_HOUR_CREATE[] = "CREATE TABLE IF NOT EXISTS flows_%s ("
				  "  end_ms INTEGER NOT NULL,"
				  "  src BLOB NOT NULL,"
				  "  dst BLOB NOT NULL,"
				  "  bytes_out INTEGER NOT NULL,"
				  "  bytes_in INTEGER NOT NULL,"
				  "  packets_out INTEGER NOT NULL,"
				  "  packets_in INTEGER NOT NULL,"
				  "  src_port INTEGER NOT NULL,"
				  "  dst_port INTEGER NOT NULL,"
				  "  proto INTEGER NOT NULL,"
				  "  flags INTEGER NOT NULL,"
				  "  name INTEGER NOT NULL DEFAULT 0,"
				  "  duration_ms INTEGER NOT NULL,"
				  "  tcp_flags INTEGER NOT NULL,"
				  "  vlan INTEGER NOT NULL,"
				  "  id INTEGER NOT NULL"
				  ") STRICT";

/* An hour begun by version 1 has no names. */
const char SCHEMA_HOUR_ADD_NAME[] =
	"ALTER TABLE flows_%s ADD COLUMN name INTEGER NOT NULL DEFAULT 0";

/* By name: the columns of an hour that an older program began stand in another order. */
const char SCHEMA_HOUR_INSERT[] =
	"INSERT INTO flows_%s (id, end_ms, duration_ms, src, dst, src_port, dst_port, proto, vlan,"
	" flags, tcp_flags, packets_out, bytes_out, packets_in, bytes_in, name)"
	" VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

/* What many records of an hour share, once; NULL = unknown. Apart from the records, so that those
 * without any of it pay one byte for all of it. */
const char SCHEMA_NAMES_CREATE[] = "CREATE TABLE IF NOT EXISTS names_%s ("
				   "  id INTEGER PRIMARY KEY,"
				   "  sni TEXT,"
				   "  host TEXT,"
				   "  ja4 TEXT,"
				   "  rule_id INTEGER,"
				   "  incident_id INTEGER,"
				   "  pid INTEGER,"
				   "  uid INTEGER,"
				   "  process TEXT,"
				   "  unit TEXT"
				   ") STRICT";

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
