/*
 * The flow cache: nothing counted is lost or counted twice, whatever makes room for what.
 */
#include "tests/unit/capture/user_fixture.h"

#define FLOWS 1000U

static struct frame frame;
static struct kept kept;

static int feed(struct capture *user, uint64_t at_ns)
{
	return feed_bytes(user, DIRECTION_INGRESS, frame.data, frame.len, at_ns);
}

static void one_flow_grows_in_one_slot(void **state)
{
	struct capture *user = user_open(64);

	(void)state;
	frame_udp4(&frame, 0x0a000001, 7, 0x0a000002);
	for (int i = 0; i < 5; i++)
		assert_int_equal(feed(user, SECOND + (uint64_t)i * 1000000), 1);
	assert_int_equal(drain(user, true, &kept), 1);
	assert_int_equal(kept.deltas[0].packets, 5);
	assert_int_equal(kept.deltas[0].bytes, 5 * 28);
	assert_int_equal(kept.deltas[0].first_ns, SECOND);
	assert_int_equal(kept.deltas[0].last_ns, SECOND + 4000000);
	capture_close(user);
}

static void a_second_scan_hands_up_only_what_is_new(void **state)
{
	struct capture *user = user_open(64);

	(void)state;
	frame_udp4(&frame, 0x0a000001, 7, 0x0a000002);
	feed(user, SECOND);
	assert_int_equal(drain(user, true, &kept), 1);
	assert_int_equal(drain(user, true, &kept), 0);
	feed(user, 2 * SECOND);
	feed(user, 2 * SECOND);
	assert_int_equal(drain(user, true, &kept), 1);
	assert_int_equal(kept.packets, 2);
	capture_close(user);
}

static void rings_alone_hand_up_what_made_room(void **state)
{
	struct capture *user = user_open(4);

	(void)state;
	for (uint16_t port = 1; port <= 5; port++) {
		frame_udp4(&frame, 0x0a000001, port, 0x0a000002);
		feed(user, SECOND * port);
	}
	assert_int_equal(drain(user, false, &kept), 1);
	/* the longest idle of the four made room for the fifth */
	assert_int_equal(kept.deltas[0].tuple.src_port, 1);
	assert_int_equal(drain(user, true, &kept), 4);
	capture_close(user);
}

static void directions_are_flows_of_their_own(void **state)
{
	struct capture *user = user_open(64);

	(void)state;
	frame_udp4(&frame, 0x0a000001, 7, 0x0a000002);
	feed(user, SECOND);
	assert_int_equal(feed_bytes(user, DIRECTION_EGRESS, frame.data, frame.len, SECOND), 1);
	assert_int_equal(drain(user, true, &kept), 2);
	assert_int_equal(counted(user, DIRECTION_INGRESS).in_flows, 1);
	assert_int_equal(counted(user, DIRECTION_EGRESS).in_flows, 1);
	capture_close(user);
}

static void vlan_is_an_attribute_not_a_key(void **state)
{
	struct capture *user = user_open(64);

	(void)state;
	frame_udp4(&frame, 0xc0000201, 5000, 0xc6336402);
	feed(user, SECOND);
	frame.len = 0;
	put_ether(&frame, 0x8100);
	put_tag(&frame, 42, 0x0800);
	put_ipv4(&frame, 5, 28, 0, 17);
	put_udp(&frame);
	feed(user, SECOND);
	assert_int_equal(drain(user, true, &kept), 1);
	assert_int_equal(kept.deltas[0].packets, 2);
	assert_int_equal(kept.deltas[0].vlan, 42);
	capture_close(user);
}

static void tcp_flags_are_ored_over_the_slots_life(void **state)
{
	static const unsigned int flags[] = { 0x02, 0x10, 0x18, 0x11 };
	struct capture *user = user_open(64);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		frame.len = 0;
		put_ether(&frame, 0x0800);
		put_ipv4(&frame, 5, 40, 0, 6);
		put_tcp(&frame, flags[i]);
		feed(user, SECOND);
	}
	assert_int_equal(drain(user, true, &kept), 1);
	assert_int_equal(kept.deltas[0].tcp_flags, 0x1b);
	capture_close(user);
}

/* Sums per source port of everything handed up. */
static void add_up(const struct kept *got, uint64_t packets[FLOWS])
{
	assert_true(got->delta_count <= KEPT_MAX);
	for (size_t i = 0; i < got->delta_count; i++)
		packets[got->deltas[i].tuple.src_port] += got->deltas[i].packets;
}

