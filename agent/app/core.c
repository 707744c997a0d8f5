/*
 * The core role: stores, threads and services in start order; stopped in reverse.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/app/cell.h"
#include "agent/app/facts.h"
#include "agent/app/internal.h"
#include "agent/app/mirror.h"
#include "agent/app/outlet.h"
#include "agent/app/past.h"
#include "agent/app/pipeline.h"
#include "agent/app/service.h"
#include "agent/capture/capture.h"
#include "agent/demo/demo.h"
#include "agent/export/export.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/queue.h"
#include "agent/util/snapshot.h"

/* Room for a burst of findings beside the jobs and one message a second. */
#define SERVICE_QUEUE_MAX 1024

struct core {
	struct app *app;
	struct store *store;
	struct cell cell;
	struct queue *queue;
	struct pipeline *pipeline;
	struct outputs *outputs; /* NULL: nothing goes out */
	struct facts *facts;
	struct mirror *mirror; /* NULL: no mirror port */
	struct service *service;
};

static int open_demo(struct app *app)
{
	char truth[PATH_MAX + 16];
	const struct demo_options options = {
		.seed = app->options->seed,
		.speed = app->options->speed > 0 ? app->options->speed : 1.0,
		.flow_slots = (unsigned int)config_int(app->config, CONFIG_CAPTURE_FLOW_SLOTS),
		.truth_path = truth,
	};

	(void)snprintf(truth, sizeof(truth), "%s/truth.ndjson", app->work_dir);
	return demo_open(&options, &app->capture);
}

int core_prepare(struct app *app)
{
	int error = app->is_demo ? open_demo(app) : capture_kernel_open(app->kernel, &app->capture);

	if (error)
		log_error("cannot open the datapath error=%s", strerror(-error));
	return error;
}

static int open_store(struct core *core)
{
	const struct app *app = core->app;
	const char *backup_dir = config_text(app->config, CONFIG_STORE_BACKUP_DIR);
	const struct store_options options = {
		.dir = app->work_dir,
		.key_file = app->key_file,
		.flows_max_bytes = (uint64_t)config_int(app->config, CONFIG_STORE_FLOWS_MAX_BYTES),
		.flows_max_age_s = config_int(app->config, CONFIG_STORE_FLOWS_MAX_AGE),
		.free_floor_bytes = (uint64_t)config_int(app->config, CONFIG_STORE_FREE_FLOOR),
		.is_demo = app->is_demo,
		.backup_dir = *backup_dir ? backup_dir : NULL,
	};
	char reason[256];
	int error = store_open(&options, &core->store, reason);

	if (error)
		log_error("%s", reason);
	return error;
}

static int fill_past(struct core *core, uint64_t *flow_ids_used)
{
	const struct past_options options = { .store = core->store,
					      .service = core->queue,
					      .dir = core->app->work_dir,
					      .seed = core->app->options->seed };

	return past_fill(&options, flow_ids_used);
}

static int open_outputs(struct core *core)
{
	char host[HOST_NAME_MAX + 1];
	struct output_settings settings;

	outlet_settings(core->app, host, &settings);
	return output_settings_are_empty(&settings) ? 0 : outputs_new(&settings, &core->outputs);
}

static int start(struct core *core, int control, int front_link)
{
	const struct config *config = core->app->config;
	const char *on_stop = config_text(config, CONFIG_BLOCK_ON_STOP);
	struct pipeline_options pipeline = {
		.capture = core->app->capture,
		.learn_s = (uint64_t)config_int(config, CONFIG_DETECT_LEARN),
		.config = config,
		.dir = core->app->work_dir,
		.seed = core->app->is_demo ? core->app->options->seed + 1 : 0,
		.cell = &core->cell,
		.is_dry_run = core->app->is_dry_run,
		.keeps_on_stop = !strcmp(on_stop, "keep")
	};
	struct service_options service = {
		.app = core->app, .cell = &core->cell, .control = control, .front_link = front_link
	};
	int error = open_store(core);

	app_end_step(core->app, "store");
	if (core->app->is_demo && pipeline.learn_s > DEMO_LEARN_S)
		pipeline.learn_s = DEMO_LEARN_S;
	if (!error)
		error = queue_new(SERVICE_QUEUE_MAX, &core->queue);
	if (!error && core->app->is_demo)
		error = fill_past(core, &pipeline.flow_ids_used);
	if (error)
		return error;
	pipeline.store = service.store = core->store;
	pipeline.service = service.queue = core->queue;
	error = open_outputs(core);
	if (!error)
		error = mirror_new(config, &core->mirror);
	if (!error)
		error = facts_new(config, core->app->work_dir, core->store, &core->facts);
	if (error)
		return error;
	pipeline.mirror = core->mirror;
	pipeline.facts = service.facts = core->facts;
	pipeline.outputs = service.outputs = core->outputs;
	error = pipeline_start(&pipeline, &core->pipeline);
	if (error)
		return error;
	service.pipeline = core->pipeline;
	app_end_step(core->app, "pipeline");
	error = service_new(&service, &core->service);
	app_end_step(core->app, "services");
	return error;
}

/* Much less time of the processor than of the clock: others had it, or the disk was slow. */
static void say_steps(struct app *app)
{
	log_debug("core serves%s cpu_ms=%.1f", laps_text(&app->start),
		  (double)clock() * 1e3 / CLOCKS_PER_SEC);
}

static void say_summary(struct core *core, int control)
{
	struct snapshot *snapshot = cell_get(&core->cell);
	uint64_t severities[3] = { 0 }, protos[256], open;
	char text[256];

	(void)store_incident_counts(core->store, severities, protos); /* zero when it cannot tell */
	open = severities[0] + severities[1] + severities[2];
	(void)snprintf(text, sizeof(text), "stopped: %llu packets counted, %llu incidents open",
		       snapshot ? (unsigned long long)snapshot->processed_packets : 0ULL,
		       (unsigned long long)open);
	snapshot_unref(snapshot);
	(void)supervise_send(control, SUPERVISE_SUMMARY, text, -1);
}

/* What came after the service stopped listening. */
static void drop_messages(struct queue *queue)
{
	void *message;

	while (queue && (message = queue_pop(queue)))
		free(message);
}

/*
 * Large blocks (snapshots of many flows, sums, blocks of records) go back to the kernel when they
 * are freed: glibc raises its limit for that to 32 MiB with the first large one that is freed
 * (mallopt(3), M_MMAP_THRESHOLD) and keeps a heap for each thread. 100,000 flows beside 10 million
 * records take 119 MB resident with this, 155 MB without (tests/bench/history.py, 2026-11-30).
 */
static void tame_heap(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 128 << 10); /* 0 is no error but "not known here" */
	(void)mallopt(M_ARENA_MAX, 2);
}

int core_run(struct app *app, int control, int front_link)
{
	struct core core = { .app = app };
	sigset_t set;
	int error;

	tame_heap();
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM); /* read through a signalfd; before any thread exists */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	cell_init(&core.cell);
	error = start(&core, control, front_link);
	if (!error) {
		say_steps(app);
		error = service_run(core.service);
	} else {
		log_error("core cannot start error=%s", strerror(-error));
	}
	if (core.service)
		say_summary(&core, control);
	service_free(core.service);
	pipeline_stop(core.pipeline);
	facts_free(core.facts);
	outputs_free(core.outputs);
	mirror_free(core.mirror);
	drop_messages(core.queue);
	queue_free(core.queue);
	store_close(core.store);
	cell_done(&core.cell);
	capture_close(app->capture);
	app->capture = NULL;
	return error ? CLI_FAILED : CLI_OK;
}
