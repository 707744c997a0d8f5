/*
 * From flows to alarms: counters of each host's windows, a row at the end of each, its score.
 */
#include "agent/model/watch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/row.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/sketch_hash.h"
#include "agent/util/sketch_hll.h"
#include "include/flow.h"

#define RATE_MOST 0.01
#define DNS_PORT  53
#define HOUR_NS	  (3600 * NS_PER_S) /* one incident for each source and hour */
#define DAY_NS	  (24 * HOUR_NS)
/* "Quiet host: at most one alert a day with default settings" (measured detection, bars), and the
 * default budget of five for a network of fifty. */
#define RESIDENTS_PER_ALARM 10
#define GRACE_NS	    (600 * NS_PER_S) /* what was flagged, or open, is not quiet at once */
#define SUFFER_NS	    (20 * NS_PER_S)  /* a finding repeats every 10 s while it goes on */
#define TINY_MOST	    2		     /* packets */

const uint64_t watch_lengths_ns[MODEL_WINDOWS] = { 10 * NS_PER_S, 600 * NS_PER_S,
						   86400 * NS_PER_S };

int model_watch_new(const struct model_watch_options *options, struct model_watch **out)
{
	CLEANUP(model_watch_free) struct model_watch *watch = NULL;
	int error;

	if (!options->on_alarm || !options->hosts_max || !(options->alerts_per_day > 0))
		return -EINVAL;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	watch->options = *options;
	error = hosts_new(options->hosts_max, &watch->hosts);
	if (error)
		return error;
	*out = TAKE(watch);
	return 0;
}

void model_watch_free(struct model_watch *watch)
{
	if (!watch)
		return;
	for (int w = 0; w < MODEL_WINDOWS; w++)
		for (int c = 0; c < MODEL_CLASSES; c++)
			learner_done(&watch->learners[w][c]);
	hosts_free(watch->hosts);
	free(watch);
}

/* ---- flows ----------------------------------------------------------------------------------- */

static void count_slot(uint16_t *slots, uint64_t hash)
{
	uint16_t *slot = &slots[hash >> 59];

	*slot += *slot < UINT16_MAX;
}

/* What falls into a window first opens it. */
static struct host_window *open_window(struct host *host, int w, uint64_t at_ns)
{
	struct host_window *window = &host->windows[w];

	if (!window->begun_ns)
		window->begun_ns = at_ns ? at_ns : 1;
	host->last_ns = at_ns > host->last_ns ? at_ns : host->last_ns;
	return window;
}

void model_watch_begin(struct model_watch *watch, const struct flow *flow, uint8_t src_place,
		       uint8_t dst_place)
{
	const struct five_tuple *t = &flow->tuple;
	uint64_t to = addr_hash(&t->dst, 1), at_ns = flow->first_ns;
	uint64_t on = hash_pair(t->proto, t->dst_port), pair = hash_pair(to, on);
	struct host *src = hosts_get(watch->hosts, &t->src, src_place, at_ns);
	struct host *dst = hosts_find(watch->hosts, &t->dst);
	bool is_fresh;

	if (!dst && dst_place != LEARNING_REMOTE)
		dst = hosts_get(watch->hosts, &t->dst, dst_place, at_ns);
	if (dst)
		dst->place = dst_place;
	for (int w = 0; dst && w < MODEL_WINDOWS; w++)
		open_window(dst, w, at_ns)->load++;
	if (!src)
		return;
	src->place = src_place; /* the machine's own addresses may be known a second later */
	is_fresh = hosts_is_fresh(watch->hosts, hash_pair(addr_hash(&t->src, 2), pair));
	for (int w = 0; w < MODEL_WINDOWS; w++) {
		struct host_window *window = open_window(src, w, at_ns);

		window->flows++;
		window->fresh += is_fresh;
		window->dns += t->dst_port == DNS_PORT;
		(void)hll_add(window->to, HOST_HLL_TO_BITS, to);
		(void)hll_add(window->on, HOST_HLL_ON_BITS, on);
		count_slot(window->pairs, pair);
		count_slot(window->ports, on);
	}
}

void model_watch_place(struct model_watch *watch, const struct addr *addr, uint8_t place)
{
	struct host *host = hosts_find(watch->hosts, addr);

	if (host)
		host->place = place;
}

/* Nobody answers for a group of hosts: multicast (RFC 1112, RFC 4291 2.7) and broadcast. */
static bool is_group(const struct addr *addr)
{
	uint8_t first = addr->family == ADDR_IPV4 ? addr->bytes[12] : addr->bytes[0];

	return addr->family == ADDR_IPV4 ? first >= 224 : first == 0xff;
}

