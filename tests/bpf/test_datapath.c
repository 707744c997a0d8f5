/*
 * The datapath in the kernel against the same headers in user space: identical flows, events,
 * counters and verdicts. usage: test_datapath OBJECT. Prints ok / not ok and `N passed, N failed`.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "agent/util/addr.h"
#include "bpf/hash.h"
#include "tests/bpf/frames.h"
#include "tests/bpf/kernel.h"

#define SECOND	       1000000000ULL
#define BOOT_NS	       (1000 * SECOND)
#define KEPT_MAX       20000
#define MUTANTS	       4000 /* in QEMU's emulation about a second */
#define FRAMES_REFUSED 4    /* frames of the table that BPF_PROG_TEST_RUN may find too short */

struct kept {
	struct flow_delta deltas[KEPT_MAX];
	struct capture_hit events[KEPT_MAX];
	size_t delta_count, event_count;
};

struct tester {
	const char *path;
	int passed, failed;
	struct frame frame;
	struct kept kernel_kept, user_kept;
	struct coverage coverage;
};

static void report(struct tester *t, bool is_ok, const char *name)
{
	(void)printf("%s %d - %s\n", is_ok ? "ok" : "not ok", t->passed + t->failed + 1, name);
	t->passed += is_ok;
	t->failed += !is_ok;
}

static void keep_flow(void *arg, const struct flow_delta *delta)
{
	struct kept *kept = arg;

	if (kept->delta_count < KEPT_MAX)
		kept->deltas[kept->delta_count++] = *delta;
}

static void keep_event(void *arg, const struct capture_hit *event)
{
	struct kept *kept = arg;

	if (kept->event_count < KEPT_MAX)
		kept->events[kept->event_count++] = *event;
}

/* ---- both worlds, side by side ---- */

struct pair {
	struct kernel kernel;
	struct capture *user;
	enum direction direction;
	bool same_verdicts;
};

static bool pair_open(struct tester *t, struct pair *pair, enum program program, uint32_t sets)
{
	const struct kernel_options options = { .program = program, .flow_sets = sets };

	memset(pair, 0, sizeof(*pair));
	pair->direction = program == PROGRAM_EGRESS ? DIRECTION_EGRESS : DIRECTION_INGRESS;
	pair->same_verdicts = true;
	if (capture_user_new(sets * FLOW_WAYS, &pair->user) ||
	    capture_user_add_iface(pair->user, "eth0"))
		return false;
	capture_user_set_boot_ns(pair->user, BOOT_NS);
	return kernel_open(&pair->kernel, t->path, &options) &&
	       kernel_take_over(&pair->kernel, BOOT_NS);
}

static void pair_close(struct pair *pair)
{
	kernel_close(&pair->kernel);
	capture_close(pair->user);
}

static int user_feed(struct pair *pair, const struct frame *frame, uint64_t at_ns)
{
	const struct capture_frame fed = { frame->data, frame->len, at_ns, 0,
					   (uint8_t)pair->direction };

	return capture_user_feed(pair->user, &fed);
}

/* False: the kernel's test run refuses such a frame (too short for a socket buffer of its type). */
static bool pair_feed(struct pair *pair, const struct frame *frame, uint64_t at_ns)
{
	int in_user, in_kernel;

	kernel_set_now(&pair->kernel, at_ns);
	in_kernel = kernel_run(&pair->kernel, frame->data, frame->len, NULL);
	if (in_kernel == -EINVAL)
		return false;
	in_user = user_feed(pair, frame, at_ns);
	if (in_user != in_kernel)
		pair->same_verdicts = false;
	return true;
}

/* All fields, and the padding that both sides leave zero. */
static bool same_deltas(const struct kept *a, const struct kept *b)
{
	if (a->delta_count != b->delta_count)
		return false;
	for (size_t i = 0; i < a->delta_count; i++) {
		const struct flow_delta *x = &a->deltas[i], *y = &b->deltas[i];

		if (!addr_is_equal(&x->tuple.src, &y->tuple.src) ||
		    !addr_is_equal(&x->tuple.dst, &y->tuple.dst) ||
		    x->tuple.src_port != y->tuple.src_port ||
		    x->tuple.dst_port != y->tuple.dst_port || x->tuple.proto != y->tuple.proto)
			return false;
		if (x->direction != y->direction || x->iface != y->iface || x->vlan != y->vlan ||
		    x->tcp_flags != y->tcp_flags || x->packets != y->packets ||
		    x->bytes != y->bytes || x->first_ns != y->first_ns || x->last_ns != y->last_ns)
			return false;
	}
	return true;
}

