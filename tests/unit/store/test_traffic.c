/*
 * Flow records and totals: what reaches flows.db, what leaves it by age and bytes, and what is
 * counted when it does not get there.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/store/db.h"
#include "agent/store/flows.h"
#include "agent/store/retention.h"
#include "agent/store/totals.h"
#include "agent/util/clock.h"

/* 2026-01-15T10:59:59.500Z, from date -u -d @1768474799 */
#define BEFORE_ELEVEN_MS 1768474799500LL

static struct flow flow_at(int64_t end_unix_ms)
{
	struct flow flow = {
		.id = 7,
		.iface = 3,
		.state = FLOW_CLOSED,
		.tcp_flags_out = 0x1b,
		.tcp_flags_in = 0x13,
		.vlan = 12,
		.ingress = true,
		.is_final = true,
		.packets_out = 10,
		.bytes_out = 1000,
		.packets_in = 8,
		.bytes_in = 9000,
		.cut_packets_out = 4,
		.cut_bytes_out = 400,
		.cut_packets_in = 3,
		.cut_bytes_in = 3000,
		.start_unix_ms = end_unix_ms - 61000,
		.end_unix_ms = end_unix_ms,
	};

	flow.tuple.src = test_addr("192.0.2.1");
	flow.tuple.dst = test_addr("198.51.100.2");
	flow.tuple.src_port = 50000;
	flow.tuple.dst_port = 443;
	flow.tuple.proto = 6;
	return flow;
}

static void record_is_what_came_since_the_last_cut(void **state)
{
	struct fixture *f = *state;
	struct flow flow = flow_at(BEFORE_ELEVEN_MS);
	char text[256];

	assert_int_equal(store_flow_add(f->store, &flow, NULL), 0);
	fixture_close(f);
	/* flags: closed 2 | ingress 4 | final 8 | iface 3 << 4 = 62; tcp 0x1b13 = 6931 */
	assert_string_equal(
		raw_text(f, "flows.db",
			 "SELECT concat FROM (SELECT id||' '||end_ms||' '||duration_ms||' '||"
			 "hex(src)||' '||hex(dst)||' '||src_port||' '||dst_port||' '||proto||' '||"
			 "vlan||' '||flags||' '||tcp_flags||' '||packets_out||' '||bytes_out||' '||"
			 "packets_in||' '||bytes_in AS concat FROM flows_2026011510)",
			 text),
		"7 3599500 61000 C0000201 C6336402 50000 443 6 12 62 6931 6 600 5 6000");
}

static void ipv6_record_keeps_sixteen_bytes(void **state)
{
	struct fixture *f = *state;
	struct flow flow = flow_at(BEFORE_ELEVEN_MS);
	char text[256];

	flow.tuple.src = test_addr("2001:db8::1");
	flow.tuple.dst = test_addr("2001:db8::2");
	assert_int_equal(store_flow_add(f->store, &flow, NULL), 0);
	fixture_close(f);
	assert_string_equal(raw_text(f, "flows.db", "SELECT hex(src) FROM flows_2026011510", text),
			    "20010DB8000000000000000000000001");
}

static void record_goes_to_the_hour_of_its_end(void **state)
{
	struct fixture *f = *state;
	struct flow before = flow_at(BEFORE_ELEVEN_MS), after = flow_at(BEFORE_ELEVEN_MS + 500);

	assert_int_equal(store_flow_add(f->store, &before, NULL), 0);
	assert_int_equal(store_flow_add(f->store, &after, NULL), 0);
	fixture_close(f);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM flows_2026011510"), 1);
	assert_int_equal(raw_int(f, "flows.db", "SELECT end_ms FROM flows_2026011511"), 0);
}

static void record_is_on_disk_within_two_seconds(void **state)
{
	struct fixture *f = *state;
	struct flow flow = flow_at(clock_unix_ms());
	char name[FLOWS_TABLE_MAX], sql[64];

	flows_table_name(flow.end_unix_ms, name);
	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", name);
	uint64_t began = clock_monotonic_ns();
	assert_int_equal(store_flow_add(f->store, &flow, NULL), 0);
	assert_int_equal(raw_int_within(f, "flows.db", sql, 1), 1);
	assert_true(clock_monotonic_ns() - began < 2 * NS_PER_S);
}

