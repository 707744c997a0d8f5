/*
 * The audit log: whatever somebody with the database in his hands does to a row is told, with the
 * row, also when he knows how hashes are chained.
 */
#include "tests/unit/store/fixture.h"

#include <inttypes.h>

#include "agent/store/db.h"
#include "agent/store/schema.h"
#include "agent/util/crypto.h"

#define ROWS   30
#define TRIALS 300

static void add_rows(struct fixture *f, int count)
{
	const struct addr peer = test_addr("192.0.2.7");
	char target[32], detail[32];

	for (int i = 1; i <= count; i++) {
		(void)snprintf(target, sizeof(target), "target %d", i);
		(void)snprintf(detail, sizeof(detail), "{\"n\":%d}", i);
		assert_int_equal(write_audit(f->store, i % 2 ? "anna" : "unix:root",
					     i % 3 ? &peer : NULL, i % 2 ? "block.add" : "user.add",
					     target, detail),
				 0);
	}
}

static struct audit_verdict verdict_of(struct fixture *f)
{
	struct audit_verdict verdict;

	assert_int_equal(store_audit_check(f->store, &verdict), 0);
	return verdict;
}

/* Past the triggers that keep sluice itself from it. */
static void tamper(const struct fixture *f, const char *sql)
{
	char all[2048];

	(void)snprintf(all, sizeof(all),
		       "DROP TRIGGER IF EXISTS audit_no_update;"
		       "DROP TRIGGER IF EXISTS audit_no_delete;%s",
		       sql);
	raw_exec(f, "main.db", all);
}

static void untouched_log_is_whole(void **state)
{
	struct fixture *f = *state;
	struct audit_verdict verdict = verdict_of(f);

	assert_int_equal(verdict.problems_found, 0);
	assert_int_equal(verdict.rows, 0);
	add_rows(f, ROWS);
	verdict = verdict_of(f);
	assert_int_equal(verdict.problems_found, 0);
	assert_int_equal(verdict.rows, ROWS);
	assert_int_equal(verdict.head, ROWS);
	assert_int_equal(verdict.sealed_from, 1);
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	add_rows(f, 1);
	verdict = verdict_of(f);
	assert_int_equal(verdict.problems_found, 0);
	assert_int_equal(verdict.head, ROWS + 1);
}

struct edit {
	const char *sql;  /* %d: the row */
	const char *says; /* %d: the row */
};

/* One of each kind of change to any row. */
static const struct edit EDITS[] = {
	{ "UPDATE audit SET time_unix_ms = time_unix_ms + 1 WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET who = 'bert' WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET peer = x'0a000001' WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET peer = x'01' WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET action = action || 'x' WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET target = '' WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET detail = detail || ' ' WHERE id = %d", "row %d was changed" },
	/* behind a NUL, where C ends */
	{ "UPDATE audit SET who = who || char(0) || 'x' WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET prev_hash = hash WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET prev_hash = x'00' WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET hash = zeroblob(32) WHERE id = %d", "row %d was changed" },
	{ "UPDATE audit SET hash = x'' WHERE id = %d", "row %d was changed" },
	{ "DELETE FROM audit WHERE id = %d", "row %d is missing" },
};

static bool says(const struct audit_verdict *verdict, const char *text)
{
	for (unsigned int i = 0; i < verdict->problem_count; i++)
		if (strstr(verdict->problems[i].text, text))
			return true;
	return false;
}

static void any_edit_or_deletion_of_any_row_is_named(void **state)
{
	const size_t kinds = sizeof(EDITS) / sizeof(EDITS[0]);
	struct fixture *f = *state;

	add_rows(f, ROWS);
	tamper(f, "CREATE TABLE kept AS SELECT * FROM audit");
	for (int trial = 0; trial < TRIALS; trial++) {
		const struct edit *edit = &EDITS[(size_t)trial % kinds];
		int row = 1 + (trial / (int)kinds * 7 + trial) % ROWS;
		char sql[256], expected[64];

		(void)snprintf(sql, sizeof(sql), edit->sql, row);
		(void)snprintf(expected, sizeof(expected), edit->says, row);
		tamper(f, sql);
		struct audit_verdict verdict = verdict_of(f);
		if (!verdict.problems_found || !says(&verdict, expected))
			fail_msg("%s: %" PRIu64 " problems, first \"%s\"", sql,
				 verdict.problems_found, verdict.problems[0].text);
		tamper(f, "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept");
	}
	assert_int_equal(verdict_of(f).problems_found, 0);
}

