/*
 * Opening core's half, in the forked child and before it drops its rights: arrays mapped, rings
 * open, descriptors of its own for the keyed maps and the clock. Afterwards nothing here needs a
 * right, a path or the loader.
 */
#include "agent/capture/kernel_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "agent/capture/kernel.h"
#include "agent/capture/kernel_verdicts.h"
#include "agent/capture/ring_reader.h"
#include "agent/util/clock.h"

/* Lease of a datapath nobody led before (DESIGN 3). */
#define LEASE_NS (24ULL * 3600 * NS_PER_S)
/* How long programs of the replaced cache may still run: an RCU period is milliseconds. */
#define RETIRED_NS	(3 * NS_PER_S)
#define RING_RECORD_MIN 72 /* smallest record with its header: struct event_record */

static int source_map(struct kernel_source *source, int fd, int protection, void *out)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	struct source_region *region = &source->regions[source->region_count];
	void *memory;

	if (source->region_count == SOURCE_REGIONS_MAX)
		return -ENOSPC;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	/* Values lie 8 bytes aligned (kernel/bpf/arraymap.c, array_map_alloc). */
	region->size = ((size_t)info.value_size + 7) / 8 * 8 * info.max_entries;
	memory = mmap(NULL, region->size, protection, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	region->memory = memory;
	source->region_count++;
	*(void **)out = memory;
	return 0;
}

static int ring_open(struct kernel_source *source, struct source_ring *ring, int fd,
		     const struct drain_tables *tables)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	ring->source = source;
	ring->tables = tables;
	ring->budget = info.max_entries / RING_RECORD_MIN;
	return ring_reader_open(fd, &ring->reader);
}

/* @fds: by enum kernel_map, KERNEL_GEOMETRY_COUNT of them */
static int cache_open(struct kernel_source *source, struct source_cache *cache, const int *fds,
		      const int *rings, struct ledger *ledger)
{
	struct drain_tables *tables = &cache->tables;
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int err = source_map(source, fds[KERNEL_FLOWS4], PROT_READ, &tables->flows4);

	if (!err)
		err = source_map(source, fds[KERNEL_FLOWS6], PROT_READ, &tables->flows6);
	if (!err)
		err = source_map(source, fds[KERNEL_SHADOW4], PROT_READ | PROT_WRITE,
				 &tables->shadow4);
	if (!err)
		err = source_map(source, fds[KERNEL_SHADOW6], PROT_READ | PROT_WRITE,
				 &tables->shadow6);
	if (err || bpf_obj_get_info_by_fd(fds[KERNEL_SHADOW4], &info, &len))
		return err ? err : -errno;
	tables->slots4 = info.max_entries; /* one shadow per slot, the same number of both */
	tables->slots6 = info.max_entries;
	tables->ledger = ledger;
	cache->rings = calloc(source->cpu_count + 1UL, sizeof(*cache->rings));
	if (!cache->rings)
		return -ENOMEM;
	err = ring_open(source, &cache->rings[0], fds[KERNEL_EVICT], tables);
	cache->ring_count = !err;
	for (uint32_t cpu = 0; !err && cpu < source->cpu_count; cpu++) {
		if (rings[cpu] < 0)
			continue;
		err = ring_open(source, &cache->rings[cache->ring_count], rings[cpu], tables);
		cache->ring_count += !err;
	}
	return err;
}

static int open_arrays(struct kernel_source *source, const struct kernel_maps *maps)
{
	const int rw = PROT_READ | PROT_WRITE;
	struct rules_tables *tables = &source->tables;
	const struct {
		enum kernel_map map;
		int protection;
		void *to;
	} arrays[] = {
		{ KERNEL_COUNTERS, PROT_READ, &source->counters },
		{ KERNEL_CPUS, PROT_READ, &source->cpus },
		{ KERNEL_CONTROL, rw, &tables->control },
		{ KERNEL_RULES, rw, &tables->rules },
		{ KERNEL_NETS16, rw, &tables->nets16 },
		{ KERNEL_BITS24, rw, &tables->bits24 },
		{ KERNEL_BITS48, rw, &tables->bits48 },
		{ KERNEL_BITS_NAMES, rw, &tables->bits_names },
		{ KERNEL_RULE_SETS, rw, &tables->rule_sets },
		{ KERNEL_VERDICTS, PROT_READ, &source->verdicts },
	};
	int err = source_map(source, maps->rows, PROT_READ, &source->rows);

	for (size_t i = 0; !err && i < sizeof(arrays) / sizeof(arrays[0]); i++)
		err = source_map(source, maps->fd[arrays[i].map], arrays[i].protection,
				 arrays[i].to);
	return err;
}