static bool has_failed(const struct flow *flow)
{
	if (is_group(&flow->tuple.dst))
		return false;
	return !flow->packets_in ||
	       ((flow->tcp_flags_in & TCP_FLAG_RST) && !(flow->tcp_flags_in & TCP_FLAG_SYN));
}

void model_watch_record(struct model_watch *watch, const struct flow *flow)
{
	struct host *host = hosts_find(watch->hosts, &flow->tuple.src);
	uint64_t out = flow->bytes_out - flow->cut_bytes_out;
	uint64_t in = flow->bytes_in - flow->cut_bytes_in;
	/* an end that is only known after a silence belongs to the window of now */
	uint64_t at_ns = flow->last_ns > watch->ticked_ns ? flow->last_ns : watch->ticked_ns;

	for (int w = 0; host && w < MODEL_WINDOWS; w++) {
		struct host_window *window = open_window(host, w, at_ns);

		window->bytes_out += out;
		window->bytes_in += in;
		if (!flow->is_final)
			continue;
		window->ended++;
		window->failed += has_failed(flow);
		window->tiny += flow->packets_out + flow->packets_in <= TINY_MOST;
		window->duration_ms += (float)(flow->last_ns - flow->first_ns) / (float)NS_PER_MS;
	}
}

void model_watch_flag(struct model_watch *watch, const struct addr *src, uint64_t now_ns)
{
	struct host *host = hosts_find(watch->hosts, src);

	if (host)
		host->flagged_until_ns = now_ns + GRACE_NS;
}

void model_watch_suffer(struct model_watch *watch, const struct addr *dst, uint64_t now_ns)
{
	struct host *host = hosts_find(watch->hosts, dst);

	if (!host)
		return;
	host->suffered_until_ns = now_ns + SUFFER_NS;
	host->windows[0].is_tainted = host->windows[0].begun_ns != 0;
	host->windows[1].is_tainted = host->windows[1].begun_ns != 0; /* a day has room for it */
}

void model_watch_open(struct model_watch *watch, const struct addr *src, uint64_t now_ns)
{
	struct host *host = hosts_find(watch->hosts, src);

	if (host)
		host->open_until_ns = now_ns + GRACE_NS;
}

bool model_watch_is_flagged(const struct model_watch *watch, const struct addr *src,
			    uint64_t now_ns)
{
	const struct host *host = hosts_find(watch->hosts, src);

	return host && (now_ns < host->flagged_until_ns || now_ns < host->suffered_until_ns);
}

/* ---- windows --------------------------------------------------------------------------------- */

uint8_t watch_class(const struct host *host, int w)
{
	const struct host_window *window = &host->windows[w];

	return (uint8_t)(host->place * 2 + (window->load > window->flows));
}

bool watch_is_settling(const struct model_watch *watch, uint64_t now_ns)
{
	return !watch->begun_ns || now_ns < watch->begun_ns + watch->options.settle_s * NS_PER_S;
}

static unsigned int count_active(const struct model_watch *watch)
{
	unsigned int count = 0;

	for (int w = 0; w < MODEL_WINDOWS; w++)
		for (int c = 0; c < MODEL_CLASSES; c++)
			count += watch->learners[w][c].model_count > 0;
	return count;
}

double watch_budget(const struct model_watch *watch)
{
	double wanted = fmax(1, (double)watch->residents / RESIDENTS_PER_ALARM);

	return fmin(watch->options.alerts_per_day, wanted);
}

double watch_allowed_rate(const struct model_watch *watch, const struct learner *learner)
{
	double budget = watch_budget(watch) / fmax(1, count_active(watch));

	return fmin(RATE_MOST, budget / fmax(learner_per_day(learner), 1));
}

/*
 * Thresholds keep the budget on average, this in each day: one alarm for each host and hour counts,
 * and beyond the budget only what lies farther out than all of the day is told.
 */
static bool may_tell(struct model_watch *watch, const struct host *host,
		     const struct model_alarm *alarm)
{
	float beyond = alarm->score - alarm->threshold;

	if (host->told_ns && alarm->ended_ns < host->told_ns + HOUR_NS)
		return true;
	if (alarm->ended_ns >= watch->best_ns + DAY_NS)
		watch->best = 0;
	if (watch->tokens < 1 && beyond <= watch->best)
		return false;
	watch->tokens = fmax(0, watch->tokens - 1);
	return true;
}

