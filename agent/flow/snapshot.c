/*
 * The picture of the table that readers get: active flows and lately ended ones, newest first,
 * with the last minute's hosts and protocols.
 */
#include <stdlib.h>

#include "agent/flow/internal.h"
#include "agent/util/snapshot.h"

struct recent {
	uint64_t last_ns;
	const struct flow *flow;
};

/* Newest first; of the same moment the one that began later. */
static int compare_recent(const void *a, const void *b)
{
	const struct recent *x = a, *y = b;

	if (x->last_ns != y->last_ns)
		return x->last_ns > y->last_ns ? -1 : 1;
	if (x->flow->id != y->flow->id)
		return x->flow->id > y->flow->id ? -1 : 1;
	return 0;
}

static size_t ended_len(const struct flow_table *table)
{
	return table->ended_count < table->options.ended_kept ? (size_t)table->ended_count
							      : table->options.ended_kept;
}

static size_t collect(const struct flow_table *table, struct recent *recent)
{
	size_t count = 0, ended = ended_len(table);

	for (uint32_t i = 0; i < table->high; i++) {
		const struct flow *flow = &table->entries[i].flow;

		if (flow->id)
			recent[count++] = (struct recent){ flow->last_ns, flow };
	}
	for (size_t i = 0; i < ended; i++)
		recent[count++] = (struct recent){ table->ended[i].last_ns, &table->ended[i] };
	qsort(recent, count, sizeof(*recent), compare_recent);
	return count;
}

/* A reference of the flow's names for the snapshot; its number there. */
static uint32_t share_names(const struct flow_table *table, struct snapshot *snapshot,
			    uint32_t number)
{
	struct flow_names *names = naming_get(&table->naming, number);

	if (!names || !snapshot->names)
		return 0;
	snapshot->names[snapshot->name_count++] = flow_names_ref(names);
	return snapshot->name_count;
}

static void fill(struct flow_table *table, struct snapshot *snapshot, struct recent *recent)
{
	size_t count = collect(table, recent);

	hosts_fill(&table->hosts, snapshot);
	for (size_t i = 0; i < count; i++) {
		snapshot->flows[i] = *recent[i].flow;
		snapshot->flows[i].name = share_names(table, snapshot, recent[i].flow->name);
		hosts_fill_flow(&table->hosts, &table->seed, recent[i].flow, snapshot);
	}
	hosts_fill_end(&table->hosts, snapshot);
	snapshot->flow_count = (unsigned int)count;
}

struct snapshot *flow_table_snapshot(struct flow_table *table, int64_t unix_ms)
{
	size_t max = table->len + ended_len(table);
	struct recent *recent = malloc((max + 1) * sizeof(*recent)); /* never 0 */
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot) + max * sizeof(struct flow));

	if (recent && snapshot) {
		atomic_init(&snapshot->refs, 1);
		snapshot->unix_ms = unix_ms;
		snapshot->flows_full = table->full;
		snapshot->flow_capacity = table->options.capacity;
		/* without memory for them flows are shown without names */
		snapshot->names = calloc(max + 1, sizeof(struct flow_names *));
		fill(table, snapshot, recent);
	} else {
		free(snapshot);
		snapshot = NULL;
	}
	free(recent);
	return snapshot;
}
