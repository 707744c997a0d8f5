/*
 * The simulator as a capture source: each drain runs the scenario up to now and lets the
 * user-space datapath count and drop its frames; everything else is that datapath's own.
 */
#include "agent/demo/demo.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/capture/capture.h"
#include "agent/demo/internal.h"
#include "agent/util/clock.h"

/* Frames a drain feeds at the most before it drains: what the rings hold for certain. At a high
 * --speed the scenario then falls behind the clock rather than lose count. */
#define FRAMES_PER_DRAIN (CAPTURE_USER_BURST / 2)

struct demo {
	struct capture base; /* first: what core holds */
	struct capture *user;
	struct scenario *scenario;
	struct truth *truth;
	double speed;
	uint64_t (*clock_ns)(void *arg); /* NULL: the machine's */
	void *clock_arg;
	uint64_t start_ns; /* the clock at the start; also the scenario's */
	uint64_t now_ns;   /* scenario time reached */
	uint8_t iface;
};

uint64_t random_gap_ns(struct random *random, uint64_t mean_ns)
{
	double gap = -log(1.0 - random_unit(random));

	return (uint64_t)((gap < 8.0 ? gap : 8.0) * (double)mean_ns);
}

static struct demo *demo_of(struct capture *capture)
{
	return (struct demo *)capture; /* base is the first member */
}

static uint64_t read_clock(const struct demo *demo)
{
	return demo->clock_ns ? demo->clock_ns(demo->clock_arg) : clock_monotonic_ns();
}

static bool send_frame(void *arg, const struct segment *segment, bool is_egress, uint64_t at_ns)
{
	struct demo *demo = arg;
	uint8_t bytes[FRAME_MAX];
	const struct capture_frame frame = {
		.data = bytes,
		.len = frame_build(segment, bytes),
		.at_ns = at_ns,
		.iface = demo->iface,
		.direction = is_egress ? DIRECTION_EGRESS : DIRECTION_INGRESS,
	};

	return frame.len && capture_user_feed(demo->user, &frame) == 1;
}

static int demo_drain(struct capture *capture, bool scan, const struct capture_sink *sink)
{
	struct demo *demo = demo_of(capture);
	uint64_t elapsed = read_clock(demo) - demo->start_ns;
	uint64_t until = demo->start_ns + (uint64_t)((double)elapsed * demo->speed);

	capture_user_set_boot_ns(demo->user, clock_boot_ns());
	if (scenario_advance(demo->scenario, until, FRAMES_PER_DRAIN, send_frame, demo))
		demo->now_ns = until;
	return capture_drain(demo->user, scan, sink);
}

static int demo_block(struct capture *capture, const struct block_rule *rule)
{
	return capture_block(demo_of(capture)->user, rule);
}

static int demo_unblock(struct capture *capture, uint32_t rule_id)
{
	return capture_unblock(demo_of(capture)->user, rule_id);
}

static int demo_block_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	return capture_block_hits(demo_of(capture)->user, rule_id, hits);
}

static int demo_block_sync(struct capture *capture, const struct block_rule *rules, size_t count)
{
	return capture_block_sync(demo_of(capture)->user, rules, count);
}

static int demo_safe_set(struct capture *capture, const struct prefix *prefixes, size_t count)
{
	return capture_safe_set(demo_of(capture)->user, prefixes, count);
}

static int demo_event_fd(const struct capture *capture)
{
	(void)capture; /* its own clock drains it */
	return -1;
}

static int demo_list_set(struct capture *capture, const struct block_rule *rule,
			 struct prefix_set *set)
{
	return capture_list_set(demo_of(capture)->user, rule, set);
}

static int demo_list_step(struct capture *capture)
{
	return capture_list_step(demo_of(capture)->user);
}

static int demo_rule_set(struct capture *capture, const struct block_rule *rule)
{
	return capture_rule_set(demo_of(capture)->user, rule);
}

static int demo_list_remove(struct capture *capture, uint32_t rule_id)
{
	return capture_list_remove(demo_of(capture)->user, rule_id);
}

static int demo_target_hits(struct capture *capture, const struct prefix *target,
			    struct block_hits *hits)
{
	return capture_target_hits(demo_of(capture)->user, target, hits);
}

