/*
 * The loader and core's source on a real kernel, in a network namespace of the test's own. Needs
 * root and BPF; skipped elsewhere.
 */
#include "tests/unit/capture/kernel_fixture.h"

#include <poll.h>
#include <sys/prctl.h>

#include "agent/util/rights.h"

static void start_and_open(struct kernel_fixture *fixture, const char *mode)
{
	assert_int_equal(start(fixture, "a0", mode), 0);
	assert_int_equal(capture_kernel_open(fixture->kernel, &fixture->capture), 0);
}

static struct block_rule rule_on(const char *text)
{
	struct block_rule rule = { .rule_id = 3 };

	assert_int_equal(prefix_parse(text, false, &rule.target), 0);
	return rule;
}

static void assert_sums_up(const struct coverage_direction *dir)
{
	uint64_t not_flow = 0;

	for (int i = 0; i < NOT_FLOW_COUNT; i++)
		not_flow += dir->not_flow[i];
	assert_int_equal(dir->seen, dir->in_flows + dir->dropped + not_flow + dir->unattributed);
}

/* ---- counting
 * ------------------------------------------------------------------------------------ */

static void count_both_ways(struct kernel_fixture *fixture, const char *mode)
{
	const struct coverage_iface *a0;

	start_and_open(fixture, mode);
	send_frames("b0", 3000, 7);
	send_frames("a0", 2000, 5);
	drain_until_seen(fixture, DIRECTION_INGRESS, 3000);
	drain_until_seen(fixture, DIRECTION_EGRESS, 2000);
	a0 = find_iface(fixture, "a0");
	assert_int_equal(fixture->packets[DIRECTION_INGRESS], 3000);
	assert_int_equal(fixture->bytes[DIRECTION_INGRESS], 3000 * IP_BYTES);
	assert_int_equal(a0->dir[DIRECTION_INGRESS].wire_bytes, 3000 * FRAME_BYTES);
	assert_int_equal(fixture->packets[DIRECTION_EGRESS], 2000);
	assert_int_equal(fixture->bytes[DIRECTION_EGRESS], 2000 * IP_BYTES);
	assert_sums_up(&a0->dir[DIRECTION_INGRESS]);
	assert_sums_up(&a0->dir[DIRECTION_EGRESS]);
}

static void xdp_hands_up_every_packet_once(void **state)
{
	struct kernel_fixture *fixture = *state;

	count_both_ways(fixture, "auto");
	assert_int_equal(find_iface(fixture, "a0")->mode, ATTACH_XDP);
}

static void tc_hands_up_every_packet_once(void **state)
{
	struct kernel_fixture *fixture = *state;

	count_both_ways(fixture, "tc");
	assert_int_equal(find_iface(fixture, "a0")->mode, ATTACH_TC);
}

static void more_flows_than_slots_are_all_counted(void **state)
{
	struct kernel_fixture *fixture = *state;

	start_and_open(fixture, "auto");
	/* 1024 slots a CPU: most of these make room through the eviction rings. */
	send_frames("b0", 30000, 10000);
	drain_until_seen(fixture, DIRECTION_INGRESS, 30000);
	assert_int_equal(fixture->packets[DIRECTION_INGRESS], 30000);
	assert_int_equal(find_iface(fixture, "a0")->dir[DIRECTION_INGRESS].unattributed, 0);
}

/* A ring of 4 MiB holds 47,000 records of evicted flows: some record lies across its end. */
static void rings_go_around(void **state)
{
	struct kernel_fixture *fixture = *state;

	start_and_open(fixture, "auto");
	for (uint64_t pass = 1; pass <= 10; pass++) {
		send_frames("b0", 30000, 10000);
		drain_until_seen(fixture, DIRECTION_INGRESS, pass * 30000);
		assert_int_equal(fixture->packets[DIRECTION_INGRESS], pass * 30000);
		assert_int_equal(fixture->bytes[DIRECTION_INGRESS], pass * 30000 * IP_BYTES);
	}
	assert_int_equal(find_iface(fixture, "a0")->dir[DIRECTION_INGRESS].unattributed, 0);
}

static void restart_goes_on_without_gap_or_double_count(void **state)
{
	struct kernel_fixture *fixture = *state;

	start_and_open(fixture, "auto");
	send_frames("b0", 500, 9);
	drain_until_seen(fixture, DIRECTION_INGRESS, 500);
	send_frames("b0", 500, 9); /* left to the next one */
	stop(fixture);
	send_frames("b0", 500, 9); /* nobody there but the pins */
	start_and_open(fixture, "auto");
	send_frames("b0", 500, 9);
	drain_until_seen(fixture, DIRECTION_INGRESS, 2000);
	assert_int_equal(fixture->packets[DIRECTION_INGRESS], 2000);
}