static void the_newest_rows_cannot_go_unnoticed(void **state)
{
	struct fixture *f = *state;

	add_rows(f, ROWS);
	tamper(f, "DELETE FROM audit WHERE id > 25");
	struct audit_verdict verdict = verdict_of(f);
	assert_true(says(&verdict, "rows 26 to 30 are missing, the newest"));
	/* the next rows do not close the gap */
	add_rows(f, 3);
	verdict = verdict_of(f);
	assert_int_equal(verdict.head, ROWS + 3);
	assert_true(says(&verdict, "rows 26 to 30 are missing"));
}

static void swapped_rows_are_named(void **state)
{
	struct fixture *f = *state;

	add_rows(f, ROWS);
	tamper(f, "UPDATE audit SET id = 1000 WHERE id = 4;"
		  "UPDATE audit SET id = 4 WHERE id = 9;"
		  "UPDATE audit SET id = 9 WHERE id = 1000");
	struct audit_verdict verdict = verdict_of(f);
	assert_true(says(&verdict, "row 4 was changed"));
	assert_true(says(&verdict, "row 9 was changed"));
}

static void dropping_the_table_is_named(void **state)
{
	struct fixture *f = *state;

	add_rows(f, ROWS);
	tamper(f, "DROP TABLE audit");
	struct audit_verdict verdict = verdict_of(f);
	assert_true(says(&verdict, "the table of the log is gone"));
	assert_true(says(&verdict, "rows 1 to 30 are missing"));
}

static void emptying_the_table_is_named_also_after_more_rows(void **state)
{
	struct fixture *f = *state;

	add_rows(f, ROWS);
	tamper(f, "DELETE FROM audit");
	struct audit_verdict verdict = verdict_of(f);
	assert_true(says(&verdict, "rows 1 to 30 are missing"));
	add_rows(f, 1);
	verdict = verdict_of(f);
	assert_true(says(&verdict, "rows 1 to 30 are missing"));
}

static void a_seal_that_went_is_named_for_ever(void **state)
{
	static const char *const breaks[] = {
		"DELETE FROM audit_seal",
		"UPDATE audit_seal SET head = 5",
		"UPDATE audit_seal SET sealed = x'0102'",
	};
	struct fixture *f = *state;

	add_rows(f, ROWS);
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		tamper(f, breaks[i]);
		struct audit_verdict verdict = verdict_of(f);
		assert_true(says(&verdict, "the seal of the log is missing or does not open"));
		add_rows(f, 1);
		verdict = verdict_of(f);
		assert_false(says(&verdict, "does not open"));
		assert_int_equal(verdict.problems_found, i + 1);
		assert_true(says(&verdict, "the seal of the log was missing or broken here"));
	}
}

/* He reads audit.c and chains his own row; the key he lacks. */
static void append_u64(uint8_t **at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		*(*at)++ = (uint8_t)(value >> (8 * i));
}

static void append_text(uint8_t **at, const char *text)
{
	append_u64(at, strlen(text));
	memcpy(*at, text, strlen(text));
	*at += strlen(text);
}

