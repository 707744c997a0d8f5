/*
 * The day before, computed and not made up: the scenario's attacks run through the datapath, the
 * flow table and the detectors by their own clock. The hosts' ordinary traffic is in the totals
 * only, but for the first minutes, from which the detectors learn what is normal.
 */
#include "agent/app/past.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/app/messages.h"
#include "agent/app/rehearse.h"
#include "agent/demo/demo.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/queue.h"

#define MINUTES	      ((size_t)24 * 60)
#define DAY_S	      86400
#define END_S	      120 /* what is found now is found by the demo itself */
#define QUIET_AFTER_S (DEMO_LEARN_S + 120)
#define RARITY	      25 /* some twenty attacks in the day: each kind once */
#define SEED	      0x6461792d6f6c64ULL

struct past {
	const struct past_options *options;
	struct totals *minutes;
	int64_t from_unix_s; /* of the first minute */
	uint64_t last_id, lost;
};

/* What attacks brought is part of the minute it came in. */
static void add_to_minute(const struct past *past, const struct flow *flow)
{
	int64_t minute = (flow->end_unix_ms / 1000 - past->from_unix_s) / 60;
	uint64_t packets_out = flow->packets_out - flow->cut_packets_out;
	uint64_t packets_in = flow->packets_in - flow->cut_packets_in;
	uint64_t bytes_out = flow->bytes_out - flow->cut_bytes_out;
	uint64_t bytes_in = flow->bytes_in - flow->cut_bytes_in;
	struct totals *totals;

	if (minute < 0 || minute >= (int64_t)MINUTES)
		return;
	totals = &past->minutes[minute];
	/* the flow's "out" came in when its initiator is outside */
	totals->packets_in += flow->ingress ? packets_out : packets_in;
	totals->packets_out += flow->ingress ? packets_in : packets_out;
	totals->bytes_in += flow->ingress ? bytes_out : bytes_in;
	totals->bytes_out += flow->ingress ? bytes_in : bytes_out;
	totals->new_flows += flow->is_final;
}

static void keep_record(void *arg, const struct flow *flow, struct flow_names *names)
{
	struct past *past = arg;
	const struct flow_extra extra = { .names = names };

	if (flow->id > past->last_id)
		past->last_id = flow->id;
	/* the first minutes' ordinary traffic is in the totals */
	if (flow->start_unix_ms / 1000 < past->from_unix_s + QUIET_AFTER_S)
		return;
	add_to_minute(past, flow);
	past->lost += store_flow_add(past->options->store, flow, &extra) != 0;
}

static void keep_finding(void *arg, const struct finding *finding, int64_t unix_ms)
{
	struct past *past = arg;
	struct service_message *message = malloc(sizeof(*message));

	(void)unix_ms;
	if (message) {
		message->kind = MESSAGE_FINDING;
		message->finding = *finding;
		if (!queue_push(past->options->service, message))
			return;
		free(message);
	}
	past->lost++;
}

static int add_attacks(struct past *past)
{
	char truth[PATH_MAX + 16];
	const struct rehearse_options options = {
		.seed = past->options->seed ^ SEED,
		.start_unix_ms = past->from_unix_s * 1000,
		.length_s = DAY_S - END_S,
		.learn_s = DEMO_LEARN_S,
		.quiet_after_s = QUIET_AFTER_S,
		.attack_rarity = RARITY,
		.truth_path = truth,
		.first_flow_id = store_next_flow_id(past->options->store),
		.arg = past,
		.on_finding = keep_finding,
		.on_record = keep_record,
	};

	(void)snprintf(truth, sizeof(truth), "%s/truth.ndjson", past->options->dir);
	return rehearse(&options);
}

static int fill(struct past *past, int64_t now_s)
{
	struct totals seconds[DEMO_SECONDS_MAX];
	struct store *store = past->options->store;
	uint64_t seed = past->options->seed;
	size_t count = demo_history_seconds(seed, now_s, seconds);
	int error;

	demo_history(seed, now_s, past->minutes, MINUTES);
	past->from_unix_s = past->minutes[0].unix_s;
	error = add_attacks(past);
	if (!error)
		error = store_totals_add_many(store, past->minutes, MINUTES);
	for (size_t i = 0; i < count && !error; i++)
		error = store_totals_add(store, &seconds[i]);
	if (past->lost)
		log_warn("of the day before some is missing lost=%llu",
			 (unsigned long long)past->lost);
	return error;
}

/* A core that was started again, or a demo that kept its state, has one already. */
static int has_day(struct store *store, int64_t now_s, struct totals *minutes)
{
	const struct totals_range day = { .from_unix_s = now_s - DAY_S,
					  .to_unix_s = now_s,
					  .step_s = 60 };
	int count = store_totals_sum(store, &day, minutes, MINUTES);

	for (int i = 0; i < count; i++)
		if (minutes[i].packets_in)
			return 1;
	return count < 0 ? count : 0;
}

int past_fill(const struct past_options *options, uint64_t *flow_ids_used)
{
	CLEANUP(free) struct totals *minutes = calloc(MINUTES, sizeof(*minutes));
	struct past past = { .options = options, .minutes = minutes };
	int64_t now_s = clock_unix_ms() / 1000;
	int error;

	*flow_ids_used = 0;
	if (!minutes)
		return -ENOMEM;
	error = has_day(options->store, now_s, minutes);
	if (error)
		return error < 0 ? error : 0;
	error = fill(&past, now_s);
	if (past.last_id)
		*flow_ids_used = past.last_id + 1 - store_next_flow_id(options->store);
	return error;
}
