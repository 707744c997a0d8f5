/*
 * Hourly sums: they are those of the records, whatever happens in between. SQLite sums the records
 * itself to compare.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/store/tops.h"
#include "agent/util/snapshot.h"

/* 2026-01-15T10:00:00Z, from date -u -d @1768471200 */
#define TEN_MS	 1768471200000LL
#define HOUR_MS	 3600000LL
#define OUT_MAX	 70000
#define ROWS_MAX 400
#define SUM_TEXT "sum(packets_out)||' '||sum(bytes_out)||' '||sum(packets_in)||' '||sum(bytes_in)"

/* splitmix64, Steele, Lea, Flood, OOPSLA 2014 */
static uint64_t mix(uint64_t at)
{
	uint64_t z = at * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static unsigned int hours = 5; /* of the records of a test */
static bool some_dropped;      /* every seventh is a sample of what a rule dropped: not summed */

/* @spread: how many sources there are. */
static struct flow nth_flow(uint64_t i, int64_t end_unix_ms, uint32_t spread)
{
	uint64_t r = mix(i + 1);
	uint32_t src = 0x0a000000U + (uint32_t)(r % spread);
	uint8_t src_bytes[4] = { (uint8_t)(src >> 24), (uint8_t)(src >> 16), (uint8_t)(src >> 8),
				 (uint8_t)src };
	uint8_t dst_bytes[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(r >> 32) };
	struct flow flow = { .id = i + 1,
			     .end_unix_ms = end_unix_ms,
			     .start_unix_ms = end_unix_ms,
			     .packets_out = r >> 40 & 0xff,
			     .bytes_out = r >> 20 & 0xfffff,
			     .packets_in = r >> 48 & 0xff,
			     .bytes_in = r >> 36 & 0xfffff };

	flow.tuple.src = addr_from_ipv4(src_bytes);
	flow.tuple.dst = r & 1 ? addr_from_ipv6(dst_bytes) : addr_from_ipv4(dst_bytes + 12);
	if (r & 1)
		flow.tuple.src = addr_from_ipv6(dst_bytes);
	flow.tuple.dst_port = (uint16_t)(r >> 52);
	flow.tuple.proto = r >> 8 & 1 ? 6 : 17;
	return flow;
}

static void add_rows(struct fixture *f, uint64_t from, uint64_t to, uint32_t spread)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	char name[64];

	for (uint64_t i = from; i < to; i++) {
		struct flow flow =
			nth_flow(i, TEN_MS + (int64_t)(mix(i) % hours) * HOUR_MS, spread);
		struct flow_extra extra = { 0 };

		(void)snprintf(name, sizeof(name), "Host%u.Example.com",
			       (unsigned int)(i % spread));
		if (i % 3)
			extra.names =
				flow_names_new(i % 2 ? name : NULL, name, i % 5 ? "ja4" : NULL);
		if (some_dropped && i % 7 == 0)
			extra.verdict = FLOW_DROPPED;
		while (store_flow_add(f->store, &flow, &extra) == -EAGAIN)
			(void)nanosleep(&moment, NULL);
		flow_names_unref(extra.names);
	}
}

static void reopen(struct fixture *f)
{
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
}

static void check_kind(struct fixture *f, int hour, enum top_by by, const char *expected)
{
	struct top_query query = { TEN_MS + (hour - 10) * HOUR_MS, TEN_MS + (hour - 9) * HOUR_MS,
				   by };
	struct top_row *rows = calloc(OUT_MAX, sizeof(*rows));
	struct top_sums sums = { 0 };
	char text[256];

	assert_non_null(rows);
	int count = store_top(f->store, &query, rows, OUT_MAX);
	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		top_sums_add(&sums, &rows[i].sums);
		assert_true(!rows[i].is_others || i == count - 1);
	}
	(void)snprintf(text, sizeof(text),
		       "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, sums.records,
		       sums.packets_out, sums.bytes_out, sums.packets_in, sums.bytes_in);
	assert_string_equal(text, expected);
	free(rows);
}

/* For every hour and kind: all rows of the sums together are all records together. */
static void check_sums(struct fixture *f)
{
	char sql[256], expected[256];

	for (int hour = 10; hour < 10 + (int)hours; hour++) {
		(void)snprintf(sql, sizeof(sql),
			       "SELECT count(*)||' '||" SUM_TEXT " FROM flows_20260115%d"
			       " WHERE NOT flags >> 12 & 1",
			       hour);
		(void)raw_text(f, "flows.db", sql, expected);
		assert_true(strlen(expected) > 8);
		for (int by = 0; by < TOP_BY_COUNT; by++)
			check_kind(f, hour, (enum top_by)by, expected);
	}
}

/* ---- the property ---------------------------------------------------------------------------- */

static void sums_are_those_of_the_records(void **state)
{
	struct fixture *f = *state;

	hours = 5; /* more than are open at once */
	some_dropped = true;
	/* records of five hours in any order: hours make way for each other all the time */
	add_rows(f, 0, 2000, 50);
	reopen(f);
	check_sums(f);
	add_rows(f, 2000, 4000, 3000);
	reopen(f);
	check_sums(f);
	some_dropped = false;
}