static bool same_events(const struct kept *a, const struct kept *b)
{
	if (a->event_count != b->event_count)
		return false;
	for (size_t i = 0; i < a->event_count; i++) {
		const struct capture_hit *x = &a->events[i], *y = &b->events[i];

		if (x->rule_id != y->rule_id || x->ip_bytes != y->ip_bytes ||
		    x->at_ns != y->at_ns || x->direction != y->direction ||
		    !addr_is_equal(&x->tuple.src, &y->tuple.src) ||
		    x->tuple.src_port != y->tuple.src_port)
			return false;
	}
	return true;
}

/* Drains both; the cache's slots and order are the same when the CPU is 0. */
static bool pair_agrees(struct tester *t, struct pair *pair)
{
	const struct capture_sink to_kernel = { &t->kernel_kept, keep_flow, keep_event, NULL };
	const struct capture_sink to_user = { &t->user_kept, keep_flow, keep_event, NULL };
	struct coverage_direction counts;

	memset(&t->kernel_kept, 0, sizeof(t->kernel_kept));
	memset(&t->user_kept, 0, sizeof(t->user_kept));
	if (kernel_drain(&pair->kernel, true, &to_kernel) < 0 ||
	    capture_drain(pair->user, true, &to_user) < 0 ||
	    capture_coverage(pair->user, &t->coverage))
		return false;
	kernel_coverage(&pair->kernel, pair->direction, &counts);
	return pair->same_verdicts && same_deltas(&t->kernel_kept, &t->user_kept) &&
	       same_events(&t->kernel_kept, &t->user_kept) &&
	       !memcmp(&counts, &t->coverage.ifaces[0].dir[pair->direction], sizeof(counts));
}

/* ---- the tests ---- */

static const char *const program_names[] = { "xdp", "tc ingress", "tc egress" };

static void test_table(struct tester *t, enum program program)
{
	struct pair pair;
	bool is_ok = pair_open(t, &pair, program, 64);
	size_t ran = 0;
	char name[96];

	for (size_t i = 0; is_ok && i < FRAME_CASES; i++) {
		struct coverage_direction counts;

		t->frame.len = 0;
		frame_cases[i].build(&t->frame);
		if (!pair_feed(&pair, &t->frame, i * 1000000))
			continue;
		ran++;
		is_ok = pair_agrees(t, &pair);
		kernel_coverage(&pair.kernel, pair.direction, &counts);
		if (is_ok && frame_cases[i].reason != IS_FLOW)
			is_ok = counts.not_flow[frame_cases[i].reason] > 0;
		else if (is_ok)
			is_ok = t->kernel_kept.delta_count == 1 &&
				t->kernel_kept.deltas[0].bytes == frame_cases[i].ip_bytes;
		if (!is_ok)
			(void)printf("# %s differs\n", frame_cases[i].name);
	}
	(void)snprintf(name, sizeof(name), "%s: %zu of %zu frames of the table as in user space",
		       program_names[program], ran, FRAME_CASES);
	report(t, is_ok && ran >= FRAME_CASES - FRAMES_REFUSED, name);
	pair_close(&pair);
}

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* A frame of the table with up to three bytes changed, now and then cut. */
static void mutate(struct frame *frame, uint32_t *random)
{
	const struct frame_case *one = &frame_cases[next_random(random) % FRAME_CASES];

	frame->len = 0;
	one->build(frame);
	for (uint32_t i = next_random(random) % 4; i; i--)
		frame->data[next_random(random) % frame->len] = (uint8_t)next_random(random);
	if (next_random(random) % 8 == 0)
		frame->len = next_random(random) % frame->len;
}

static bool pair_block(struct pair *pair, const struct block_rule *rule)
{
	return !capture_block(pair->user, rule) && !rules_block(pair->kernel.rules, rule);
}

