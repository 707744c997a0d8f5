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
#include <stdio.h>
#include <string.h>

#include "agent/capture/capture.h"
#include "agent/capture/usermaps.h"
#include "agent/util/addr.h"
#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"
#include "bpf/hash.h"
#include "tests/unit/capture/user_fixture.h"

static int block_name(struct capture *user, uint32_t id, const char *name, uint8_t action)
{
	const struct block_rule rule = { .rule_id = id, .domain = name, .action = action };

	return capture_block(user, &rule);
}

static uint64_t names_held(struct capture *user)
{
	struct coverage coverage;

	assert_int_equal(capture_coverage(user, &coverage), 0);
	for (unsigned int i = 0; i < coverage.map_count; i++)
		if (!strcmp(coverage.maps[i].name, "names"))
			return coverage.maps[i].entries;
	fail_msg("no map of names");
	return 0;
}

/* A list of names that commas part, and one prefix. */
static int set_list(struct capture *user, const struct block_rule *rule, const char *names)
{
	struct prefix_set_builder *prefixes = prefix_set_builder_new(1);
	struct name_set_builder *builder = name_set_builder_new(16);
	struct prefix_set *set;
	struct prefix prefix;
	char copy[256], *rest = copy;
	int err;

	assert_int_equal(prefix_parse("203.0.113.0/24", false, &prefix), 0);
	assert_int_equal(prefix_set_builder_add(prefixes, &prefix), 0);
	(void)snprintf(copy, sizeof(copy), "%s", names);
	for (const char *name; (name = strsep(&rest, ","));)
		assert_int_equal(name_set_builder_add(builder, name), 0);
	set = prefix_set_builder_finish(prefixes);
	prefix_set_attach(set, name_set_builder_finish(builder));
	err = capture_list_set(user, rule, set);
	prefix_set_unref(set);
	return err;
}

static struct prefix_set *many(unsigned int count)
{
	struct prefix_set *set = prefix_set_builder_finish(prefix_set_builder_new(1));
	struct name_set_builder *builder = name_set_builder_new(count);
	char name[32];

	for (unsigned int i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		assert_int_equal(name_set_builder_add(builder, name), 0);
	}
	prefix_set_attach(set, name_set_builder_finish(builder));
	return set;
}

