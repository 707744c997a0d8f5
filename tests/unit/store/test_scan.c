/*
 * Reading records back: what was written comes out, in order, from any place on, with its names,
 * and no filter hides a record. What is expected is counted by SQLite itself over the same tables.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/store/flows.h"
#include "agent/store/scan.h"
#include "agent/util/clock.h"
#include "agent/util/snapshot.h"

/* 2026-01-15T10:00:00Z, from date -u -d @1768471200 */
#define TEN_MS	     1768471200000LL
#define HOUR_MS	     3600000LL
#define ROWS	     40000 /* over four hours: some blocks are full, one an hour is open */
#define ADDRS	     400
#define PLACES_ASKED 7

/* A fixed sequence: splitmix64, Steele, Lea, Flood, OOPSLA 2014. */
static uint64_t mix(uint64_t at)
{
	uint64_t z = at * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Few addresses are everywhere, most are in few blocks; every tenth is of IPv6. */
static struct addr nth_addr(uint64_t n)
{
	uint8_t v4[4] = { 198, 18, (uint8_t)(n >> 8), (uint8_t)n };
	uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n };

	return n % 10 ? addr_from_ipv4(v4) : addr_from_ipv6(v6);
}

static struct flow nth_flow(uint64_t i)
{
	uint64_t r = mix(i + 1);
	/* of one family: both ends have the same last digit */
	uint64_t src = r % 10 + 10 * (r >> 8 & 3), dst = r % 10 + 10 * (i / 1000 % 40);
	struct flow flow = {
		.id = i + 1,
		.iface = (uint8_t)(r >> 16 & 7),
		.state = FLOW_CLOSED,
		.tcp_flags_out = 0x1b,
		.tcp_flags_in = r >> 20 & 1 ? 0x14 : 0x13,
		.vlan = r >> 21 & 1 ? 12 : 0,
		.ingress = r >> 22 & 1,
		.is_final = r >> 23 & 1,
		.packets_out = r >> 24 & 0xff,
		.bytes_out = r >> 32 & 0xffff,
		.packets_in = r >> 40 & 0xff,
		.bytes_in = r >> 48 & 0xffff,
		.end_unix_ms = TEN_MS + (int64_t)(i * 4 * HOUR_MS / ROWS),
	};

	flow.start_unix_ms = flow.end_unix_ms - (int64_t)(r >> 50);
	flow.tuple.src = nth_addr(src);
	flow.tuple.dst = nth_addr(dst);
	flow.tuple.src_port = (uint16_t)(32768 + i % 28000);
	flow.tuple.dst_port = r >> 25 & 1 ? 443 : 53;
	flow.tuple.proto = r >> 25 & 1 ? 6 : 17;
	return flow;
}

static void add_one(struct fixture *f, uint64_t i)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct flow flow = nth_flow(i);
	struct flow_extra extra = { 0 };
	char sni[64];

	if (i % 3) {
		(void)snprintf(sni, sizeof(sni), "host%u.example.com", (unsigned int)(i % 100));
		extra.names = flow_names_new(i % 2 ? sni : NULL, i % 5 ? sni : NULL,
					     i % 7 ? "t13d1516h2_8daaf6152771_02713d6af862" : NULL);
	}
	if (i % 11 == 0) {
		extra.verdict = FLOW_DROPPED;
		extra.rule_id = 77;
		extra.incident_id = 5;
	}
	while (store_flow_add(f->store, &flow, &extra) == -EAGAIN)
		(void)nanosleep(&moment, NULL);
	flow_names_unref(extra.names);
}

static void add_rows(struct fixture *f, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		add_one(f, i);
	fixture_close(f); /* everything is written */
	assert_int_equal(fixture_open(f), 0);
}

static struct scan *scan_of(const struct fixture *f, const struct scan_options *options)
{
	struct scan *scan = NULL;

	assert_int_equal(scan_new(f->store, options, &scan), 0);
	return scan;
}

