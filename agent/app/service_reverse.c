/*
 * Reverse look-ups of the service: addresses that were seen without a name are asked about at the
 * resolvers of [Geo] resolvers. They share reputation's thread, and have a process of their own.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/app/facts.h"
#include "agent/app/jobs.h"
#include "agent/app/service_internal.h"
#include "agent/block/block.h"
#include "agent/config/config.h"
#include "agent/intel/intel.h"
#include "agent/util/cleanup.h"
#include "include/block.h"

#define AT_ONCE	 64   /* addresses of a tick */
#define SAFE_MAX 1024 /* entries looked through for those of resolv.conf */

/* Those of resolv.conf(5) are on the safe list already. */
static size_t of_system(const struct service *service, struct addr *out)
{
	CLEANUP(free) struct safe_entry *entries = calloc(SAFE_MAX, sizeof(*entries));
	int count = entries ? block_safe_list(service->block, entries, SAFE_MAX) : 0;
	size_t found = 0;

	for (int i = 0; i < count && i < SAFE_MAX && found < REVERSE_RESOLVERS_MAX; i++)
		if (entries[i].kind == SAFE_RESOLVER)
			out[found++] = entries[i].prefix.addr;
	return found;
}

static size_t resolvers(void *arg, struct addr *out)
{
	const struct service *service = arg;
	struct facts_resolvers wanted;
	char reason[256]; /* app_prepare said it */

	if (facts_read_resolvers(service->options.app->config, &wanted, reason))
		return 0;
	if (wanted.is_system)
		return of_system(service, out);
	memcpy(out, wanted.addrs, wanted.count * sizeof(*out));
	return wanted.count;
}

static void learn(void *arg, const struct device_name *device)
{
	const struct service *service = arg;

	facts_learn(service->options.facts, device);
}

static int ask_fetch(void *arg)
{
	const struct service *service = arg;

	return supervise_send(service->options.control, SUPERVISE_NAMES, NULL, -1);
}

static int run(void *arg, void (*work)(void *), void (*done)(void *), void *job)
{
	struct service *service = arg;
	const struct job order = { .work = work, .done = done, .arg = job };

	return jobs_post(service->asker, &order);
}

int service_reverse_start(struct service *service)
{
	const struct reverse_options options = {
		.resolvers = resolvers,
		.learn = learn,
		.ask_fetch = ask_fetch,
		.run = run,
		.arg = service,
	};

	if (!facts_is_asking(service->options.facts))
		return 0;
	return reverse_service_new(&options, &service->reverse);
}

void service_reverse_tick(struct service *service)
{
	struct addr addrs[AT_ONCE];
	size_t count;

	if (!service->reverse)
		return;
	count = facts_take_nameless(service->options.facts, addrs, AT_ONCE);
	for (size_t i = 0; i < count; i++)
		reverse_ask(service->reverse, &addrs[i]);
	reverse_service_tick(service->reverse);
}
