/*
 * Reference counts of snapshots and of the names they share with the flow table.
 */
#include "agent/util/snapshot.h"

#include <stdlib.h>
#include <string.h>

static const char *put(char **at, const char *text, size_t size)
{
	char *to = *at;

	if (size == 1)
		to[0] = '\0';
	else
		memcpy(to, text, size);
	*at += size;
	return to;
}

struct flow_names *flow_names_new(const char *sni, const char *host, const char *ja4)
{
	const size_t sizes[] = { sni ? strlen(sni) + 1 : 1, host ? strlen(host) + 1 : 1,
				 ja4 ? strlen(ja4) + 1 : 1 };
	struct flow_names *names = malloc(sizeof(*names) + sizes[0] + sizes[1] + sizes[2]);
	char *at;

	if (!names)
		return NULL;
	atomic_init(&names->refs, 1);
	at = names->text;
	names->sni = put(&at, sni, sizes[0]);
	names->host = put(&at, host, sizes[1]);
	names->ja4 = put(&at, ja4, sizes[2]);
	return names;
}

struct flow_names *flow_names_ref(struct flow_names *names)
{
	atomic_fetch_add_explicit(&names->refs, 1, memory_order_relaxed);
	return names;
}

void flow_names_unref(struct flow_names *names)
{
	if (names && atomic_fetch_sub_explicit(&names->refs, 1, memory_order_acq_rel) == 1)
		free(names);
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
	return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	if (!snapshot || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned int i = 0; i < snapshot->name_count; i++)
		flow_names_unref(snapshot->names[i]);
	free(snapshot->names);
	free(snapshot);
}

const struct flow_names *snapshot_names(const struct snapshot *snapshot, const struct flow *flow)
{
	return flow->name && flow->name <= snapshot->name_count ? snapshot->names[flow->name - 1]
								: NULL;
}