static void another_cache_size_drains_the_old_one(void **state)
{
	struct kernel_fixture *fixture = *state;
	struct capture_kernel_options options = {
		.flow_slots = 4096,
		.mode = "auto",
		.interfaces = "a0",
		.pin_dir = fixture->pin_dir,
	};

	start_and_open(fixture, "auto");
	send_frames("b0", 5000, 2500);
	stop(fixture); /* never drained */
	assert_int_equal(capture_kernel_load(&options, &fixture->kernel, fixture->error), 0);
	assert_int_equal(capture_kernel_attach(fixture->kernel, fixture->error), 0);
	assert_int_equal(capture_kernel_open(fixture->kernel, &fixture->capture), 0);
	send_frames("b0", 1000, 9);
	drain_until_seen(fixture, DIRECTION_INGRESS, 6000);
	assert_int_equal(fixture->packets[DIRECTION_INGRESS], 6000);
}

/* ---- blocking
 * ------------------------------------------------------------------------------------ */

static void block_and_count(struct kernel_fixture *fixture, const char *mode)
{
	const struct block_rule rule = rule_on("192.0.2.0/24");
	struct block_hits hits;

	start_and_open(fixture, mode);
	assert_int_equal(capture_block(fixture->capture, &rule), 0);
	send_frames("b0", 100, 1);
	drain_until_seen(fixture, DIRECTION_INGRESS, 100);
	assert_int_equal(find_iface(fixture, "a0")->dir[DIRECTION_INGRESS].dropped, 100);
	assert_int_equal(fixture->packets[DIRECTION_INGRESS], 0);
	assert_int_equal(capture_block_hits(fixture->capture, 3, &hits), 0);
	assert_int_equal(hits.packets, 100);
	assert_int_equal(hits.bytes, 100 * IP_BYTES);
	assert_true(clock_unix_ms() - hits.last_unix_ms < 10000);
	assert_int_equal(capture_unblock(fixture->capture, 3), 0);
	send_frames("b0", 50, 1);
	drain_until_seen(fixture, DIRECTION_INGRESS, 150);
	assert_int_equal(fixture->packets[DIRECTION_INGRESS], 50);
}

static void xdp_drops_what_is_blocked(void **state)
{
	block_and_count(*state, "auto");
}

static void tc_drops_what_is_blocked(void **state)
{
	block_and_count(*state, "tc");
}

static void pins_block_when_nobody_runs_until_panic(void **state)
{
	struct kernel_fixture *fixture = *state;
	const struct block_rule rule = rule_on("192.0.2.1");

	start_and_open(fixture, "auto");
	assert_int_equal(capture_block(fixture->capture, &rule), 0);
	stop(fixture);
	send_frames("b0", 40, 1);
	assert_int_equal(capture_panic(fixture->pin_dir, true), 0);
	send_frames("b0", 30, 1);
	start_and_open(fixture, "auto");
	assert_true(capture_is_panicked(fixture->capture));
	drain_until_seen(fixture, DIRECTION_INGRESS, 70);
	assert_int_equal(find_iface(fixture, "a0")->dir[DIRECTION_INGRESS].dropped, 40);
	assert_int_equal(fixture->packets[DIRECTION_INGRESS], 30);
	assert_int_equal(capture_panic(fixture->pin_dir, false), 0);
	assert_false(capture_is_panicked(fixture->capture));
}

static void panic_says_when_nothing_is_pinned(void **state)
{
	struct kernel_fixture *fixture = *state;

	assert_int_equal(capture_panic(fixture->pin_dir, true), -ENOENT);
}

/* ---- interfaces
 * ---------------------------------------------------------------------------------- */

static void follow_news(struct kernel_fixture *fixture)
{
	struct pollfd poll_fd = {
		.fd = capture_kernel_netlink_fd(fixture->kernel),
		.events = POLLIN,
	};

	assert_int_equal(poll(&poll_fd, 1, 2000), 1);
	assert_int_equal(capture_kernel_follow(fixture->kernel), 0);
}

static void a_device_made_anew_keeps_its_index_and_counts(void **state)
{
	struct kernel_fixture *fixture = *state;
	unsigned int index;

	start_and_open(fixture, "auto");
	send_frames("b0", 10, 1);
	drain_until_seen(fixture, DIRECTION_INGRESS, 10);
	index = find_iface(fixture, "a0")->index;
	RUN("ip", "link", "del", "a0");
	follow_news(fixture);
	drain(fixture);
	assert_int_equal(find_iface(fixture, "a0")->ifindex, 0);
	make_pair();
	follow_news(fixture);
	send_frames("b0", 10, 1);
	drain_until_seen(fixture, DIRECTION_INGRESS, 20);
	assert_int_equal(find_iface(fixture, "a0")->index, index);
	assert_int_equal(find_iface(fixture, "a0")->ifindex, if_nametoindex("a0"));
}

static void a_missing_interface_is_named(void **state)
{
	struct kernel_fixture *fixture = *state;

	assert_int_equal(start(fixture, "nosuch0", "auto"), -ENODEV);
	assert_non_null(strstr(fixture->error, "nosuch0"));
}