/* 1000 flows through 16 slots, drained and scanned at odd moments: each exact. */
static void every_flow_is_exact_under_eviction(void **state)
{
	static uint64_t want[FLOWS], got[FLOWS];
	struct capture *user = user_open(16);
	uint32_t random = 1;
	struct coverage_direction counts;

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		uint16_t port;

		random = random * 1664525 + 1013904223;
		port = (uint16_t)((random >> 16) % FLOWS);
		frame_udp4(&frame, 0x0a000001 + port, port, 0x0a000002);
		assert_int_equal(feed(user, i * 100000ULL), 1);
		want[port]++;
		if (random % 1000 == 0 || i % 3000 == 0) {
			assert_true(drain(user, random & 0x10000, &kept) >= 0);
			add_up(&kept, got);
		}
	}
	assert_true(drain(user, true, &kept) >= 0);
	add_up(&kept, got);
	assert_memory_equal(want, got, sizeof(want));
	counts = counted(user, DIRECTION_INGRESS);
	assert_int_equal(counts.seen, 200000);
	assert_int_equal(counts.in_flows, 200000);
	assert_int_equal(counts.bytes, 200000 * 28);
	assert_int_equal(counts.unattributed, 0);
	capture_close(user);
}

/* No drain: the ring fills, old flows stay, new packets are counted as unattributed, exactly. */
static void full_ring_keeps_old_flows_and_counts_new_packets(void **state)
{
	struct capture *user = user_open(4);
	struct coverage_direction counts;
	const uint64_t fed = 4 * CAPTURE_USER_BURST;

	(void)state;
	for (uint32_t i = 0; i < fed; i++) {
		frame_udp4(&frame, 0x0a000000 + i, 1, 0x0b000000);
		assert_int_equal(feed(user, SECOND), 1);
	}
	assert_true(drain(user, true, &kept) > 0);
	counts = counted(user, DIRECTION_INGRESS);
	assert_int_equal(counts.seen, fed);
	assert_true(counts.unattributed > 0);
	assert_int_equal(counts.in_flows + counts.unattributed, fed);
	assert_int_equal(kept.packets, counts.in_flows);
	capture_close(user);
}

static void burst_never_overflows_the_ring(void **state)
{
	struct capture *user = user_open(4);
	struct addr src = addr_of("2001:db8::1"), dst = addr_of("2001:db8::2");

	(void)state;
	for (uint32_t i = 0; i < CAPTURE_USER_BURST; i++) {
		memcpy(src.bytes + 12, &i, sizeof(i));
		frame_udp6(&frame, &src, &dst);
		assert_int_equal(feed(user, SECOND), 1);
	}
	assert_int_equal(drain(user, true, &kept), CAPTURE_USER_BURST);
	assert_int_equal(counted(user, DIRECTION_INGRESS).unattributed, 0);
	capture_close(user);
}

static void sizes_that_are_no_power_of_two_are_refused(void **state)
{
	struct capture *user = NULL;

	(void)state;
	assert_int_equal(capture_user_new(0, &user), -EINVAL);
	assert_int_equal(capture_user_new(2, &user), -EINVAL);
	assert_int_equal(capture_user_new(12, &user), -EINVAL);
	assert_int_equal(capture_user_new(1U << 21, &user), -EINVAL);
	assert_null(user);
}

static void interfaces_have_room_for_64(void **state)
{
	struct capture *user = user_open(64);
	struct capture_frame fed = { .iface = 63 };

	(void)state;
	for (int i = 1; i < COVERAGE_IFACES_MAX; i++)
		assert_int_equal(capture_user_add_iface(user, "x"), i);
	assert_int_equal(capture_user_add_iface(user, "x"), -ENOSPC);
	frame_udp4(&frame, 0x0a000001, 7, 0x0a000002);
	fed.data = frame.data;
	fed.len = frame.len;
	assert_int_equal(capture_user_feed(user, &fed), 1);
	assert_int_equal(drain(user, true, &kept), 1);
	assert_int_equal(kept.deltas[0].iface, 63);
	capture_close(user);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flow_grows_in_one_slot),
		cmocka_unit_test(a_second_scan_hands_up_only_what_is_new),
		cmocka_unit_test(rings_alone_hand_up_what_made_room),
		cmocka_unit_test(directions_are_flows_of_their_own),
		cmocka_unit_test(vlan_is_an_attribute_not_a_key),
		cmocka_unit_test(tcp_flags_are_ored_over_the_slots_life),
		cmocka_unit_test(every_flow_is_exact_under_eviction),
		cmocka_unit_test(full_ring_keeps_old_flows_and_counts_new_packets),
		cmocka_unit_test(burst_never_overflows_the_ring),
		cmocka_unit_test(sizes_that_are_no_power_of_two_are_refused),
		cmocka_unit_test(interfaces_have_room_for_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
