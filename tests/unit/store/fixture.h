/*
 * A store in a fresh temporary directory, and a second, raw connection to look behind it.
 */
#ifndef SLUICE_TESTS_STORE_FIXTURE_H
#define SLUICE_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/store/store.h"
#include "agent/util/addr.h"

struct fixture {
	char dir[128];
	char key_file[160];
	struct store *store;
	char error[256];
};

static inline const char *fixture_path(const struct fixture *f, const char *name,
				       char path[static PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%s", f->dir, name);
	return path;
}

static inline struct store_options fixture_options(const struct fixture *f)
{
	return (struct store_options){
		.dir = f->dir,
		.key_file = f->key_file,
		.flows_max_bytes = 1ULL << 30,
		.flows_max_age_s = 36500LL * 86400, /* rows of fixed dates stay, whenever it runs */
	};
}

static inline int fixture_open(struct fixture *f)
{
	struct store_options options = fixture_options(f);

	return store_open(&options, &f->store, f->error);
}

static inline void fixture_close(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

static inline struct fixture *fixture_new(const char *base)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "%s/sluice-store-XXXXXX", base);
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->key_file, sizeof(f->key_file), "%s/secret.key", f->dir);
	return f;
}

static inline void fixture_free(struct fixture *f)
{
	char path[PATH_MAX];
	DIR *dir = opendir(f->dir);

	store_close(f->store);
	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		if (e->d_name[0] != '.')
			(void)unlink(fixture_path(f, e->d_name, path));
	if (dir)
		(void)closedir(dir);
	(void)rmdir(f->dir);
	free(f);
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = fixture_new("/tmp");

	*state = f;
	assert_int_equal(fixture_open(f), 0);
	return 0;
}

static inline int fixture_teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

/* Another connection, as the sqlite3 shell would have. */
static inline sqlite3 *raw_open(const struct fixture *f, const char *name)
{
	char path[PATH_MAX];
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fixture_path(f, name, path), &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, 2000), SQLITE_OK);
	return db;
}

static inline void raw_exec(const struct fixture *f, const char *name, const char *sql)
{
	sqlite3 *db = raw_open(f, name);

	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* First column of the first row as text; "" for none or NULL. */
static inline const char *raw_text(const struct fixture *f, const char *name, const char *sql,
				   char out[static 256])
{
	sqlite3 *db = raw_open(f, name);
	sqlite3_stmt *statement = NULL;
	const unsigned char *text = NULL;

	out[0] = '\0';
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		text = sqlite3_column_text(statement, 0);
	if (text)
		(void)snprintf(out, 256, "%s", (const char *)text);
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	return out;
}

static inline int64_t raw_int(const struct fixture *f, const char *name, const char *sql)
{
	char text[256];

	return strtoll(raw_text(f, name, sql, text), NULL, 10);
}

/* Whether @text is anywhere in the bytes of a file of the directory. */
static inline bool raw_file_has(const struct fixture *f, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file = fopen(fixture_path(f, name, path), "rb");
	char *data;
	bool found;

	if (!file)
		return false;
	(void)fseek(file, 0, SEEK_END);
	size_t len = (size_t)ftell(file);
	rewind(file);
	data = malloc(len + 1);
	assert_non_null(data);
	len = fread(data, 1, len, file);
	(void)fclose(file);
	found = memmem(data, len, text, strlen(text)) != NULL;
	free(data);
	return found;
}

/* Wait until @sql on flows.db gives @expected, at most 4 s: rows are written once a second. */
static inline int64_t raw_int_within(const struct fixture *f, const char *name, const char *sql,
				     int64_t expected)
{
	int64_t value = raw_int(f, name, sql);

	for (int i = 0; i < 80 && value != expected; i++) {
		(void)usleep(50000);
		value = raw_int(f, name, sql);
	}
	return value;
}

static inline struct addr test_addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* The calls with their structs spelled out as arguments, for tables of cases. */
#define read_totals(store, from, to, step, out, max) \
	store_totals_sum(store, &(struct totals_range){ (from), (to), (step) }, out, max)
#define write_audit(store, who, peer, action, target, detail) \
	store_audit_write(store,                              \
			  &(struct audit_entry){ (who), (peer), (action), (target), (detail) })

#endif