static void a_driver_without_xdp_is_said_and_tc_is_used(void **state)
{
	struct kernel_fixture *fixture = *state;

	assert_int_equal(start(fixture, "lo", "auto"), 0);
	assert_int_equal(capture_kernel_open(fixture->kernel, &fixture->capture), 0);
	drain(fixture);
	assert_int_equal(find_iface(fixture, "lo")->mode, ATTACH_TC);
	assert_non_null(strstr(find_iface(fixture, "lo")->note, "native"));
	stop(fixture);
	assert_int_equal(start(fixture, "lo", "xdp"), -EOPNOTSUPP);
	assert_non_null(strstr(fixture->error, "lo: "));
}

static void the_ingress_qdisc_is_said_to_be_in_the_way(void **state)
{
	struct kernel_fixture *fixture = *state;

	RUN("tc", "qdisc", "add", "dev", "a0", "ingress");
	assert_int_equal(start(fixture, "a0", "tc"), -EBUSY);
	assert_non_null(strstr(fixture->error, "tc qdisc del dev a0 ingress"));
}

/* ---- rights
 * -------------------------------------------------------------------------------------- */

static int in_child(int (*body)(struct kernel_fixture *), struct kernel_fixture *fixture)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(body(fixture));
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int load_without_rights(struct kernel_fixture *fixture)
{
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 1;
	if (start(fixture, "a0", "auto") != -EPERM)
		return 2;
	return strstr(fixture->error, "sudo") && strstr(fixture->error, "sluice demo") ? 0 : 3;
}

static void without_rights_the_remedy_is_named(void **state)
{
	assert_int_equal(in_child(load_without_rights, *state), 0);
}

static int use_after_drop(struct kernel_fixture *fixture)
{
	const struct rights_request request = {
		.role = RIGHTS_CORE,
		.uid = 65534,
		.gid = 65534,
		.is_required = true,
	};
	const struct block_rule rule = rule_on("192.0.2.1");
	struct rights_report report;
	struct block_hits hits;
	int fds[64];
	size_t count;

	if (capture_kernel_open(fixture->kernel, &fixture->capture))
		return 1;
	capture_kernel_forget(fixture->kernel);
	count = capture_kernel_core_fds(fixture->kernel, fds, 64);
	if (rights_keep_descriptors(fds, count) || rights_drop(&request, &report))
		return 2;
	drain(fixture);
	if (fixture->packets[DIRECTION_INGRESS] != 200)
		return 3;
	if (capture_block(fixture->capture, &rule) ||
	    capture_block_hits(fixture->capture, 3, &hits) || capture_unblock(fixture->capture, 3))
		return 4;
	if (capture_safe_set(fixture->capture, &rule.target, 1) ||
	    capture_lease(fixture->capture, clock_boot_ns() + NS_PER_S))
		return 5;
	stop(fixture);
	return 0;
}

static void core_works_without_rights_and_leaves_the_links_alone(void **state)
{
	struct kernel_fixture *fixture = *state;

	assert_int_equal(start(fixture, "a0", "auto"), 0);
	send_frames("b0", 200, 4);
	assert_int_equal(in_child(use_after_drop, fixture), 0);
	assert_int_equal(capture_kernel_open(fixture->kernel, &fixture->capture), 0);
	send_frames("b0", 100, 4);
	drain_until_seen(fixture, DIRECTION_INGRESS, 300);
	assert_int_equal(fixture->packets[DIRECTION_INGRESS], 100);
}

#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup_pair, teardown_pair)

int main(void)
{
	struct CMUnitTest tests[] = {
		LIVE(xdp_hands_up_every_packet_once),
		LIVE(tc_hands_up_every_packet_once),
		LIVE(more_flows_than_slots_are_all_counted),
		LIVE(rings_go_around),
		LIVE(restart_goes_on_without_gap_or_double_count),
		LIVE(another_cache_size_drains_the_old_one),
		LIVE(xdp_drops_what_is_blocked),
		LIVE(tc_drops_what_is_blocked),
		LIVE(pins_block_when_nobody_runs_until_panic),
		LIVE(panic_says_when_nothing_is_pinned),
		LIVE(a_device_made_anew_keeps_its_index_and_counts),
		LIVE(a_missing_interface_is_named),
		LIVE(a_driver_without_xdp_is_said_and_tc_is_used),
		LIVE(the_ingress_qdisc_is_said_to_be_in_the_way),
		LIVE(without_rights_the_remedy_is_named),
		LIVE(core_works_without_rights_and_leaves_the_links_alone),
	};

	for (size_t i = 0; geteuid() != 0 && i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i] = (struct CMUnitTest){ .name = tests[i].name, .test_func = skipped };
	if (geteuid() != 0)
		return cmocka_run_group_tests_name("kernel_live", tests, NULL, NULL);
	return cmocka_run_group_tests_name("kernel_live", tests, enter_namespaces,
					   leave_namespaces);
}