static bool block_scripts(struct pair *pair)
{
	static const struct {
		const char *target;
		uint8_t action, direction, proto;
		uint16_t port;
	} script[] = {
		{ "192.0.2.1", BLOCK_DROP, BLOCK_BOTH, 6, 0 },
		{ "192.0.2.0/25", BLOCK_COUNT, BLOCK_BOTH, 0, 0 },
		{ "192.0.2.0/24", BLOCK_DROP, BLOCK_BOTH, 17, 53 },
		{ "192.0.0.0/8", BLOCK_DROP, BLOCK_OUT, 0, 0 },
		{ "198.51.100.2", BLOCK_DROP, BLOCK_OUT, 1, 0 },
		{ "2001:db8::1", BLOCK_DROP, BLOCK_BOTH, 58, 0 },
		{ "2001:db8::/48", BLOCK_DROP, BLOCK_IN, 6, 443 },
		{ "2001:db8::/29", BLOCK_DROP, BLOCK_BOTH, 0, 53 },
	};

	for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
		struct block_rule rule = { .rule_id = (uint32_t)i + 1,
					   .action = script[i].action,
					   .direction = script[i].direction,
					   .proto = script[i].proto,
					   .port = script[i].port };

		if (prefix_parse(script[i].target, true, &rule.target) || !pair_block(pair, &rule))
			return false;
	}
	return true;
}

static bool same_hits(struct pair *pair)
{
	for (uint32_t id = 1; id <= 8; id++) {
		struct block_hits a, b;

		if (capture_block_hits(pair->user, id, &a) ||
		    rules_hits(pair->kernel.rules, id, &pair->kernel.clock, &b) ||
		    a.packets != b.packets || a.bytes != b.bytes)
			return false;
	}
	return true;
}

static void test_mutants(struct tester *t, enum program program)
{
	struct pair pair;
	bool is_ok = pair_open(t, &pair, program, 4) && block_scripts(&pair);
	uint32_t random = 7, ran = 0;
	char name[96];

	for (uint32_t i = 0; is_ok && i < MUTANTS; i++) {
		mutate(&t->frame, &random);
		ran += pair_feed(&pair, &t->frame, i * 300000ULL);
		if (i % 500 == 499)
			is_ok = pair_agrees(t, &pair);
	}
	is_ok = is_ok && ran > MUTANTS / 2 && same_hits(&pair) &&
		t->coverage.ifaces[0].dir[pair.direction].dropped;
	(void)snprintf(name, sizeof(name), "%s: mutated frames under rules as in user space",
		       program_names[program]);
	report(t, is_ok, name);
	pair_close(&pair);
}

static void test_safe_lease_panic(struct tester *t)
{
	struct pair pair;
	struct block_rule rule = { .rule_id = 1 };
	struct prefix safe;
	struct control *control;
	bool is_ok = pair_open(t, &pair, PROGRAM_INGRESS, 4) &&
		     !prefix_parse("192.0.2.1", false, &rule.target) && pair_block(&pair, &rule);

	if (!is_ok) {
		report(t, false, "safe list, lease and panic: set up");
		return;
	}
	control = pair.kernel.rules_tables.control;
	safe = rule.target;
	t->frame.len = 0;
	udp4(&t->frame);
#define VERDICT() kernel_run(&pair.kernel, t->frame.data, t->frame.len, NULL)
	report(t, VERDICT() == 0, "an exact rule drops");
	is_ok = !rules_safe_set(pair.kernel.rules, &safe, 1) && VERDICT() == 1 && VERDICT() == 1;
	report(t, is_ok, "the safe list is asked after a hit, also when the answer is kept");
	is_ok = !rules_safe_set(pair.kernel.rules, NULL, 0) && VERDICT() == 0;
	report(t, is_ok, "a kept answer ends with the list's epoch");
	rules_set_panic(control, true);
	report(t, VERDICT() == 1, "panic passes everything");
	rules_set_panic(control, false);
	rules_set_lease(control, BOOT_NS);
	report(t, VERDICT() == 1, "nothing drops beyond the lease");
	rules_set_lease(control, BOOT_NS + 1);
	report(t, VERDICT() == 0, "within the lease it drops");
	report(t, !rules_unblock(pair.kernel.rules, 1) && VERDICT() == 1, "a removed rule passes");
#undef VERDICT
	pair_close(&pair);
}

