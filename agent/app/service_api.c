/*
 * What the API is handed: services, and callbacks for what lies beside or below it.
 */
#include "agent/api/api.h"

#include "agent/app/cell.h"
#include "agent/app/jobs.h"
#include "agent/app/pipeline.h"
#include "agent/app/reload.h"
#include "agent/app/service_internal.h"
#include "agent/app/upkeep.h"
#include "agent/capture/capture.h"
#include "include/history.h"

/* On threads of their own: a search may take seconds, a log-in must not wait for it. */
static int run_search(void *arg, void (*work)(void *), void (*done)(void *), void *job)
{
	struct service *service = arg;
	const struct job order = { .work = work, .done = done, .arg = job };

	service->next_searcher = (service->next_searcher + 1) % SEARCHERS;
	return jobs_post(service->searchers[service->next_searcher], &order);
}

static struct snapshot *newest_snapshot(void *arg)
{
	const struct service *service = arg;

	return cell_get(service->options.cell);
}

static bool is_in_view(void *arg, const struct flow_record *record)
{
	const struct service *service = arg;

	return capture_view_has(service->options.app->view, &record->tuple, record->vlan);
}

static bool is_panicked(void *arg)
{
	const struct service *service = arg;

	return pipeline_is_panicked(service->options.pipeline);
}

static int order_panic(void *arg, bool on)
{
	const struct service *service = arg;

	return pipeline_panic(service->options.pipeline, on);
}

static int order_rotate(void *arg)
{
	struct service *service = arg;

	return upkeep_rotate(service->upkeep);
}

static int order_backup(void *arg)
{
	struct service *service = arg;

	return upkeep_back_up(service->upkeep);
}

/* The loader reads all files again; what may change at once comes back as SUPERVISE_CONFIG. */
static int order_reload(void *arg)
{
	const struct service *service = arg;

	return supervise_send(service->options.control, SUPERVISE_RELOAD, NULL, -1);
}

static void read_upkeep(void *arg, struct upkeep_status *out)
{
	const struct service *service = arg;

	upkeep_status(service->upkeep, out);
}

int service_api_start(struct service *service)
{
	const struct app *app = service->options.app;
	const struct api_options options = { .auth = service->auth,
					     .block = service->block,
					     .incident = service->incident,
					     .store = service->options.store,
					     .config = app->config,
					     .snapshot = newest_snapshot,
					     .is_panicked = is_panicked,
					     .panic = order_panic,
					     .run = run_search,
					     .is_in_view = app->view ? is_in_view : NULL,
					     .facts = service_facts_of,
					     .geography = service_geography,
					     .rotate = order_rotate,
					     .back_up = order_backup,
					     .upkeep = read_upkeep,
					     .learning = service_learning,
					     .learning_host = service_learning_host,
					     .reports = service->reports,
					     .feeds = service->feeds,
					     .reputation = service->reputation,
					     .mail = service->mail,
					     .reverse = service->reverse,
					     .outputs = service->options.outputs,
					     .reload = order_reload,
					     .pause = service_pause,
					     .is_paused = service_is_paused,
					     .is_live = reload_is_live,
					     .check_filter = capture_view_check,
					     .settings_path = app->settings_path,
					     .arg = service,
					     .version = SLUICE_VERSION,
					     .mode = app->is_demo ? "demo" : "live",
					     .is_dry_run = app->is_dry_run,
					     .is_loopback = app->is_loopback,
					     .started_unix_ms = app->started_unix_ms };

	return api_new(&options, &service->api);
}