static struct scan_options everything(void)
{
	return (struct scan_options){ .to_unix_ms = INT64_MAX, .columns = SCAN_ALL };
}

/* ---- what is written comes out ------------------------------------------------------------- */

static void check_record(const struct scan *scan, const struct flow_record *record)
{
	uint64_t i = record->id - 1;
	struct flow flow = nth_flow(i);
	const struct record_names *names = scan_names(scan, record);
	char sni[64];

	(void)snprintf(sni, sizeof(sni), "host%u.example.com", (unsigned int)(i % 100));
	assert_true(addr_is_equal(&record->tuple.src, &flow.tuple.src));
	assert_true(addr_is_equal(&record->tuple.dst, &flow.tuple.dst));
	assert_int_equal(record->tuple.src_port, flow.tuple.src_port);
	assert_int_equal(record->tuple.dst_port, flow.tuple.dst_port);
	assert_int_equal(record->tuple.proto, flow.tuple.proto);
	assert_int_equal(record->end_unix_ms, flow.end_unix_ms);
	assert_int_equal(record->start_unix_ms, flow.start_unix_ms);
	assert_int_equal(record->vlan, flow.vlan);
	assert_int_equal(record->iface, flow.iface);
	assert_int_equal(record->state, flow.state);
	assert_int_equal(record->ingress, flow.ingress);
	assert_int_equal(record->is_final, flow.is_final);
	assert_int_equal(record->tcp_flags_out, flow.tcp_flags_out);
	assert_int_equal(record->tcp_flags_in, flow.tcp_flags_in);
	assert_int_equal(record->packets_out, flow.packets_out);
	assert_int_equal(record->bytes_out, flow.bytes_out);
	assert_int_equal(record->packets_in, flow.packets_in);
	assert_int_equal(record->bytes_in, flow.bytes_in);
	assert_int_equal(record->verdict, i % 11 ? FLOW_PASSED : FLOW_DROPPED);
	assert_int_equal(record->rule_id, i % 11 ? 0 : 77);
	assert_int_equal(record->incident_id, i % 11 ? 0 : 5);
	assert_string_equal(names->sni, i % 3 && i % 2 ? sni : "");
	assert_string_equal(names->host, i % 3 && i % 5 ? sni : "");
	assert_string_equal(names->ja4,
			    i % 3 && i % 7 ? "t13d1516h2_8daaf6152771_02713d6af862" : "");
	/* RFC 9293: 0x14 is a reset and its acknowledgment, 0x13 holds a FIN */
	assert_int_equal(record->end, !record->is_final		    ? FLOW_END_CUT
				      : record->tcp_flags_in & 0x04 ? FLOW_END_RST
								    : FLOW_END_FIN);
}

static void every_record_comes_back_as_it_was(void **state)
{
	struct fixture *f = *state;
	const struct flow_record *record;
	uint64_t expected = 0;

	add_rows(f, 0, ROWS);
	for (int oldest = 0; oldest < 2; oldest++) {
		struct scan_options options = everything();

		options.is_oldest_first = oldest;
		struct scan *scan = scan_of(f, &options);
		for (expected = 0; scan_next(scan, &record) > 0; expected++) {
			assert_int_equal(record->id, oldest ? expected + 1 : ROWS - expected);
			check_record(scan, record);
		}
		assert_int_equal(expected, ROWS);
		assert_int_equal(scan_next(scan, &record), 0); /* and stays at the end */
		scan_free(scan);
	}
}

static void names_of_an_hour_are_stored_once(void **state)
{
	struct fixture *f = *state;
	int64_t rows = 0;

	add_rows(f, 0, ROWS / 4);
	add_rows(f, ROWS / 4 - 100, ROWS / 4); /* after a restart they are known again */
	rows = raw_int(f, "flows.db", "SELECT count(*) FROM names_2026011510");
	assert_int_equal(rows, raw_int(f, "flows.db",
				       "SELECT count(*) FROM (SELECT DISTINCT sni, host, ja4, "
				       "rule_id, incident_id FROM names_2026011510)"));
	assert_true(rows > 100);
	assert_int_equal(raw_int(f, "flows.db",
				 "SELECT count(*) FROM names_2026011510 WHERE"
				 " pid NOT NULL OR uid NOT NULL OR"
				 " process NOT NULL OR unit NOT NULL"),
			 0);
}

