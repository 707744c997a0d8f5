/*
 * Searches, sums by group and hunts over the history against SQLite's own SQL on the same file.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/query/query.h"
#include "agent/util/clock.h"
#include "agent/util/snapshot.h"
#include "include/history.h"

/* 2026-01-15T10:00:00Z, from date -u -d @1768471200 */
#define TEN_MS	1768471200000LL
#define HOUR_MS 3600000LL
#define ROWS	30000 /* over three hours */

/* splitmix64, Steele, Lea, Flood, OOPSLA 2014 */
static uint64_t mix(uint64_t at)
{
	uint64_t z = at * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Addresses grow rarer with their number. */
static struct flow nth_flow(uint64_t i)
{
	uint64_t r = mix(i + 1);
	const uint8_t src[4] = { 198, 18, 0, (uint8_t)(r % (1 + (r >> 8 & 31))) };
	const uint8_t dst[4] = { 203, 0, 113, (uint8_t)(i / 1000) };
	struct flow flow = { .id = i + 1,
			     .state = (uint8_t)(r >> 16 & 3),
			     .iface = (uint8_t)(r >> 18 & 1),
			     .tcp_flags_out = 0x02,
			     .tcp_flags_in = r >> 20 & 1 ? 0x12 : 0x14,
			     .vlan = r >> 21 & 1 ? 12 : 0,
			     .ingress = r >> 22 & 1,
			     .packets_out = 1 + (r >> 24 & 0xff),
			     .bytes_out = r >> 32 & 0xffff,
			     .bytes_in = r >> 48 & 0xffff,
			     .end_unix_ms = TEN_MS + (int64_t)(i * 3 * HOUR_MS / ROWS) };

	flow.start_unix_ms = flow.end_unix_ms - (int64_t)(r >> 52);
	flow.tuple.src = addr_from_ipv4(src);
	flow.tuple.dst = addr_from_ipv4(dst);
	flow.tuple.src_port = (uint16_t)(32768 + i % 28000);
	flow.tuple.dst_port = r >> 25 & 1 ? 443 : 53;
	flow.tuple.proto = r >> 25 & 1 ? 6 : 17;
	return flow;
}

static void add_rows(struct fixture *f, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++) {
		struct flow flow = nth_flow(i);
		struct flow_extra extra = { 0 };
		char sni[64];

		(void)snprintf(sni, sizeof(sni), "h%u.example.%s", (unsigned int)(i % 50),
			       i % 4 ? "com" : "org");
		if (i % 3)
			extra.names = flow_names_new(i % 2 ? sni : NULL, i % 5 ? sni : NULL, NULL);
		if (i % 11 == 0) {
			extra.verdict = FLOW_DROPPED;
			extra.rule_id = 77;
		}
		assert_int_equal(store_flow_add(f->store, &flow, &extra), 0);
		flow_names_unref(extra.names);
	}
	fixture_close(f); /* everything is written */
	assert_int_equal(fixture_open(f), 0);
}

static const char ifaces[HISTORY_IFACES][16] = { "eth0", "wan1" };

static struct history_search search_of(const struct flow_query *query)
{
	return (struct history_search){ .query = query, .to_unix_ms = INT64_MAX, .ifaces = ifaces };
}

static struct flow_query *parse(const char *text)
{
	struct flow_query_error error;
	struct flow_query *query = NULL;

	if (flow_query_parse(text, TEN_MS + 3 * HOUR_MS, &query, &error))
		fail_msg("\"%s\": %s", text, error.text);
	return query;
}

/* ---- SQLite's answer ------------------------------------------------------------------------- */

/* Rows of all hours with their names, and end as unix ms. */
static sqlite3 *open_all(const struct fixture *f)
{
	sqlite3 *db = raw_open(f, "flows.db");
	char sql[2048] = "CREATE TEMP VIEW rows AS ";

	for (int hour = 10; hour < 13; hour++) {
		char one[512];

		(void)snprintf(one, sizeof(one),
			       "%sSELECT f.*, n.sni, n.host, n.rule_id, %lld + end_ms AS at_ms "
			       "FROM flows_20260115%d f LEFT JOIN names_20260115%d n "
			       "ON n.id = f.name",
			       hour > 10 ? " UNION ALL " : "", TEN_MS + (hour - 10) * HOUR_MS, hour,
			       hour);
		strcat(sql, one);
	}
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void sql_count(sqlite3 *db, const char *where, int64_t *count, int64_t *sum)
{
	sqlite3_stmt *statement;
	char sql[1024];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*), ifnull(sum(id * (id %% 1009)), 0) FROM rows WHERE %s",
		       where);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	*count = sqlite3_column_int64(statement, 0);
	*sum = sqlite3_column_int64(statement, 1);
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

