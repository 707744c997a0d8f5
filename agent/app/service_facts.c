/*
 * Facts of addresses in the service: kept, read again when a file changes, and asked by the API.
 */
#include "agent/app/facts.h"
#include "agent/app/jobs.h"
#include "agent/app/service_internal.h"
#include "agent/geo/geo.h"
#include "agent/util/log.h"

#define EVERY_TICKS 10 /* seconds: how late a new file or a name on disk may be */

static void read_files(void *arg)
{
	const struct service *service = arg;

	geo_refresh(facts_geo(service->options.facts));
}

static void say_files(void *arg)
{
	struct service *service = arg;
	struct geo_state states[GEO_FILES_MAX];
	size_t count = geo_states(facts_geo(service->options.facts), states);

	service->is_reading_geo = false;
	for (size_t i = 0; i < count; i++)
		if (*states[i].error)
			log_warn("a geography file is not used file=%s reason=\"%s\"",
				 states[i].path, states[i].error);
		else
			log_info("geography in use file=%s kind=\"%s\"", states[i].path,
				 states[i].kind);
}

void service_facts_tick(struct service *service)
{
	const struct job job = { .work = read_files, .done = say_files, .arg = service };

	if (service->facts_ticks++ % EVERY_TICKS)
		return;
	facts_keep(service->options.facts);
	if (service->is_reading_geo || !geo_is_stale(facts_geo(service->options.facts)))
		return;
	service->is_reading_geo = !jobs_post(service->fetcher, &job); /* else ten seconds later */
}

void service_facts_of(void *arg, const struct addr *addr, struct addr_facts *out)
{
	const struct service *service = arg;

	facts_of(service->options.facts, addr, out);
}

size_t service_geography(void *arg, struct geo_state *out)
{
	const struct service *service = arg;

	return geo_states(facts_geo(service->options.facts), out);
}