static void test_ring_full(struct tester *t)
{
	const struct kernel_options options = { .flow_sets = 1, .evict_bytes = 4096 };
	const struct capture_sink sink = { &t->kernel_kept, keep_flow, keep_event, NULL };
	struct coverage_direction counts;
	struct kernel kernel;
	bool is_ok = kernel_open(&kernel, t->path, &options) && kernel_take_over(&kernel, BOOT_NS);
	const uint32_t fed = 500;

	for (uint32_t i = 0; is_ok && i < fed; i++) {
		t->frame.len = 0;
		udp4(&t->frame);
		memcpy(t->frame.data + 14 + 20, &i, 2);
		is_ok = kernel_run(&kernel, t->frame.data, t->frame.len, NULL) == 1;
	}
	memset(&t->kernel_kept, 0, sizeof(t->kernel_kept));
	is_ok = is_ok && kernel_drain(&kernel, true, &sink) > 0;
	kernel_coverage(&kernel, DIRECTION_INGRESS, &counts);
	is_ok = is_ok && counts.seen == fed && counts.unattributed > 0 &&
		counts.in_flows + counts.unattributed == fed;
	report(t, is_ok, "full ring: old flows stay, new packets are unattributed, sums exact");
	kernel_close(&kernel);
}

/* 1000 bytes of payload in pieces of 300: four packets, three more headers of 20 + 20 bytes. */
static void test_merged(struct tester *t)
{
	const struct kernel_options options = { .program = PROGRAM_EGRESS, .flow_sets = 4 };
	struct __sk_buff skb = { .gso_size = 300, .gso_segs = 0 };
	struct coverage_direction counts;
	struct kernel kernel;
	bool is_ok = kernel_open(&kernel, t->path, &options) && kernel_take_over(&kernel, BOOT_NS);

	t->frame.len = 0;
	put_ether(&t->frame, 0x0800);
	put_ipv4(&t->frame, 5, 1040, 0, 6);
	put_tcp(&t->frame, 0x10);
	put_zero(&t->frame, 1000);
	is_ok = is_ok && kernel_run(&kernel, t->frame.data, t->frame.len, &skb) == 1;
	kernel_coverage(&kernel, DIRECTION_EGRESS, &counts);
	is_ok = is_ok && counts.seen == 4 && counts.wire_bytes == 1000 + 4 * 54;
	report(t, is_ok, "a merged packet counts as the wire will carry it");
	kernel_close(&kernel);
}

static void test_forwarded(struct tester *t)
{
	const struct kernel_options options = { .program = PROGRAM_EGRESS, .flow_sets = 4 };
	struct iface_entry lo = { .ifindex = 1, .index = 5, .used = 1 };
	struct __sk_buff skb = { .ingress_ifindex = 1, .ifindex = 1 };
	struct block_rule rule = { .rule_id = 1 };
	struct coverage_direction counts;
	uint32_t slot = 1;
	struct kernel kernel;
	bool is_ok = kernel_open(&kernel, t->path, &options) &&
		     kernel_take_over(&kernel, BOOT_NS) && kernel_set_iface(&kernel, slot, &lo);

	t->frame.len = 0;
	udp4(&t->frame);
	is_ok = is_ok && kernel_run(&kernel, t->frame.data, t->frame.len, &skb) == 1;
	kernel_iface_coverage(&kernel, 5, DIRECTION_EGRESS, &counts);
	is_ok &= counts.seen == 1 && counts.not_flow[NOT_FLOW_FORWARDED] == 1;
	report(t, is_ok, "a forwarded packet is a flow only where it entered");
	is_ok = is_ok && !prefix_parse("192.0.2.1", false, &rule.target) &&
		!rules_block(kernel.rules, &rule) &&
		kernel_run(&kernel, t->frame.data, t->frame.len, &skb) == 1;
	lo = (struct iface_entry){ .was_used = 1 };
	is_ok = is_ok && kernel_set_iface(&kernel, slot, &lo) &&
		kernel_run(&kernel, t->frame.data, t->frame.len, &skb) == 0;
	report(t, is_ok, "a forwarded packet's source is checked once, where it is first seen");
	kernel_close(&kernel);
}

