/*
 * The loader's decisions that need no kernel: sizes, clock, choice of interfaces, netlink bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/capture/kernel.h"
#include "agent/capture/kernel_netlink.h"
#include "agent/capture/kernel_nlmsg.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- sizes and clock ----------------------------------------------------------------------------
 */

static void flow_sets_hold_the_slots_asked_for(void **state)
{
	(void)state;
	assert_int_equal(kernel_flow_sets(8192, 2), 2048);   /* 8192 slots / 4 ways */
	assert_int_equal(kernel_flow_sets(65536, 4), 16384); /* 4 * 65536 * 240 bytes = 60 MiB */
}

static void flow_sets_halve_until_all_cpus_fit_64_mib(void **state)
{
	(void)state;
	/* 240 CPUs, 240 bytes a pair of slots with shadows: 1165 slots would fill 64 MiB. */
	assert_int_equal(kernel_flow_sets(8192, 240), 1024 / 4);
	assert_true(kernel_flow_sets(65536, KERNEL_CPUS_MAX) >= 1);
}

static void clock_snaps_to_the_tick_of_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(kernel_clock_snap(4003000), 4000000);	/* HZ=250 */
	assert_int_equal(kernel_clock_snap(9990000), 10000000); /* HZ=100 */
	assert_int_equal(kernel_clock_snap(999500), 1000000);	/* HZ=1000 */
	assert_int_equal(kernel_clock_snap(3333000), 3333333);	/* HZ=300 */
}

static void clock_keeps_what_is_no_known_tick(void **state)
{
	(void)state;
	assert_int_equal(kernel_clock_snap(7000000), 7000000);
}

static void clock_knows_exact_ticks_from_near_ones(void **state)
{
	(void)state;
	assert_true(kernel_clock_is_exact(4000000));
	assert_true(kernel_clock_is_exact(3333333));
	assert_false(kernel_clock_is_exact(4000001));
	assert_false(kernel_clock_is_exact(0));
}

/* ---- choice -------------------------------------------------------------------------------------
 */

static void choose(struct kernel_device *items, size_t count, const char *interfaces)
{
	struct kernel_devices devices = { .items = items, .count = count };

	(void)kernel_choose(&devices, interfaces);
}

static void choose_auto_takes_every_default_route(void **state)
{
	struct kernel_device items[] = {
		{ .ifindex = 1, .name = "lo", .is_loopback = true },
		{ .ifindex = 2, .name = "eth0", .has_default_route = true },
		{ .ifindex = 3, .name = "wlan0", .has_default_route = true },
		{ .ifindex = 4, .name = "eth1" },
	};

	(void)state;
	choose(items, COUNT(items), "auto");
	assert_false(items[0].is_chosen);
	assert_true(items[1].is_chosen);
	assert_true(items[2].is_chosen);
	assert_false(items[3].is_chosen);
}

static void choose_takes_names_and_globs(void **state)
{
	struct kernel_device items[] = {
		{ .ifindex = 2, .name = "eth0" },
		{ .ifindex = 3, .name = "eth10" },
		{ .ifindex = 4, .name = "wg0" },
		{ .ifindex = 5, .name = "wg10" },
	};

	(void)state;
	choose(items, COUNT(items), "eth*, wg0");
	assert_true(items[0].is_chosen);
	assert_true(items[1].is_chosen);
	assert_true(items[2].is_chosen);
	assert_false(items[3].is_chosen);
}

static void choose_drops_a_bridge_over_a_chosen_port(void **state)
{
	struct kernel_device items[] = {
		{ .ifindex = 2, .name = "br0" },
		{ .ifindex = 3, .name = "eth0", .master = 2 },
	};

	(void)state;
	choose(items, COUNT(items), "br0,eth0");
	assert_false(items[0].is_chosen);
	assert_true(items[0].is_covered);
	assert_true(items[1].is_chosen);
}

static void choose_keeps_a_bridge_whose_ports_are_not_asked_for(void **state)
{
	struct kernel_device items[] = {
		{ .ifindex = 2, .name = "br0", .has_default_route = true },
		{ .ifindex = 3, .name = "eth0", .master = 2 },
	};

	(void)state;
	choose(items, COUNT(items), "auto");
	assert_true(items[0].is_chosen);
	assert_false(items[1].is_chosen);
}

static void choose_looks_through_vlan_on_bond_on_port(void **state)
{
	struct kernel_device items[] = {
		{ .ifindex = 4, .name = "bond0.7", .lower = 3 },
		{ .ifindex = 3, .name = "bond0" },
		{ .ifindex = 2, .name = "eth0", .master = 3 },
	};

	(void)state;
	choose(items, COUNT(items), "bond0.7,eth0");
	assert_false(items[0].is_chosen);
	assert_true(items[2].is_chosen);
	choose(items, COUNT(items), "*");
	assert_false(items[0].is_chosen);
	assert_false(items[1].is_chosen);
	assert_true(items[2].is_chosen);
}