static int demo_name_hits(struct capture *capture, const char *name, struct block_hits *hits)
{
	return capture_name_hits(demo_of(capture)->user, name, hits);
}

static int demo_list_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	return capture_list_hits(demo_of(capture)->user, rule_id, hits);
}

static uint32_t demo_domain_find(struct capture *capture, const char *name, bool is_counted)
{
	struct capture *user = demo_of(capture)->user;

	return is_counted ? capture_domain_counted(user, name) : capture_domain_find(user, name);
}

static int demo_flow_block(struct capture *capture, const struct five_tuple *tuple,
			   uint32_t rule_id, uint8_t layer, uint64_t until_boot_ns)
{
	return capture_flow_block(demo_of(capture)->user, tuple, rule_id, layer, until_boot_ns);
}

static int demo_block_settle(struct capture *capture)
{
	return capture_block_settle(demo_of(capture)->user);
}

static int demo_lease(struct capture *capture, uint64_t until_boot_ns)
{
	return capture_lease(demo_of(capture)->user, until_boot_ns);
}

static bool demo_is_panicked(struct capture *capture)
{
	return capture_is_panicked(demo_of(capture)->user);
}

static int demo_coverage(struct capture *capture, struct coverage *coverage)
{
	return capture_coverage(demo_of(capture)->user, coverage);
}

static uint64_t demo_now_ns(struct capture *capture)
{
	return demo_of(capture)->now_ns;
}

static void demo_close(struct capture *capture)
{
	struct demo *demo = demo_of(capture);

	if (demo->scenario)
		scenario_end(demo->scenario, demo->now_ns);
	scenario_free(demo->scenario);
	truth_close(demo->truth);
	capture_close(demo->user);
	free(demo);
}

static const struct capture_ops demo_ops = {
	.drain = demo_drain,
	.event_fd = demo_event_fd,
	.list_set = demo_list_set,
	.list_step = demo_list_step,
	.rule_set = demo_rule_set,
	.list_remove = demo_list_remove,
	.target_hits = demo_target_hits,
	.name_hits = demo_name_hits,
	.list_hits = demo_list_hits,
	.domain_find = demo_domain_find,
	.flow_block = demo_flow_block,
	.block_settle = demo_block_settle,
	.block = demo_block,
	.unblock = demo_unblock,
	.block_hits = demo_block_hits,
	.block_sync = demo_block_sync,
	.safe_set = demo_safe_set,
	.lease = demo_lease,
	.is_panicked = demo_is_panicked,
	.coverage = demo_coverage,
	.now_ns = demo_now_ns,
	.close = demo_close,
};

uint64_t demo_due_ns(const struct capture *capture)
{
	const struct demo *demo = (const struct demo *)capture; /* base is the first member */

	return scenario_due_ns(demo->scenario);
}

int demo_open(const struct demo_options *options, struct capture **out)
{
	struct demo *demo = calloc(1, sizeof(*demo));
	int error, index = 0;

	if (!demo)
		return -ENOMEM;
	demo->base.ops = &demo_ops;
	demo->speed = options->speed;
	demo->clock_ns = options->clock_ns;
	demo->clock_arg = options->clock_arg;
	demo->start_ns = demo->now_ns = read_clock(demo);
	error = capture_user_new(options->flow_slots, &demo->user);
	if (!error)
		index = capture_user_add_iface(demo->user, "demo0");
	if (!error && index < 0)
		error = index;
	if (!error)
		error = truth_open(options->truth_path, &demo->truth);
	if (!error)
		error = scenario_new(
			&(struct scenario_options){
				.seed = options->seed,
				.start_ns = demo->start_ns,
				.start_unix_ms = options->start_unix_ms ? options->start_unix_ms
									: clock_unix_ms(),
				.quiet_after_s = options->quiet_after_s,
				.attack_rarity = options->attack_rarity,
				.truth = demo->truth },
			&demo->scenario);
	if (error) {
		demo_close(&demo->base);
		return error;
	}
	demo->iface = (uint8_t)index;
	*out = &demo->base;
	return 0;
}
