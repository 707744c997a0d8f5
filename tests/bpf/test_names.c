/*
 * What goes up of names: the payload events of the kernel's datapath against those of the same
 * headers in user space, byte for byte, and against the bytes that were sent.
 * usage: test_names OBJECT   prints one line a check and "N passed, N failed"; exit 1 on failure.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/user.h"
#include "agent/util/addr.h"
#include "tests/bpf/kernel.h"
#include "tests/bpf/speech_frames.h"

#define BOOT_NS	  5000000000000ULL
#define STEP_NS	  3000000ULL
#define KEPT_MAX  64
#define MUTANTS	  3000
#define BLOCKED	  "example"
#define UDP_BYTES 8

struct event {
	struct payload payload;
	uint8_t data[PAYLOAD_MAX];
};

struct kept {
	size_t count;
	struct event events[KEPT_MAX];
};

struct tester {
	const char *path;
	int passed, failed;
	struct frame frame;
	struct kernel kernel;
	struct capture *user;
	enum program program;
	uint64_t now_ns;
	struct kept in_kernel, in_user; /* of the last frame */
};

static const char *const program_names[] = { "xdp", "tc ingress", "tc egress" };

static void report(struct tester *t, bool is_ok, const char *name)
{
	*(is_ok ? &t->passed : &t->failed) += 1;
	(void)printf("%sok - %s: %s\n", is_ok ? "" : "not ", program_names[t->program], name);
	(void)fflush(stdout);
}

static void keep(void *arg, const struct payload *payload)
{
	struct kept *kept = arg;
	struct event *event = &kept->events[kept->count];

	if (kept->count == KEPT_MAX || payload->len > sizeof(event->data))
		return;
	kept->count++;
	event->payload = *payload;
	memcpy(event->data, payload->data, payload->len);
	event->payload.data = NULL;
}

static void keep_flow(void *arg, const struct flow_delta *delta)
{
	(void)arg;
	(void)delta;
}

/* ---- both worlds, side by side ---- */

static bool begin(struct tester *t, enum program program, bool blocks)
{
	const struct kernel_options options = { .program = program, .flow_sets = 64 };
	const struct block_rule rule = { .rule_id = 7, .domain = BLOCKED, .action = BLOCK_DROP };

	t->program = program;
	t->now_ns = 0;
	if (capture_user_new(64 * FLOW_WAYS, &t->user) || capture_user_add_iface(t->user, "a") ||
	    !kernel_open(&t->kernel, t->path, &options) || !kernel_take_over(&t->kernel, BOOT_NS))
		return false;
	capture_user_set_boot_ns(t->user, BOOT_NS);
	if (capture_lease(t->user, UINT64_MAX))
		return false;
	if (blocks && (capture_block(t->user, &rule) || rules_block(t->kernel.rules, &rule)))
		return false;
	/* no budget: every event counts */
	user_control(t->user)->flags |= CONTROL_REPLAY;
	t->kernel.rules_tables.control->flags |= CONTROL_REPLAY;
	return true;
}

static void end(struct tester *t)
{
	kernel_close(&t->kernel);
	capture_close(t->user);
	t->user = NULL;
}

static bool same_event(const struct event *a, const struct event *b)
{
	const struct payload *x = &a->payload, *y = &b->payload;

	return addr_is_equal(&x->tuple.src, &y->tuple.src) &&
	       addr_is_equal(&x->tuple.dst, &y->tuple.dst) &&
	       x->tuple.src_port == y->tuple.src_port && x->tuple.dst_port == y->tuple.dst_port &&
	       x->tuple.proto == y->tuple.proto && x->direction == y->direction &&
	       x->iface == y->iface && x->tcp_flags == y->tcp_flags &&
	       x->is_fragment == y->is_fragment && x->more == y->more && x->offset == y->offset &&
	       x->seq == y->seq && x->whole == y->whole && x->rule_id == y->rule_id &&
	       x->at_ns == y->at_ns && x->len == y->len && !memcmp(a->data, b->data, x->len);
}

/* The frame in t->frame through both. False: the two differ; *verdict: passed, or -1: not run. */
static bool feed(struct tester *t, int *verdict)
{
	const struct capture_sink to_kernel = { &t->in_kernel, keep_flow, NULL, keep };
	const struct capture_sink to_user = { &t->in_user, keep_flow, NULL, keep };
	struct capture_frame fed = { .data = t->frame.data,
				     .len = t->frame.len,
				     .at_ns = t->now_ns += STEP_NS,
				     .direction = t->program == PROGRAM_EGRESS };

	t->in_kernel.count = t->in_user.count = 0;
	kernel_set_now(&t->kernel, t->now_ns);
	t->kernel.rules_tables.control->replay_mono_ns = t->now_ns;
	*verdict = kernel_run(&t->kernel, t->frame.data, t->frame.len, NULL);
	if (*verdict == -EINVAL) { /* too short for a test run */
		*verdict = -1;
		return true;
	}
	if (capture_user_feed(t->user, &fed) != *verdict ||
	    kernel_drain(&t->kernel, false, &to_kernel) < 0 ||
	    capture_drain(t->user, false, &to_user) < 0 || t->in_kernel.count != t->in_user.count)
		return false;
	for (size_t i = 0; i < t->in_kernel.count; i++) {
		if (!same_event(&t->in_kernel.events[i], &t->in_user.events[i]))
			return false;
	}
	return true;
}

/* ---- what goes up is what was sent ---- */

