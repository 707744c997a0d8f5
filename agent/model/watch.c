/*
 * From flows to alarms: counters of each host's windows, a row at the end of each, its score.
 */
#include "agent/model/model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/hosts.h"
#include "agent/model/learner.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/sketch_hash.h"
#include "agent/util/sketch_hll.h"
#include "include/flow.h"

#define DAY_S	  86400.0
#define RATE_MOST 0.01
#define DNS_PORT  53
#define GRACE_NS  (600 * NS_PER_S) /* a source that was flagged teaches nothing for so long */
#define TINY_MOST 2		   /* packets */

static const uint64_t lengths_ns[MODEL_WINDOWS] = { 10 * NS_PER_S, 600 * NS_PER_S,
						    86400 * NS_PER_S };

struct model_watch {
	struct model_watch_options options;
	struct hosts *hosts;
	uint64_t begun_ns, ends_ns[MODEL_WINDOWS];
	struct learner learners[MODEL_WINDOWS][MODEL_CLASSES];
	uint64_t alarms;
};

struct model_job {
	uint8_t window, class;
	uint32_t features;
	uint64_t seed;
	struct learner_split split;
	struct model *model; /* NULL: not fitted, or it did not prove itself */
};

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

void model_watch_begin(struct model_watch *watch, const struct flow *flow, uint8_t src_place,
		       uint8_t dst_place)
{
	const struct five_tuple *t = &flow->tuple;
	uint64_t to = addr_hash(&t->dst, 1);
	uint64_t on = hash_pair(t->proto, t->dst_port), pair = hash_pair(to, on);
	struct host *src = hosts_get(watch->hosts, &t->src, src_place, flow->first_ns);
	struct host *dst = hosts_find(watch->hosts, &t->dst);
	bool is_fresh;

	if (!dst && dst_place != MODEL_PLACE_REMOTE)
		dst = hosts_get(watch->hosts, &t->dst, dst_place, flow->first_ns);
	for (int w = 0; dst && w < MODEL_WINDOWS; w++)
		dst->windows[w].load++;
	if (!src)
		return;
	src->last_ns = flow->first_ns > src->last_ns ? flow->first_ns : src->last_ns;
	is_fresh = hosts_is_fresh(watch->hosts, hash_pair(addr_hash(&t->src, 2), pair));
	for (int w = 0; w < MODEL_WINDOWS; w++) {
		struct host_window *window = &src->windows[w];

		window->flows++;
		window->fresh += is_fresh;
		window->dns += t->dst_port == DNS_PORT;
		(void)hll_add(window->to, HOST_HLL_TO_BITS, to);
		(void)hll_add(window->on, HOST_HLL_ON_BITS, on);
		count_slot(window->pairs, pair);
		count_slot(window->ports, on);
	}
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

	for (int w = 0; host && w < MODEL_WINDOWS; w++) {
		struct host_window *window = &host->windows[w];

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

void model_watch_gate(struct model_watch *watch, const struct addr *src, uint64_t now_ns)
{
	struct host *host = hosts_find(watch->hosts, src);

	if (host)
		host->gated_until_ns = now_ns + GRACE_NS;
}

/* ---- windows --------------------------------------------------------------------------------- */

static double slot_entropy(const uint16_t *slots, uint32_t *top)
{
	double total = 0, sum = 0;

	*top = 0;
	for (int i = 0; i < HOST_SLOTS; i++) {
		total += slots[i];
		sum += slots[i] > 1 ? slots[i] * log2(slots[i]) : 0;
		*top = slots[i] > *top ? slots[i] : *top;
	}
	return total > 0 ? fmax(0, log2(total) - sum / total) : 0;
}

static float share(double part, double whole)
{
	return whole > 0 ? (float)(part / whole) : 0;
}

/* How far the window lies from the host's own past; then it is part of it. */
static float learn_z(struct ew *ew, double x)
{
	/* constants: "starting values" of docs/model.md; three windows make a past */
	double z = ew->count >= 3 ? ew_z(ew, x, 0.05) : 0;

	ew_add(ew, x, 0.05);
	return (float)z;
}

static void fill_row(struct host *host, int w, uint64_t now_ns, float row[static FEATURE_COUNT])
{
	const struct host_window *x = &host->windows[w];
	double bytes = (double)x->bytes_out + (double)x->bytes_in;
	uint32_t top, top_port;

	row[FEATURE_FLOWS] = log1pf((float)x->flows);
	row[FEATURE_DESTINATIONS] = (float)log1p(hll_count(x->to, HOST_HLL_TO_BITS));
	row[FEATURE_PORTS] = (float)log1p(hll_count(x->on, HOST_HLL_ON_BITS));
	row[FEATURE_PAIR_ENTROPY] = (float)slot_entropy(x->pairs, &top);
	row[FEATURE_PORT_ENTROPY] = (float)slot_entropy(x->ports, &top_port);
	row[FEATURE_TOP] = log1pf((float)top);
	row[FEATURE_TOP_SHARE] = share(top, x->flows);
	row[FEATURE_NEW] = log1pf((float)x->fresh);
	row[FEATURE_NEW_SHARE] = share(x->fresh, x->flows);
	row[FEATURE_FAILED] = log1pf((float)x->failed);
	row[FEATURE_FAILED_SHARE] = share(x->failed, x->ended);
	row[FEATURE_TINY_SHARE] = share(x->tiny, x->ended);
	row[FEATURE_BYTES_OUT] = (float)log1p((double)x->bytes_out);
	row[FEATURE_BYTES_IN] = (float)log1p((double)x->bytes_in);
	row[FEATURE_ASYMMETRY] = share((double)x->bytes_out - (double)x->bytes_in, bytes);
	row[FEATURE_DURATION] = log1pf(share((double)x->duration_ms, x->ended));
	row[FEATURE_DNS] = log1pf((float)x->dns);
	row[FEATURE_LOAD] = log1pf((float)x->load);
	row[FEATURE_Z_FLOWS] = learn_z(&host->flows[w], (double)row[FEATURE_FLOWS]);
	row[FEATURE_Z_BYTES] = learn_z(&host->bytes[w], (double)row[FEATURE_BYTES_OUT]);
	row[FEATURE_Z_LOAD] = learn_z(&host->load[w], (double)row[FEATURE_LOAD]);
	row[FEATURE_AGE] = (float)log1p((double)(now_ns - host->first_ns) / (60.0 * NS_PER_S));
}

static bool is_empty(const struct host_window *window)
{
	return !window->flows && !window->ended && !window->load && !window->bytes_out &&
	       !window->bytes_in;
}

static unsigned int count_active(const struct model_watch *watch)
{
	unsigned int count = 0;

	for (int w = 0; w < MODEL_WINDOWS; w++)
		for (int c = 0; c < MODEL_CLASSES; c++)
			count += watch->learners[w][c].model_count > 0;
	return count;
}

/* The share of windows that may alarm, so that all learners together keep the budget. */
static double allowed_rate(const struct model_watch *watch, const struct learner *learner,
			   uint64_t now_ns)
{
	double days = (double)(now_ns - watch->begun_ns) / NS_PER_S / DAY_S;
	double windows = (double)(learner->learned + learner->gated) / fmax(days, 1.0 / 24);
	double budget = watch->options.alerts_per_day / fmax(1, count_active(watch));

	return fmin(RATE_MOST, budget / fmax(windows, 1));
}

static void raise_alarm(struct model_watch *watch, const struct host *host,
			struct model_alarm *alarm, const float *row)
{
	const struct learner *learner = &watch->learners[alarm->window][alarm->class];

	alarm->src = host->addr;
	alarm->flows = host->windows[alarm->window].flows;
	alarm->length_s = (uint32_t)(lengths_ns[alarm->window] / NS_PER_S);
	alarm->reason_count = model_explain(learner->models[learner->model_count - 1], row,
					    alarm->reasons, MODEL_REASONS);
	watch->alarms++;
	watch->options.on_alarm(watch->options.arg, alarm);
}

/* Returns whether the row is quiet: it may be learned from. */
static bool judge_row(struct model_watch *watch, struct host *host, struct model_alarm *alarm,
		      const float *row, uint64_t now_ns)
{
	struct learner *learner = &watch->learners[alarm->window][alarm->class];
	bool is_gated = now_ns < host->gated_until_ns, is_alarm;

	if (!learner_score(learner, row, &alarm->score))
		return !is_gated;
	alarm->threshold = tail_threshold(&learner->tail, allowed_rate(watch, learner, now_ns));
	alarm->rate = tail_rate(&learner->tail, alarm->score);
	is_alarm = alarm->score > alarm->threshold;
	if (is_alarm)
		raise_alarm(watch, host, alarm, row);
	if (!is_gated)
		tail_add(&learner->tail, alarm->score);
	return !is_gated && !is_alarm;
}

static void close_window(struct model_watch *watch, struct host *host, int w, uint64_t now_ns)
{
	struct host_window *window = &host->windows[w];
	float row[FEATURE_COUNT];
	struct model_alarm alarm = { .window = (uint8_t)w };
	struct learner *learner;

	if (is_empty(window))
		return;
	fill_row(host, w, now_ns, row);
	alarm.class = (uint8_t)(host->place * 2 + (window->load > window->flows));
	learner = &watch->learners[w][alarm.class];
	if (judge_row(watch, host, &alarm, row, now_ns))
		learner_add(learner, row, FEATURE_COUNT);
	else
		learner->gated++;
	memset(window, 0, sizeof(*window));
}

void model_watch_tick(struct model_watch *watch, uint64_t now_ns)
{
	if (!watch->begun_ns) {
		watch->begun_ns = now_ns;
		for (int w = 0; w < MODEL_WINDOWS; w++)
			watch->ends_ns[w] = now_ns + lengths_ns[w];
	}
	for (int w = 0; w < MODEL_WINDOWS; w++) {
		if (now_ns < watch->ends_ns[w])
			continue;
		for (uint32_t i = 0; i < hosts_len(watch->hosts); i++) {
			struct host *host = hosts_at(watch->hosts, i);

			if (host)
				close_window(watch, host, w, now_ns);
		}
		watch->ends_ns[w] = now_ns + lengths_ns[w];
	}
}

/* ---- fits ------------------------------------------------------------------------------------ */

struct model_job *model_watch_job(struct model_watch *watch)
{
	for (int w = 0; w < MODEL_WINDOWS; w++)
		for (int c = 0; c < MODEL_CLASSES; c++) {
			struct learner *learner = &watch->learners[w][c];
			CLEANUP(model_job_free) struct model_job *job = NULL;

			if (!learner_is_due(learner))
				continue;
			job = calloc(1, sizeof(*job));
			if (!job || learner_split(learner, &job->split))
				return NULL; /* asked again with the next call */
			job->window = (uint8_t)w;
			job->class = (uint8_t)c;
			job->features = learner->features;
			job->seed = hash_pair(watch->options.seed, learner->learned);
			learner->is_fitting = true;
			learner->fitted_at = learner->learned;
			return TAKE(job);
		}
	return NULL;
}

void model_job_run(struct model_job *job)
{
	const struct model_options options = {
		.trees = MODEL_TREES, .sample = MODEL_SAMPLE, .seed = job->seed, .has_rules = true
	};

	if (model_fit(job->split.train, job->split.train_count, job->features, &options,
		      &job->model))
		return;
	if (learner_judge(job->model, &job->split, job->features))
		return;
	model_free(job->model);
	job->model = NULL;
}

void model_watch_take(struct model_watch *watch, struct model_job *job)
{
	learner_take(&watch->learners[job->window][job->class], TAKE(job->model), &job->split);
	model_job_free(job);
}

void model_job_free(struct model_job *job)
{
	if (!job)
		return;
	model_free(job->model);
	free(job->split.train);
	free(job->split.hold);
	free(job);
}

void model_watch_status(const struct model_watch *watch, struct model_status *status)
{
	memset(status, 0, sizeof(*status));
	status->hosts = hosts_used(watch->hosts);
	status->full = hosts_full(watch->hosts);
	status->alarms = watch->alarms;
	for (int w = 0; w < MODEL_WINDOWS; w++)
		for (int c = 0; c < MODEL_CLASSES; c++) {
			const struct learner *learner = &watch->learners[w][c];
			struct model_learner_status *out = &status->learners[w][c];

			out->learned = learner->learned;
			out->gated = learner->gated;
			out->wanted = LEARNER_FIRST;
			out->models = learner->model_count;
			out->promoted = learner->promoted;
			out->refused = learner->refused;
		}
}

const char *model_feature_name(uint32_t feature)
{
	static const char *const names[FEATURE_COUNT] = {
#define FEATURE(id, name, unit, formula, source) [FEATURE_##id] = (name),
#include "include/features.def"
#undef FEATURE
	};

	return feature < FEATURE_COUNT ? names[feature] : "";
}
