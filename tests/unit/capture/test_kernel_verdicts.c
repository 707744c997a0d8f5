/*
 * What CPUs know of blocked addresses (struct verdict_slot): every packet is one hit of the right
 * entry, and what changes is asked at once. Needs root and BPF; skipped elsewhere.
 */
#include "tests/unit/capture/kernel_fixture.h"

#include "agent/util/prefix_set.h"

#define MANY	5000 /* more addresses than a CPU has slots */
#define RULE_ID 3

/* Frames of UDP from the @number-th address of @family. */
struct sender {
	int fd;
	struct sockaddr_ll to;
};

static struct sender sender_open(void)
{
	struct sender sender = {
		.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0),
		.to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("b0") },
	};

	assert_true(sender.fd >= 0);
	return sender;
}

static void send_one(const struct sender *sender, const uint8_t *frame, size_t len)
{
	while (sendto(sender->fd, frame, len, 0, (const struct sockaddr *)&sender->to,
		      sizeof(sender->to)) < 0)
		assert_int_equal(errno, ENOBUFS);
}

static void send_from(const struct sender *sender, int family, unsigned int number)
{
	uint8_t four[FRAME_BYTES] = {
		2,   0,	 0,   0,  0,	2,    2,    0,	      0, 0,
		0,   1,	 8,   0,  0x45, 0,    0,    IP_BYTES, 0, 0,
		0,   0,	 64,  17, 0,	0,    198,  18,	      0, 0,
		198, 51, 100, 1,  0x30, 0x39, 0x30, 0x39,     0, IP_BYTES - 20,
	};
	uint8_t six[FRAME_BYTES + 8] = {
		2, 0, 0, 0, 0,	2,  2,	0,    0,    0,	  0,	1,    0x86, 0xdd, 0x60,
		0, 0, 0, 0, 14, 17, 64, 0x20, 1,    0xd,  0xb8, 0,    0,    0,	  0,
		0, 0, 0, 0, 0,	0,  0,	0,    0x20, 1,	  0xd,	0xb8, 0,    0,	  0,
		0, 0, 0, 0, 0,	0,  0,	0,    1,    0x30, 0x39, 0x30, 0x39, 0,	  14,
	};

	four[28] = (uint8_t)(number >> 8);
	four[29] = (uint8_t)number;
	six[36] = (uint8_t)(number >> 8);
	six[37] = (uint8_t)number;
	send_one(sender, family == 4 ? four : six, family == 4 ? sizeof(four) : sizeof(six));
}

static struct prefix target_of(int family, unsigned int number)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix target;

	if (family == 4)
		(void)snprintf(text, sizeof(text), "198.18.%u.%u", number >> 8, number & 255);
	else
		(void)snprintf(text, sizeof(text), "2001:db8::%x", number);
	assert_int_equal(prefix_parse(text, false, &target), 0);
	return target;
}

static void open_core(struct kernel_fixture *fixture, const char *mode)
{
	assert_int_equal(start(fixture, "a0", mode), 0);
	assert_int_equal(capture_kernel_open(fixture->kernel, &fixture->capture), 0);
}

static void block(struct kernel_fixture *fixture, int family, unsigned int number)
{
	const struct block_rule rule = { .rule_id = RULE_ID, .target = target_of(family, number) };

	assert_int_equal(capture_block(fixture->capture, &rule), 0);
}

static void block_many(struct kernel_fixture *fixture)
{
	const struct block_rule rule = { .rule_id = RULE_ID };
	struct prefix_set_builder *builder = prefix_set_builder_new(2 * MANY);
	struct prefix_set *set;

	for (unsigned int i = 0; i < 2 * MANY; i++) {
		struct prefix target = target_of(i & 1 ? 6 : 4, i / 2 + 1);

		assert_int_equal(prefix_set_builder_add(builder, &target), 0);
	}
	set = prefix_set_builder_finish(builder);
	assert_non_null(set);
	assert_int_equal(capture_list_set(fixture->capture, &rule, set), 0);
	prefix_set_unref(set);
	while (capture_list_step(fixture->capture) > 0)
		;
}

static uint64_t dropped(const struct kernel_fixture *fixture)
{
	return find_iface(fixture, "a0")->dir[DIRECTION_INGRESS].dropped;
}