static bool is_as_sent(const struct tester *t, const struct speech_step *step)
{
	const struct event *event = &t->in_kernel.events[0];
	size_t len = step->len < PAYLOAD_MAX ? step->len : PAYLOAD_MAX;

	if (step->events != ANY && t->in_kernel.count != (size_t)step->events)
		return false;
	if (!t->in_kernel.count)
		return true;
	return event->payload.tuple.src_port == step->from &&
	       event->payload.tuple.dst_port == step->to && event->payload.whole == step->len &&
	       event->payload.len == len && event->payload.seq == step->seq &&
	       event->payload.at_ns == t->now_ns && !event->payload.is_fragment &&
	       !memcmp(event->data, step->data, len);
}

static void test_speech(struct tester *t)
{
	char name[128];

	for (size_t i = 0; i < SPEECH_STEPS; i++) {
		int verdict;
		bool is_same;

		put_step(&t->frame, &speech[i]);
		is_same = feed(t, &verdict);
		if (is_same && verdict < 0 && speech[i].len > PAYLOAD_MAX)
			continue; /* more than a page: tc's test run refuses it */
		(void)snprintf(name, sizeof(name), "%s%s", speech[i].name,
			       is_same ? "" : ": user space differs");
		report(t, is_same && verdict == 1 && is_as_sent(t, &speech[i]), name);
	}
}

static bool is_shape_as_sent(const struct tester *t, const struct speech_shape *shape)
{
	const struct event *event = &t->in_kernel.events[0];
	const size_t head = shape->is_fragment && !shape->offset ? UDP_BYTES : 0;

	return t->in_kernel.count == 1 && event->payload.is_fragment == shape->is_fragment &&
	       event->payload.offset == shape->offset && event->payload.len == head + shape->len &&
	       event->payload.more == (shape->is_fragment && !shape->offset) &&
	       !memcmp(event->data + head, query_bytes + shape->data_at, shape->len);
}

static void test_shapes(struct tester *t)
{
	for (size_t i = 0; i < SPEECH_SHAPES; i++) {
		int verdict;

		t->frame.len = 0;
		shapes[i].build(&t->frame);
		report(t, feed(t, &verdict) && verdict == 1 && is_shape_as_sent(t, &shapes[i]),
		       shapes[i].name);
	}
}

/* The same under a rule on a name: what it drops goes up with its number. */
static void test_blocked(struct tester *t)
{
	bool is_ok = true;
	size_t dropped = 0;

	for (size_t i = 0; is_ok && i < SPEECH_STEPS; i++) {
		int verdict;

		put_step(&t->frame, &speech[i]);
		is_ok = feed(t, &verdict);
		dropped += verdict == 0;
		if (is_ok && verdict == 0)
			is_ok = t->in_kernel.count == 1 &&
				t->in_kernel.events[0].payload.rule_id == 7;
		if (!is_ok)
			(void)printf("# %s differs\n", speech[i].name);
	}
	/* the question, its answer, and the one over TCP is cut in its length: user space's */
	report(t, is_ok && dropped >= 2, "a name's rule drops and is told");
}

/* ---- hostile frames ---- */

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

static void mutate(struct tester *t, uint32_t *random)
{
	uint32_t which = next_random(random) % (SPEECH_STEPS + SPEECH_SHAPES);

	t->frame.len = 0;
	if (which < SPEECH_STEPS)
		put_step(&t->frame, &speech[which]);
	else
		shapes[which - SPEECH_STEPS].build(&t->frame);
	for (uint32_t i = next_random(random) % 4; i; i--)
		t->frame.data[14 + next_random(random) % (t->frame.len - 14)] =
			(uint8_t)next_random(random);
	if (next_random(random) % 6 == 0)
		t->frame.len = 14 + next_random(random) % (t->frame.len - 14);
}

static void test_mutants(struct tester *t, bool blocks)
{
	bool is_ok = true;
	uint32_t random = 11;
	size_t events = 0;

	for (int i = 0; is_ok && i < MUTANTS; i++) {
		int verdict;

		mutate(t, &random);
		is_ok = feed(t, &verdict);
		events += verdict < 0 ? 0 : t->in_kernel.count;
		if (!is_ok)
			(void)printf("# mutant %d differs\n", i);
	}
	report(t, is_ok && events > MUTANTS / 4,
	       blocks ? "mutated frames under a name's rule" : "mutated frames");
}

/* Two loads of a program, not five: 6.1 in emulation proves one for eight seconds. */
static void test_program(struct tester *t, enum program program, bool blocks)
{
	if (!begin(t, program, blocks)) {
		report(t, false, "cannot begin");
	} else if (blocks) {
		test_blocked(t);
		test_mutants(t, true);
	} else {
		test_speech(t);
		test_shapes(t);
		test_mutants(t, false);
	}
	end(t);
}

int main(int argc, char **argv)
{
	struct tester *t = calloc(1, sizeof(*t));
	int failed;

	if (argc != 2 || !t) {
		(void)fprintf(stderr, "usage: test_names OBJECT\n");
		return 2;
	}
	t->path = argv[1];
	kernel_stay_on_first_cpu();
	for (enum program program = PROGRAM_INGRESS; program <= PROGRAM_EGRESS; program++) {
		test_program(t, program, false);
		test_program(t, program, true);
	}
	(void)printf("%d passed, %d failed\n", t->passed, failed = t->failed);
	free(t);
	return failed ? 1 : 0;
}
