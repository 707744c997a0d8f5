/*
 * A source for capture files: each frame as an ingress packet of one interface, at the file's time,
 * through the build of the datapath for this process or through the kernel's. Both are drained at
 * the same frames and in the same order, so that their output is equal to the byte.
 */
#include "agent/capture/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/capture/user.h"
#include "agent/util/clock.h"
#include "include/abi.h"

#define FLOW_SLOTS 8192 /* as the default of [Capture] flow_slots; fits the L2 cache */
#define FRAME_MIN  14
/* A kernel's test run takes no more (net/bpf/test_run.c); no device carries more either. */
#define FRAME_MAX (65535 + 14)

/*
 * Frames between two drains: the smallest eviction ring (64 KiB, kernel_maps.c) holds the records
 * of that many new IPv6 flows, each with its header of 8 bytes.
 */
#define FRAMES_MAX 384
/* What their events take at most: three quarters of the kernel's ring (bpf/maps.h). */
#define EVENT_BYTES_MAX ((1U << 20) / 4 * 3)
/* One payload event with its head and two records' headers, and a block hit. */
#define EVENT_HEADS (sizeof(struct event_payload) + sizeof(struct event_record) + 24)

_Static_assert(FRAMES_MAX *(sizeof(struct evict6_record) + 8) < 64 << 10, "fits the ring");

struct replay {
	struct capture base;
	struct capture *inner;	      /* the complete source beneath; owned unless kernel */
	struct replay_kernel *kernel; /* NULL: this process */
	struct control *control;
	uint64_t now_ns;
	uint32_t frames;      /* since the last drain */
	uint32_t event_bytes; /* at most */
};

static struct replay *replay_of(struct capture *capture)
{
	return (struct replay *)capture; /* base is its first member */
}

/* ---- frames in, flows and events out --------------------------------------------------------- */

/* As user.c: milliseconds from 1 on, taken at their start. */
static struct drain_clock clock_of(const struct replay *replay)
{
	return (struct drain_clock){
		.jiffies = replay->now_ns / NS_PER_MS + 1,
		.mono_ns = replay->now_ns / NS_PER_MS * NS_PER_MS,
		.unix_ms = (int64_t)(replay->now_ns / NS_PER_MS),
		.ns_per_jiffy = NS_PER_MS,
	};
}

int capture_replay_feed(struct capture *capture, const struct capture_frame *frame)
{
	struct replay *replay = replay_of(capture);
	struct capture_frame ingress = *frame;
	size_t payload = frame->len < PAYLOAD_MAX ? frame->len : PAYLOAD_MAX;

	if (frame->len < FRAME_MIN || frame->len > FRAME_MAX)
		return -EMSGSIZE;
	replay->now_ns = frame->at_ns;
	replay->frames++;
	replay->event_bytes += (uint32_t)(payload + EVENT_HEADS);
	replay->control->replay_jiffies = frame->at_ns / NS_PER_MS + 1;
	replay->control->replay_mono_ns = frame->at_ns;
	replay->control->replay_boot_ns = frame->at_ns;
	if (replay->kernel)
		return replay_kernel_run(replay->kernel, frame->data, frame->len);
	ingress.iface = 0;
	ingress.direction = DIRECTION_INGRESS;
	return capture_user_feed(replay->inner, &ingress);
}

bool capture_replay_is_full(const struct capture *capture)
{
	const struct replay *replay = (const struct replay *)capture;

	return replay->frames >= FRAMES_MAX || replay->event_bytes >= EVENT_BYTES_MAX;
}

static int replay_drain(struct capture *capture, bool scan, const struct capture_sink *sink)
{
	struct replay *replay = replay_of(capture);
	const struct drain_clock clock = clock_of(replay);

	replay->frames = 0;
	replay->event_bytes = 0;
	if (replay->kernel)
		return replay_kernel_drain(replay->kernel, &clock, scan, sink);
	return capture_drain(replay->inner, scan, sink);
}

static uint64_t replay_now_ns(struct capture *capture)
{
	return replay_of(capture)->now_ns;
}

/* ---- everything else is the source's beneath ------------------------------------------------- */

static int replay_event_fd(const struct capture *capture)
{
	(void)capture;
	return -1;
}

static int replay_list_set(struct capture *capture, const struct block_rule *rule,
			   struct prefix_set *set)
{
	return capture_list_set(replay_of(capture)->inner, rule, set);
}

static int replay_list_step(struct capture *capture)
{
	return capture_list_step(replay_of(capture)->inner);
}

static int replay_rule_set(struct capture *capture, const struct block_rule *rule)
{
	return capture_rule_set(replay_of(capture)->inner, rule);
}

