/*
 * The shape of both databases as two tables of migrations, appended and never edited, and the
 * runner that brings a file up to date. Called while the store opens, before any thread runs.
 */
#ifndef SLUICE_STORE_SCHEMA_H
#define SLUICE_STORE_SCHEMA_H

#include <stddef.h>

struct db;

struct schema {
	const char *const *migrations; /* [n] leads from PRAGMA user_version n to n + 1 */
	size_t count;
};

extern const struct schema SCHEMA_MAIN;
extern const struct schema SCHEMA_FLOWS;

/*
 * schema_migrate - run what is missing, each step in a transaction of its own.
 * Returns 0, -ESTALE when the file is of a newer program, -EBADMSG when it is no database.
 */
int schema_migrate(struct db *db, const struct schema *schema);

/* The columns of one hour of flow records; "%s" is the table's name. */
extern const char SCHEMA_HOUR_CREATE[];
extern const char SCHEMA_HOUR_INSERT[];

#endif