static void sums_of_each_key_are_exact_while_there_is_room(void **state)
{
	struct fixture *f = *state;
	struct top_query query = { TEN_MS, TEN_MS + 5 * HOUR_MS, TOP_SOURCE };
	static struct top_row rows[ROWS_MAX];
	char sql[640], hex[16], text[256], expected[256];

	hours = 5;
	add_rows(f, 0, 3000, 50);
	reopen(f);
	int count = store_top(f->store, &query, rows, ROWS_MAX);
	assert_in_range(count, 100, ROWS_MAX - 1);
	assert_false(rows[count - 1].is_others);
	for (int i = 0; i < 20; i++) {
		if (rows[i].len != 4)
			continue;
		(void)snprintf(hex, sizeof(hex), "%02x%02x%02x%02x", rows[i].key[0], rows[i].key[1],
			       rows[i].key[2], rows[i].key[3]);
		(void)snprintf(sql, sizeof(sql),
			       "SELECT count(*)||' '||sum(bytes_out) FROM ("
			       "SELECT * FROM flows_2026011510 UNION ALL "
			       "SELECT * FROM flows_2026011511 UNION ALL "
			       "SELECT * FROM flows_2026011512 UNION ALL "
			       "SELECT * FROM flows_2026011513 UNION ALL "
			       "SELECT * FROM flows_2026011514) WHERE src = x'%s'",
			       hex);
		(void)snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, rows[i].sums.records,
			       rows[i].sums.bytes_out);
		assert_string_equal(text, raw_text(f, "flows.db", sql, expected));
	}
}

static void keys_say_what_they_are(void **state)
{
	struct fixture *f = *state;
	struct flow flow = nth_flow(0, TEN_MS, 1);
	struct flow_names *names = flow_names_new("WWW.Example.COM", "other", "t13d");
	struct flow_extra extra = { .names = names };
	struct top_query query = { TEN_MS, TEN_MS + 1, 0 };
	struct top_row row[2];
	static const struct {
		enum top_by by;
		const char *key;
		uint16_t len;
	} expected[] = { { TOP_SOURCE, "\xc0\x00\x02\x01", 4 },
			 { TOP_DESTINATION, "\xc6\x33\x64\x02", 4 },
			 { TOP_PORT, "\x06\x01\xbb", 3 }, /* 443 */
			 { TOP_PROTOCOL, "\x06", 1 },
			 { TOP_DOMAIN, "www.example.com", 15 },
			 { TOP_JA4, "t13d", 4 } };

	flow.tuple.src = test_addr("192.0.2.1");
	flow.tuple.dst = test_addr("198.51.100.2");
	flow.tuple.dst_port = 443;
	flow.tuple.proto = 6;
	assert_int_equal(store_flow_add(f->store, &flow, &extra), 0);
	reopen(f);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		query.by = expected[i].by;
		assert_int_equal(store_top(f->store, &query, row, 2), 1);
		assert_int_equal(row[0].len, expected[i].len);
		assert_memory_equal(row[0].key, expected[i].key, expected[i].len);
	}
	query.from_unix_ms = TEN_MS + HOUR_MS; /* another hour */
	query.to_unix_ms = query.from_unix_ms + HOUR_MS;
	assert_int_equal(store_top(f->store, &query, row, 2), 0);
	query.by = TOP_BY_COUNT;
	assert_int_equal(store_top(f->store, &query, row, 2), -EINVAL);
	flow_names_unref(names);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void more_keys_than_there_is_room_for_are_others(void **state)
{
	struct fixture *f = *state;
	struct top_query query = { TEN_MS, TEN_MS + 5 * HOUR_MS, TOP_SOURCE };
	struct top_row *rows = calloc(OUT_MAX, sizeof(*rows));

	assert_non_null(rows);
	hours = 1;
	/* 16,384 a kind and hour are told apart; this one sees about 19,000 */
	add_rows(f, 0, 60000, 60000);
	reopen(f);
	check_sums(f);
	int count = store_top(f->store, &query, rows, OUT_MAX);
	assert_true(count > 0 && rows[count - 1].is_others);
	assert_true(raw_int(f, "flows.db",
			    "SELECT max(n) FROM (SELECT count(*) AS n FROM tops"
			    " GROUP BY hour, by)") <= 16385);
	free(rows);
}

