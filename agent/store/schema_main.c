/*
 * main.db as it grew. A released migration is never edited: add one below it, which begins with
 * SCHEMA_REWRITES when it changes rows that are there.
 * Times are unix ms unless the name says _s; addresses are 4 or 16 bytes in network order.
 */
#include "agent/store/schema.h"

static const char *const MAIN_MIGRATIONS[] = {
	/* 1: the first shape */
	"CREATE TABLE users ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	/* NOCASE here only refuses a second 'Admin'; who logs in writes the name exactly. */
	"  name TEXT NOT NULL UNIQUE COLLATE NOCASE,"
	"  email TEXT UNIQUE COLLATE NOCASE," /* NULL when not given */
	"  password_hash TEXT NOT NULL,"
	"  role INTEGER NOT NULL,"
	"  disabled INTEGER NOT NULL,"
	"  must_change INTEGER NOT NULL,"
	"  created_unix_ms INTEGER NOT NULL,"
	"  last_login_unix_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE sessions ("
	"  id_hash BLOB PRIMARY KEY,"
	"  user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,"
	"  csrf BLOB NOT NULL,"
	"  peer BLOB,"
	"  created_unix_ms INTEGER NOT NULL,"
	"  seen_unix_ms INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX sessions_by_user ON sessions(user_id);"
	"CREATE TABLE blocks ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  rule_id INTEGER NOT NULL,"
	"  addr BLOB NOT NULL,"
	"  prefix_len INTEGER NOT NULL,"
	"  action INTEGER NOT NULL,"
	"  direction INTEGER NOT NULL,"
	"  proto INTEGER NOT NULL,"
	"  port INTEGER NOT NULL,"
	"  state INTEGER NOT NULL," /* 0: active */
	"  source INTEGER NOT NULL,"
	"  created_unix_ms INTEGER NOT NULL,"
	"  expires_unix_ms INTEGER NOT NULL,"
	"  ended_unix_ms INTEGER NOT NULL,"
	"  incident_id INTEGER NOT NULL,"
	"  author TEXT NOT NULL,"
	"  reason TEXT NOT NULL,"
	"  hit_packets INTEGER NOT NULL,"
	"  hit_bytes INTEGER NOT NULL,"
	"  hit_last_unix_ms INTEGER NOT NULL"
	") STRICT;"
	/* Two active rows for one rule of the kernel, or one scope, would fight over its hits. */
	"CREATE UNIQUE INDEX blocks_active_rule ON blocks(rule_id) WHERE state = 0;"
	"CREATE UNIQUE INDEX blocks_active_scope"
	"  ON blocks(addr, prefix_len, direction, proto, port) WHERE state = 0;"
	"CREATE TABLE safe ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  addr BLOB NOT NULL,"
	"  prefix_len INTEGER NOT NULL,"
	"  note TEXT NOT NULL,"
	"  author TEXT NOT NULL,"
	"  created_unix_ms INTEGER NOT NULL,"
	"  UNIQUE (addr, prefix_len)"
	") STRICT;"
	"CREATE TABLE incidents ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  detector TEXT NOT NULL," /* its name: numbers move when detectors are added */
	"  severity INTEGER NOT NULL,"
	"  state INTEGER NOT NULL,"
	"  proto INTEGER NOT NULL,"
	"  score REAL NOT NULL,"
	"  src BLOB,"
	"  dst BLOB,"
	"  dst_port INTEGER NOT NULL,"
	"  first_unix_ms INTEGER NOT NULL,"
	"  last_unix_ms INTEGER NOT NULL,"
	"  count INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX incidents_by_source ON incidents(src, detector, first_unix_ms);"
	/* Apart, so that lists and counts never page through sealed bytes. */
	"CREATE TABLE incident_details ("
	"  incident_id INTEGER PRIMARY KEY REFERENCES incidents(id) ON DELETE CASCADE,"
	"  key_id INTEGER NOT NULL,"
	"  sealed BLOB NOT NULL"
	") STRICT;"
	"CREATE INDEX incident_details_by_key ON incident_details(key_id);"
	"CREATE TABLE audit ("
	"  id INTEGER PRIMARY KEY,"
	"  time_unix_ms INTEGER NOT NULL,"
	"  who TEXT NOT NULL,"
	"  peer BLOB,"
	"  action TEXT NOT NULL,"
	"  target TEXT NOT NULL,"
	"  detail TEXT NOT NULL,"
	"  prev_hash BLOB NOT NULL,"
	"  hash BLOB NOT NULL"
	") STRICT;"
	"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
	"  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
	"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
	"  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
	"CREATE TABLE settings ("
	"  key TEXT PRIMARY KEY,"
	"  value TEXT NOT NULL"
	") STRICT, WITHOUT ROWID;"
	/* Flow ids below this one may be taken; here, so that it outlives a lost flows.db. */
	"CREATE TABLE flow_ids (next INTEGER NOT NULL) STRICT;"
	"INSERT INTO flow_ids VALUES (1);",
	/* 2: names and lists beside addresses; what waits for its confirmation. In force are the
	 * states 0 (active), 3 (off) and 4 (pending). */
	"ALTER TABLE blocks ADD COLUMN domain TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE blocks ADD COLUMN list TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE blocks ADD COLUMN confirm_by_unix_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE blocks ADD COLUMN parent_id INTEGER NOT NULL DEFAULT 0;"
	"DROP INDEX blocks_active_rule;"
	"DROP INDEX blocks_active_scope;"
	"CREATE UNIQUE INDEX blocks_active_rule ON blocks(rule_id) WHERE state IN (0, 3, 4);"
	"CREATE UNIQUE INDEX blocks_active_scope"
	"  ON blocks(addr, prefix_len, domain, list, direction, proto, port)"
	"  WHERE state IN (0, 3, 4);"
	"CREATE UNIQUE INDEX blocks_active_list ON blocks(list)"
	"  WHERE list <> '' AND state IN (0, 3, 4);"
	"CREATE TABLE lists ("
	"  block_id INTEGER PRIMARY KEY REFERENCES blocks(id),"
	"  version INTEGER NOT NULL," /* 0: none was confirmed yet */
	"  entries INTEGER NOT NULL,"
	"  pending_version INTEGER NOT NULL,"
	"  pending_entries INTEGER NOT NULL,"
	"  pending_rule_id INTEGER NOT NULL,"
	"  updated_unix_ms INTEGER NOT NULL"
	") STRICT;"
	/* Apart, so that lists and counts never page through the sets. */
	"CREATE TABLE list_sets ("
	"  block_id INTEGER NOT NULL REFERENCES lists(block_id) ON DELETE CASCADE,"
	"  version INTEGER NOT NULL,"
	"  prefixes BLOB NOT NULL,"
	"  PRIMARY KEY (block_id, version)"
	") STRICT, WITHOUT ROWID;",
	/* 3: the seal over the newest audit row, and what the recovery key opens. */
	"CREATE TABLE audit_seal ("
	"  one INTEGER PRIMARY KEY CHECK (one = 1),"
	"  head INTEGER NOT NULL," /* id of the newest row */
	"  sealed BLOB NOT NULL"   /* its hash, by the vault */
	") STRICT;"
	"CREATE TABLE recovery ("
	"  one INTEGER PRIMARY KEY CHECK (one = 1),"
	"  created_unix_ms INTEGER NOT NULL,"
	"  public_key BLOB NOT NULL," /* sealed by the vault, so that nobody puts another here */
	"  ring BLOB NOT NULL"	      /* the key ring, locked for its secret */
	") STRICT;",
	/* 4: names inside lists; hits of names by layer. */
	"ALTER TABLE list_sets ADD COLUMN names BLOB NOT NULL DEFAULT x'';"
	"ALTER TABLE blocks ADD COLUMN hit_dns INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE blocks ADD COLUMN hit_tls INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE blocks ADD COLUMN hit_http INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE blocks ADD COLUMN hit_quic INTEGER NOT NULL DEFAULT 0;",
};

const struct migrations SCHEMA_MAIN_MIGRATIONS = {
	MAIN_MIGRATIONS,
	sizeof(MAIN_MIGRATIONS) / sizeof(MAIN_MIGRATIONS[0]),
};
