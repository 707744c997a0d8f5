/*
 * Snapshots and the names in them end with their last reader, on whichever thread that is.
 */
#ifndef SLUICE_UTIL_SNAPSHOT_H
#define SLUICE_UTIL_SNAPSHOT_H

#include "agent/util/cleanup.h"
#include "include/snapshot.h"

/* flow_names_new - a copy of three texts (NULL = ""), one reference. NULL without memory. */
struct flow_names *flow_names_new(const char *sni, const char *host, const char *ja4);
struct flow_names *flow_names_ref(struct flow_names *names); /* returns @names */
void flow_names_unref(struct flow_names *names);	     /* accepts NULL */
DEFINE_CLEANUP(flow_names_unref, struct flow_names)

/* snapshot_ref - one more reader. Returns @snapshot. */
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* accepts NULL */
DEFINE_CLEANUP(snapshot_unref, struct snapshot)

/* snapshot_names - of a flow of this snapshot; NULL when nothing is known. */
const struct flow_names *snapshot_names(const struct snapshot *snapshot, const struct flow *flow);

#endif
