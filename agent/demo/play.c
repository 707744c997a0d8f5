/*
 * Chosen attacks as frames in the order of their times: what the demo feeds to its own datapath,
 * for whoever has a real interface to send on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/demo/internal.h"
#include "agent/demo/world.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"

#define BEGIN_NS    (3600 * NS_PER_S) /* of the scenario: nothing has to be learned first */
#define FRAMES_ONCE 4096

struct demo_play {
	struct scenario *scenario;
	struct truth *truth;
	size_t count;
	struct demo_truth truths[ATTACKS_MAX];
	demo_frame_fn send;
	void *arg;
};

void demo_play_free(struct demo_play *play)
{
	if (!play)
		return;
	scenario_free(play->scenario);
	truth_close(play->truth);
	free(play);
}

DEFINE_CLEANUP(demo_play_free, struct demo_play)

static int add_cue(struct demo_play *play, const struct demo_cue *cue, struct random *random)
{
	struct attack attack = { .random = { random_next(random) },
				 .serial = (uint32_t)play->count };
	uint64_t at_ns = BEGIN_NS + cue->at_ms * NS_PER_MS;
	int plan = attack_find(cue->detector);

	if (plan < 0 || !attack_begin(&attack, (unsigned int)plan, at_ns, BEGIN_NS))
		return -EINVAL;
	attack.left = cue->count ? cue->count : attack.left;
	attack.gap_us = cue->gap_us ? cue->gap_us : attack.gap_us;
	attack.bulk_packets = cue->bulk_packets ? cue->bulk_packets : attack.bulk_packets;
	attack.bulk_gap_us = cue->bulk_packets ? cue->bulk_gap_us : attack.bulk_gap_us;
	play->truths[play->count++] = (struct demo_truth){ .detector = attack_detector(&attack),
							   .src = attack.src,
							   .dst = attack.dst,
							   .at_ms = cue->at_ms };
	return scenario_add_attack(play->scenario, &attack);
}

int demo_play_new(uint64_t seed, const struct demo_cue *cues, size_t count, struct demo_play **out)
{
	CLEANUP(demo_play_free) struct demo_play *play = calloc(1, sizeof(*play));
	struct scenario_options options = { .seed = seed,
					    .start_ns = BEGIN_NS,
					    .only_attacks = true };
	struct random random = { seed };
	int error;

	if (!play)
		return -ENOMEM;
	if (count > ATTACKS_MAX)
		return -EINVAL;
	error = truth_open(NULL, &play->truth);
	options.truth = play->truth;
	if (!error)
		error = scenario_new(&options, &play->scenario);
	if (error)
		return error;
	scenario_no_more(play->scenario);
	for (size_t i = 0; i < count && !error; i++)
		error = add_cue(play, &cues[i], &random);
	if (error)
		return error;
	*out = TAKE(play);
	return 0;
}

void demo_play_truth(const struct demo_play *play, size_t cue, struct demo_truth *out)
{
	*out = play->truths[cue];
}

static bool send_frame(void *arg, const struct segment *segment, bool is_egress, uint64_t at_ns)
{
	const struct demo_play *play = arg;
	uint8_t bytes[FRAME_MAX];
	size_t len = frame_build(segment, bytes);

	(void)at_ns;
	if (len)
		play->send(play->arg, bytes, len, is_egress);
	return true; /* nobody tells whether it arrived */
}

uint64_t demo_play_advance(struct demo_play *play, uint64_t at_ns, demo_frame_fn send, void *arg)
{
	uint64_t due_ns;

	play->send = send;
	play->arg = arg;
	while (!scenario_advance(play->scenario, BEGIN_NS + at_ns, FRAMES_ONCE, send_frame, play))
		;
	due_ns = scenario_due_ns(play->scenario);
	return due_ns == UINT64_MAX ? due_ns : due_ns - BEGIN_NS;
}

/* ---- single frames -----------------------------------------------------------------------------
 */

size_t demo_frame_datagram(const struct five_tuple *tuple, uint8_t *out)
{
	const struct segment segment = { .tuple = *tuple, .payload_len = 32 };

	return frame_build(&segment, out);
}

size_t demo_frame_question(const struct five_tuple *tuple, const char *name, uint8_t *out)
{
	const struct dns_question question = {
		.id = tuple->src_port, .type = 1, .label = "", .name = name
	};
	uint8_t payload[PAYLOAD_MAX];
	const struct segment segment = { .tuple = *tuple,
					 .payload = payload,
					 .payload_len = payload_dns_query(&question, payload) };

	return frame_build(&segment, out);
}

size_t demo_frame_hello(const struct five_tuple *tuple, const char *name, bool is_syn, uint8_t *out)
{
	struct random random = { tuple->src_port };
	uint8_t payload[PAYLOAD_MAX];
	struct segment segment = { .tuple = *tuple, .tcp_flags = TCP_FLAG_SYN, .seq = 1 };

	if (!is_syn) {
		segment.tcp_flags = TCP_FLAG_PSH | TCP_FLAG_ACK;
		segment.seq = 2;
		segment.ack = 1;
		segment.payload = payload;
		segment.payload_len = payload_client_hello(&random, name, payload);
	}
	return frame_build(&segment, out);
}

struct addr demo_server_addr(bool is_ipv6)
{
	return world_own_addr(is_ipv6);
}
