/*
 * Once a second: the datapath's counters into the totals, and a snapshot for all readers.
 */
#include <stdlib.h>

#include "agent/app/cell.h"
#include "agent/app/hits.h"
#include "agent/app/messages.h"
#include "agent/app/naming.h"
#include "agent/app/pipeline_internal.h"
#include "agent/capture/capture.h"
#include "agent/detect/detect.h"
#include "agent/flow/flow.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/queue.h"

static void add_dropped(struct pipeline *p, struct totals *totals)
{
	uint64_t packets = 0, bytes = 0;

	for (unsigned int i = 0; i < p->coverage.iface_count; i++)
		for (int d = 0; d < 2; d++) {
			packets += p->coverage.ifaces[i].dir[d].dropped;
			bytes += p->coverage.ifaces[i].dir[d].dropped_bytes;
		}
	/* the first reading holds what earlier runs dropped; an interface that went takes its
	 * counters along */
	if (p->has_coverage && packets >= p->dropped && bytes >= p->dropped_bytes) {
		totals->dropped_packets = packets - p->dropped;
		totals->dropped_bytes = bytes - p->dropped_bytes;
	}
	p->dropped = packets;
	p->dropped_bytes = bytes;
	p->has_coverage = true;
}

static void tell_ifaces(const struct pipeline *p)
{
	for (unsigned int i = 0; i < p->coverage.iface_count; i++)
		store_iface_set(p->options.store, p->coverage.ifaces[i].index,
				p->coverage.ifaces[i].name);
}

void pipeline_take_coverage(struct pipeline *p, struct totals *totals, int64_t unix_ms)
{
	add_dropped(p, totals);
	tell_ifaces(p);
	naming_way_count(p->naming, &p->coverage.names);
	p->coverage.hits_unrecorded = hits_full(p->hits);
	detect_coverage(p->detect, &p->coverage, capture_now_ns(p->options.capture), unix_ms);
}

void pipeline_publish(struct pipeline *p, const struct totals *totals, int64_t unix_ms)
{
	struct snapshot *snapshot = flow_table_snapshot(p->flows, unix_ms);
	struct service_message *message;

	if (!snapshot) {
		log_write_limited(&p->limit, LOG_LEVEL_WARN, "no memory for a snapshot");
		return;
	}
	snapshot->seq = ++p->seq;
	snapshot->processed_packets = p->processed;
	snapshot->last = *totals;
	snapshot->coverage = p->coverage;
	cell_put(p->options.cell, snapshot);
	message = malloc(sizeof(*message));
	if (!message)
		return;
	message->kind = MESSAGE_SECOND;
	if (queue_push(p->options.service, message))
		free(message); /* the service is behind; the next second tells it the same */
}

void pipeline_show_beginning(struct pipeline *p)
{
	int64_t unix_ms = clock_unix_ms();
	const struct totals nothing = { .unix_s = unix_ms / 1000 };

	if (capture_coverage(p->options.capture, &p->coverage))
		return;
	tell_ifaces(p);
	pipeline_publish(p, &nothing, unix_ms);
}
