/*
 * What one pass over the history gathers: several sums at once, and no more of a record than its
 * visitor reads.
 */
#include "tests/unit/store/fixture.h"

#include <string.h>

#include "agent/query/query.h"
#include "agent/util/snapshot.h"
#include "include/history.h"

/* 2026-01-15T10:00:00Z, from date -u -d @1768471200 */
#define TEN_MS 1768471200000LL
#define ROWS   100

/* Row i: i bytes to the destination i % 4, by the name i % 2. */
static void add_rows(struct fixture *f)
{
	for (unsigned int i = 0; i < ROWS; i++) {
		const uint8_t src[4] = { 198, 18, 0, 1 }, dst[4] = { 203, 0, 113, i % 4 };
		struct flow flow = {
			.id = i + 1, .packets_out = 1, .bytes_out = i, .end_unix_ms = TEN_MS + i
		};
		struct flow_extra extra = { 0 };

		flow.tuple.src = addr_from_ipv4(src);
		flow.tuple.dst = addr_from_ipv4(dst);
		flow.tuple.src_port = 40000;
		extra.names = flow_names_new(i % 2 ? "odd.example" : "even.example", NULL, NULL);
		assert_int_equal(store_flow_add(f->store, &flow, &extra), 0);
		flow_names_unref(extra.names);
	}
	fixture_close(f); /* everything is written */
	assert_int_equal(fixture_open(f), 0);
}

static const struct history_search all = { .to_unix_ms = INT64_MAX };

struct passes {
	struct history_groups *by_dst, *by_name;
};

static bool add_to_both(void *arg, const struct flow_record *record, const struct flow_texts *texts)
{
	struct passes *passes = arg;

	assert_int_equal(history_groups_add(passes->by_dst, record, NULL), 0);
	assert_int_equal(history_groups_add(passes->by_name, record, texts), 0);
	return true;
}

static void take_in(struct fixture *f, uint32_t room, struct passes *passes)
{
	const struct history_grouping dst = { .group = FLOW_GROUP_DST, .max = 9, .room = room };
	const struct history_grouping name = { .group = FLOW_GROUP_DOMAIN, .max = 1 };
	struct history_search search = all;
	struct history_reach reach;

	add_rows(f);
	search.needs = FLOW_NEED_ADDRS | FLOW_NEED_BYTES | FLOW_NEED_NAMES;
	assert_int_equal(history_groups_new(&dst, &passes->by_dst), 0);
	assert_int_equal(history_groups_new(&name, &passes->by_name), 0);
	assert_int_equal(store_search(f->store, &search, add_to_both, passes, &reach), 0);
	assert_true(reach.is_complete);
}

static void drop(struct passes *passes)
{
	history_groups_free(passes->by_dst);
	history_groups_free(passes->by_name);
}

/* By hand: destination k has the bytes 4 j + k of j = 0..24, 1200 + 25 k in all. */
static void one_pass_sums_by_several_groups(void **state)
{
	struct passes passes = { 0 };
	struct history_top top;

	take_in(*state, 0, &passes);
	assert_int_equal(history_groups_take(passes.by_dst, &top), 0);
	assert_true(top.is_exact);
	assert_int_equal(top.count, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(top.groups[i].key[3], 3 - i);
		assert_int_equal(top.groups[i].sums.records, 25);
		assert_int_equal(top.groups[i].sums.bytes, 1200 + 25 * (3 - i));
	}
	free(top.groups);

	assert_int_equal(history_groups_take(passes.by_name, &top), 0);
	assert_int_equal(top.distinct, 2);
	assert_int_equal(top.count, 1);
	assert_memory_equal(top.groups[0].key, "odd.example", top.groups[0].key_len);
	assert_int_equal(top.groups[0].sums.bytes, 2500); /* 1 + 3 + ... + 99 */
	assert_int_equal(top.others.bytes, 2450);	  /* 0 + 2 + ... + 98 */
	free(top.groups);
	drop(&passes);
}

static void what_has_no_room_is_counted_with_others(void **state)
{
	struct passes passes = { 0 };
	struct history_top top;
	uint64_t records, bytes;

	take_in(*state, 2, &passes);
	assert_int_equal(history_groups_take(passes.by_dst, &top), 0);
	assert_false(top.is_exact);
	assert_in_range(top.count, 1, 2);
	records = top.others.records;
	bytes = top.others.bytes;
	for (size_t i = 0; i < top.count; i++) {
		records += top.groups[i].sums.records;
		bytes += top.groups[i].sums.bytes;
	}
	assert_int_equal(records, ROWS);
	assert_int_equal(bytes, 4950);
	free(top.groups);
	drop(&passes);
}

static bool add_bytes(void *arg, const struct flow_record *record, const struct flow_texts *texts)
{
	uint64_t *bytes = arg;

	*bytes += record->bytes_out + record->bytes_in;
	assert_int_equal(record->id, 0);
	assert_int_equal(record->tuple.src_port, 0);
	assert_true(!texts->sni || !*texts->sni);
	return true;
}

static void a_visitor_gets_what_it_reads_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct history_search search = all;
	struct history_reach reach;
	uint64_t bytes = 0;

	add_rows(f);
	search.needs = FLOW_NEED_BYTES;
	assert_int_equal(store_search(f->store, &search, add_bytes, &bytes, &reach), 0);
	assert_int_equal(bytes, 4950);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_pass_sums_by_several_groups),
		TEST(what_has_no_room_is_counted_with_others),
		TEST(a_visitor_gets_what_it_reads_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