/* ---- places and times ------------------------------------------------------------------------ */

static void scan_goes_on_from_any_place(void **state)
{
	struct fixture *f = *state;
	const struct flow_record *record;
	/* first and last rows of blocks and hours, and some in between */
	const uint64_t ids[PLACES_ASKED] = { 1, 8192, 8193, 10000, 10001, 25000, ROWS };

	add_rows(f, 0, ROWS);
	for (int i = 0; i < 2 * PLACES_ASKED; i++) {
		struct scan_options options = everything();
		uint64_t count = 0, id = ids[i / 2];
		struct flow flow = nth_flow(id - 1);

		options.is_oldest_first = i % 2;
		options.columns = SCAN_ID;
		options.after.hour = flow.end_unix_ms / HOUR_MS;
		options.after.row = (int64_t)((id - 1) % (ROWS / 4)) + 1;
		struct scan *scan = scan_of(f, &options);
		while (scan_next(scan, &record) > 0 && ++count)
			assert_int_equal(record->id, i % 2 ? id + count : id - count);
		assert_int_equal(count, i % 2 ? ROWS - id : id - 1);
		scan_free(scan);
	}
}

static void pages_join_without_gap_while_rows_come_in(void **state)
{
	struct fixture *f = *state;
	const struct flow_record *record;
	struct scan_options options = everything();
	uint64_t next = ROWS / 2;

	add_rows(f, 0, ROWS / 2);
	options.columns = SCAN_ID;
	while (next > 0) {
		struct scan *scan = scan_of(f, &options);

		for (int i = 0; i < 777 && scan_next(scan, &record) > 0; i++)
			assert_int_equal(record->id, next--);
		options.after = scan_place(scan);
		scan_free(scan);
		if (next == ROWS / 2 - 777)
			add_rows(f, ROWS / 2, ROWS / 2 + 3000);
	}
}