static void absurd_times_do_no_harm(void **state)
{
	struct fixture *f = *state;
	struct flow past = flow_at(-5), future = flow_at(INT64_MAX);

	assert_int_equal(store_flow_add(f->store, &past, NULL), 0);
	assert_int_equal(store_flow_add(f->store, &future, NULL), 0);
	fixture_close(f);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM flows_1970010100"), 1);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM flows_9999123123"), 1);
}

/* The bar of facts/server.md P3: at most 60 bytes a row, indices and slack included. */
static void row_takes_at_most_sixty_bytes(void **state)
{
	struct fixture *f = *state;
	const int64_t rows = 100000;

	for (int64_t i = 0; i < rows; i++) {
		struct flow flow = flow_at(BEFORE_ELEVEN_MS - 3000000 + i * 25);

		flow.id = 1000000 + (uint64_t)i;
		flow.tuple.src.bytes[15] = (uint8_t)i;
		flow.tuple.src_port = (uint16_t)(32768 + i % 28000);
		flow.vlan = 0;
		flow.bytes_in = 3000 + (uint64_t)(i * 7919 % 200000);
		assert_int_equal(store_flow_add(f->store, &flow, NULL), 0);
	}
	fixture_close(f);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM flows_2026011510"), rows);
	int64_t bytes = raw_int(f, "flows.db",
				"SELECT sum(pgsize) FROM dbstat WHERE name = 'flows_2026011510'");
	print_message("%.1f bytes a row\n", (double)bytes / (double)rows);
	assert_in_range(bytes, 1, 60 * rows);
}

static void totals_read_sums_steps(void **state)
{
	struct fixture *f = *state;
	int64_t now_s = clock_unix_ms() / 1000 / 10 * 10;
	struct totals out[4];

	for (int64_t s = 1; s <= 20; s++) {
		struct totals second = { .unix_s = now_s - s,
					 .packets_in = 1,
					 .bytes_in = 100,
					 .packets_out = 2,
					 .bytes_out = 300,
					 .dropped_packets = 4,
					 .dropped_bytes = 500,
					 .new_flows = 6 };
		assert_int_equal(store_totals_add(f->store, &second), 0);
	}
	assert_int_equal(raw_int_within(f, "flows.db", "SELECT count(*) FROM totals_second", 20),
			 20);
	assert_int_equal(read_totals(f->store, now_s - 30, now_s, 10, out, 4), 3);
	assert_int_equal(out[0].unix_s, now_s - 30);
	assert_int_equal(out[0].packets_in, 0); /* nothing then, said as zero */
	for (int i = 1; i < 3; i++) {
		assert_int_equal(out[i].unix_s, now_s - 30 + 10 * i);
		assert_int_equal(out[i].packets_in, 10);
		assert_int_equal(out[i].bytes_in, 1000);
		assert_int_equal(out[i].packets_out, 20);
		assert_int_equal(out[i].bytes_out, 3000);
		assert_int_equal(out[i].dropped_packets, 40);
		assert_int_equal(out[i].dropped_bytes, 5000);
		assert_int_equal(out[i].new_flows, 60);
	}
	assert_int_equal(read_totals(f->store, now_s - 30, now_s, 10, out, 2), 2);
}

static void minutes_are_shared_over_short_steps_exactly(void **state)
{
	struct fixture *f = *state;
	int64_t minute = clock_unix_ms() / 60000 * 60 - 3600;
	struct totals value = { .unix_s = minute + 17, .bytes_in = 100 }, out[8];
	uint64_t sum = 0;

	assert_int_equal(store_totals_add_many(f->store, &value, 1), 0);
	assert_int_equal(read_totals(f->store, minute, minute + 60, 8, out, 8), 8);
	for (int i = 0; i < 8; i++)
		sum += out[i].bytes_in;
	assert_int_equal(sum, 100);
	/* 8 of 60 s of 100 are 13.3; the last step has only 4 s */
	assert_in_range(out[0].bytes_in, 13, 14);
	assert_in_range(out[7].bytes_in, 6, 7);
	/* a range that begins inside the minute gets its part of it */
	assert_int_equal(read_totals(f->store, minute + 30, minute + 90, 60, out, 8), 1);
	assert_int_equal(out[0].bytes_in, 50);
}

