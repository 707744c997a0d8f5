/*
 * The flow table: merges the deltas of both directions into bidirectional flows, ages them, cuts
 * records for the history and keeps totals. Owned by the pipeline thread; takes time as input.
 */
#ifndef SLUICE_FLOW_FLOW_H
#define SLUICE_FLOW_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/flow.h"
#include "include/snapshot.h"

struct flow_table;

struct flow_sink {
	void *arg;
	/* a flow began or changed (after its counters moved); not for every packet: per delta */
	void (*on_change)(void *arg, const struct flow *flow, bool is_new);
	/* a record to write: counters since the last cut are cut_* subtracted from the totals;
	 * flow->is_final says whether it ended. Every 60 s for long ones, and at the end. */
	void (*on_record)(void *arg, const struct flow *flow);
};

struct flow_options {
	unsigned int capacity;	 /* flows at once */
	unsigned int ended_kept; /* lately ended ones kept for the snapshot */
	uint64_t first_id;	 /* ids go on from here */
	struct flow_sink sink;
};

int flow_table_new(const struct flow_options *options, struct flow_table **out);
void flow_table_free(struct flow_table *table);
DEFINE_CLEANUP(flow_table_free, struct flow_table)

/*
 * flow_table_add - merge one delta. @unix_minus_mono_ms converts its times to wall time.
 * The initiator: a SYN without ACK, else who was seen first, else the higher port.
 * Returns 0, or -ENOSPC (counted as "full": totals still count it).
 */
int flow_table_add(struct flow_table *table, const struct flow_delta *delta,
		   int64_t unix_minus_mono_ms);
/* flow_table_find - the flow of @tuple in either direction, or NULL. Borrowed until the next call
 * that changes the table. */
const struct flow *flow_table_find(const struct flow_table *table, const struct five_tuple *tuple,
				   uint8_t iface);

/* What was read of a flow; NULL = nothing new. */
struct flow_naming {
	const char *sni, *host, *ja4;
};

/*
 * flow_table_name - adds to what the flow calls itself. A flow not counted yet (its packets are
 * still in the kernel's cache) gets it when it comes within two seconds. What is known stays: a
 * host by itself counts only while there is none. Full: counted, the flow stays without.
 */
void flow_table_name(struct flow_table *table, const struct five_tuple *tuple, uint8_t iface,
		     const struct flow_naming *naming);
/* flow_table_names - of a flow of this table, in a callback too; NULL = unknown. Borrowed until the
 * next call that changes the table. */
struct flow_names *flow_table_names(const struct flow_table *table, const struct flow *flow);
/* flow_table_names_lost - namings for which there was no room or no flow. */
uint64_t flow_table_names_lost(const struct flow_table *table);

/*
 * flow_table_expire - end idle flows and cut long ones at @now_ns. Idle: 15 s for UDP, ICMP and
 * half-open TCP, 300 s for established TCP (DESIGN 6); closed TCP after 2 s. Cut every 60 s.
 */
void flow_table_expire(struct flow_table *table, uint64_t now_ns);
/* flow_table_flush - cut everything that has uncut counters: at shutdown. */
void flow_table_flush(struct flow_table *table);
/* flow_table_take_id - an id no flow has or will have: for records that are no flow's. */
uint64_t flow_table_take_id(struct flow_table *table);
unsigned int flow_table_len(const struct flow_table *table);
/*
 * flow_table_second - close the second @unix_s: @totals gets what was added since the last call
 * (dropped_* are the caller's).
 */
void flow_table_second(struct flow_table *table, int64_t unix_s, struct totals *totals);
/*
 * flow_table_snapshot - a new snapshot with flows, hosts, protocols (last minute) and sums filled;
 * seq, coverage and last are the caller's. refs = 1. NULL without memory.
 */
struct snapshot *flow_table_snapshot(struct flow_table *table, int64_t unix_ms);

#endif
