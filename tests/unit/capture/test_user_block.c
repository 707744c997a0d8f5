/*
 * What a rule drops and what it must not: targets, scopes, ends, lease, safe list, walk.
 */
#include "tests/bpf/frames.h"
#include "tests/unit/capture/user_fixture.h"

#define SRC4 0xc0000201	     /* 192.0.2.1 */
#define DST4 0xc6336402	     /* 198.51.100.2 */
#define NOW  (1000 * SECOND) /* boot time of the fixture */

static struct frame frame;
static struct kept kept;

static int in(struct capture *user)
{
	return feed_bytes(user, DIRECTION_INGRESS, frame.data, frame.len, SECOND);
}

static int out(struct capture *user)
{
	return feed_bytes(user, DIRECTION_EGRESS, frame.data, frame.len, SECOND);
}

static struct block_rule rule_of(uint32_t id, const char *target)
{
	return (struct block_rule){ .rule_id = id, .target = prefix_of(target) };
}

static void block(struct capture *user, uint32_t id, const char *target)
{
	struct block_rule rule = rule_of(id, target);

	assert_int_equal(capture_block(user, &rule), 0);
}

static uint64_t hits(struct capture *user, uint32_t id)
{
	struct block_hits counts;

	assert_int_equal(capture_block_hits(user, id, &counts), 0);
	return counts.packets;
}

static struct capture *open_with_udp4(void)
{
	frame_udp4(&frame, SRC4, 5000, DST4);
	return user_open(64);
}

static struct capture *open_with_udp6(const char *src)
{
	struct addr from = addr_of(src), to = addr_of("2001:db8:1::2");

	frame_udp6(&frame, &from, &to);
	return user_open(64);
}

static void exact_address_drops_and_counts(void **state)
{
	struct capture *user = open_with_udp4();
	struct coverage_direction counts;
	struct block_hits got;

	(void)state;
	capture_user_set_unix_ms(user, 1700000000123);
	assert_int_equal(in(user), 1);
	block(user, 7, "192.0.2.1");
	assert_int_equal(in(user), 0);
	assert_int_equal(in(user), 0);
	counts = counted(user, DIRECTION_INGRESS);
	assert_int_equal(counts.seen, 3);
	assert_int_equal(counts.dropped, 2);
	assert_int_equal(counts.dropped_bytes, 56);
	assert_int_equal(capture_block_hits(user, 7, &got), 0);
	assert_int_equal(got.packets, 2);
	assert_int_equal(got.bytes, 56);
	assert_int_equal(got.last_unix_ms, 1700000000123);
	assert_int_equal(drain(user, true, &kept), 1);
	assert_int_equal(kept.packets, 1);
	capture_close(user);
}

static void dropped_packet_comes_up_as_an_event(void **state)
{
	struct capture *user = open_with_udp4();

	(void)state;
	block(user, 7, "192.0.2.1");
	assert_int_equal(in(user), 0);
	(void)drain(user, true, &kept);
	assert_int_equal(kept.event_count, 1);
	assert_int_equal(kept.events[0].rule_id, 7);
	assert_int_equal(kept.events[0].tuple.src_port, 5000);
	assert_int_equal(kept.events[0].tuple.dst_port, 53);
	assert_int_equal(kept.events[0].ip_bytes, 28);
	assert_int_equal(kept.events[0].at_ns, SECOND);
	capture_close(user);
}

/* At one moment a burst of 64 (bpf/emit.h), then one a millisecond of the source's clock. */
static void events_have_a_budget_and_hits_do_not(void **state)
{
	struct capture *user = open_with_udp4();

	(void)state;
	block(user, 7, "192.0.2.1");
	for (int i = 0; i < 1000; i++)
		assert_int_equal(in(user), 0);
	(void)drain(user, true, &kept);
	assert_int_equal(kept.event_count, 64);
	assert_int_equal(hits(user, 7), 1000);
	(void)feed_bytes(user, DIRECTION_INGRESS, frame.data, frame.len, SECOND + 1000000);
	(void)drain(user, true, &kept);
	assert_int_equal(kept.event_count, 1);
	capture_close(user);
}

static void neighbours_pass(void **state)
{
	struct capture *user = open_with_udp4();

	(void)state;
	block(user, 1, "192.0.2.0");
	block(user, 2, "192.0.2.2");
	block(user, 3, "192.0.3.0/24");
	block(user, 4, "192.0.2.128/25");
	assert_int_equal(in(user), 1);
	capture_close(user);
}