/* ---- searches -------------------------------------------------------------------------------- */

struct tally {
	int64_t count, sum, max;
	int64_t last_hour, last_row; /* each is older than the one before */
};

static bool count_record(void *arg, const struct flow_record *record,
			 const struct flow_texts *texts)
{
	struct tally *tally = arg;

	assert_non_null(texts);
	if (tally->last_hour)
		assert_true(record->hour < tally->last_hour ||
			    (record->hour == tally->last_hour && record->row < tally->last_row));
	tally->last_hour = record->hour;
	tally->last_row = record->row;
	tally->count++;
	tally->sum += (int64_t)(record->id * (record->id % 1009));
	return tally->count != tally->max;
}

static const struct {
	const char *text, *where;
} same[] = {
	{ "", "1" },
	{ "src:198.18.0.7", "src = x'c6120007'" },
	{ "198.18.0.30", "src = x'c612001e'" },
	{ "ip:203.0.113.5,198.18.0.31", "src = x'c612001f' OR dst = x'cb007105'" },
	{ "src:198.18.0.0..198.18.0.3", "src >= x'c6120000' AND src <= x'c6120003'" },
	{ "src:10.0.0.1", "0" },
	{ "dport:443 bytes>100k", "dst_port = 443 AND bytes_out + bytes_in > 100000" },
	{ "-dport:443", "dst_port <> 443" },
	{ "proto:udp OR vlan:12", "proto = 17 OR vlan = 12" },
	{ "sni:*.example.org", "sni LIKE '%.example.org'" },
	{ "sni:h1", "sni LIKE '%h1%'" },
	{ "domain:h7.example.com", "sni = 'h7.example.com' OR host = 'h7.example.com'" },
	{ "sni=\"\" host:*", "sni IS NULL AND host IS NOT NULL" },
	{ "verdict:drop", "flags >> 12 & 1" },
	{ "rule:77 dport:53", "rule_id = 77 AND dst_port = 53" },
	{ "state:closed,expired", "flags & 3 IN (2, 3)" },
	{ "dir:in", "flags & 4" },
	{ "iface:wan1", "flags >> 4 & 255 = 1" },
	{ "flags=SA", "((tcp_flags & 255) | (tcp_flags >> 8)) = 0x12" },
	{ "flags:R", "((tcp_flags & 255) | (tcp_flags >> 8)) & 4" },
	{ "duration>2s packets<100", "duration_ms > 2000 AND packets_out + packets_in < 100" },
	{ "since:90m", "at_ms >= 1768471200000 + 5400000" },
	{ "since:2h until:1h sport:33000..34000",
	  "at_ms >= 1768471200000 + 3600000 AND at_ms < 1768471200000 + 7200000 "
	  "AND src_port BETWEEN 33000 AND 34000" },
};