static void a_row_forged_with_a_right_hash_is_named(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[512], *at = bytes + 32, hash[32];
	char prev[256], sql[1024], hex[65];

	add_rows(f, ROWS);
	(void)raw_text(f, "main.db", "SELECT hex(hash) FROM audit WHERE id = 30", prev);
	for (int i = 0; i < 32; i++)
		assert_int_equal(sscanf(prev + (ptrdiff_t)2 * i, "%2hhx", &bytes[i]), 1);
	append_u64(&at, 31);
	append_u64(&at, 1000);
	append_text(&at, "anna");
	append_u64(&at, 0);
	memset(at, 0, 16);
	at += 16;
	append_text(&at, "block.add");
	append_text(&at, "x");
	append_text(&at, "{}");
	crypto_digest(bytes, (size_t)(at - bytes), hash);
	for (int i = 0; i < 32; i++)
		(void)snprintf(hex + (ptrdiff_t)2 * i, 3, "%02x", hash[i]);
	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO audit VALUES (31,1000,'anna',NULL,'block.add','x','{}',"
		       "x'%s',x'%s')",
		       prev, hex);
	tamper(f, sql);
	struct audit_verdict verdict = verdict_of(f);
	assert_int_equal(verdict.problems_found, 1); /* so the hash was right */
	assert_true(says(&verdict, "rows from 31 on were not written by sluice"));
	add_rows(f, 1);
	verdict = verdict_of(f);
	assert_true(says(&verdict, "row 32 does not follow the row before it"));
}

/* main.db as version 2 made it, with the rows that are in old.db. */
static void make_version_2(const struct fixture *f)
{
	const struct migrations migrations = { SCHEMA_MAIN_MIGRATIONS.steps, 2 };
	char path[PATH_MAX], old[PATH_MAX], sql[PATH_MAX + 128];
	struct db *db = NULL;

	(void)fixture_path(f, "old.db", old);
	assert_int_equal(rename(fixture_path(f, "main.db", path), old), 0);
	assert_int_equal(db_open(path, DB_WRITE, 0, &db), 0);
	assert_int_equal(schema_run(db, &migrations, NULL), 0);
	db_close(db);
	(void)snprintf(sql, sizeof(sql),
		       "ATTACH '%s' AS old; INSERT INTO audit SELECT * FROM old.audit", old);
	raw_exec(f, "main.db", sql);
}

static void rows_older_than_seals_are_sealed_at_the_first_start(void **state)
{
	struct fixture *f = *state;

	add_rows(f, 5);
	fixture_close(f);
	make_version_2(f);
	assert_int_equal(fixture_open(f), 0);
	struct audit_verdict verdict = verdict_of(f);
	assert_int_equal(verdict.problems_found, 0);
	assert_int_equal(verdict.sealed_from, 6);
	assert_int_equal(verdict.head, 6);
}

static void pages_go_backwards_and_filters_hold(void **state)
{
	struct fixture *f = *state;
	struct audit_record page[10];
	struct audit_filter filter = { 0 };
	int64_t next = ROWS;
	int count;

	add_rows(f, ROWS);
	while ((count = store_audit_list(f->store, &filter, page, 10)) > 0) {
		for (int i = 0; i < count; i++)
			assert_int_equal(page[i].id, next--);
		filter.before_id = page[count - 1].id;
		store_audit_records_done(page, (size_t)count);
	}
	assert_int_equal(count, 0);
	assert_int_equal(next, 0);
	filter = (struct audit_filter){ .who = "anna", .action = "block." };
	count = store_audit_list(f->store, &filter, page, 10);
	assert_int_equal(count, 10);
	assert_int_equal(page[0].id, 29);
	assert_int_equal(page[9].id, 11);
	assert_string_equal(page[0].detail, "{\"n\":29}");
	assert_string_equal(page[0].target, "target 29");
	store_audit_records_done(page, (size_t)count);
	filter = (struct audit_filter){ .who = "anna", .action = "user." };
	assert_int_equal(store_audit_list(f->store, &filter, page, 10), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(untouched_log_is_whole),
		T(any_edit_or_deletion_of_any_row_is_named),
		T(the_newest_rows_cannot_go_unnoticed),
		T(swapped_rows_are_named),
		T(dropping_the_table_is_named),
		T(emptying_the_table_is_named_also_after_more_rows),
		T(a_seal_that_went_is_named_for_ever),
		T(a_row_forged_with_a_right_hash_is_named),
		T(rows_older_than_seals_are_sealed_at_the_first_start),
		T(pages_go_backwards_and_filters_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
