/*
 * Feeds of the service: a thread of their own, and a process from the supervisor for each fetch.
 */
#include "agent/app/jobs.h"
#include "agent/app/service_internal.h"
#include "agent/config/config.h"
#include "agent/intel/intel.h"

static int run_fetch(void *arg, void (*work)(void *), void (*done)(void *), void *job)
{
	struct service *service = arg;
	const struct job order = { .work = work, .done = done, .arg = job };

	return jobs_post(service->fetcher, &order);
}

static int ask_fetch(void *arg)
{
	const struct service *service = arg;

	return supervise_send(service->options.control, SUPERVISE_FETCH, NULL, -1);
}

int service_feeds_start(struct service *service)
{
	const struct feed_options options = {
		.store = service->options.store,
		.block = service->block,
		.allow_private =
			config_bool(service->options.app->config, CONFIG_FEED_ALLOW_PRIVATE),
		.ask_fetch = ask_fetch,
		.run = run_fetch,
		.arg = service,
	};
	int error = jobs_start(service->options.queue, &service->fetcher);

	return error ? error : feed_service_new(&options, &service->feeds);
}

void service_feeds_stop(struct service *service)
{
	feed_service_stop(service->feeds);
	jobs_stop(service->fetcher);
	feed_service_free(service->feeds);
}