static void searches_find_what_sql_finds(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	add_rows(f, 0, ROWS);
	db = open_all(f);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		CLEANUP(flow_query_free) struct flow_query *query = parse(same[i].text);
		const struct history_search search = search_of(query);
		struct history_reach reach;
		struct tally tally = { 0 };
		int64_t count, sum;

		sql_count(db, same[i].where, &count, &sum);
		assert_int_equal(store_search(f->store, &search, count_record, &tally, &reach), 0);
		assert_true(reach.is_complete);
		if (tally.count != count || tally.sum != sum)
			fail_msg("\"%s\": %" PRId64 " rows, not %" PRId64, same[i].text,
				 tally.count, count);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Pages of 777 add up to the whole, also while new rows come in. */
static void pages_join_without_gap_while_rows_come_in(void **state)
{
	struct fixture *f = *state;
	CLEANUP(flow_query_free) struct flow_query *query = parse("dport:443");
	struct history_search search = search_of(query);
	struct history_reach reach = { 0 };
	struct tally all = { 0 }, whole = { 0 };
	int pages = 0;

	add_rows(f, 0, ROWS);
	assert_int_equal(store_search(f->store, &search, count_record, &whole, &reach), 0);
	do {
		struct tally page = { .max = 777 };

		assert_int_equal(store_search(f->store, &search, count_record, &page, &reach), 0);
		assert_true(reach.is_complete || page.count == 777);
		all.count += page.count;
		all.sum += page.sum;
		search.after_hour = reach.hour;
		search.after_row = reach.row;
		if (pages++ == 3)
			add_rows(f, ROWS, ROWS + 500);
	} while (!reach.is_complete);
	assert_int_equal(all.count, whole.count);
	assert_int_equal(all.sum, whole.sum);
	assert_true(pages > 10);
}

static void a_search_past_its_deadline_says_how_far_it_came(void **state)
{
	struct fixture *f = *state;
	CLEANUP(flow_query_free) struct flow_query *query = parse("");
	struct history_search search = search_of(query);
	struct history_reach reach;
	struct tally cut = { 0 }, rest = { 0 };

	add_rows(f, 0, ROWS);
	search.deadline_ns = 1; /* long ago */
	assert_int_equal(store_search(f->store, &search, count_record, &cut, &reach), 0);
	assert_false(reach.is_complete);
	assert_true(cut.count < ROWS);
	search.deadline_ns = 0;
	search.after_hour = reach.hour;
	search.after_row = reach.row;
	assert_int_equal(store_search(f->store, &search, count_record, &rest, &reach), 0);
	assert_true(reach.is_complete);
	assert_int_equal(cut.count + rest.count, ROWS);
}

static void nothing_is_found_where_times_exclude_each_other(void **state)
{
	struct fixture *f = *state;
	CLEANUP(flow_query_free) struct flow_query *query = parse("since:1h until:2h");
	const struct history_search search = search_of(query);
	struct history_reach reach;
	struct tally tally = { 0 };

	add_rows(f, 0, 100);
	assert_int_equal(store_search(f->store, &search, count_record, &tally, &reach), 0);
	assert_true(reach.is_complete);
	assert_int_equal(tally.count, 0);
	assert_int_equal(reach.looked_at, 0);
}

/* ---- sums by group --------------------------------------------------------------------------- */

static void check_group(const struct history_group *group, sqlite3_stmt *statement, int by)
{
	char text[FLOW_GROUP_KEY_MAX + 1];
	const char *key = (const char *)sqlite3_column_text(statement, 0);

	assert_string_equal(
		flow_group_format((enum flow_group)by, group->key, group->key_len, text),
		key ? key : "");
	assert_int_equal(group->sums.records, sqlite3_column_int64(statement, 1));
	assert_int_equal(group->sums.bytes, sqlite3_column_int64(statement, 2));
	assert_int_equal(group->sums.packets, sqlite3_column_int64(statement, 3));
}

static void expect_top(struct fixture *f, sqlite3 *db, int by, const char *key_sql)
{
	CLEANUP(flow_query_free) struct flow_query *query = parse("bytes>10k");
	const struct history_search search = search_of(query);
	const struct history_grouping grouping = { .group = by, .max = 1000 };
	struct history_reach reach;
	struct history_top top;
	sqlite3_stmt *statement;
	char sql[1024];

	assert_int_equal(store_search_top(f->store, &search, &grouping, &top, &reach), 0);
	assert_true(top.is_exact && reach.is_complete);
	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s AS k, count(*), sum(bytes_out + bytes_in) AS b, "
		       "sum(packets_out + packets_in) FROM rows WHERE bytes_out + bytes_in > 10000 "
		       "GROUP BY k ORDER BY b DESC",
		       key_sql);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	for (size_t i = 0; i < top.count; i++) {
		assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
		check_group(&top.groups[i], statement, by);
	}
	assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
	assert_int_equal(top.others.records, 0);
	free(top.groups);
}

