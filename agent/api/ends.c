/*
 * What is known of the ends of a flow. A search meets the same addresses again and again.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/util/addr.h"

static const struct addr_facts *facts_of(struct known_ends *ends, const struct addr *addr,
					 struct addr_facts *room)
{
	const struct api_options *options = ends->options;
	size_t at = addr_hash(addr, 0) % ENDS_KEPT;

	if (!ends->kept)
		ends->kept = calloc(ENDS_KEPT, sizeof(*ends->kept));
	if (!ends->kept) { /* slower, and as right */
		options->facts(options->arg, addr, room);
		return room;
	}
	if (!addr_is_equal(&ends->kept[at].addr, addr)) {
		options->facts(options->arg, addr, &ends->kept[at].facts);
		ends->kept[at].addr = *addr;
	}
	return &ends->kept[at].facts;
}

const struct flow_ends *known_ends_of(void *arg, const struct flow_record *record)
{
	struct known_ends *ends = arg;
	struct addr_facts room;

	if (!ends->options->facts)
		return NULL;
	ends->ends.src = *facts_of(ends, &record->tuple.src, &room);
	ends->ends.dst = *facts_of(ends, &record->tuple.dst, &room);
	return &ends->ends;
}

void known_ends_done(struct known_ends *ends)
{
	free(ends->kept);
	ends->kept = NULL;
}