static void past_hours_keep_the_keys_with_the_most_bytes(void **state)
{
	struct fixture *f = *state;
	struct top_row rows[3];
	struct top_query query = { TEN_MS, TEN_MS + HOUR_MS, TOP_SOURCE };
	struct top_table table;

	/* the table alone: cut to two of four, the rest is in others */
	top_table_init(&table, 16);
	for (uint64_t i = 1; i <= 4; i++) {
		const struct top_sums sums = { 1, 0, 100 * i, 0, i };
		const uint8_t key = (uint8_t)i;

		top_table_add(&table, &key, 1, &sums);
	}
	top_table_cut(&table, 2);
	assert_int_equal(table.count, 2);
	assert_int_equal(top_entry_key(&table.entries[0])[0], 4);
	assert_int_equal(table.entries[1].sums.bytes_out, 300);
	assert_int_equal(table.others.bytes_out, 300);
	assert_int_equal(table.others.bytes_in, 3);
	assert_int_equal(table.others.records, 2);
	top_table_done(&table);
	hours = 3;
	/* asking for two rows gives the first and all others */
	add_rows(f, 0, 5000, 50);
	reopen(f);
	assert_int_equal(store_top(f->store, &query, rows, 2), 2);
	assert_false(rows[0].is_others);
	assert_true(rows[1].is_others);
	check_sums(f);
}

/* ---- made anew ------------------------------------------------------------------------------- */

static void wrong_sums_are_found_and_made_anew(void **state)
{
	struct fixture *f = *state;
	struct store_rebuilt rebuilt;

	hours = 5;
	add_rows(f, 0, 4000, 300);
	reopen(f);
	assert_int_equal(store_rebuild_sums(f->store, 0, 0, &rebuilt), 0);
	assert_int_equal(rebuilt.hours, 5);
	assert_int_equal(rebuilt.records, 4000);
	assert_int_equal(rebuilt.changed, 0);
	assert_int_equal(rebuilt.next_hour, -1);
	check_sums(f);
	raw_exec(f, "flows.db",
		 "UPDATE tops SET bytes_in = bytes_in + 1 WHERE by = 0 AND hour ="
		 " (SELECT min(hour) FROM hours) AND key = (SELECT min(key) FROM"
		 " tops WHERE by = 0 AND hour = (SELECT min(hour) FROM hours));"
		 "DELETE FROM tops WHERE by = 4 AND hour = (SELECT max(hour) FROM"
		 " hours)");
	add_rows(f, 4000, 4500, 300); /* some of it in memory only */
	assert_int_equal(store_rebuild_sums(f->store, 0, 0, &rebuilt), 0);
	assert_int_equal(rebuilt.changed, 2);
	reopen(f);
	check_sums(f);
}

static void hours_without_records_keep_their_sums(void **state)
{
	struct fixture *f = *state;
	struct store_rebuilt rebuilt;

	hours = 2;
	add_rows(f, 0, 100, 10);
	reopen(f);
	raw_exec(f, "flows.db", "DROP TABLE flows_2026011510; DROP TABLE names_2026011510");
	int64_t keys = raw_int(f, "flows.db", "SELECT count(*) FROM tops");
	assert_int_equal(store_rebuild_sums(f->store, 0, 0, &rebuilt), 0);
	assert_int_equal(rebuilt.hours, 1);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM tops"), keys);
	/* a deadline that is over says where to go on */
	assert_int_equal(store_rebuild_sums(f->store, 0, 1, &rebuilt), 0);
	assert_int_equal(rebuilt.hours, 0);
	assert_int_equal(rebuilt.next_hour, TEN_MS / HOUR_MS + 1);
}

/* ---- kill -9 --------------------------------------------------------------------------------- */

/* More than the queue holds (ROWS_PER_BATCH * ROWS_BATCHES): once they are taken it was written. */
#define SOME_WRITTEN 135000

static void be_killed(struct fixture *f, uint64_t from, int writes)
{
	if (fixture_open(f))
		_exit(1);
	add_rows(f, from, from + SOME_WRITTEN, 500);
	if (write(writes, "", 1) != 1)
		_exit(1);
	add_rows(f, from + SOME_WRITTEN, from + 10000000, 500);
	_exit(2);
}

static void sums_are_exact_after_a_kill(void **state)
{
	struct fixture *f = *state;

	hours = 3;
	some_dropped = true;
	fixture_close(f);
	for (uint64_t round = 0; round < 8; round++) {
		const struct timespec moment = { .tv_nsec = (long)(mix(round) % 200) * 1000000 };
		int writes[2];
		pid_t child;
		char byte;

		assert_int_equal(pipe(writes), 0);
		child = fork();
		assert_true(child >= 0);
		if (!child)
			be_killed(f, round * 10000000, writes[1]);
		assert_int_equal(close(writes[1]), 0);
		assert_int_equal(read(writes[0], &byte, 1), 1);
		assert_int_equal(close(writes[0]), 0);
		(void)nanosleep(&moment, NULL); /* any moment of its writing will do */
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_int_equal(fixture_open(f), 0);
		assert_false(store_flows_was_reset(f->store));
		if (raw_int(f, "flows.db", "SELECT count(*) FROM hours") == 3)
			check_sums(f);
		fixture_close(f);
	}
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM hours"), 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(sums_are_those_of_the_records),
		T(sums_of_each_key_are_exact_while_there_is_room),
		T(keys_say_what_they_are),
		T(more_keys_than_there_is_room_for_are_others),
		T(past_hours_keep_the_keys_with_the_most_bytes),
		T(wrong_sums_are_found_and_made_anew),
		T(hours_without_records_keep_their_sums),
		T(sums_are_exact_after_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
