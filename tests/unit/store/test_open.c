/*
 * Opening: files of a newer program are refused, damage of main.db is never touched, damage of
 * flows.db costs the history and nothing else.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <glob.h>

#include "agent/util/clock.h"

static void databases_are_ours_alone(void **state)
{
	static const char *const names[] = { "main.db",	 "main.db-wal",	 "main.db-shm",
					     "flows.db", "flows.db-wal", "flows.db-shm" };
	struct fixture *f = *state;
	char path[PATH_MAX];
	struct stat info;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(stat(fixture_path(f, names[i], path), &info), 0);
		assert_int_equal(info.st_mode & 07777, 0600);
	}
	assert_true(store_db_bytes(f->store) > 0);
}

static void shape_is_wal_strict_and_versioned(void **state)
{
	struct fixture *f = *state;
	char text[256];

	assert_string_equal(raw_text(f, "main.db", "PRAGMA journal_mode", text), "wal");
	assert_string_equal(raw_text(f, "flows.db", "PRAGMA journal_mode", text), "wal");
	assert_int_equal(raw_int(f, "main.db", "PRAGMA user_version"), 13);
	assert_int_equal(raw_int(f, "flows.db", "PRAGMA user_version"), 4);
	assert_int_equal(raw_int(f, "main.db",
				 "SELECT count(*) FROM pragma_table_list WHERE NOT strict"
				 " AND name NOT LIKE 'sqlite_%'"),
			 0);
}

static void newer_main_db_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	raw_exec(f, "main.db", "PRAGMA user_version = 1000");
	assert_int_equal(fixture_open(f), -ESTALE);
	assert_non_null(strstr(f->error, "newer sluice"));
	assert_int_equal(raw_int(f, "main.db", "PRAGMA user_version"), 1000);
}

static void newer_flows_db_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	raw_exec(f, "flows.db", "PRAGMA user_version = 1000");
	assert_int_equal(fixture_open(f), -ESTALE);
	assert_non_null(strstr(f->error, "flows.db"));
}

static void overwrite(const struct fixture *f, const char *name, long offset, size_t len)
{
	char path[PATH_MAX];
	FILE *file = fopen(fixture_path(f, name, path), "r+b");

	assert_non_null(file);
	assert_int_equal(fseek(file, offset, SEEK_SET), 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(fputc(0xa5, file), 0xa5);
	assert_int_equal(fclose(file), 0);
}

static char *contents(const struct fixture *f, const char *name, size_t *len)
{
	char path[PATH_MAX];
	FILE *file = fopen(fixture_path(f, name, path), "rb");
	char *data = malloc(1 << 20);

	assert_non_null(file);
	assert_non_null(data);
	*len = fread(data, 1, 1 << 20, file);
	assert_int_equal(fclose(file), 0);
	return data;
}

static void corrupt_main_db_is_refused_and_left_alone(void **state)
{
	static const long offsets[] = { 0, 100, 4096 }; /* file header, schema, a table's root */
	struct fixture *f = *state;

	fixture_close(f);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		size_t before_len, after_len;

		overwrite(f, "main.db", offsets[i], 16);
		char *before = contents(f, "main.db", &before_len);
		assert_int_equal(fixture_open(f), -EBADMSG);
		assert_non_null(strstr(f->error, "sluice restore"));
		char *after = contents(f, "main.db", &after_len);
		assert_int_equal(before_len, after_len);
		assert_memory_equal(before, after, before_len);
		free(before);
		free(after);
	}
}

static size_t set_aside_count(const struct fixture *f)
{
	char pattern[PATH_MAX];
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "%s/flows.db.corrupt-*[0-9]", f->dir);
	int error = glob(pattern, 0, NULL, &found);
	size_t count = error ? 0 : found.gl_pathc;
	globfree(&found);
	return count;
}

static void corrupt_flows_db_is_set_aside_at_start(void **state)
{
	struct fixture *f = *state;
	struct totals second = { .unix_s = clock_unix_ms() / 1000, .bytes_in = 7 };

	fixture_close(f);
	overwrite(f, "flows.db", 0, 64);
	uint64_t began = clock_monotonic_ns();
	assert_int_equal(fixture_open(f), 0);
	assert_true(clock_monotonic_ns() - began < 2 * NS_PER_S);
	assert_true(store_flows_was_reset(f->store));
	assert_int_equal(set_aside_count(f), 1);
	assert_int_equal(store_totals_add(f->store, &second), 0);
	assert_int_equal(
		raw_int_within(f, "flows.db", "SELECT sum(bytes_in) FROM totals_second", 7), 7);
}

static void intact_flows_db_is_not_reset(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_false(store_flows_was_reset(f->store));
	assert_int_equal(set_aside_count(f), 0);
}