static void wrong_ranges_are_refused(void **state)
{
	struct fixture *f = *state;
	struct totals out[1];

	assert_int_equal(read_totals(f->store, 100, 50, 10, out, 1), -EINVAL);
	assert_int_equal(read_totals(f->store, 0, 50, 0, out, 1), -EINVAL);
	assert_int_equal(read_totals(f->store, -1, 50, 10, out, 1), -EINVAL);
	assert_int_equal(read_totals(f->store, 0, INT64_MAX, 1, out, 1), -EINVAL);
	assert_int_equal(read_totals(f->store, 50, 50, 10, out, 1), 0);
}

/* ---- retention, with a clock passed in ------------------------------------------------------ */

static struct db *writable(struct fixture *f)
{
	char path[PATH_MAX];
	struct db *db = NULL;

	fixture_close(f);
	assert_int_equal(db_open(fixture_path(f, "flows.db", path), DB_WRITE, 1000, &db), 0);
	return db;
}

static void seconds_fold_into_minutes_with_equal_sums(void **state)
{
	struct fixture *f = *state;
	struct db *db = writable(f);
	const struct retention keep = { 0 };
	int64_t now_s = 1768474800;
	struct totals out[1];

	for (int64_t s = 0; s < 300; s++) {
		struct totals second = { .unix_s = now_s - 86400 - 150 + s, .bytes_in = 3 };
		assert_int_equal(totals_add_second(db, &second), 0);
	}
	assert_int_equal(retention_totals(db, &keep, now_s), 0);
	/* 150 s are older than a day; whole minutes of them are folded */
	assert_int_equal(raw_int(f, "flows.db", "SELECT sum(bytes_in) FROM totals_minute"), 450);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM totals_minute"), 3);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM totals_second"), 150);
	assert_int_equal(totals_sum(db, now_s - 2 * 86400, 2 * 86400, out, 1), 0);
	assert_int_equal(out[0].bytes_in, 900);
	/* again: nothing is folded twice */
	assert_int_equal(retention_totals(db, &keep, now_s), 0);
	assert_int_equal(raw_int(f, "flows.db", "SELECT sum(bytes_in) FROM totals_minute"), 450);
	/* minutes stay 90 days: the seconds touch six of them */
	assert_int_equal(retention_totals(db, &keep, now_s + 88 * 86400), 0);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM totals_minute"), 6);
	assert_int_equal(retention_totals(db, &keep, now_s + 92 * 86400), 0);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM totals_minute"), 0);
	/* then hours two years: 300 s about eleven o'clock of the day before */
	assert_int_equal(raw_int(f, "flows.db", "SELECT sum(bytes_in) FROM totals_hour"), 900);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM totals_hour"), 2);
	assert_int_equal(totals_sum(db, now_s - 2 * 86400, 2 * 86400, out, 1), 0);
	assert_int_equal(out[0].bytes_in, 900);
	assert_int_equal(retention_totals(db, &keep, now_s + 734 * 86400LL), 0);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM totals_hour"), 0);
	db_close(db);
}

static void add_hours(struct db *db, int64_t now_s, int hours, int rows)
{
	struct flows_writer writer = { 0 };
	struct flow_row row;

	assert_int_equal(db_begin(db), 0);
	for (int h = 0; h < hours; h++) {
		struct flow flow = flow_at((now_s - h * 3600) * 1000);

		flow_row_from(&flow, NULL, &row);
		for (int i = 0; i < rows; i++)
			assert_int_equal(flows_insert(&writer, db, &row), 0);
	}
	flows_forget(&writer);
	assert_int_equal(db_commit(db), 0);
}

#define HOURS "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'flows_[0-9]*'"

