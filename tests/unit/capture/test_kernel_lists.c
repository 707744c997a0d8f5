/*
 * Lists in the kernel's maps: batches of all four kinds of entries, versions, a restart. Needs root
 * and BPF; skipped elsewhere.
 */
#include "tests/unit/capture/kernel_fixture.h"

#include "agent/util/prefix_set.h"

#define MANY 3000 /* of each kind: several batches */

static void add(struct prefix_set_builder *builder, const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, true, &prefix), 0);
	assert_int_equal(prefix_set_builder_add(builder, &prefix), 0);
}

/* Addresses and prefixes of both families, beside @extra. */
static struct prefix_set *many(unsigned int from, const char *extra)
{
	struct prefix_set_builder *builder = prefix_set_builder_new(4 * MANY + 1);
	struct prefix_set *set;

	for (unsigned int i = from; i < from + MANY; i++) {
		static const char *const forms[] = { "10.%u.%u.1", "11.%u.%u.0/24",
						     "2001:db8:%x:%x::1", "2001:db9:%x:%x::/64" };

		for (int form = 0; form < 4; form++) {
			char text[PREFIX_TEXT_MAX];

			(void)snprintf(text, sizeof(text), forms[form], i >> 8, i & 255);
			add(builder, text);
		}
	}
	if (extra)
		add(builder, extra);
	set = prefix_set_builder_finish(builder);
	assert_non_null(set);
	return set;
}

static void put_list(struct kernel_fixture *fixture, struct prefix_set *set)
{
	const struct block_rule rule = { .rule_id = 9 };

	assert_int_equal(capture_list_set(fixture->capture, &rule, set), 0);
	prefix_set_unref(set);
}

static void settle(struct kernel_fixture *fixture)
{
	int left;

	do
		left = capture_list_step(fixture->capture);
	while (left > 0);
	assert_int_equal(left, 0);
}

static uint64_t entries(struct kernel_fixture *fixture)
{
	uint64_t sum = 0;

	assert_int_equal(capture_coverage(fixture->capture, &fixture->coverage), 0);
	for (unsigned int i = 0; i < fixture->coverage.map_count; i++)
		if (!strncmp(fixture->coverage.maps[i].name, "rules_", 6))
			sum += fixture->coverage.maps[i].entries;
	return sum;
}

static void open_core(struct kernel_fixture *fixture)
{
	assert_int_equal(start(fixture, "a0", "auto"), 0);
	assert_int_equal(capture_kernel_open(fixture->kernel, &fixture->capture), 0);
}

static void drops(struct kernel_fixture *fixture, uint64_t count, uint64_t dropped)
{
	send_frames("b0", (unsigned int)count, 1);
	fixture->packets[DIRECTION_INGRESS] = 0;
	for (int i = 0; i < 200; i++) {
		drain(fixture);
		if (find_iface(fixture, "a0")->dir[DIRECTION_INGRESS].dropped == dropped)
			break;
		usleep(10000);
	}
	assert_int_equal(find_iface(fixture, "a0")->dir[DIRECTION_INGRESS].dropped, dropped);
}

static void versions_follow_one_another_and_hits_stay(void **state)
{
	struct kernel_fixture *fixture = *state;
	struct block_hits hits = { 0 };
	struct prefix target;

	open_core(fixture);
	put_list(fixture, many(0, "192.0.2.0/24"));
	settle(fixture);
	assert_int_equal(entries(fixture), 4 * MANY + 1);
	drops(fixture, 100, 100);
	/* half of it is the next version's */
	put_list(fixture, many(MANY / 2, "192.0.2.0/24"));
	settle(fixture);
	assert_int_equal(entries(fixture), 4 * MANY + 1);
	assert_int_equal(prefix_parse("192.0.2.0/24", false, &target), 0);
	assert_int_equal(capture_target_hits(fixture->capture, &target, &hits), 0);
	assert_int_equal(hits.packets, 100);
	for (int i = 0; i < 300 && hits.packets != 0; i++) {
		settle(fixture);
		assert_int_equal(capture_list_hits(fixture->capture, 9, &hits), 0);
		if (hits.packets)
			break;
		hits.packets = 1;
		usleep(10000);
	}
	assert_int_equal(hits.packets, 100);
	put_list(fixture, many(MANY / 2, NULL));
	settle(fixture);
	assert_int_equal(entries(fixture), 4 * MANY);
	drops(fixture, 50, 100);
	assert_int_equal(capture_list_remove(fixture->capture, 9), 0);
	settle(fixture);
	assert_int_equal(entries(fixture), 0);
}

static void a_restart_finds_the_list_in_force(void **state)
{
	struct kernel_fixture *fixture = *state;
	const struct block_rule rule = { .rule_id = 4, .target = { { { 0 }, 0 }, 0 } };
	struct block_rule person = rule;
	struct block_hits hits;

	assert_int_equal(prefix_parse("192.0.2.0/24", false, &person.target), 0);
	open_core(fixture);
	put_list(fixture, many(0, "192.0.2.0/24"));
	assert_int_equal(capture_block(fixture->capture, &person), 0);
	settle(fixture);
	drops(fixture, 10, 10);
	stop(fixture);
	open_core(fixture);
	assert_int_equal(entries(fixture), 4 * MANY + 1);
	assert_int_equal(capture_block_sync(fixture->capture, &person, 1), 1);
	drops(fixture, 10, 20);
	put_list(fixture, many(MANY / 2, "192.0.2.0/24"));
	assert_int_equal(capture_block_settle(fixture->capture), 0);
	settle(fixture);
	assert_int_equal(entries(fixture), 4 * MANY + 1);
	assert_int_equal(capture_target_hits(fixture->capture, &person.target, &hits), 0);
	assert_int_equal(hits.packets, 20);
	assert_int_equal(capture_unblock(fixture->capture, 4), 0);
	drops(fixture, 10, 30);
}

#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup_pair, teardown_pair)

int main(void)
{
	struct CMUnitTest tests[] = {
		LIVE(versions_follow_one_another_and_hits_stay),
		LIVE(a_restart_finds_the_list_in_force),
	};

	for (size_t i = 0; geteuid() != 0 && i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i] = (struct CMUnitTest){ .name = tests[i].name, .test_func = skipped };
	if (geteuid() != 0)
		return cmocka_run_group_tests_name("kernel_lists", tests, NULL, NULL);
	return cmocka_run_group_tests_name("kernel_lists", tests, enter_namespaces,
					   leave_namespaces);
}