static int replay_list_remove(struct capture *capture, uint32_t rule_id)
{
	return capture_list_remove(replay_of(capture)->inner, rule_id);
}

static int replay_target_hits(struct capture *capture, const struct prefix *target,
			      struct block_hits *hits)
{
	return capture_target_hits(replay_of(capture)->inner, target, hits);
}

static int replay_name_hits(struct capture *capture, const char *name, struct block_hits *hits)
{
	return capture_name_hits(replay_of(capture)->inner, name, hits);
}

static int replay_list_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	return capture_list_hits(replay_of(capture)->inner, rule_id, hits);
}

static uint32_t replay_domain_find(struct capture *capture, const char *name, bool is_counted)
{
	struct capture *inner = replay_of(capture)->inner;

	return inner->ops->domain_find(inner, name, is_counted);
}

static int replay_flow_block(struct capture *capture, const struct five_tuple *tuple,
			     uint32_t rule_id, uint8_t layer, uint64_t until_boot_ns)
{
	return capture_flow_block(replay_of(capture)->inner, tuple, rule_id, layer, until_boot_ns);
}

static int replay_block(struct capture *capture, const struct block_rule *rule)
{
	return capture_block(replay_of(capture)->inner, rule);
}

static int replay_unblock(struct capture *capture, uint32_t rule_id)
{
	return capture_unblock(replay_of(capture)->inner, rule_id);
}

static int replay_block_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	return capture_block_hits(replay_of(capture)->inner, rule_id, hits);
}

static int replay_block_sync(struct capture *capture, const struct block_rule *rules, size_t count)
{
	return capture_block_sync(replay_of(capture)->inner, rules, count);
}

static int replay_safe_set(struct capture *capture, const struct prefix *prefixes, size_t count)
{
	return capture_safe_set(replay_of(capture)->inner, prefixes, count);
}

static int replay_lease(struct capture *capture, uint64_t until_boot_ns)
{
	return capture_lease(replay_of(capture)->inner, until_boot_ns);
}

static bool replay_is_panicked(struct capture *capture)
{
	return capture_is_panicked(replay_of(capture)->inner);
}

static int replay_coverage(struct capture *capture, struct coverage *coverage)
{
	return capture_coverage(replay_of(capture)->inner, coverage);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void replay_free(struct replay *replay)
{
	if (!replay)
		return;
	if (replay->kernel)
		replay_kernel_free(replay->kernel);
	else
		capture_close(replay->inner);
	free(replay);
}
DEFINE_CLEANUP(replay_free, struct replay)

static void replay_close(struct capture *capture)
{
	replay_free(replay_of(capture));
}

static const struct capture_ops replay_ops = {
	.event_fd = replay_event_fd,
	.list_set = replay_list_set,
	.list_step = replay_list_step,
	.rule_set = replay_rule_set,
	.list_remove = replay_list_remove,
	.target_hits = replay_target_hits,
	.name_hits = replay_name_hits,
	.list_hits = replay_list_hits,
	.domain_find = replay_domain_find,
	.flow_block = replay_flow_block,
	.drain = replay_drain,
	.block = replay_block,
	.unblock = replay_unblock,
	.block_hits = replay_block_hits,
	.block_sync = replay_block_sync,
	.safe_set = replay_safe_set,
	.lease = replay_lease,
	.is_panicked = replay_is_panicked,
	.coverage = replay_coverage,
	.now_ns = replay_now_ns,
	.close = replay_close,
};

static int open_user(struct replay *replay)
{
	int err = capture_user_new(FLOW_SLOTS, &replay->inner);

	if (err)
		return err;
	replay->control = user_control(replay->inner);
	err = capture_user_add_iface(replay->inner, "replay0");
	return err < 0 ? err : 0;
}

static int open_kernel(struct replay *replay, char *error)
{
	int err = replay_kernel_new(FLOW_SLOTS, &replay->kernel, error);

	if (err)
		return err;
	replay->inner = replay_kernel_source(replay->kernel);
	replay->control = replay_kernel_control(replay->kernel);
	return capture_lease(replay->inner, UINT64_MAX); /* as the other datapath's */
}

int capture_replay_new(bool kernel, struct capture **out, char *error)
{
	CLEANUP(replay_free) struct replay *replay = calloc(1, sizeof(*replay));
	int err;

	error[0] = '\0';
	if (!replay)
		return -ENOMEM;
	replay->base.ops = &replay_ops;
	err = kernel ? open_kernel(replay, error) : open_user(replay);
	if (err)
		return err;
	replay->control->flags |= CONTROL_REPLAY;
	*out = &TAKE(replay)->base;
	return 0;
}