static void test_frags(struct tester *t)
{
	const struct kernel_options options = { .flow_sets = 4 };
	struct coverage_direction counts;
	struct kernel kernel;
	bool is_ok = kernel_open(&kernel, t->path, &options) && kernel_take_over(&kernel, BOOT_NS);

	t->frame.len = 0;
	put_ether(&t->frame, 0x0800);
	put_ipv4(&t->frame, 5, 8000, 0, 17);
	put_udp(&t->frame);
	put_zero(&t->frame, 8000 - 28);
	is_ok = is_ok && kernel_run(&kernel, t->frame.data, t->frame.len, NULL) == 1;
	kernel_coverage(&kernel, DIRECTION_INGRESS, &counts);
	is_ok = is_ok && counts.wire_bytes == 8014;
	report(t, is_ok, "xdp: a frame of several buffers counts whole");
	kernel_close(&kernel);
}

/* Any loader: default rodata and sizes, control word untouched, the kernel's own clock. */
static void test_by_itself(struct tester *t)
{
	const struct kernel_options options = { .own_clock = true };
	struct block_entry entry = { .rule = 1, .prefix_len = 32 };
	const uint32_t host = 0xc0000201;
	uint32_t key = __builtin_bswap32(host);
	struct coverage_direction counts;
	struct kernel kernel;
	bool is_ok = kernel_open(&kernel, t->path, &options);

	t->frame.len = 0;
	udp4(&t->frame);
	is_ok = is_ok && kernel_run(&kernel, t->frame.data, t->frame.len, NULL) == 1;
	if (is_ok) {
		kernel.rules_tables.rules[1].flags = RULE_ACTIVE;
		kernel.rules_tables.nets16[net16_index(key)] = 1;
		kernel.rules_tables.bits24[host >> 13] = 1ULL << (host >> 8 & 31) * 2;
		is_ok = !bpf_map_update_elem(kernel_map_fd(&kernel, "block4"), &key, &entry, 0);
	}
	is_ok = is_ok && kernel_run(&kernel, t->frame.data, t->frame.len, NULL) == 0;
	if (is_ok)
		kernel_coverage(&kernel, DIRECTION_INGRESS, &counts);
	report(t, is_ok && counts.seen == 2 && counts.dropped == 1,
	       "with default rodata and an untouched control word it counts and drops");
	kernel_close(&kernel);
}

static void test_clock(struct tester *t)
{
	const struct kernel_options options = { .program = PROGRAM_CLOCK, .own_clock = true };
	struct clock_sample sample = { 0 };
	struct timespec mono;
	struct kernel kernel;
	bool is_ok = kernel_open(&kernel, t->path, &options);
	uint64_t now;
	/* a syscall program's context is written back in place */
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &sample, .ctx_size_in = sizeof(sample));

	is_ok = is_ok && !bpf_prog_test_run_opts(kernel.program_fd, &run);
	is_ok = is_ok && !clock_gettime(CLOCK_MONOTONIC, &mono);
	now = (uint64_t)mono.tv_sec * SECOND + (uint64_t)mono.tv_nsec;
	report(t,
	       is_ok && sample.jiffies && sample.mono_ns <= now && now - sample.mono_ns < SECOND &&
		       sample.boot_ns >= sample.mono_ns,
	       "the clock program says jiffies and both clocks of one moment");
	kernel_close(&kernel);
}

int main(int argc, char **argv)
{
	struct tester *t = calloc(1, sizeof(*t));
	int failed;

	if (argc != 2 || !t) {
		(void)fprintf(stderr, "usage: test_datapath OBJECT\n");
		return 2;
	}
	t->path = argv[1];
	kernel_stay_on_first_cpu();
	for (enum program program = PROGRAM_INGRESS; program <= PROGRAM_EGRESS; program++)
		test_table(t, program);
	for (enum program program = PROGRAM_INGRESS; program <= PROGRAM_EGRESS; program++)
		test_mutants(t, program);
	test_safe_lease_panic(t);
	test_ring_full(t);
	test_merged(t);
	test_forwarded(t);
	test_frags(t);
	test_by_itself(t);
	test_clock(t);
	(void)printf("%d passed, %d failed\n", t->passed, failed = t->failed);
	free(t);
	return failed ? 1 : 0;
}
