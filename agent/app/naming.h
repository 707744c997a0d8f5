/*
 * The way of names through core: payload -> names -> flow table, and back down when a blocked name
 * was read that the kernel could not read in one packet. On the pipeline thread.
 */
#ifndef SLUICE_APP_NAMING_H
#define SLUICE_APP_NAMING_H

#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/payload.h"

struct capture;
struct coverage_names;
struct detect;
struct facts;
struct flow_table;
struct hits;
struct names;
struct naming_way;
struct outlet;

/* What names come from and go to; all borrowed. */
struct naming_ends {
	struct capture *capture;
	struct flow_table *flows;
	struct detect *detect;	 /* hears each name, and contact with those that are only counted */
	struct facts *facts;	 /* learns names of devices; NULL: nobody does */
	const struct hits *hits; /* knows the lists' names; NULL: nothing is listed */
};

/* naming_way_new - Returns 0 or -errno. */
int naming_way_new(const struct naming_ends *ends, struct naming_way **out);
void naming_way_free(struct naming_way *way); /* accepts NULL */
DEFINE_CLEANUP(naming_way_free, struct naming_way)

/* naming_way_tell - @outlet, which may be NULL, hears each name, too. */
void naming_way_tell(struct naming_way *way, struct outlet *outlet);
/* naming_way_take - one payload; while the datapath is being drained. */
void naming_way_take(struct naming_way *way, const struct payload *payload);
/* naming_way_enforce - after the drain: block the five-tuples of blocked names that it brought. */
void naming_way_enforce(struct naming_way *way);
/* naming_way_begin - a flow was counted first: the name its client looked up. */
void naming_way_begin(struct naming_way *way, const struct flow *flow);
void naming_way_expire(struct naming_way *way, uint64_t now_ns);
/* naming_way_count - what was read, and what was not and why, since the start. */
void naming_way_count(const struct naming_way *way, struct coverage_names *out);
struct names *naming_way_names(struct naming_way *way);

#endif
