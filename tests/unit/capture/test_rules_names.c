/*
 * Rules by name as core keeps them: what is found under a name, what cutting a five-tuple does to
 * its packets, and what is left after a rule or a core has gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/capture/capture.h"
#include "agent/capture/usermaps.h"
#include "agent/util/addr.h"
#include "bpf/hash.h"
#include "tests/unit/capture/user_fixture.h"

static int block_name(struct capture *user, uint32_t id, const char *name, uint8_t action)
{
	const struct block_rule rule = { .rule_id = id, .domain = name, .action = action };

	return capture_block(user, &rule);
}

static void a_name_and_all_below_it_are_found_whatever_their_case(void **state)
{
	struct capture *user = user_open(64);

	(void)state;
	assert_int_equal(block_name(user, 7, "example.com", BLOCK_DROP), 0);
	assert_int_equal(capture_domain_find(user, "example.com"), 7);
	assert_int_equal(capture_domain_find(user, "EXAMPLE.com."), 7);
	assert_int_equal(capture_domain_find(user, "a.b.Example.Com"), 7);
	assert_int_equal(capture_domain_find(user, "notexample.com"), 0);
	assert_int_equal(capture_domain_find(user, "example.com.evil.net"), 0);
	assert_int_equal(capture_domain_find(user, "com"), 0);
	assert_int_equal(capture_domain_find(user, ""), 0);
	assert_int_equal(block_name(user, 8, "example.com", BLOCK_DROP), -EEXIST);
	assert_int_equal(capture_unblock(user, 7), 0);
	assert_int_equal(capture_domain_find(user, "example.com"), 0);
	assert_int_equal(capture_unblock(user, 7), -ENOENT);
	capture_close(user);
}

static void a_name_that_is_only_counted_or_switched_off_blocks_nothing(void **state)
{
	struct capture *user = user_open(64);
	struct block_rule off = { .rule_id = 4, .domain = "off.net", .is_inactive = true };

	(void)state;
	assert_int_equal(block_name(user, 3, "count.net", BLOCK_COUNT), 0);
	assert_int_equal(capture_domain_find(user, "x.count.net"), 0);
	assert_int_equal(capture_block(user, &off), 0);
	assert_int_equal(capture_domain_find(user, "off.net"), 0);
	off.is_inactive = false;
	assert_int_equal(capture_rule_set(user, &off), 0);
	assert_int_equal(capture_domain_find(user, "off.net"), 4);
	capture_close(user);
}

static void sync_takes_away_names_that_are_not_wanted(void **state)
{
	struct capture *user = user_open(64);
	const struct block_rule wanted[] = { { .rule_id = 2, .domain = "stays.org" },
					     { .rule_id = 9, .domain = "comes.org" } };

	(void)state;
	assert_int_equal(block_name(user, 2, "stays.org", BLOCK_DROP), 0);
	assert_int_equal(block_name(user, 5, "goes.org", BLOCK_DROP), 0);
	assert_true(capture_block_sync(user, wanted, 2) > 0);
	assert_int_equal(capture_domain_find(user, "stays.org"), 2);
	assert_int_equal(capture_domain_find(user, "comes.org"), 9);
	assert_int_equal(capture_domain_find(user, "goes.org"), 0);
	assert_int_equal(capture_block_sync(user, wanted, 2), 0);
	capture_close(user);
}

static void cutting_a_five_tuple_needs_a_rule_by_name_and_ends_with_it(void **state)
{
	struct capture *user = user_open(64);
	struct five_tuple tuple = { .src_port = 50000, .dst_port = 443, .proto = IPPROTO_TCP };
	struct block_hits hits;
	struct coverage coverage;

	(void)state;
	assert_int_equal(addr_parse("198.18.0.1", &tuple.src), 0);
	assert_int_equal(addr_parse("198.18.0.2", &tuple.dst), 0);
	assert_int_equal(capture_flow_block(user, &tuple, 7, HIT_TLS, UINT64_MAX), -EINVAL);
	assert_int_equal(block_name(user, 7, "example.com", BLOCK_DROP), 0);
	assert_int_equal(capture_flow_block(user, &tuple, 7, HIT_TLS, UINT64_MAX), 0);
	assert_int_equal(capture_flow_block(user, &tuple, 7, HIT_TLS, UINT64_MAX), 0);
	assert_int_equal(capture_block_hits(user, 7, &hits), 0);
	assert_int_equal(hits.packets, 0);
	assert_int_equal(capture_coverage(user, &coverage), 0);
	for (unsigned int i = 0; i < coverage.map_count; i++)
		if (!strcmp(coverage.maps[i].name, "cut_flows"))
			assert_int_equal(coverage.maps[i].entries, 2);
	assert_int_equal(capture_unblock(user, 7), 0);
	assert_int_equal(capture_list_step(user), 0);
	assert_int_equal(capture_coverage(user, &coverage), 0);
	for (unsigned int i = 0; i < coverage.map_count; i++)
		if (!strcmp(coverage.maps[i].name, "cut_flows"))
			assert_int_equal(coverage.maps[i].entries, 0);
	capture_close(user);
}

static void the_hash_of_a_suffix_follows_from_sums_and_the_inverse(void **state)
{
	const char *name = "www.example.com";
	const uint64_t base = 0x9e3779b97f4a7c15ULL, inverse = 0xf1de83e19937733dULL;
	uint64_t power = 1;

	(void)state;
	assert_true(base * inverse == 1 && name_inverse(base) == inverse);
	for (int i = 0; i < 4; i++)
		power *= inverse;
	assert_true((name_hash(base, name, 15) - name_hash(base, name, 4)) * power ==
		    name_hash(base, "EXAMPLE.com", 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_and_all_below_it_are_found_whatever_their_case),
		cmocka_unit_test(a_name_that_is_only_counted_or_switched_off_blocks_nothing),
		cmocka_unit_test(sync_takes_away_names_that_are_not_wanted),
		cmocka_unit_test(cutting_a_five_tuple_needs_a_rule_by_name_and_ends_with_it),
		cmocka_unit_test(the_hash_of_a_suffix_follows_from_sums_and_the_inverse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