static void times_bound_what_is_found(void **state)
{
	struct fixture *f = *state;
	struct scan_options options = { .from_unix_ms = TEN_MS + HOUR_MS / 2,
					.to_unix_ms = TEN_MS + HOUR_MS + 1,
					.columns = 0 };
	const struct flow_record *records;
	int64_t count = 0;
	int found;

	add_rows(f, 0, ROWS / 2);
	struct scan *scan = scan_of(f, &options);
	while ((found = scan_block(scan, &records)) > 0)
		count += found;
	assert_int_equal(found, 0);
	/* the second half of ten o'clock, and the first record of eleven */
	assert_int_equal(count, ROWS / 8 + 1);
	assert_int_equal(scan_reached_unix_ms(scan), options.from_unix_ms);
	scan_free(scan);
	options.to_unix_ms = options.from_unix_ms - 1;
	assert_int_equal(scan_new(f->store, &options, &scan), -EINVAL);
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* SQLite counts what the scan is to find. */
static int64_t count_by_sql(const struct fixture *f, const struct addr *addr)
{
	char sql[256], hex[33] = "";
	int64_t count = 0;
	int len = addr->family == ADDR_IPV4 ? 4 : 16;

	for (int i = 0; i < len; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", addr->bytes[16 - len + i]);
	for (int hour = 10; hour < 14; hour++) {
		(void)snprintf(sql, sizeof(sql),
			       "SELECT count(*) FROM flows_20260115%d"
			       " WHERE src = x'%s' OR dst = x'%s'",
			       hour, hex, hex);
		count += raw_int(f, "flows.db", sql);
	}
	return count;
}

static int64_t count_by_scan(const struct fixture *f, const struct addr *addrs, size_t addr_count)
{
	struct scan_options options = everything();
	const struct flow_record *record;
	int64_t count = 0;

	options.columns = SCAN_ADDRS;
	options.addrs = addrs;
	options.addr_count = addr_count;
	struct scan *scan = scan_of(f, &options);
	while (scan_next(scan, &record) > 0) {
		bool is_one = false;

		for (size_t i = 0; i < addr_count; i++)
			is_one |= addr_is_equal(&record->tuple.src, &addrs[i]) ||
				  addr_is_equal(&record->tuple.dst, &addrs[i]);
		assert_true(is_one);
		count++;
	}
	scan_free(scan);
	return count;
}

static void no_filter_hides_a_record(void **state)
{
	struct fixture *f = *state;
	struct addr some[3] = { nth_addr(3), nth_addr(30), nth_addr(999) };
	int64_t all = 0;

	/* restarts in the middle of blocks: their filters begin again from the rows */
	add_rows(f, 0, 5000);
	add_rows(f, 5000, 9000);
	add_rows(f, 9000, ROWS);
	/* two full blocks, of four hours of 10,000 rows each has one: 16 parts */
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM filters"), 4 * 16);
	for (uint64_t n = 0; n < ADDRS; n++) {
		struct addr addr = nth_addr(n);
		int64_t found = count_by_scan(f, &addr, 1);

		assert_int_equal(found, count_by_sql(f, &addr));
		all += found;
	}
	assert_true(all > ROWS); /* each record has two ends, some the same */
	assert_int_equal(count_by_scan(f, some, 3),
			 count_by_scan(f, some, 1) + count_by_scan(f, some + 1, 1));
}

static void filter_is_damaged_and_the_block_is_read(void **state)
{
	struct fixture *f = *state;
	struct addr addr = nth_addr(13);

	add_rows(f, 0, ROWS);
	raw_exec(f, "flows.db", "UPDATE filters SET bits = x'00'");
	assert_int_equal(count_by_scan(f, &addr, 1), count_by_sql(f, &addr));
	/* and it is asked at all: an empty one passes over its block */
	raw_exec(f, "flows.db", "UPDATE filters SET bits = zeroblob(32)");
	assert_true(count_by_scan(f, &addr, 1) < count_by_sql(f, &addr));
}

/* ---- what may go wrong ----------------------------------------------------------------------- */

static void deadline_ends_it_and_it_goes_on(void **state)
{
	struct fixture *f = *state;
	struct scan_options options = everything();
	const struct flow_record *record;
	uint64_t count = 0;

	add_rows(f, 0, ROWS);
	options.deadline_ns = clock_monotonic_ns() - 1;
	struct scan *scan = scan_of(f, &options);
	assert_int_equal(scan_next(scan, &record), -ETIMEDOUT);
	assert_int_equal(scan_reached_unix_ms(scan), INT64_MAX);
	scan_set_deadline(scan, 0);
	assert_int_equal(scan_next(scan, &record), 1);
	scan_set_deadline(scan, clock_monotonic_ns() - 1);
	/* what was read is handed out all the same */
	for (count = 1; scan_next(scan, &record) > 0; count++)
		;
	assert_in_range(count, 1, 8192);
	assert_int_equal(scan_place(scan).row, record->row);
	scan_set_deadline(scan, 0);
	for (; scan_next(scan, &record) > 0; count++)
		;
	assert_int_equal(count, ROWS);
	scan_free(scan);
}

static void hour_that_is_dropped_meanwhile_ends(void **state)
{
	struct fixture *f = *state;
	struct scan_options options = everything();
	const struct flow_record *record;
	uint64_t count = 1;
	int found;

	add_rows(f, 0, ROWS);
	struct scan *scan = scan_of(f, &options);
	assert_int_equal(scan_next(scan, &record), 1);
	raw_exec(f, "flows.db", "DROP TABLE flows_2026011513; DROP TABLE flows_2026011511");
	for (; (found = scan_next(scan, &record)) > 0; count++)
		;
	assert_int_equal(found, 0);
	assert_in_range(count, 2 * ROWS / 4, 3 * ROWS / 4);
	scan_free(scan);
}

static void reader_that_stops_holds_no_connection(void **state)
{
	struct fixture *f = *state;
	struct scan_options options = everything();
	struct scan *scans[6]; /* more than there are connections */
	const struct flow_record *record;

	add_rows(f, 0, ROWS / 4);
	for (int i = 0; i < 6; i++) {
		scans[i] = scan_of(f, &options);
		assert_int_equal(scan_next(scans[i], &record), 1);
	}
	/* nothing keeps the WAL from being emptied */
	add_one(f, 1);
	assert_int_equal(raw_int_within(f, "flows.db", "SELECT count(*) FROM flows_2026011510",
					ROWS / 4 + 1),
			 ROWS / 4 + 1);
	assert_int_equal(raw_int(f, "flows.db", "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	for (int i = 0; i < 6; i++)
		scan_free(scans[i]);
}

/* As version 1 of flows.db made it. */
static void hour_of_the_first_version_is_read_and_written_on(void **state)
{
	struct fixture *f = *state;
	struct scan_options options = everything();
	const struct flow_record *record;
	int count = 0;

	raw_exec(f, "flows.db",
		 "CREATE TABLE flows_2026011510 (id INTEGER NOT NULL, end_ms INTEGER NOT NULL,"
		 " duration_ms INTEGER NOT NULL, src BLOB NOT NULL, dst BLOB NOT NULL,"
		 " src_port INTEGER NOT NULL, dst_port INTEGER NOT NULL, proto INTEGER NOT NULL,"
		 " vlan INTEGER NOT NULL, flags INTEGER NOT NULL, tcp_flags INTEGER NOT NULL,"
		 " packets_out INTEGER NOT NULL, bytes_out INTEGER NOT NULL,"
		 " packets_in INTEGER NOT NULL, bytes_in INTEGER NOT NULL) STRICT;"
		 "INSERT INTO flows_2026011510 VALUES"
		 " (9,5,0,x'C6120001',x'C6120002',1,2,6,0,62,0,1,2,3,4)");
	struct scan *scan = scan_of(f, &options);
	assert_int_equal(scan_next(scan, &record), 1);
	assert_int_equal(record->bytes_in, 4);
	assert_int_equal(record->iface, 3);
	assert_string_equal(scan_names(scan, record)->sni, "");
	assert_int_equal(scan_next(scan, &record), 0);
	scan_free(scan);
	add_rows(f, 1, 2);
	scan = scan_of(f, &options);
	while (scan_next(scan, &record) > 0)
		assert_int_equal(record->row, 2 - count++);
	assert_int_equal(count, 2);
	scan_free(scan);
}

static void address_of_a_wrong_length_is_damage(void **state)
{
	struct fixture *f = *state;
	struct scan_options options = everything();
	const struct flow_record *record;

	add_rows(f, 0, 1);
	raw_exec(f, "flows.db", "UPDATE flows_2026011510 SET src = x'010203'");
	struct scan *scan = scan_of(f, &options);
	assert_int_equal(scan_next(scan, &record), -EBADMSG);
	scan_free(scan);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(every_record_comes_back_as_it_was),
		T(names_of_an_hour_are_stored_once),
		T(scan_goes_on_from_any_place),
		T(pages_join_without_gap_while_rows_come_in),
		T(times_bound_what_is_found),
		T(no_filter_hides_a_record),
		T(filter_is_damaged_and_the_block_is_read),
		T(deadline_ends_it_and_it_goes_on),
		T(hour_that_is_dropped_meanwhile_ends),
		T(reader_that_stops_holds_no_connection),
		T(hour_of_the_first_version_is_read_and_written_on),
		T(address_of_a_wrong_length_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