static void sums_by_group_are_those_of_sql(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	add_rows(f, 0, ROWS);
	db = open_all(f);
	/* the last byte of an address as text: SQLite has no function for it */
	expect_top(f, db, FLOW_GROUP_SRC,
		   "'198.18.0.' || (instr('0123456789abcdef', lower(substr(hex(src), 7, 1))) * 16 "
		   "- 17 + instr('0123456789abcdef', lower(substr(hex(src), 8, 1))))");
	expect_top(f, db, FLOW_GROUP_DPORT, "dst_port");
	expect_top(f, db, FLOW_GROUP_SNI, "sni");
	expect_top(f, db, FLOW_GROUP_DOMAIN, "ifnull(sni, host)");
	expect_top(f, db, FLOW_GROUP_RULE, "rule_id");
	expect_top(f, db, FLOW_GROUP_IFACE,
		   "CASE flags >> 4 & 255 WHEN 0 THEN 'eth0' ELSE 'wan1' END");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* More groups than the table holds: what is given up is in others, so the sums stay exact. */
static void sums_stay_exact_when_groups_are_given_up(void **state)
{
	struct fixture *f = *state;
	const struct history_search search = search_of(NULL);
	const struct history_grouping grouping = { .group = FLOW_GROUP_DST, .max = 10 };
	const uint64_t rows = 120000, rounds = 2;
	struct history_reach reach;
	struct history_top top;
	uint64_t bytes = 0, expected = 0, records = 0;

	for (uint64_t i = 0; i < rows * rounds; i++) {
		struct flow flow = nth_flow(i % rows);
		const uint8_t dst[4] = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
		const uint8_t busy[4] = { 192, 0, 2, (uint8_t)(i / 100 % 10) };

		flow.bytes_out = i % 100 ? 100 : 1000000;
		flow.bytes_in = 0;
		flow.tuple.dst = addr_from_ipv4(i % 100 ? dst : busy);
		expected += flow.bytes_out;
		if (store_flow_add(f->store, &flow, NULL) == -EAGAIN) {
			i--; /* the writer is behind: ask again */
			expected -= flow.bytes_out;
		}
	}
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(store_search_top(f->store, &search, &grouping, &top, &reach), 0);
	assert_true(reach.is_complete);
	assert_false(top.is_exact);
	assert_int_equal(top.count, 10);
	for (size_t i = 0; i < top.count; i++) {
		assert_int_equal(top.groups[i].key_len, 4);
		assert_memory_equal(top.groups[i].key, "\xc0\x00\x02", 3); /* 192.0.2.x */
		bytes += top.groups[i].sums.bytes;
		records += top.groups[i].sums.records;
	}
	assert_int_equal(bytes + top.others.bytes, expected);
	assert_int_equal(records + top.others.records, rows * rounds);
	free(top.groups);
}

/* ---- hunts ----------------------------------------------------------------------------------- */

static void expect_sighting(sqlite3 *db, const struct history_sighting *sighting, const char *where,
			    const char *host)
{
	sqlite3_stmt *statement;
	char sql[1024];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*), ifnull(min(at_ms - duration_ms), 0), "
		       "ifnull(max(at_ms), 0), count(DISTINCT %s) FROM rows WHERE %s",
		       host, where);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sighting->count, sqlite3_column_int64(statement, 0));
	assert_int_equal(sighting->first_unix_ms, sqlite3_column_int64(statement, 1));
	assert_int_equal(sighting->last_unix_ms, sqlite3_column_int64(statement, 2));
	assert_int_equal(sighting->host_count, sqlite3_column_int64(statement, 3));
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

static const struct {
	const char *text, *where, *host;
} hunted[] = {
	{ "198.18.0.30", "src = x'c612001e'", "dst" },
	{ "203.0.113.3", "dst = x'cb007103'", "src" },
	{ "198.18.0.0/30", "src >= x'c6120000' AND src <= x'c6120003'", "dst" },
	{ "192.0.2.1", "0", "src" },
	{ "h7.example.com", "sni = 'h7.example.com' OR host = 'h7.example.com'", "src" },
	{ "example.org", "sni LIKE '%.example.org' OR host LIKE '%.example.org'", "src" },
	{ "t13d1516h2_8daaf6152771_02713d6af862", "0", "src" },
};
#define HUNTED (sizeof(hunted) / sizeof(hunted[0]))

static void hunt(struct fixture *f, size_t first, size_t count)
{
	struct history_sighting sightings[HUNTED] = { 0 };
	struct indicator indicators[HUNTED];
	CLEANUP(indicator_set_free) struct indicator_set *set = NULL;
	const struct history_search search = search_of(NULL);
	struct history_reach reach;
	sqlite3 *db = open_all(f);

	for (size_t i = 0; i < count; i++)
		assert_int_equal(indicator_parse(hunted[first + i].text, &indicators[i]), 0);
	assert_int_equal(indicator_set_new(indicators, count, &set), 0);
	assert_int_equal(store_hunt(f->store, &search, set, sightings, &reach), 0);
	assert_true(reach.is_complete);
	for (size_t i = 0; i < count; i++)
		expect_sighting(db, &sightings[i], hunted[first + i].where, hunted[first + i].host);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void hunts_find_what_sql_finds(void **state)
{
	struct fixture *f = *state;

	add_rows(f, 0, ROWS);
	hunt(f, 0, HUNTED); /* names among them: every record is looked at */
	hunt(f, 0, 2);	    /* addresses alone: by their filters */
	hunt(f, 3, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(searches_find_what_sql_finds),
		TEST(pages_join_without_gap_while_rows_come_in),
		TEST(a_search_past_its_deadline_says_how_far_it_came),
		TEST(nothing_is_found_where_times_exclude_each_other),
		TEST(sums_by_group_are_those_of_sql),
		TEST(sums_stay_exact_when_groups_are_given_up),
		TEST(hunts_find_what_sql_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