static void settle(struct capture *user)
{
	int left;

	while ((left = capture_list_step(user)) > 0)
		;
	assert_int_equal(left, 0);
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
	assert_int_equal(capture_domain_counted(user, "x.count.net"), 3);
	assert_int_equal(capture_domain_counted(user, "off.net"), 0);
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

static void of_two_rules_on_one_name_the_one_for_all_packets_is_found(void **state)
{
	struct capture *user = user_open(64);
	const struct block_rule scoped = { .rule_id = 3,
					   .domain = "example.com",
					   .proto = IPPROTO_UDP };

	(void)state;
	assert_int_equal(capture_block(user, &scoped), 0);
	assert_int_equal(capture_domain_find(user, "www.example.com"), 3);
	assert_int_equal(block_name(user, 7, "example.com", BLOCK_DROP), 0);
	assert_int_equal(capture_domain_find(user, "www.example.com"), 7);
	assert_int_equal(names_held(user), 1);
	assert_int_equal(capture_unblock(user, 7), 0);
	assert_int_equal(capture_domain_find(user, "www.example.com"), 3);
	assert_int_equal(capture_unblock(user, 3), 0);
	assert_int_equal(names_held(user), 0);
	capture_close(user);
}

static void a_list_of_names_changes_as_a_difference(void **state)
{
	struct capture *user = user_open(64);
	const struct block_rule rule = { .rule_id = 9 };

	(void)state;
	assert_int_equal(set_list(user, &rule, "a.example,b.example"), 0);
	settle(user);
	assert_int_equal(capture_domain_find(user, "x.a.example"), 9);
	assert_int_equal(capture_domain_find(user, "b.example"), 9);
	assert_int_equal(names_held(user), 2);
	assert_int_equal(set_list(user, &rule, "b.example,c.example"), 0);
	assert_int_equal(capture_domain_find(user, "b.example"), 9); /* at no moment free */
	settle(user);
	assert_int_equal(capture_domain_find(user, "a.example"), 0);
	assert_int_equal(capture_domain_find(user, "b.example"), 9);
	assert_int_equal(capture_domain_find(user, "c.example"), 9);
	/* a third before the second is there */
	assert_int_equal(set_list(user, &rule, "d.example"), 0);
	assert_int_equal(set_list(user, &rule, "e.example"), 0);
	settle(user);
	assert_int_equal(capture_domain_find(user, "d.example"), 0);
	assert_int_equal(capture_domain_find(user, "e.example"), 9);
	assert_int_equal(names_held(user), 1);
	assert_int_equal(capture_list_remove(user, 9), 0);
	assert_int_equal(capture_domain_find(user, "e.example"), 0);
	settle(user);
	assert_int_equal(names_held(user), 0);
	capture_close(user);
}

static void a_name_of_a_list_and_of_a_rule_stays_until_both_are_gone(void **state)
{
	struct capture *user = user_open(64);
	const struct block_rule rule = { .rule_id = 9 }, second = { .rule_id = 10 };

	(void)state;
	assert_int_equal(set_list(user, &rule, "example.com"), 0);
	assert_int_equal(set_list(user, &second, "example.com,example.net"), 0);
	settle(user);
	assert_int_equal(block_name(user, 4, "example.com", BLOCK_DROP), 0);
	assert_int_equal(capture_domain_find(user, "example.com"), 4);
	assert_int_equal(capture_unblock(user, 4), 0);
	assert_int_equal(capture_domain_find(user, "example.com"), 9);
	assert_int_equal(capture_list_remove(user, 9), 0);
	settle(user);
	assert_int_equal(capture_domain_find(user, "example.com"), 10);
	assert_int_equal(capture_list_remove(user, 10), 0);
	settle(user);
	assert_int_equal(names_held(user), 0);
	capture_close(user);
}

static void a_hundred_thousand_names_go_in_by_steps_and_more_than_fit_are_refused(void **state)
{
	struct capture *user = user_open(64);
	const struct block_rule rule = { .rule_id = 9 }, other = { .rule_id = 10 };
	CLEANUP(prefix_set_unref) struct prefix_set *set = many(100000);
	CLEANUP(prefix_set_unref) struct prefix_set *more = many(40000);

	(void)state;
	assert_int_equal(capture_list_set(user, &rule, set), 0);
	assert_int_equal(capture_list_step(user), 1); /* not all at once */
	settle(user);
	assert_int_equal(names_held(user), 100000);
	assert_int_equal(capture_domain_find(user, "www.n99999.example"), 9);
	assert_int_equal(capture_domain_find(user, "n100000.example"), 0);
	/* 131072 in all (bpf/maps.h) */
	assert_int_equal(capture_list_set(user, &other, more), -ENOSPC);
	assert_int_equal(capture_list_set(user, &rule, more), 0);
	settle(user);
	assert_int_equal(names_held(user), 40000);
	assert_int_equal(capture_domain_find(user, "n99999.example"), 0);
	capture_close(user);
}

static void a_flow_is_cut_for_a_name_of_a_list_as_well(void **state)
{
	struct capture *user = user_open(64);
	const struct block_rule rule = { .rule_id = 9 };
	struct five_tuple tuple = { .src_port = 50000, .dst_port = 443, .proto = IPPROTO_TCP };
	struct block_hits hits;

	(void)state;
	assert_int_equal(addr_parse("198.18.0.1", &tuple.src), 0);
	assert_int_equal(addr_parse("198.18.0.2", &tuple.dst), 0);
	assert_int_equal(set_list(user, &rule, "example.com"), 0);
	settle(user);
	assert_int_equal(capture_flow_block(user, &tuple, 9, HIT_TLS, UINT64_MAX), 0);
	assert_int_equal(capture_list_hits(user, 9, &hits), 0);
	assert_int_equal(hits.packets, 0);
	assert_int_equal(capture_name_hits(user, "example.com", &hits), 0);
	assert_int_equal(capture_name_hits(user, "example.org", &hits), -ENOENT);
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
		cmocka_unit_test(of_two_rules_on_one_name_the_one_for_all_packets_is_found),
		cmocka_unit_test(a_list_of_names_changes_as_a_difference),
		cmocka_unit_test(a_name_of_a_list_and_of_a_rule_stays_until_both_are_gone),
		cmocka_unit_test(
			a_hundred_thousand_names_go_in_by_steps_and_more_than_fit_are_refused),
		cmocka_unit_test(a_flow_is_cut_for_a_name_of_a_list_as_well),
		cmocka_unit_test(the_hash_of_a_suffix_follows_from_sums_and_the_inverse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