static void prefixes_of_every_length_drop(void **state)
{
	(void)state;
	for (int len = 0; len <= 32; len++) {
		struct capture *user = open_with_udp4();
		struct block_rule rule = { .rule_id = 1 };
		char text[PREFIX_TEXT_MAX];

		(void)snprintf(text, sizeof(text), "192.0.2.1/%d", len);
		assert_int_equal(prefix_parse(text, true, &rule.target), 0);
		assert_int_equal(capture_block(user, &rule), 0);
		assert_int_equal(in(user), 0);
		assert_int_equal(capture_unblock(user, 1), 0);
		assert_int_equal(in(user), 1);
		capture_close(user);
	}
}

static void ipv6_prefixes_of_every_length_drop(void **state)
{
	(void)state;
	for (int len = 0; len <= 128; len++) {
		struct capture *user = open_with_udp6("2001:db8::1");
		struct block_rule rule = { .rule_id = 1 };
		char text[PREFIX_TEXT_MAX];

		(void)snprintf(text, sizeof(text), "2001:db8::1/%d", len);
		assert_int_equal(prefix_parse(text, true, &rule.target), 0);
		assert_int_equal(capture_block(user, &rule), 0);
		assert_int_equal(in(user), 0);
		assert_int_equal(capture_unblock(user, 1), 0);
		assert_int_equal(in(user), 1);
		capture_close(user);
	}
}

static void ipv4_rule_is_not_for_the_mapped_address(void **state)
{
	struct capture *user = user_open(64);

	(void)state;
	block(user, 1, "192.0.2.1");
	mapped6(&frame);
	assert_int_equal(in(user), 1);
	capture_close(user);
}

/* Tags, options, fragments, extension headers: no frame of a blocked source gets through. */
static void no_shape_of_frame_is_a_bypass(void **state)
{
	struct capture *user = user_open(64);

	(void)state;
	block(user, 1, "192.0.2.1");
	block(user, 2, "2001:db8::1");
	for (size_t i = 0; i < FRAME_CASES; i++) {
		const struct frame_case *one = &frame_cases[i];
		bool has_source = one->reason == IS_FLOW || one->reason == NOT_FLOW_IPV6_EXT;

		if (one->build == all_zero4 || one->build == mapped6)
			continue; /* from another address */
		frame.len = 0;
		one->build(&frame);
		if (in(user) != !has_source)
			fail_msg("%s: wrong verdict", one->name);
	}
	capture_close(user);
}

static void ingress_asks_the_source_and_egress_the_destination(void **state)
{
	struct capture *user = open_with_udp4();

	(void)state;
	block(user, 1, "198.51.100.2");
	assert_int_equal(in(user), 1);
	assert_int_equal(out(user), 0);
	assert_int_equal(capture_unblock(user, 1), 0);
	block(user, 1, "192.0.2.1");
	assert_int_equal(in(user), 0);
	assert_int_equal(out(user), 1);
	capture_close(user);
}

static void scopes_narrow_a_rule(void **state)
{
	struct capture *user = open_with_udp4();
	struct block_rule rule = rule_of(1, "192.0.2.1");

	(void)state;
	rule.direction = BLOCK_OUT;
	assert_int_equal(capture_block(user, &rule), 0);
	assert_int_equal(in(user), 1);
	rule.direction = BLOCK_IN;
	assert_int_equal(capture_block(user, &rule), 0);
	assert_int_equal(in(user), 0);
	rule.proto = 6;
	assert_int_equal(capture_block(user, &rule), 0);
	assert_int_equal(in(user), 1);
	rule.proto = 17;
	rule.port = 54;
	assert_int_equal(capture_block(user, &rule), 0);
	assert_int_equal(in(user), 1);
	rule.port = 53;
	assert_int_equal(capture_block(user, &rule), 0);
	assert_int_equal(in(user), 0);
	capture_close(user);
}

static void exact_rule_that_does_not_apply_leaves_it_to_prefixes(void **state)
{
	struct capture *user = open_with_udp4();
	struct block_rule rule = rule_of(1, "192.0.2.1");

	(void)state;
	rule.proto = 6;
	assert_int_equal(capture_block(user, &rule), 0);
	block(user, 2, "192.0.0.0/16");
	assert_int_equal(in(user), 0);
	assert_int_equal(hits(user, 1), 0);
	assert_int_equal(hits(user, 2), 1);
	capture_close(user);
}

/* Every prefix from /31 to /9 has a rule that does not apply, the widest one's does. */
static void nested_prefixes_hide_no_wider_one(void **state)
{
	struct capture *user = open_with_udp4();
	struct block_rule rule = { .rule_id = 1, .proto = 6 };

	(void)state;
	for (int len = 31; len > 8; len--, rule.rule_id++) {
		char text[PREFIX_TEXT_MAX];

		(void)snprintf(text, sizeof(text), "192.0.2.1/%d", len);
		assert_int_equal(prefix_parse(text, true, &rule.target), 0);
		assert_int_equal(capture_block(user, &rule), 0);
	}
	assert_int_equal(in(user), 1);
	block(user, rule.rule_id, "192.0.0.0/8");
	assert_int_equal(in(user), 0);
	assert_int_equal(hits(user, rule.rule_id), 1);
	capture_close(user);
}

