/*
 * Where indicators were seen: every record of the range against all of them at once.
 */
#include <string.h>

#include "agent/store/search.h"
#include "agent/util/addr.h"
#include "include/history.h"

struct hunt {
	const struct indicator_set *set;
	struct history_sighting *sightings;
	const struct indicator *indicators;
};

static void note_host(struct history_sighting *sighting, const struct addr *host)
{
	for (unsigned int i = 0; i < sighting->host_count; i++)
		if (addr_is_equal(&sighting->hosts[i], host))
			return;
	if (sighting->host_count < HISTORY_HOSTS_MAX)
		sighting->hosts[sighting->host_count++] = *host;
}

/* The other end of an address or prefix; who began the flow, for a name or fingerprint. */
static const struct addr *host_of(const struct indicator *indicator,
				  const struct flow_record *record)
{
	if ((indicator->kind == INDICATOR_ADDRESS || indicator->kind == INDICATOR_PREFIX) &&
	    prefix_has_addr(&indicator->prefix, &record->tuple.src))
		return &record->tuple.dst;
	return &record->tuple.src;
}

static void note_hit(void *arg, size_t index, const struct flow_record *record)
{
	struct hunt *hunt = arg;
	struct history_sighting *sighting = &hunt->sightings[index];

	if (!sighting->count++ || record->start_unix_ms < sighting->first_unix_ms)
		sighting->first_unix_ms = record->start_unix_ms;
	if (record->end_unix_ms > sighting->last_unix_ms)
		sighting->last_unix_ms = record->end_unix_ms;
	note_host(sighting, host_of(&hunt->indicators[index], record));
}

static bool hunt_match(void *arg, struct search *search, const struct flow_record *record)
{
	struct hunt *hunt = arg;
	const struct flow_texts *texts =
		indicator_set_needs_texts(hunt->set) ? search_texts(search, record) : NULL;

	(void)indicator_set_match(hunt->set, record, texts, note_hit, hunt);
	return true;
}

int store_hunt(struct store *store, const struct history_search *search,
	       const struct indicator_set *set, struct history_sighting *sightings,
	       struct history_reach *reach)
{
	struct hunt hunt = { .set = set,
			     .sightings = sightings,
			     .indicators = indicator_set_list(set) };
	struct search_run run = {
		.store = store,
		.options = search,
		.columns = SCAN_ADDRS | SCAN_START |
			   (indicator_set_needs_texts(set) ? (unsigned int)SCAN_NAMES : 0),
		.match = hunt_match,
		.arg = &hunt,
	};

	run.addr_count = indicator_set_addrs(set, &run.addrs);
	return search_run(&run, reach);
}
