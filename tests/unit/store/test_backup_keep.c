/*
 * The folder of backups, what names its newest, and the backup before rows are rewritten.
 */
#include "tests/unit/store/backup_fixture.h"

#include <errno.h>

#include "agent/store/backup.h"
#include "agent/store/db.h"
#include "agent/store/schema.h"

/* ---- the folder of backups, and what names its newest ------------------------------------------
 */

static void newest_backups_stay_and_leftovers_go(void **state)
{
	static const char *const names[] = {
		"sluice-20261124T214500Z.backup",
		"sluice-20261125T214500Z.backup",
		"sluice-20261123T214500Z.backup",
		"sluice-20261126T000000Z.backup.part",
		"sluice-20261126T000000Z.backup.part-main.db",
		"mine.backup",
		"sluice-notes.txt",
	};
	struct pair *pair = *state;
	struct store_backup_entry found[8];
	char path[PATH_MAX], name[40];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(file_write(fixture_path(pair->to, names[i], path), "x", 1, 0600),
				 0);
	assert_int_equal(store_backups_list(pair->to->dir, found, 8), 3);
	assert_string_equal(found[0].name, "sluice-20261125T214500Z.backup");
	assert_int_equal(found[0].bytes, 1);
	assert_int_equal(store_backups_prune(pair->to->dir, 2), 0);
	assert_int_equal(store_backups_list(pair->to->dir, found, 8), 2);
	assert_string_equal(found[1].name, "sluice-20261124T214500Z.backup");
	assert_int_equal(files_in(pair->to), 4);
	store_backup_name(1795556700123, name); /* date -d @1795556700 -u */
	assert_string_equal(name, "sluice-20261124T214500Z.backup");
	assert_int_equal(store_backups_list("/nonexistent", found, 8), 0);
}

static void corrupt_main_db_names_the_command_that_restores(void **state)
{
	struct pair *pair = *state;
	struct fixture *f = pair->from;
	char path[PATH_MAX], expected[PATH_MAX + 256];

	fixture_close(f);
	put_byte(fixture_path(f, "main.db", path), 0, 0xff);
	assert_int_equal(fixture_open(f), -EBADMSG);
	(void)snprintf(expected, sizeof(expected), "`sluice restore FILE --state %s`", f->dir);
	assert_non_null(strstr(f->error, expected));
	(void)fixture_path(f, "backups", path);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)fixture_path(f, "backups/sluice-20261124T214500Z.backup", path);
	assert_int_equal(file_write(path, "x", 1, 0600), 0);
	assert_int_equal(fixture_open(f), -EBADMSG);
	(void)snprintf(expected, sizeof(expected), "run `sluice restore %s --state %s`", path,
		       f->dir);
	assert_non_null(strstr(f->error, expected));
}

/* ---- migrations -------------------------------------------------------------------------------
 */

static const char *const ARTIFICIAL[] = {
	"CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
	"INSERT INTO things VALUES (1, 'before');"
	"CREATE TABLE incident_details (key_id INTEGER) STRICT;",
	"CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;",
	SCHEMA_REWRITES "UPDATE things SET text = 'after';",
	"INSERT INTO nowhere VALUES (1);",
};

static int migrate(const struct fixture *f, size_t steps, char *error)
{
	const struct migrations migrations = { ARTIFICIAL, steps };
	struct backup_guard rewrite = { f->dir, false, error };
	const struct schema_guard guard = { backup_before_rewrite, &rewrite };
	struct db *db = NULL;
	char path[PATH_MAX];

	assert_int_equal(db_open(fixture_path(f, "main.db", path), DB_WRITE, 0, &db), 0);
	int result = schema_run(db, &migrations, &guard);
	db_close(db);
	return result;
}

static void rewriting_migration_has_a_backup_before_it(void **state)
{
	struct pair *pair = *state;
	const struct fixture *f = pair->to;
	char error[256] = "", text[256], path[PATH_MAX];

	assert_int_equal(migrate(f, 2, error), 0);
	assert_int_equal(files_in(f), 1); /* nothing was rewritten */
	assert_int_equal(migrate(f, 3, error), 0);
	assert_string_equal(raw_text(f, "main.db", "SELECT text FROM things", text), "after");
	assert_int_equal(access(fixture_path(f, "main.before-v3.backup", path), F_OK), 0);
	assert_true(raw_file_has(f, "main.before-v3.backup", "before"));
	assert_false(raw_file_has(f, "main.before-v3.backup", "after"));
	/* a step that fails leaves the version before it */
	assert_int_equal(migrate(f, 4, error), -EINVAL);
	assert_int_equal(raw_int(f, "main.db", "PRAGMA user_version"), 3);
	/* and a database of a newer program is refused */
	assert_int_equal(migrate(f, 2, error), -ESTALE);
}

static void rewriting_migration_without_its_backup_does_not_run(void **state)
{
	struct pair *pair = *state;
	const struct fixture *f = pair->to;
	char error[256] = "", text[256], path[PATH_MAX];

	assert_int_equal(migrate(f, 2, error), 0);
	/* a folder where the backup would be */
	assert_int_equal(mkdir(fixture_path(f, "main.before-v3.backup", path), 0700), 0);
	assert_true(migrate(f, 3, error) < 0);
	assert_non_null(strstr(error, "main.before-v3.backup"));
	assert_string_equal(raw_text(f, "main.db", "SELECT text FROM things", text), "before");
	assert_int_equal(raw_int(f, "main.db", "PRAGMA user_version"), 2);
}

static void new_file_needs_no_backup(void **state)
{
	struct pair *pair = *state;
	char error[256] = "";

	assert_int_equal(migrate(pair->to, 3, error), 0);
	assert_int_equal(files_in(pair->to), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
	const struct CMUnitTest tests[] = {
		T(newest_backups_stay_and_leftovers_go),
		T(corrupt_main_db_names_the_command_that_restores),
		T(rewriting_migration_has_a_backup_before_it),
		T(rewriting_migration_without_its_backup_does_not_run),
		T(new_file_needs_no_backup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