static void count_only_counts_and_stands_in_no_way(void **state)
{
	struct capture *user = open_with_udp4();
	struct block_rule rule = rule_of(1, "192.0.2.1");

	(void)state;
	rule.action = BLOCK_COUNT;
	assert_int_equal(capture_block(user, &rule), 0);
	assert_int_equal(in(user), 1);
	assert_int_equal(hits(user, 1), 1);
	assert_int_equal(counted(user, DIRECTION_INGRESS).dropped, 0);
	block(user, 2, "192.0.2.0/24");
	assert_int_equal(in(user), 0);
	assert_int_equal(hits(user, 1), 2);
	assert_int_equal(hits(user, 2), 1);
	capture_close(user);
}

static void rule_ends_with_boot_time(void **state)
{
	struct capture *user = open_with_udp4();
	struct block_rule rule = rule_of(1, "192.0.2.1");

	(void)state;
	rule.end_boot_ns = NOW + SECOND;
	assert_int_equal(capture_block(user, &rule), 0);
	assert_int_equal(in(user), 0);
	capture_user_set_boot_ns(user, NOW + SECOND);
	assert_int_equal(in(user), 1);
	capture_close(user);
}

static void nothing_drops_beyond_the_lease(void **state)
{
	struct capture *user = open_with_udp4();

	(void)state;
	block(user, 1, "192.0.2.1");
	assert_int_equal(capture_lease(user, NOW + SECOND), 0);
	assert_int_equal(in(user), 0);
	capture_user_set_boot_ns(user, NOW + SECOND);
	assert_int_equal(in(user), 1);
	assert_int_equal(capture_lease(user, 0), 0);
	assert_int_equal(in(user), 1);
	capture_close(user);
}

static void safe_address_passes_whatever_blocks_it(void **state)
{
	struct capture *user = open_with_udp4();
	struct prefix safe = prefix_of("192.0.2.0/30");

	(void)state;
	block(user, 1, "192.0.2.1");
	block(user, 2, "192.0.0.0/16");
	assert_int_equal(in(user), 0);
	assert_int_equal(capture_safe_set(user, &safe, 1), 0);
	assert_int_equal(in(user), 1);
	assert_int_equal(capture_safe_set(user, NULL, 0), 0);
	assert_int_equal(in(user), 0);
	assert_int_equal(hits(user, 1), 2);
	capture_close(user);
}

static void safe_list_is_replaced_whole(void **state)
{
	struct capture *user = open_with_udp6("2001:db8::1");
	struct prefix lists[] = { prefix_of("2001:db8::/64"), prefix_of("2001:db8::/64"),
				  prefix_of("10.0.0.0/8") };
	struct prefix other = prefix_of("2001:db8:5::/48");

	(void)state;
	block(user, 1, "2001:db8::1");
	assert_int_equal(capture_safe_set(user, lists, 3), 0);
	assert_int_equal(in(user), 1);
	assert_int_equal(capture_safe_set(user, &other, 1), 0);
	assert_int_equal(in(user), 0);
	capture_close(user);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_address_drops_and_counts),
		cmocka_unit_test(dropped_packet_comes_up_as_an_event),
		cmocka_unit_test(events_have_a_budget_and_hits_do_not),
		cmocka_unit_test(neighbours_pass),
		cmocka_unit_test(prefixes_of_every_length_drop),
		cmocka_unit_test(ipv6_prefixes_of_every_length_drop),
		cmocka_unit_test(ipv4_rule_is_not_for_the_mapped_address),
		cmocka_unit_test(no_shape_of_frame_is_a_bypass),
		cmocka_unit_test(ingress_asks_the_source_and_egress_the_destination),
		cmocka_unit_test(scopes_narrow_a_rule),
		cmocka_unit_test(exact_rule_that_does_not_apply_leaves_it_to_prefixes),
		cmocka_unit_test(nested_prefixes_hide_no_wider_one),
		cmocka_unit_test(count_only_counts_and_stands_in_no_way),
		cmocka_unit_test(rule_ends_with_boot_time),
		cmocka_unit_test(nothing_drops_beyond_the_lease),
		cmocka_unit_test(safe_address_passes_whatever_blocks_it),
		cmocka_unit_test(safe_list_is_replaced_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