static void raise_alarm(struct model_watch *watch, struct host *host, struct model_alarm *alarm,
			const float *row)
{
	struct learner *learner = &watch->learners[alarm->window][alarm->class];

	alarm->src = host->addr;
	alarm->flows = host->windows[alarm->window].flows;
	alarm->begun_ns = host->windows[alarm->window].begun_ns;
	alarm->length_s = (uint32_t)(watch_lengths_ns[alarm->window] / NS_PER_S);
	alarm->reason_count = model_explain(learner->models[learner->model_count - 1], row,
					    alarm->reasons, MODEL_REASONS);
	learner->alarms++;
	if (!may_tell(watch, host, alarm)) {
		watch->withheld++;
		return;
	}
	if (alarm->score - alarm->threshold > watch->best) {
		watch->best = alarm->score - alarm->threshold;
		watch->best_ns = alarm->ended_ns;
	}
	host->told_ns = alarm->ended_ns;
	watch->alarms++;
	watch->options.on_alarm(watch->options.arg, alarm);
}

/* Returns whether the row is quiet: it may be learned from. */
static bool judge_row(struct model_watch *watch, struct host *host, struct model_alarm *alarm,
		      const float *row)
{
	struct learner *learner = &watch->learners[alarm->window][alarm->class];
	bool is_open = alarm->ended_ns < host->open_until_ns;
	bool is_alarm;

	if (alarm->ended_ns < host->flagged_until_ns || host->windows[alarm->window].is_tainted ||
	    (alarm->window == 0 && alarm->ended_ns < host->suffered_until_ns))
		return false; /* a detector tells of it already */
	if (!learner_score(learner, row, &alarm->score))
		return !is_open;
	alarm->allowed = watch_allowed_rate(watch, learner);
	alarm->threshold = tail_threshold(&learner->tail, alarm->allowed);
	alarm->rate = tail_rate(&learner->tail, alarm->score);
	is_alarm = alarm->score > alarm->threshold;
	if (is_alarm)
		raise_alarm(watch, host, alarm, row);
	/* alarms count, too: who goes on as unusual is ordinary to the threshold after a while,
	 * and the budget holds */
	tail_add(&learner->tail, alarm->score);
	/* who does much more than ever may do so every night; searching is never learned */
	return !is_open && (!is_alarm || model_alarm_is_volume(alarm));
}

static void close_window(struct model_watch *watch, struct host *host, int w, uint64_t now_ns)
{
	struct model_alarm alarm = { .window = (uint8_t)w,
				     .class = watch_class(host, w),
				     .ended_ns = now_ns };
	struct learner *learner = &watch->learners[w][alarm.class];
	float row[FEATURE_COUNT];

	row_fill(host, w, now_ns, row);
	row_remember(host, w, row);
	if (watch_is_settling(watch, now_ns))
		; /* everything is new: no measure of anything */
	else if (judge_row(watch, host, &alarm, row))
		learner_add(learner, row, FEATURE_COUNT);
	else
		learner->gated++;
	memset(&host->windows[w], 0, sizeof(host->windows[w]));
}

static void count_seconds(struct model_watch *watch, uint64_t now_ns)
{
	uint64_t passed_s = (now_ns - watch->ticked_ns) / NS_PER_S;

	watch->ticked_ns += passed_s * NS_PER_S;
	for (int w = 0; w < MODEL_WINDOWS; w++)
		for (int c = 0; c < MODEL_CLASSES; c++) {
			struct learner *learner = &watch->learners[w][c];

			if (learner->learned + learner->gated && !watch_is_settling(watch, now_ns))
				learner->watched_s += passed_s;
		}
}

static void gain_tokens(struct model_watch *watch, uint64_t passed_ns)
{
	double budget = watch_budget(watch);

	watch->tokens += budget * (double)passed_ns / (double)DAY_NS;
	watch->tokens = fmin(watch->tokens, fmax(1, budget));
}

void model_watch_tick(struct model_watch *watch, uint64_t now_ns)
{
	uint32_t residents = 0;

	if (!watch->begun_ns) {
		watch->begun_ns = watch->ticked_ns = now_ns;
		watch->tokens = 1;
	}
	gain_tokens(watch, now_ns - watch->ticked_ns);
	count_seconds(watch, now_ns);
	for (uint32_t i = 0; i < hosts_len(watch->hosts); i++) {
		struct host *host = hosts_at(watch->hosts, i);

		residents +=
			host && host->place != LEARNING_REMOTE && now_ns < host->last_ns + DAY_NS;
		for (int w = 0; host && w < MODEL_WINDOWS; w++) {
			uint64_t begun_ns = host->windows[w].begun_ns;

			if (begun_ns && now_ns >= begun_ns + watch_lengths_ns[w])
				close_window(watch, host, w, now_ns);
		}
	}
	watch->residents = residents;
}
