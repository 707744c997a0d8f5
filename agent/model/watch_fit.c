/*
 * What the watch has learned: fits that are due, files of it, and what is shown of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/internal.h"
#include "agent/model/row.h"
#include "agent/model/watch.h"
#include "agent/util/clock.h"
#include "agent/util/sketch_hash.h"

_Static_assert(FEATURE_COUNT <= LEARNING_FEATURES, "room for what is shown");

struct model_job {
	uint8_t window, class;
	uint32_t features;
	uint64_t seed;
	struct learner_split split;
	struct model *model; /* NULL: not fitted, or it did not prove itself */
};

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

bool model_watch_take(struct model_watch *watch, struct model_job *job, int64_t unix_ms)
{
	struct learner *learner = &watch->learners[job->window][job->class];
	bool is_good = job->model != NULL;

	learner_take(learner, TAKE(job->model), &job->split, unix_ms);
	if (is_good)
		learner->trained_hosts = hosts_used(watch->hosts);
	model_job_free(job);
	return is_good;
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

/* ---- files ----------------------------------------------------------------------------------- */

static struct learner *learner_of(struct model_watch *watch, unsigned int kind)
{
	return &watch->learners[kind / MODEL_CLASSES][kind % MODEL_CLASSES];
}

void model_watch_save(struct model_watch *watch, unsigned int kind, struct buffer *buffer)
{
	struct learner *learner = learner_of(watch, kind);

	if (!learner->is_changed)
		return;
	learner_encode(learner, buffer);
	learner->is_changed = false;
}

int model_watch_load(struct model_watch *watch, unsigned int kind, const void *data, size_t len,
		     char reason[static MODEL_REASON_MAX])
{
	return learner_decode(data, len, FEATURE_COUNT, learner_of(watch, kind), reason);
}

/* ---- what is shown --------------------------------------------------------------------------- */

static const struct model *newest_model(const struct learner *learner)
{
	return learner->model_count ? learner->models[learner->model_count - 1] : NULL;
}

static struct learning_kind kind_of(const struct model_watch *watch, const struct learner *learner)
{
	const struct model *newest = newest_model(learner);
	double rate = watch_allowed_rate(watch, learner);

	return (struct learning_kind){
		.learned = learner->learned,
		.gated = learner->gated,
		.wanted = LEARNER_FIRST,
		.models = learner->model_count,
		.promoted = learner->promoted,
		.refused = learner->refused,
		.alarms = learner->alarms,
		.trained_unix_ms = learner->trained_unix_ms,
		.trained_rows = newest ? newest->rows : 0,
		.trained_hosts = learner->trained_hosts,
		.threshold = newest ? (double)tail_threshold(&learner->tail, rate) : 0,
		.allowed_rate = rate,
	};
}

void model_watch_status(const struct model_watch *watch, uint64_t now_ns, struct learning *out)
{
	uint64_t settled_ns = watch->begun_ns + watch->options.settle_s * NS_PER_S;

	memset(out, 0, sizeof(*out));
	out->hosts = hosts_used(watch->hosts);
	out->hosts_max = watch->options.hosts_max;
	out->full = hosts_full(watch->hosts);
	out->alarms = watch->alarms;
	out->withheld = watch->withheld;
	out->budget = watch_budget(watch);
	out->alerts_per_day = watch->options.alerts_per_day;
	if (watch_is_settling(watch, now_ns))
		out->settle_s = watch->begun_ns ? (settled_ns - now_ns - 1) / NS_PER_S + 1
						: watch->options.settle_s;
	for (int w = 0; w < MODEL_WINDOWS; w++) {
		out->length_s[w] = (uint32_t)(watch_lengths_ns[w] / NS_PER_S);
		for (int c = 0; c < MODEL_CLASSES; c++)
			out->kinds[w][c] = kind_of(watch, &watch->learners[w][c]);
	}
}

static void show_features(const struct model *model, const float *row, struct learning_window *out)
{
	out->feature_count = FEATURE_COUNT;
	for (uint32_t f = 0; f < FEATURE_COUNT; f++) {
		struct learning_feature *feature = &out->features[f];

		feature->name = model_feature_name(f);
		feature->unit = model_feature_unit(f);
		feature->value = model_feature_value(f, row[f]);
		if (!model)
			continue;
		feature->low = model_feature_value(f, model->ranks->feature[f].low);
		feature->middle = model_feature_value(f, model->ranks->feature[f].middle);
		feature->high = model_feature_value(f, model->ranks->feature[f].high);
		feature->rarity = (double)ranks_get(model->ranks, f, row[f]);
	}
}

static void show_window(const struct model_watch *watch, const struct host *host, int w,
			struct learning_window *out)
{
	const struct host_window *window = &host->windows[w];
	uint64_t now_ns = watch->ticked_ns;
	const struct learner *learner;
	float row[FEATURE_COUNT], score;

	out->class = watch_class(host, w);
	learner = &watch->learners[w][out->class];
	if (!window->begun_ns)
		return;
	out->is_open = true;
	out->flows = window->flows;
	if (now_ns > window->begun_ns)
		out->since_s = (double)(now_ns - window->begun_ns) / NS_PER_S;
	row_fill(host, w, now_ns, row);
	out->has_model = learner_score(learner, row, &score);
	if (out->has_model) {
		double rate = watch_allowed_rate(watch, learner);

		out->score = (double)score;
		out->threshold = (double)tail_threshold(&learner->tail, rate);
	}
	show_features(newest_model(learner), row, out);
}

int model_watch_host(const struct model_watch *watch, const struct addr *addr, uint64_t now_ns,
		     struct learning_host *out)
{
	const struct host *host = hosts_find(watch->hosts, addr);

	if (!host)
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	out->place = host->place;
	out->is_flagged = now_ns < host->flagged_until_ns || now_ns < host->suffered_until_ns;
	out->is_open = now_ns < host->open_until_ns;
	if (now_ns > host->first_ns)
		out->known_s = (double)(now_ns - host->first_ns) / NS_PER_S;
	for (int w = 0; w < MODEL_WINDOWS; w++)
		show_window(watch, host, w, &out->windows[w]);
	return 0;
}
