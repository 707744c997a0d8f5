/*
 * Alarms wait a little before they are told: a named detector that knows better may need those
 * seconds, and one cause is one incident.
 */
#include "agent/app/anomaly.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/app/anomaly_files.h"
#include "agent/app/anomaly_say.h"
#include "agent/app/cell.h"
#include "agent/app/jobs.h"
#include "agent/app/messages.h"
#include "agent/app/places.h"
#include "agent/config/config.h"
#include "agent/model/model.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"
#include "agent/util/queue.h"
#include "agent/util/snapshot.h"

#define HOSTS_MAX     100000
#define FINISHED_MAX  64
#define PENDING_MAX   32
#define HOLD_NS	      (5 * NS_PER_S)	/* a window and this are within the 15 s of brute force */
#define SAVE_EVERY_NS (1800 * NS_PER_S) /* what a crash may cost of learning */
#define OPEN_EVERY_NS \
	(10 * NS_PER_S) /* a window: a host that comes back is gated before its first is over */

struct pending {
	uint64_t due_ns; /* 0 = free */
	struct finding finding;
};

/* What the jobs thread does for it: one thing at a time, a fit or a file. */
struct errand {
	bool is_out;
	struct model_job *fit; /* NULL: a file */
	struct anomaly_file file;
	int error; /* of writing it */
};

struct anomaly {
	struct anomaly_options options;
	struct model_watch *watch;
	struct places *places;
	struct queue *finished; /* struct service_message, from the jobs thread */
	struct jobs *jobs;
	struct errand errand;
	unsigned int save_at; /* the next kind to be looked at; MODEL_KINDS: all were */
	uint64_t saved_ns;
	struct pending pending[PENDING_MAX];
	struct addr open[ANOMALY_OPEN_MAX];
	size_t open_count;
	uint64_t opened_ns, now_ns;
	int64_t unix_ms;
	uint64_t lost;
	struct log_limit limit;

	pthread_mutex_t mutex; /* what other threads brought since the last tick */
	struct {
		bool has_own, has_open;
		size_t own_count, open_count;
		struct addr own[PLACES_OWN_MAX], open[ANOMALY_OPEN_MAX];
	} mail;
};

/* ---- alarms ---------------------------------------------------------------------------------- */

static void tell(struct anomaly *anomaly, struct pending *pending)
{
	const struct finding *finding = &pending->finding;

	pending->due_ns = 0;
	if (!model_watch_is_flagged(anomaly->watch, &finding->src, anomaly->now_ns))
		anomaly->options.on_finding(anomaly->options.arg, finding);
}

static void take_alarm(void *arg, const struct model_alarm *alarm)
{
	struct anomaly *anomaly = arg;
	const struct anomaly_moment moment = { anomaly->now_ns, anomaly->unix_ms };
	struct snapshot *snapshot;

	for (int i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = &anomaly->pending[i];

		if (pending->due_ns)
			continue;
		snapshot = cell_get(anomaly->options.cell);
		anomaly_say(alarm, snapshot, &moment, &pending->finding);
		snapshot_unref(snapshot);
		pending->due_ns = anomaly->now_ns + HOLD_NS;
		return;
	}
	anomaly->lost++;
	log_write_limited(&anomaly->limit, LOG_LEVEL_WARN,
			  "more unusual windows at once than are told lost=%" PRIu64,
			  anomaly->lost);
}

static void tell_due(struct anomaly *anomaly)
{
	for (int i = 0; i < PENDING_MAX; i++)
		if (anomaly->pending[i].due_ns && anomaly->now_ns >= anomaly->pending[i].due_ns)
			tell(anomaly, &anomaly->pending[i]);
}

/* ---- fits and files -------------------------------------------------------------------------- */

static void errand_work(void *arg)
{
	struct errand *errand = &((struct anomaly *)arg)->errand;

	if (errand->fit)
		model_job_run(errand->fit);
	else
		errand->error = anomaly_file_write(&errand->file);
}