static void hours_are_dropped_by_age_oldest_first(void **state)
{
	struct fixture *f = *state;
	struct db *db = writable(f);
	struct retention keep = { .max_age_s = 2 * 3600 };
	int64_t now_s = 1768474800; /* 2026-01-15T11:00:00Z */
	struct retention_result result;

	add_hours(db, now_s, 5, 1); /* 11, 10, 09, 08, 07 */
	assert_int_equal(retention_drop_hour(db, &keep, now_s, false, &result), 0);
	assert_string_equal(result.dropped, ""); /* the clock is not to be believed */
	assert_int_equal(retention_drop_hour(db, &keep, now_s, true, &result), 0);
	assert_string_equal(result.dropped, "flows_2026011507");
	assert_int_equal(retention_drop_hour(db, &keep, now_s, true, &result), 0);
	assert_string_equal(result.dropped, "flows_2026011508");
	assert_int_equal(retention_drop_hour(db, &keep, now_s, true, &result), 0);
	assert_string_equal(result.dropped, "");
	assert_false(result.is_full);
	assert_int_equal(raw_int(f, "flows.db", HOURS), 3);
	db_close(db);
}

static void hours_are_dropped_by_bytes_but_never_the_present_one(void **state)
{
	struct fixture *f = *state;
	struct db *db = writable(f);
	struct retention keep = { .max_bytes = 400 * 1024 };
	int64_t now_s = 1768474800;
	struct retention_result result;

	add_hours(db, now_s, 4, 4000); /* about 220 KB each */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(retention_drop_hour(db, &keep, now_s, true, &result), 0);
		assert_false(result.is_full);
	}
	assert_int_equal(raw_int(f, "flows.db", HOURS), 1);
	/* the present hour alone over the budget: rows must stop instead */
	add_hours(db, now_s, 1, 8000);
	assert_int_equal(retention_drop_hour(db, &keep, now_s, true, &result), 0);
	assert_string_equal(result.dropped, "");
	assert_true(result.is_full);
	db_close(db);
}

static void dropped_space_is_used_again_and_given_back(void **state)
{
	struct fixture *f = *state;
	struct db *db = writable(f);
	struct retention keep = { .max_bytes = 1 }, none = { 0 };
	int64_t now_s = 1768474800;
	struct retention_result result;

	add_hours(db, now_s, 2, 20000);
	int64_t pages = raw_int(f, "flows.db", "PRAGMA page_count");
	assert_int_equal(retention_drop_hour(db, &keep, now_s, true, &result), 0);
	assert_int_equal(retention_shrink(db, &none), 0); /* no budget: nothing to give back */
	assert_int_equal(raw_int(f, "flows.db", "PRAGMA page_count"), pages);
	assert_int_equal(retention_shrink(db, &keep), 0);
	assert_in_range(raw_int(f, "flows.db", "PRAGMA page_count"), 1, pages * 2 / 3);
	db_close(db);
}

/* ---- what does not get there is counted --------------------------------------------------------
 */

static void rows_below_the_free_floor_wait_then_are_counted(void **state)
{
	struct fixture *f = *state;
	struct store_options options = fixture_options(f);
	struct flow flow = flow_at(clock_unix_ms());
	const uint64_t offered = 140000;
	uint64_t refused = 0;

	fixture_close(f);
	options.free_floor_bytes = UINT64_MAX;
	assert_int_equal(store_open(&options, &f->store, f->error), 0);
	for (uint64_t i = 0; i < offered; i++)
		refused += store_flow_add(f->store, &flow, NULL) == -EAGAIN;
	/* at most 1024 batches in the queue, 8 in hand and an open one, 128 rows each */
	assert_in_range(refused, offered - 1033 * 128, offered - 1024 * 128);
	assert_int_equal(store_rows_lost(f->store), refused);
	/* totals go on below the floor */
	struct totals second = { .unix_s = clock_unix_ms() / 1000, .bytes_in = 9 };
	assert_int_equal(store_totals_add(f->store, &second), 0);
	assert_int_equal(
		raw_int_within(f, "flows.db", "SELECT sum(bytes_in) FROM totals_second", 9), 9);
	assert_int_equal(raw_int(f, "flows.db", HOURS), 0);
}