static int own_copy(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

static int open_keyed(struct kernel_source *source, const struct kernel_maps *maps)
{
	static const enum kernel_map map_of[RULES_MAP_COUNT] = {
		[RULES_BLOCK4] = KERNEL_BLOCK4, [RULES_BLOCK6] = KERNEL_BLOCK6,
		[RULES_LPM4] = KERNEL_LPM4,	[RULES_LPM6] = KERNEL_LPM6,
		[RULES_SAFE4] = KERNEL_SAFE4,	[RULES_SAFE6] = KERNEL_SAFE6,
		[RULES_NAMES] = KERNEL_DOMAINS, [RULES_FLOWS] = KERNEL_FLOW_BLOCKS,
	};
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	for (int i = 0; i < RULES_MAP_COUNT; i++) {
		source->keyed[i] = own_copy(maps->fd[map_of[i]]);
		if (source->keyed[i] < 0)
			return source->keyed[i];
	}
	if (bpf_obj_get_info_by_fd(maps->fd[KERNEL_SAFE4], &info, &len))
		return -errno;
	source->tables.safe_max = info.max_entries;
	if (bpf_obj_get_info_by_fd(maps->fd[KERNEL_BLOCK4], &info, &len))
		return -errno;
	source->tables.block_max = info.max_entries; /* all four alike: bpf/maps.h */
	return 0;
}

/* ---- what the rules do by key
 * -------------------------------------------------------------------- */

static int keyed_lookup(void *arg, enum rules_map map, const void *key, void *value)
{
	const struct kernel_source *source = arg;

	if (map == RULES_BLOCK4 || map == RULES_BLOCK6)
		return kernel_entry_lookup(source, map, key, value);
	return bpf_map_lookup_elem(source->keyed[map], key, value) ? -errno : 0;
}

static int keyed_update(void *arg, enum rules_map map, const void *key, const void *value)
{
	const struct kernel_source *source = arg;
	struct block_entry entry;
	int err;

	if (map == RULES_BLOCK4 || map == RULES_BLOCK6) {
		memcpy(&entry, value, sizeof(entry));
		kernel_entry_born(source, &entry);
		value = &entry;
	}
	/* A full hash says E2BIG, a full trie ENOSPC (kernel/bpf/hashtab.c, lpm_trie.c). */
	err = bpf_map_update_elem(source->keyed[map], key, value, BPF_ANY) ? -errno : 0;
	kernel_entry_moved(source, map);
	return err == -E2BIG ? -ENOSPC : err;
}

static int keyed_remove(void *arg, enum rules_map map, const void *key)
{
	const struct kernel_source *source = arg;
	int err = bpf_map_delete_elem(source->keyed[map], key) ? -errno : 0;

	kernel_entry_moved(source, map);
	return err;
}

static int keyed_next(void *arg, enum rules_map map, const void *key, void *next)
{
	const struct kernel_source *source = arg;

	return bpf_map_get_next_key(source->keyed[map], key, next) ? -errno : 0;
}

static int keyed_update_batch(void *arg, struct rules_batch *batch)
{
	const struct kernel_source *source = arg;
	int err;

	for (uint32_t i = 0; i < batch->count; i++)
		kernel_entry_born(source, &batch->values[i]);
	err = bpf_map_update_batch(source->keyed[batch->map], batch->keys, batch->values,
				   &batch->count, NULL)
		      ? -errno
		      : 0;
	kernel_entry_moved(source, batch->map);
	return err;
}

static int keyed_remove_batch(void *arg, struct rules_batch *batch)
{
	const struct kernel_source *source = arg;
	int err = bpf_map_delete_batch(source->keyed[batch->map], batch->keys, &batch->count, NULL)
			  ? -errno
			  : 0;

	kernel_entry_moved(source, batch->map);
	return err;
}

static int keyed_lookup_batch(void *arg, struct rules_cursor *cursor, struct rules_batch *batch)
{
	const struct kernel_source *source = arg;
	uint64_t next[RULES_CURSOR_WORDS] = { 0 };
	int err = bpf_map_lookup_batch(source->keyed[batch->map],
				       cursor->is_under_way ? cursor->token : NULL, next,
				       batch->keys, batch->values, &batch->count, NULL)
			  ? -errno
			  : 0;

	if (err && err != -ENOENT)
		batch->count = 0;
	kernel_batch_complete(source, batch);
	memcpy(cursor->token, next, sizeof(next));
	cursor->is_under_way = true;
	return err;
}

static const struct rules_map_ops keyed_ops = {
	.lookup = keyed_lookup,
	.update = keyed_update,
	.remove = keyed_remove,
	.next_key = keyed_next,
	.update_batch = keyed_update_batch,
	.remove_batch = keyed_remove_batch,
	.lookup_batch = keyed_lookup_batch,
};

/* ---- open and close
 * ------------------------------------------------------------------------------ */

static void cache_close(struct source_cache *cache)
{
	for (size_t i = 0; i < cache->ring_count; i++)
		ring_reader_free(cache->rings[i].reader);
	free(cache->rings);
	memset(cache, 0, sizeof(*cache));
}

void source_retired_done(struct kernel_source *source)
{
	cache_close(&source->retired); /* its arrays stay mapped until the end, untouched */
}

void source_close(struct kernel_source *source)
{
	rules_free(source->rules);
	cache_close(&source->cache);
	cache_close(&source->retired);
	ring_reader_free(source->events.reader);
	if (source->events_fd >= 0)
		(void)close(source->events_fd); /* nothing is written through it */
	for (size_t i = 0; i < source->region_count; i++)
		(void)munmap(source->regions[i].memory, source->regions[i].size);
	for (int i = 0; i < RULES_MAP_COUNT; i++) {
		if (source->keyed[i] >= 0)
			(void)close(source->keyed[i]); /* nothing is written through it */
	}
	if (source->clock >= 0)
		(void)close(source->clock);
	free(source);
}

static void source_close_cleanup(struct kernel_source **source)
{
	if (*source)
		source_close(*source);
}

/* The descriptors that must stay open: the rest is mapped. */
static int note_descriptors(struct capture_kernel *kernel, const struct kernel_source *source)
{
	int *fds = calloc(RULES_MAP_COUNT + 2, sizeof(*fds));
	size_t count = 0;

	if (!fds)
		return -ENOMEM;
	for (int i = 0; i < RULES_MAP_COUNT; i++)
		fds[count++] = source->keyed[i];
	fds[count++] = source->clock;
	fds[count++] = source->events_fd;
	free(kernel->core_fds);
	kernel->core_fds = fds;
	kernel->core_fd_count = count;
	return 0;
}

static int open_caches(struct kernel_source *source, const struct kernel_maps *maps)
{
	struct ledger *ledger = NULL;
	int err = source_map(source, maps->fd[KERNEL_LEDGER], PROT_READ | PROT_WRITE, &ledger);

	if (!err)
		err = cache_open(source, &source->cache, maps->fd, maps->rings, ledger);
	if (!err && maps->retired.rings) {
		err = cache_open(source, &source->retired, maps->retired.fd, maps->retired.rings,
				 ledger);
		source->retired_until_ns = clock_monotonic_ns() + RETIRED_NS;
	}
	if (!err)
		err = ring_open(source, &source->events, maps->fd[KERNEL_EVENTS], NULL);
	if (err)
		return err;
	source->events_fd = own_copy(maps->fd[KERNEL_EVENTS]);
	return source->events_fd < 0 ? source->events_fd : 0;
}

int kernel_source_new(struct capture_kernel *kernel, struct capture **out)
{
	CLEANUP(source_close) struct kernel_source *source = calloc(1, sizeof(*source));
	const struct kernel_maps *maps = &kernel->maps;
	int err;

	if (!source)
		return -ENOMEM;
	memset(source->keyed, -1, sizeof(source->keyed));
	source->events_fd = -1;
	source->base.ops = kernel_source_ops();
	source->cpu_count = maps->cpus;
	source->ns_per_jiffy = kernel->ns_per_jiffy;
	source->tables.ops = &keyed_ops;
	source->tables.arg = source;
	source->clock = own_copy(kernel->programs[KERNEL_CLOCK]);
	err = source->clock < 0 ? source->clock : open_arrays(source, maps);
	if (!err)
		err = open_keyed(source, maps);
	if (!err)
		err = open_caches(source, maps);
	if (!err)
		err = kernel_clock_now(source->clock, source->ns_per_jiffy, &source->now);
	if (!err)
		err = rules_new(&source->tables, clock_boot_ns() + LEASE_NS, &source->rules);
	if (!err)
		err = note_descriptors(kernel, source);
	if (err)
		return err;
	*out = &TAKE(source)->base;
	return 0;
}
