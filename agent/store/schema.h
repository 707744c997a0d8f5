/*
 * The shape of both databases as two tables of migrations, appended and never edited, and the
 * runner that brings a file up to date. Called while the store opens, before any thread runs.
 */
#ifndef SLUICE_STORE_SCHEMA_H
#define SLUICE_STORE_SCHEMA_H

struct db;

enum schema {
	SCHEMA_MAIN,
	SCHEMA_FLOWS,
};

/*
 * schema_migrate - run what is missing, each step in a transaction of its own.
 * Returns 0, -ESTALE when the file is of a newer program, -EBADMSG when it is no database.
 */
int schema_migrate(struct db *db, enum schema schema);

/* The columns of one hour of flow records; "%s" is the table's name. */
extern const char SCHEMA_HOUR_CREATE[];
extern const char SCHEMA_HOUR_INSERT[];

#endif
