/*
 * The shape of both databases as two tables of migrations, appended and never edited, and the
 * runner that brings a file up to date. Called while the store opens, before any thread runs.
 */
#ifndef SLUICE_STORE_SCHEMA_H
#define SLUICE_STORE_SCHEMA_H

#include <stddef.h>

struct db;

enum schema {
	SCHEMA_MAIN,
	SCHEMA_FLOWS,
};

struct migrations {
	const char *const *steps; /* [n] leads from PRAGMA user_version n to n + 1 */
	size_t count;
};

extern const struct migrations SCHEMA_MAIN_MIGRATIONS;

/* First line of a step that rewrites rows: a backup is taken before it. */
#define SCHEMA_REWRITES "-- rewrites\n"

/* Called before such a step to version @to; an error ends the run, and nothing was changed. */
struct schema_guard {
	int (*before_rewrite)(void *arg, unsigned int to);
	void *arg;
};

/*
 * schema_run - run what is missing, each step in a transaction of its own. @guard may be NULL.
 * Returns 0, -ESTALE when the file is of a newer program, -EBADMSG when it is no database.
 */
int schema_run(struct db *db, const struct migrations *migrations,
	       const struct schema_guard *guard);
/* schema_migrate - schema_run of one of ours, unguarded. */
int schema_migrate(struct db *db, enum schema schema);

/* One hour of flow records and of their names; "%s" is the hour as YYYYMMDDHH. */
extern const char SCHEMA_HOUR_CREATE[];
extern const char SCHEMA_HOUR_ADD_NAME[];
extern const char SCHEMA_HOUR_INSERT[];
extern const char SCHEMA_NAMES_CREATE[];

#endif
