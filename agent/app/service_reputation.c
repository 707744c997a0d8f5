/*
 * Reputation of the service: it shares the fetching thread with feeds, and has a process of its
 * own.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/app/facts.h"
#include "agent/app/jobs.h"
#include "agent/app/service_internal.h"
#include "agent/config/config.h"
#include "agent/intel/intel.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
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

static bool is_inside(void *arg, const struct addr *addr)
{
	const struct service *service = arg;

	return facts_is_inside(service->options.facts, addr);
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
		.is_inside = is_inside,
		.ask_fetch = ask_fetch,
		.run = run_lookup,
		.arg = service,
	};
	int error = jobs_start(service->options.queue, &service->asker);

	service->asked_until_unix_s = clock_unix_ms() / 1000; /* what was before is known */
	return error ? error : reputation_service_new(&options, &service->reputation);
}

void service_reputation_stop(struct service *service)
{
	reputation_service_stop(service->reputation);
	reverse_service_stop(service->reverse);
	jobs_stop(service->asker);
	reputation_service_free(service->reputation);
	reverse_service_free(service->reverse);
}

/* ---- what is new -------------------------------------------------------------------------------
 */

#define NEW_TICKS 20 /* seconds between two looks */
#define NEW_MAX	  64 /* of a kind and look: more than may be asked in that time */

struct novelty {
	struct service *service;
	int64_t since_unix_s;
	int counts[2];
	struct seen_entry entries[2][NEW_MAX];
};

static void find_new(void *arg)
{
	static const enum seen_kind kinds[2] = { SEEN_DOMAIN, SEEN_DESTINATION };
	struct novelty *novelty = arg;
	struct store *store = novelty->service->options.store;

	for (int i = 0; i < 2; i++) {
		const struct seen_query query = { .kind = kinds[i] };

		novelty->counts[i] = store_seen_list(store, &query, novelty->entries[i], NEW_MAX);
	}
}

static void ask_about(struct service *service, const struct seen_key *key)
{
	char text[SEEN_KEY_MAX + 1], plain[ADDR_TEXT_MAX];
	struct addr addr;

	if (key->kind == SEEN_DESTINATION) {
		addr = key->len == 4 ? addr_from_ipv4(key->bytes) : addr_from_ipv6(key->bytes);
		(void)reputation_ask(service->reputation, addr_format(&addr, plain),
				     REPUTATION_BACKGROUND);
		return;
	}
	memcpy(text, key->bytes, key->len);
	text[key->len] = '\0';
	(void)reputation_ask(service->reputation, text, REPUTATION_BACKGROUND);
}

/* The newest are asked about; what is private is refused there, without a word. */
static void take_new(void *arg)
{
	CLEANUP(free) struct novelty *novelty = arg;
	struct service *service = novelty->service;

	service->is_finding_new = false;
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < novelty->counts[i]; k++) {
			const struct seen_entry *entry = &novelty->entries[i][k];

			if (entry->first_unix_s > service->asked_until_unix_s)
				ask_about(service, &entry->key);
		}
	service->asked_until_unix_s = novelty->since_unix_s;
}

void service_reputation_tick(struct service *service)
{
	struct job job = { .work = find_new, .done = take_new };
	struct novelty *novelty;

	reputation_service_tick(service->reputation);
	if (service->is_finding_new || service->novelty_ticks++ % NEW_TICKS != NEW_TICKS / 6 ||
	    !config_bool(service->options.app->config, CONFIG_API_ASK_NEW) ||
	    !reputation_is_on(service->reputation))
		return;
	job.arg = novelty = calloc(1, sizeof(*novelty));
	if (!novelty)
		return; /* the next look finds more */
	novelty->service = service;
	/* the store writes first times a few seconds late */
	novelty->since_unix_s = clock_unix_ms() / 1000 - 10;
	service->is_finding_new = !jobs_post(service->asker, &job);
	if (!service->is_finding_new)
		free(novelty);
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