static void errand_done(void *arg)
{
	struct anomaly *anomaly = arg;
	struct errand *errand = &anomaly->errand;

	errand->is_out = false;
	if (!errand->fit) {
		if (errand->error)
			log_write_limited(&anomaly->limit, LOG_LEVEL_WARN,
					  "what the anomaly model learned is not kept file=%s "
					  "error=%s",
					  errand->file.path, strerror(-errand->error));
		anomaly_file_done(&errand->file);
	} else if (model_watch_take(anomaly->watch, TAKE(errand->fit), anomaly->unix_ms)) {
		anomaly->save_at = 0; /* a new model is kept at once */
	}
}

static void send_errand(struct anomaly *anomaly)
{
	const struct job order = { .work = errand_work, .done = errand_done, .arg = anomaly };

	if (anomaly->errand.is_out)
		return;
	anomaly->errand.fit = model_watch_job(anomaly->watch);
	if (!anomaly->errand.fit && !anomaly_files_next(anomaly->options.dir, anomaly->watch,
							&anomaly->save_at, &anomaly->errand.file))
		return;
	anomaly->errand.is_out = true;
	if (jobs_post(anomaly->jobs, &order))
		errand_done(anomaly); /* as a fit that did not prove itself; a file comes again */
}

static void take_finished(struct anomaly *anomaly)
{
	struct service_message *message;

	while ((message = queue_pop(anomaly->finished))) {
		message->job.done(message->job.arg);
		free(message);
	}
}

/* The last words: no thread is left, so they are written here. */
static void save_all(struct anomaly *anomaly)
{
	struct anomaly_file *file = &anomaly->errand.file;

	anomaly->save_at = 0;
	while (anomaly_files_next(anomaly->options.dir, anomaly->watch, &anomaly->save_at, file)) {
		int error = anomaly_file_write(file);

		if (error)
			log_warn("what the anomaly model learned is not kept file=%s error=%s",
				 file->path, strerror(-error));
		anomaly_file_done(file);
	}
}

/* ---- life ------------------------------------------------------------------------------------ */

static int open_watch(struct anomaly *anomaly)
{
	const struct config *config = anomaly->options.config;
	struct model_watch_options options = {
		.hosts_max = HOSTS_MAX,
		.alerts_per_day = (double)config_int(config, CONFIG_DETECT_ALERTS_PER_DAY),
		.settle_s = (uint64_t)config_int(config, CONFIG_DETECT_LEARN),
		.seed = anomaly->options.seed,
		.on_alarm = take_alarm,
		.arg = anomaly,
	};

	if (!options.seed)
		crypto_random(&options.seed, sizeof(options.seed));
	return model_watch_new(&options, &anomaly->watch);
}

int anomaly_start(const struct anomaly_options *options, struct anomaly **out)
{
	CLEANUP(anomaly_stop) struct anomaly *anomaly = calloc(1, sizeof(*anomaly));
	int error;

	if (!anomaly)
		return -ENOMEM;
	anomaly->options = *options;
	(void)pthread_mutex_init(&anomaly->mutex, NULL); /* cannot fail on Linux */
	error = open_watch(anomaly);
	if (!error)
		error = places_new(options->config, &anomaly->places);
	if (!error)
		error = queue_new(FINISHED_MAX, &anomaly->finished);
	if (!error)
		error = jobs_start(anomaly->finished, &anomaly->jobs);
	if (error)
		return error;
	anomaly_files_load(options->dir, anomaly->watch);
	anomaly->save_at = MODEL_KINDS;
	*out = TAKE(anomaly);
	return 0;
}

void anomaly_stop(struct anomaly *anomaly)
{
	if (!anomaly)
		return;
	for (int i = 0; i < PENDING_MAX; i++)
		if (anomaly->pending[i].due_ns)
			tell(anomaly, &anomaly->pending[i]);
	jobs_stop(anomaly->jobs);
	if (anomaly->finished)
		take_finished(anomaly);
	if (anomaly->errand.is_out) { /* it was not begun; it takes milliseconds */
		errand_work(anomaly);
		errand_done(anomaly);
	}
	if (anomaly->jobs)
		save_all(anomaly);
	queue_free(anomaly->finished);
	places_free(anomaly->places);
	model_watch_free(anomaly->watch);
	(void)pthread_mutex_destroy(&anomaly->mutex);
	free(anomaly);
}

