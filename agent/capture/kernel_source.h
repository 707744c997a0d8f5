/*
 * Core's half inside: everything of the datapath that core has mapped. kernel_source.c opens and
 * closes it, kernel_drain.c reads it. The pipeline thread.
 */
#ifndef SLUICE_CAPTURE_KERNEL_SOURCE_H
#define SLUICE_CAPTURE_KERNEL_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/capture/capture.h"
#include "agent/capture/drain.h"
#include "agent/capture/rules.h"

struct kernel_row;
struct kernel_source;
struct ring_reader;

/* One ring and what its records belong to. */
struct source_ring {
	struct ring_reader *reader;
	struct kernel_source *source;
	const struct drain_tables *tables; /* NULL: the ring of events */
	uint32_t budget; /* records it can hold at once: a pass never chases the kernel for ever */
	uint32_t left;
};

/* One flow cache: the live one, or one of an earlier size that is read out. */
struct source_cache {
	struct drain_tables tables;
	struct source_ring *rings; /* the shared one first, then one per CPU */
	size_t ring_count;
};

struct source_region {
	void *memory;
	size_t size;
};

#define SOURCE_REGIONS_MAX 24

struct kernel_source {
	struct capture base;
	struct source_cache cache;
	struct source_cache retired; /* no rings: there is none */
	struct source_ring events;
	int events_fd; /* of its map, to be waited for; owned */
	const struct iface_counters *counters;
	const struct cpu_state *cpus;
	const struct verdict_set *verdicts; /* [cpu_count * VERDICT_SETS] */
	const struct kernel_row *rows;
	uint32_t cpu_count;
	struct rules_tables tables; /* what rules works on; the arrays are regions below */
	struct rules *rules;
	int keyed[RULES_MAP_COUNT]; /* descriptors by enum rules_map; owned */
	int clock;		    /* program; owned */
	uint64_t ns_per_jiffy;
	uint64_t retired_until_ns;
	struct drain_clock now;
	const struct capture_sink *sink; /* of the drain that runs */
	int64_t delivered;		 /* by it */
	struct source_region regions[SOURCE_REGIONS_MAX];
	size_t region_count;
};

/* The vtable; kernel_drain.c. */
const struct capture_ops *kernel_source_ops(void);

/* source_ring_consume - one pass over what a ring holds. Returns 0 or -errno. */
int source_ring_consume(struct source_ring *ring);
/* source_retired_done - the earlier cache is read out: forget it. */
void source_retired_done(struct kernel_source *source);
void source_close(struct kernel_source *source); /* accepts a half-built one */

#endif