static void a_flood_is_counted(struct kernel_fixture *fixture, const char *mode, int family)
{
	struct sender sender = sender_open();
	struct block_hits hits;

	open_core(fixture, mode);
	block(fixture, family, 7);
	for (int i = 0; i < 20000; i++)
		send_from(&sender, family, 7);
	drain_until_seen(fixture, DIRECTION_INGRESS, 20000);
	assert_int_equal(dropped(fixture), 20000);
	assert_int_equal(capture_block_hits(fixture->capture, RULE_ID, &hits), 0);
	assert_int_equal(hits.packets, 20000);
	assert_true(clock_unix_ms() - hits.last_unix_ms < 10000);
	/* every packet is an event, or sampled out */
	assert_true(fixture->coverage.events_skipped > 10000);
	assert_true(fixture->coverage.events_skipped < 20000);
	assert_int_equal(close(sender.fd), 0);
}

static void a_flood_is_counted_at_xdp(void **state)
{
	a_flood_is_counted(*state, "auto", 4);
}

static void a_flood_is_counted_at_xdp_six(void **state)
{
	a_flood_is_counted(*state, "auto", 6);
}

static void a_flood_is_counted_at_tc(void **state)
{
	a_flood_is_counted(*state, "tc", 4);
}

/* Bursts, so that slots are taken from one another: the sum is right, and each address' own. */
static void more_sources_than_slots_count_each_their_own(void **state)
{
	struct kernel_fixture *fixture = *state;
	struct sender sender = sender_open();
	struct block_hits hits;
	uint64_t sum = 0;

	open_core(fixture, "auto");
	block_many(fixture);
	for (unsigned int i = 0; i < MANY; i++)
		for (unsigned int burst = 0; burst < 1 + i % 7; burst++)
			send_from(&sender, i & 1 ? 6 : 4, i / 2 + 1);
	for (unsigned int i = 0; i < MANY; i++)
		sum += 1 + i % 7;
	drain_until_seen(fixture, DIRECTION_INGRESS, sum);
	assert_int_equal(dropped(fixture), sum);
	for (unsigned int i = 0; i < MANY; i++) {
		struct prefix target = target_of(i & 1 ? 6 : 4, i / 2 + 1);

		assert_int_equal(capture_target_hits(fixture->capture, &target, &hits), 0);
		assert_int_equal(hits.packets, 1 + i % 7);
	}
	assert_int_equal(close(sender.fd), 0);
}

/* In the midst of a flood: the block goes, the safe list gains it, panic; and a new block of the
 * same address begins at nothing. */
static void what_changes_is_asked_at_once(void **state)
{
	struct kernel_fixture *fixture = *state;
	struct prefix safe = target_of(4, 7);
	struct sender sender = sender_open();
	struct block_hits hits;

	open_core(fixture, "auto");
	for (unsigned int round = 0; round < 30; round++) {
		block(fixture, 4, 7);
		for (int i = 0; i < 200; i++)
			send_from(&sender, 4, 7);
		drain_until_seen(fixture, DIRECTION_INGRESS, 400UL * round + 200);
		assert_int_equal(dropped(fixture), 200UL * (round + 1));
		assert_int_equal(capture_block_hits(fixture->capture, RULE_ID, &hits), 0);
		assert_int_equal(hits.packets, 200);
		if (round % 3 == 0)
			assert_int_equal(capture_unblock(fixture->capture, RULE_ID), 0);
		else if (round % 3 == 1)
			assert_int_equal(capture_safe_set(fixture->capture, &safe, 1), 0);
		else
			assert_int_equal(capture_panic(fixture->pin_dir, true), 0);
		for (int i = 0; i < 200; i++)
			send_from(&sender, 4, 7);
		drain_until_seen(fixture, DIRECTION_INGRESS, 400UL * (round + 1));
		assert_int_equal(dropped(fixture), 200UL * (round + 1));
		assert_int_equal(capture_safe_set(fixture->capture, NULL, 0), 0);
		assert_int_equal(capture_panic(fixture->pin_dir, false), 0);
		(void)capture_lease(fixture->capture, clock_boot_ns() + 3600 * NS_PER_S);
		(void)capture_unblock(fixture->capture, RULE_ID);
	}
	assert_int_equal(close(sender.fd), 0);
}

#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup_pair, teardown_pair)

int main(void)
{
	struct CMUnitTest tests[] = {
		LIVE(a_flood_is_counted_at_xdp),
		LIVE(a_flood_is_counted_at_xdp_six),
		LIVE(a_flood_is_counted_at_tc),
		LIVE(more_sources_than_slots_count_each_their_own),
		LIVE(what_changes_is_asked_at_once),
	};

	for (size_t i = 0; geteuid() != 0 && i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i] = (struct CMUnitTest){ .name = tests[i].name, .test_func = skipped };
	if (geteuid() != 0)
		return cmocka_run_group_tests_name("kernel_verdicts", tests, NULL, NULL);
	return cmocka_run_group_tests_name("kernel_verdicts", tests, enter_namespaces,
					   leave_namespaces);
}