/* ---- from the pipeline ----------------------------------------------------------------------- */

void anomaly_begin(struct anomaly *anomaly, const struct flow *flow)
{
	model_watch_begin(anomaly->watch, flow, places_of(anomaly->places, &flow->tuple.src),
			  places_of(anomaly->places, &flow->tuple.dst));
}

void anomaly_record(struct anomaly *anomaly, const struct flow *flow)
{
	model_watch_record(anomaly->watch, flow);
}

/* Low ones are mostly news of everyday life: who never closes them shall learn nevertheless. */
void anomaly_flag(struct anomaly *anomaly, const struct finding *finding, uint64_t now_ns)
{
	if (finding->severity == SEVERITY_LOW || finding->detector == DETECTOR_ANOMALY)
		return;
	model_watch_flag(anomaly->watch, &finding->src, now_ns);
	model_watch_suffer(anomaly->watch, &finding->dst, now_ns);
}

static void take_mail(struct anomaly *anomaly)
{
	bool has_open;

	(void)pthread_mutex_lock(&anomaly->mutex); /* held for a copy only */
	if (anomaly->mail.has_own)
		places_set_own(anomaly->places, anomaly->mail.own, anomaly->mail.own_count);
	for (size_t i = 0; anomaly->mail.has_own && i < anomaly->mail.own_count; i++)
		model_watch_place(anomaly->watch, &anomaly->mail.own[i], LEARNING_OWN);
	has_open = anomaly->mail.has_open;
	if (has_open) {
		anomaly->open_count = anomaly->mail.open_count;
		memcpy(anomaly->open, anomaly->mail.open, sizeof(anomaly->open));
	}
	anomaly->mail.has_own = anomaly->mail.has_open = false;
	(void)pthread_mutex_unlock(&anomaly->mutex);
	if (!has_open && anomaly->now_ns < anomaly->opened_ns + OPEN_EVERY_NS)
		return;
	anomaly->opened_ns = anomaly->now_ns;
	for (size_t i = 0; i < anomaly->open_count; i++)
		model_watch_open(anomaly->watch, &anomaly->open[i], anomaly->now_ns);
}

void anomaly_tick(struct anomaly *anomaly, uint64_t now_ns, int64_t unix_ms)
{
	anomaly->now_ns = now_ns;
	anomaly->unix_ms = unix_ms;
	if (!anomaly->saved_ns)
		anomaly->saved_ns = now_ns;
	take_finished(anomaly);
	take_mail(anomaly);
	model_watch_tick(anomaly->watch, now_ns);
	tell_due(anomaly);
	if (now_ns >= anomaly->saved_ns + SAVE_EVERY_NS) {
		anomaly->saved_ns = now_ns;
		anomaly->save_at = 0;
	}
	send_errand(anomaly);
}

void anomaly_status(const struct anomaly *anomaly, struct learning *out)
{
	model_watch_status(anomaly->watch, anomaly->now_ns, out);
}

int anomaly_host(const struct anomaly *anomaly, const struct addr *addr, struct learning_host *out)
{
	return model_watch_host(anomaly->watch, addr, anomaly->now_ns, out);
}

/* ---- any thread ------------------------------------------------------------------------------ */

void anomaly_set_own(struct anomaly *anomaly, const struct addr *own, size_t count)
{
	(void)pthread_mutex_lock(&anomaly->mutex);
	anomaly->mail.own_count = count < PLACES_OWN_MAX ? count : PLACES_OWN_MAX;
	memcpy(anomaly->mail.own, own, anomaly->mail.own_count * sizeof(*own));
	anomaly->mail.has_own = true;
	(void)pthread_mutex_unlock(&anomaly->mutex);
}

void anomaly_set_open(struct anomaly *anomaly, const struct addr *open, size_t count)
{
	(void)pthread_mutex_lock(&anomaly->mutex);
	anomaly->mail.open_count = count < ANOMALY_OPEN_MAX ? count : ANOMALY_OPEN_MAX;
	memcpy(anomaly->mail.open, open, anomaly->mail.open_count * sizeof(*open));
	anomaly->mail.has_open = true;
	(void)pthread_mutex_unlock(&anomaly->mutex);
}
