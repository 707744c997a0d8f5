/*
 * Reputation of the service: it shares the fetching thread with feeds, and has a process of its
 * own.
 */
#include <stdlib.h>

#include "agent/app/jobs.h"
#include "agent/app/service_internal.h"
#include "agent/config/config.h"
#include "agent/intel/intel.h"
#include "agent/util/addr.h"
#include "include/incident.h"

static int run_lookup(void *arg, void (*work)(void *), void (*done)(void *), void *job)
{
	struct service *service = arg;
	const struct job order = { .work = work, .done = done, .arg = job };

	return jobs_post(service->asker, &order);
}

static int ask_fetch(void *arg)
{
	const struct service *service = arg;

	return supervise_send(service->options.control, SUPERVISE_LOOKUP, NULL, -1);
}

static const char *test_url(const char *name)
{
	const char *url = getenv(name);

	return url ? url : "";
}

int service_reputation_start(struct service *service)
{
	const struct config *config = service->options.app->config;
	const struct reputation_options options = {
		.store = service->options.store,
		.block = service->block,
		.keys = { [REPUTATION_VIRUSTOTAL] = config_text(config, CONFIG_API_VIRUSTOTAL_KEY),
			  [REPUTATION_ABUSEIPDB] = config_text(config, CONFIG_API_ABUSEIPDB_KEY) },
		.urls = { [REPUTATION_VIRUSTOTAL] = test_url("SLUICE_VT_URL"),
			  [REPUTATION_ABUSEIPDB] = test_url("SLUICE_ABUSEIPDB_URL") },
		.ask_fetch = ask_fetch,
		.run = run_lookup,
		.arg = service,
	};
	int error = jobs_start(service->options.queue, &service->asker);

	return error ? error : reputation_service_new(&options, &service->reputation);
}

void service_reputation_stop(struct service *service)
{
	reputation_service_stop(service->reputation);
	jobs_stop(service->asker);
	reputation_service_free(service->reputation);
}

/* Both ends; what is not public is refused there, without a word. */
void service_reputation_incident(struct service *service, const struct incident *incident)
{
	const struct addr *const ends[] = { &incident->src, &incident->dst };
	char text[ADDR_TEXT_MAX];

	for (int i = 0; i < 2; i++)
		if (ends[i]->family != ADDR_NONE)
			(void)reputation_ask(service->reputation, addr_format(ends[i], text),
					     REPUTATION_INCIDENT);
}