static void choose_ends_on_a_ring_of_devices(void **state)
{
	struct kernel_device items[] = {
		{ .ifindex = 2, .name = "a", .master = 3, .lower = 3 },
		{ .ifindex = 3, .name = "b", .master = 2, .lower = 2 },
		{ .ifindex = 4, .name = "c" },
	};

	(void)state;
	choose(items, COUNT(items), "*");
	assert_true(items[2].is_chosen);
}

/* ---- netlink
 * ------------------------------------------------------------------------------------- */

static void attributes_past_the_end_are_not_read(void **state)
{
	_Alignas(4) uint8_t bytes[16] = { 8, 0, 1, 0, 1, 2, 3, 4, 200, 0, 2, 0 };
	const struct rtattr *attrs[4];

	(void)state;
	nlmsg_attrs((const struct rtattr *)bytes, sizeof(bytes), attrs, 3);
	assert_int_equal(nlmsg_u32(attrs[1]), 0x04030201);
	assert_null(attrs[2]);
}

static void an_attribute_shorter_than_its_header_ends_the_walk(void **state)
{
	_Alignas(4) uint8_t bytes[12] = { 3, 0, 1, 0, 8, 0, 2, 0 };
	const struct rtattr *attrs[4];

	(void)state;
	nlmsg_attrs((const struct rtattr *)bytes, sizeof(bytes), attrs, 3);
	assert_null(attrs[1]);
	assert_null(attrs[2]);
}

static void text_is_cut_and_terminated(void **state)
{
	_Alignas(4) uint8_t bytes[12] = { 12, 0, 1, 0, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' };
	char text[4];

	(void)state;
	nlmsg_text((const struct rtattr *)bytes, text, sizeof(text));
	assert_string_equal(text, "abc");
	nlmsg_text(NULL, text, sizeof(text));
	assert_string_equal(text, "");
}

static void a_short_value_reads_as_zero(void **state)
{
	_Alignas(4) uint8_t bytes[8] = { 6, 0, 1, 0, 1, 2 };

	(void)state;
	assert_int_equal(nlmsg_u32((const struct rtattr *)bytes), 0);
}

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

static void a_row_is_copied_with_its_texts_ended(void **state)
{
	struct kernel_row row = { .is_used = 1, .ifindex = 7, .seq = 4 };
	struct kernel_row copy;

	(void)state;
	memset(row.name, 'x', sizeof(row.name));
	memset(row.note, 'y', sizeof(row.note));
	assert_true(kernel_rows_copy(&row, &copy));
	assert_int_equal(copy.ifindex, 7);
	assert_int_equal(strlen(copy.name), sizeof(copy.name) - 1);
	assert_int_equal(strlen(copy.note), sizeof(copy.note) - 1);
}

static void an_unused_row_is_said_to_be(void **state)
{
	const struct kernel_row row = { 0 };
	struct kernel_row copy;

	(void)state;
	assert_false(kernel_rows_copy(&row, &copy));
}

static void pin_path_follows_the_state_directory(void **state)
{
	char one[128];
	char same[128];
	char other[128];

	(void)state;
	assert_int_equal(capture_pin_path("/tmp", one, sizeof(one)), 0);
	assert_int_equal(capture_pin_path("/tmp/", same, sizeof(same)), 0);
	assert_int_equal(capture_pin_path("/usr", other, sizeof(other)), 0);
	assert_string_equal(one, same);
	assert_string_not_equal(one, other);
	assert_int_equal(strncmp(one, "/run/sluice-bpf/", 16), 0);
	assert_int_equal(strlen(one), 16 + 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flow_sets_hold_the_slots_asked_for),
		cmocka_unit_test(flow_sets_halve_until_all_cpus_fit_64_mib),
		cmocka_unit_test(clock_snaps_to_the_tick_of_the_kernel),
		cmocka_unit_test(clock_keeps_what_is_no_known_tick),
		cmocka_unit_test(clock_knows_exact_ticks_from_near_ones),
		cmocka_unit_test(choose_auto_takes_every_default_route),
		cmocka_unit_test(choose_takes_names_and_globs),
		cmocka_unit_test(choose_drops_a_bridge_over_a_chosen_port),
		cmocka_unit_test(choose_keeps_a_bridge_whose_ports_are_not_asked_for),
		cmocka_unit_test(choose_looks_through_vlan_on_bond_on_port),
		cmocka_unit_test(choose_ends_on_a_ring_of_devices),
		cmocka_unit_test(attributes_past_the_end_are_not_read),
		cmocka_unit_test(an_attribute_shorter_than_its_header_ends_the_walk),
		cmocka_unit_test(text_is_cut_and_terminated),
		cmocka_unit_test(a_short_value_reads_as_zero),
		cmocka_unit_test(a_row_is_copied_with_its_texts_ended),
		cmocka_unit_test(an_unused_row_is_said_to_be),
		cmocka_unit_test(pin_path_follows_the_state_directory),
	};

	return cmocka_run_group_tests_name("kernel_parts", tests, NULL, NULL);
}