static void totals_wait_an_hour_then_are_counted(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db = raw_open(f, "flows.db");

	/* another process holds the write lock */
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (int64_t s = 0; s < 3600; s++) {
		struct totals second = { .unix_s = clock_unix_ms() / 1000 - s, .bytes_in = 1 };
		assert_int_equal(store_totals_add(f->store, &second), 0);
	}
	struct totals more = { .unix_s = 1 };
	assert_int_equal(store_totals_add(f->store, &more), -EAGAIN);
	assert_int_equal(store_rows_lost(f->store), 1);
	/* main.db does not wait for it */
	uint64_t began = clock_monotonic_ns();
	assert_int_equal(store_setting_set(f->store, "k", "v"), 0);
	assert_true(clock_monotonic_ns() - began < NS_PER_S);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fixture_close(f);
	assert_int_equal(raw_int(f, "flows.db", "SELECT sum(bytes_in) FROM totals_second"), 3600);
}

static void stuck_reader_of_another_process_does_not_stop_rows(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db = raw_open(f, "flows.db");

	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT * FROM totals_second", NULL, NULL, NULL),
			 SQLITE_OK);
	for (int i = 0; i < 20000; i++) {
		struct flow flow = flow_at(clock_unix_ms());
		assert_int_equal(store_flow_add(f->store, &flow, NULL), 0);
	}
	fixture_close(f);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	char name[FLOWS_TABLE_MAX], sql[64];
	flows_table_name(clock_unix_ms(), name);
	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", name);
	assert_int_equal(raw_int(f, "flows.db", sql), 20000);
}

static size_t wal_bytes(const struct fixture *f)
{
	char path[PATH_MAX];
	struct stat info;

	return stat(fixture_path(f, "flows.db-wal", path), &info) ? 0 : (size_t)info.st_size;
}

/* The bar of issue 4: a reader that stops reading does not let the WAL grow past 64 MB. */
static void reader_that_stops_does_not_fill_the_disk_with_wal(void **state)
{
	struct fixture *f = *state;
	struct totals second = { .unix_s = clock_unix_ms() / 1000, .bytes_in = 1 };
	const struct timespec moment = { .tv_nsec = 1000000 };
	const uint64_t offered = 1200000; /* 67 MB of rows */
	sqlite3_stmt *stuck = NULL;
	size_t largest = 0;
	uint64_t refused = 0;

	assert_int_equal(store_totals_add_many(f->store, &second, 1), 0);
	sqlite3 *db = raw_open(f, "flows.db");
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM totals_minute", -1, &stuck, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(stuck), SQLITE_ROW);
	struct flow flow = flow_at(clock_unix_ms());
	for (uint64_t i = 0; i < offered; i++) {
		int error = store_flow_add(f->store, &flow, NULL);

		/* a slow machine gets the time it needs, until rows stop */
		while (error == -EAGAIN && wal_bytes(f) <= 40 << 20) {
			(void)nanosleep(&moment, NULL);
			error = store_flow_add(f->store, &flow, NULL);
		}
		refused += error == -EAGAIN;
		if (i % 1000 == 0 && wal_bytes(f) > largest)
			largest = wal_bytes(f);
	}
	assert_true(refused > 0);
	assert_in_range(largest, 40 << 20, 64000000);
	(void)sqlite3_finalize(stuck);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	char name[FLOWS_TABLE_MAX], sql[64];
	flows_table_name(flow.end_unix_ms, name);
	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", name);
	assert_int_equal(raw_int_within(f, "flows.db", sql, (int64_t)(offered - refused)),
			 offered - refused);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(record_is_what_came_since_the_last_cut),
		T(ipv6_record_keeps_sixteen_bytes),
		T(record_goes_to_the_hour_of_its_end),
		T(record_is_on_disk_within_two_seconds),
		T(absurd_times_do_no_harm),
		T(row_takes_at_most_sixty_bytes),
		T(totals_read_sums_steps),
		T(minutes_are_shared_over_short_steps_exactly),
		T(wrong_ranges_are_refused),
		T(seconds_fold_into_minutes_with_equal_sums),
		T(hours_are_dropped_by_age_oldest_first),
		T(hours_are_dropped_by_bytes_but_never_the_present_one),
		T(dropped_space_is_used_again_and_given_back),
		T(rows_below_the_free_floor_wait_then_are_counted),
		T(totals_wait_an_hour_then_are_counted),
		T(stuck_reader_of_another_process_does_not_stop_rows),
		T(reader_that_stops_does_not_fill_the_disk_with_wal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