static void add_minutes(struct fixture *f, size_t count)
{
	struct totals *minutes = calloc(count, sizeof(*minutes));
	int64_t now_s = clock_unix_ms() / 1000;

	assert_non_null(minutes);
	for (size_t i = 0; i < count; i++)
		minutes[i] = (struct totals){ .unix_s = now_s - 60 * (int64_t)i, .bytes_in = 1 };
	assert_int_equal(store_totals_add_many(f->store, minutes, count), 0);
	free(minutes);
}

/* Damage every page but the first behind the running store's back, as a failing disk would. */
static void damage_pages(const struct fixture *f)
{
	char path[PATH_MAX];
	struct stat info;

	raw_exec(f, "flows.db", "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(stat(fixture_path(f, "flows.db", path), &info), 0);
	assert_true(info.st_size > 4096);
	overwrite(f, "flows.db", 4096, (size_t)info.st_size - 4096);
}

static void damage_met_by_a_reader_sets_flows_db_aside(void **state)
{
	struct fixture *f = *state;
	int64_t now_s = clock_unix_ms() / 1000;
	struct totals *out = calloc(2000, sizeof(*out));
	int result = 0;

	assert_non_null(out);
	add_minutes(f, 1440);
	damage_pages(f);
	uint64_t began = clock_monotonic_ns();
	/* the reader has no page of it in its cache, so it meets the damage; then it heals */
	do {
		result = read_totals(f->store, now_s - 86400, now_s, 60, out, 2000);
		(void)usleep(20000);
	} while (result < 0 && clock_monotonic_ns() - began < 4 * NS_PER_S);
	assert_int_equal(result, 1440);
	assert_true(clock_monotonic_ns() - began < 2 * NS_PER_S);
	assert_true(store_flows_was_reset(f->store));
	assert_int_equal(set_aside_count(f), 1);
	free(out);
}

static void damage_met_by_the_writer_loses_no_waiting_value(void **state)
{
	struct fixture *f = *state;

	add_minutes(f, 1440);
	damage_pages(f);
	/* closing and opening would check; a running writer finds out when it reads the pages:
	 * values older than its cached ones */
	struct totals old = { .unix_s = clock_unix_ms() / 1000, .bytes_in = 5 };
	for (int i = 0; i < 50 && !store_flows_was_reset(f->store); i++) {
		old.unix_s -= 3600;
		assert_int_equal(store_totals_add_many(f->store, &old, 1), 0);
		(void)usleep(100000);
	}
	assert_true(store_flows_was_reset(f->store));
	/* the value that met the damage is in the new file */
	assert_true(raw_int(f, "flows.db", "SELECT sum(bytes_in) FROM totals_minute") >= 5);
}

static void only_the_latest_damaged_file_is_kept(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		fixture_close(f);
		overwrite(f, "flows.db", 0, 64);
		(void)sleep(1); /* names carry seconds */
		assert_int_equal(fixture_open(f), 0);
	}
	assert_int_equal(set_aside_count(f), 1);
}

static void flow_ids_go_on_after_restart_and_lost_history(void **state)
{
	struct fixture *f = *state;
	struct flow flow = { .id = 123456, .end_unix_ms = clock_unix_ms() };

	flow.tuple.src = test_addr("192.0.2.1");
	flow.tuple.dst = test_addr("192.0.2.2");
	assert_int_equal(store_next_flow_id(f->store), 1);
	assert_int_equal(store_flow_add(f->store, &flow, NULL), 0);
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	uint64_t next = store_next_flow_id(f->store);
	assert_true(next > 123456);
	fixture_close(f);
	overwrite(f, "flows.db", 0, 64);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(store_next_flow_id(f->store), next);
}

static void demo_has_files_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct store_options options = fixture_options(f);
	char path[PATH_MAX];

	fixture_close(f);
	options.is_demo = true;
	assert_int_equal(store_open(&options, &f->store, f->error), 0);
	assert_int_equal(access(fixture_path(f, "demo-main.db", path), F_OK), 0);
	assert_int_equal(access(fixture_path(f, "demo-flows.db", path), F_OK), 0);
}

static void missing_directory_is_said(void **state)
{
	struct fixture *f = *state;
	struct store_options options = fixture_options(f);
	struct store *store = NULL;

	options.dir = "/nonexistent/sluice";
	assert_int_equal(store_open(&options, &store, f->error), -ENOENT);
	assert_non_null(strstr(f->error, "/nonexistent/sluice/main.db"));
	assert_null(store);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(databases_are_ours_alone),
		T(shape_is_wal_strict_and_versioned),
		T(newer_main_db_is_refused),
		T(newer_flows_db_is_refused),
		T(corrupt_main_db_is_refused_and_left_alone),
		T(corrupt_flows_db_is_set_aside_at_start),
		T(intact_flows_db_is_not_reset),
		T(damage_met_by_a_reader_sets_flows_db_aside),
		T(damage_met_by_the_writer_loses_no_waiting_value),
		T(only_the_latest_damaged_file_is_kept),
		T(flow_ids_go_on_after_restart_and_lost_history),
		T(demo_has_files_of_its_own),
		T(missing_directory_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
