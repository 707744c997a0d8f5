/*
 * The datapath's maps in the kernel: sizes for this machine, take-over of what an earlier loader
 * pinned, one eviction ring per CPU, pins. Between the embedded object and kernel_load.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "agent/capture/kernel.h"
#include "agent/util/cleanup.h"
#include "agent/util/log.h"

/* All CPUs' flow caches and their shadows together (DESIGN 5). */
#define CACHE_BYTES_MAX (64U << 20)
/* Eviction rings: 4 MiB take 52k IPv4 records of 80 bytes, i.e. 500k new flows a second and CPU
 * when consumed every 100 ms; all CPUs together 16 MiB, none below 64 KiB. */
#define RINGS_BYTES_MAX	   (16U << 20)
#define RING_BYTES_MAX	   (4U << 20)
#define RING_BYTES_MIN	   (64U << 10)
#define EVICT_BYTES	   (256U << 10) /* for CPUs without a ring of their own: normally none */
#define POSSIBLE_CPUS_FILE "/sys/devices/system/cpu/possible"
#define RODATA_BYTES_MAX   1024 /* three words today (bpf/maps.h) */
#define PIN_NAME_MAX	   32

static const char *const map_names[KERNEL_MAP_COUNT] = {
	[KERNEL_FLOWS4] = "flows4",	  [KERNEL_FLOWS6] = "flows6",
	[KERNEL_SHADOW4] = "shadow4",	  [KERNEL_SHADOW6] = "shadow6",
	[KERNEL_EVICT] = "evict",	  [KERNEL_EVICT_CPU] = "evict_cpu",
	[KERNEL_LEDGER] = "ledger",	  [KERNEL_COUNTERS] = "counters",
	[KERNEL_CPUS] = "cpus",		  [KERNEL_IFACES] = "ifaces",
	[KERNEL_CONTROL] = "control",	  [KERNEL_RULES] = "rules",
	[KERNEL_NETS16] = "nets16",	  [KERNEL_BITS24] = "bits24",
	[KERNEL_BITS48] = "bits48",	  [KERNEL_BLOCK4] = "block4",
	[KERNEL_BLOCK6] = "block6",	  [KERNEL_LPM4] = "lpm4",
	[KERNEL_LPM6] = "lpm6",		  [KERNEL_SAFE4] = "safe4",
	[KERNEL_SAFE6] = "safe6",	  [KERNEL_EVENTS] = "events",
	[KERNEL_RULE_SETS] = "rule_sets", [KERNEL_BITS_NAMES] = "bits_names",
	[KERNEL_DOMAINS] = "domains",	  [KERNEL_FLOW_BLOCKS] = "flow_blocks",
	[KERNEL_VERDICTS] = "verdicts",
};

/* In the object some are sections, the kernel's programs reach them without a lookup; a pin has no
 * dot in its name. */
static const char *object_name(enum kernel_map map)
{
	switch (map) {
	case KERNEL_CONTROL:
		return ".data.control";
	case KERNEL_IFACES:
		return ".data.ifaces";
	case KERNEL_NETS16:
		return ".data.nets16";
	case KERNEL_BITS48:
		return ".data.bits48";
	default:
		return map_names[map];
	}
}

const char *kernel_map_name(enum kernel_map map)
{
	return map_names[map];
}

int kernel_possible_cpus(void)
{
	char text[128] = "";
	FILE *file = fopen(POSSIBLE_CPUS_FILE, "re");
	const char *read;
	const char *last;
	unsigned long id;

	if (!file)
		return -errno;
	read = fgets(text, sizeof(text), file);
	if (fclose(file) || !read)
		return -EIO;
	/* A list of ranges in rising order ("0-3,8-11"): the last number is the highest id. */
	last = strrchr(text, ',');
	last = last ? last + 1 : text;
	if (strchr(last, '-'))
		last = strchr(last, '-') + 1;
	id = strtoul(last, NULL, 10);
	return id < KERNEL_CPUS_MAX ? (int)id + 1 : -E2BIG;
}

uint32_t kernel_flow_sets(unsigned int slots, uint32_t cpus)
{
	const uint64_t set_bytes = sizeof(struct flow4_set) + sizeof(struct flow6_set) +
				   2UL * FLOW_WAYS * sizeof(struct flow_shadow);
	uint32_t sets = 1;

	while (sets * 2UL * FLOW_WAYS <= slots)
		sets *= 2;
	while (sets > 1 && sets * set_bytes * cpus > CACHE_BYTES_MAX)
		sets /= 2;
	return sets;
}

static uint32_t ring_bytes(uint32_t cpus)
{
	uint32_t bytes = RING_BYTES_MAX;

	while (bytes > RING_BYTES_MIN && (uint64_t)bytes * cpus > RINGS_BYTES_MAX)
		bytes /= 2;
	return bytes;
}

void kernel_maps_init(struct kernel_maps *maps)
{
	memset(maps, 0, sizeof(*maps));
	for (int map = 0; map < KERNEL_MAP_COUNT; map++)
		maps->fd[map] = -1;
	for (int map = 0; map < KERNEL_GEOMETRY_COUNT; map++)
		maps->retired.fd[map] = -1;
	maps->rows = -1;
}

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; fds && i < count; i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]); /* nothing is written through it */
		fds[i] = -1;
	}
}

void kernel_maps_done(struct kernel_maps *maps)
{
	close_all(maps->fd, KERNEL_MAP_COUNT);
	close_all(maps->retired.fd, KERNEL_GEOMETRY_COUNT);
	close_all(maps->rings, maps->cpus);
	close_all(maps->retired.rings, maps->cpus);
	close_all(&maps->rows, 1);
	free(maps->rings);
	free(maps->retired.rings);
	maps->rings = NULL;
	maps->retired.rings = NULL;
}

static int *rings_new(uint32_t cpus)
{
	int *rings = malloc(cpus * sizeof(*rings));

	if (!rings)
		return NULL;
	for (uint32_t cpu = 0; cpu < cpus; cpu++)
		rings[cpu] = -1;
	return rings;
}

/* ---- before the load ------------------------------------------------------------------------- */

/* Offset of the 32-bit constant @name in .rodata, or -ENOENT. */
static int rodata_offset(const struct btf *btf, const char *name)
{
	int section = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
	const struct btf_type *type;
	const struct btf_var_secinfo *info;

	if (section < 0)
		return -ENOENT;
	type = btf__type_by_id(btf, (uint32_t)section);
	info = btf_var_secinfos(type);
	for (uint16_t i = 0; i < btf_vlen(type); i++) {
		const struct btf_type *var = btf__type_by_id(btf, info[i].type);

		if (!strcmp(btf__name_by_offset(btf, var->name_off), name))
			return info[i].size == sizeof(uint32_t) ? (int)info[i].offset : -EINVAL;
	}
	return -ENOENT;
}

int kernel_maps_set_word(const struct bpf_object *object, const char *name, uint32_t value)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	int offset = rodata_offset(bpf_object__btf(object), name);
	size_t size = 0;
	const void *initial = map ? bpf_map__initial_value(map, &size) : NULL;
	uint8_t data[RODATA_BYTES_MAX];

	if (offset < 0 || !initial)
		return offset < 0 ? offset : -ENOENT;
	if (size > sizeof(data) || (size_t)offset + sizeof(value) > size)
		return -EINVAL;
	memcpy(data, initial, size);
	memcpy(data + offset, &value, sizeof(value));
	return bpf_map__set_initial_value(map, data, size);
}

/* Bytes of the maps that follow the machine; 0 for those the object sizes. */
static uint64_t wanted_bytes(const struct kernel_maps *maps, enum kernel_map map)
{
	const uint64_t sets = (uint64_t)maps->cpus * maps->flow_sets;

	switch (map) {
	case KERNEL_FLOWS4:
		return sets * sizeof(struct flow4_set);
	case KERNEL_FLOWS6:
		return sets * sizeof(struct flow6_set);
	case KERNEL_SHADOW4:
	case KERNEL_SHADOW6:
		return sets * FLOW_WAYS * sizeof(struct flow_shadow);
	case KERNEL_COUNTERS:
		return (uint64_t)maps->cpus * IFACES_MAX * 2 * sizeof(struct iface_counters);
	case KERNEL_CPUS:
		return (uint64_t)maps->cpus * sizeof(struct cpu_state);
	case KERNEL_VERDICTS:
		return (uint64_t)maps->cpus * VERDICT_SETS * sizeof(struct verdict_set);
	case KERNEL_EVICT_CPU:
		return (uint64_t)maps->cpus * sizeof(uint32_t);
	default:
		return 0;
	}
}

static int size_map(const struct kernel_maps *maps, enum kernel_map which, struct bpf_map *map)
{
	uint64_t bytes = wanted_bytes(maps, which);
	const uint32_t value = bpf_map__value_size(map);

	if (which == KERNEL_EVICT)
		return bpf_map__set_max_entries(map, EVICT_BYTES);
	if (!bytes)
		return 0;
	if (!value || bytes % value)
		return -EINVAL;
	return bpf_map__set_max_entries(map, (uint32_t)(bytes / value));
}

/* A pinned map that serves in place of the one the object describes, or -ENOENT. */
static int pinned_like(const char *pin_dir, const char *name, const struct bpf_map *map)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	CLEANUP(close) int fd = kernel_pin_get(pin_dir, name);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (info.type != (uint32_t)bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) ||
	    info.max_entries != bpf_map__max_entries(map) ||
	    info.map_flags != bpf_map__map_flags(map))
		return -ENOENT;
	return TAKE_FD(fd);
}

/* The pin folder is of this build's layout: both words that say so agree. */
static bool is_same_abi(const char *pin_dir)
{
	struct kernel_row row = { 0 };
	struct control control = { 0 };
	const uint32_t first = 0;
	CLEANUP(close) int rows_fd = kernel_pin_get(pin_dir, "iface_table");
	CLEANUP(close) int control_fd = kernel_pin_get(pin_dir, "control");
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	if (rows_fd < 0 || control_fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(rows_fd, &info, &len) || info.value_size != sizeof(row))
		return false;
	memset(&info, 0, sizeof(info));
	len = sizeof(info);
	if (bpf_obj_get_info_by_fd(control_fd, &info, &len) || info.value_size != sizeof(control))
		return false;
	if (bpf_map_lookup_elem(rows_fd, &first, &row) ||
	    bpf_map_lookup_elem(control_fd, &first, &control))
		return false;
	/* 0: the loader that made it ended before its core took over. */
	return row.abi == SLUICE_ABI && (control.abi == SLUICE_ABI || control.abi == 0);
}

/* Of any layout: one of both is there. */
static bool has_pins(const char *pin_dir)
{
	CLEANUP(close) int rows_fd = kernel_pin_get(pin_dir, "iface_table");
	CLEANUP(close) int control_fd = kernel_pin_get(pin_dir, "control");

	return rows_fd >= 0 || control_fd >= 0;
}

static int rings_get(const char *pin_dir, uint32_t cpus, int **out)
{
	char name[PIN_NAME_MAX];
	int *rings = rings_new(cpus);

	if (!rings)
		return -ENOMEM;
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		(void)snprintf(name, sizeof(name), "evict_cpu_%u", cpu);
		rings[cpu] = kernel_pin_get(pin_dir, name);
	}
	*out = rings;
	return 0;
}

/* All maps of the geometry fit, or none is taken: a ring's records name slots of their cache. */
static int adopt_geometry(struct kernel_maps *maps, struct bpf_map *const *objects,
			  const char *pin_dir)
{
	bool fits = true;

	for (int map = 0; map < KERNEL_GEOMETRY_COUNT; map++) {
		maps->fd[map] = pinned_like(pin_dir, map_names[map], objects[map]);
		fits = fits && maps->fd[map] >= 0;
	}
	if (fits)
		return rings_get(pin_dir, maps->cpus, &maps->rings);
	close_all(maps->fd, KERNEL_GEOMETRY_COUNT);
	for (int map = 0; map < KERNEL_GEOMETRY_COUNT; map++)
		maps->retired.fd[map] = kernel_pin_get(pin_dir, map_names[map]);
	log_info("flow cache of another size found, drained once more and replaced");
	return rings_get(pin_dir, maps->cpus, &maps->retired.rings);
}

static int adopt_pinned(struct kernel_maps *maps, struct bpf_map *const *objects,
			const char *pin_dir)
{
	int err = adopt_geometry(maps, objects, pin_dir);

	for (int map = KERNEL_GEOMETRY_COUNT; !err && map < KERNEL_MAP_COUNT; map++) {
		maps->fd[map] = pinned_like(pin_dir, map_names[map], objects[map]);
		if (maps->fd[map] < 0)
			log_warn("pinned map not taken over name=%s", map_names[map]);
	}
	for (int map = 0; !err && map < KERNEL_MAP_COUNT; map++) {
		if (maps->fd[map] >= 0)
			err = bpf_map__reuse_fd(objects[map], maps->fd[map]);
	}
	maps->rows = kernel_pin_get(pin_dir, "iface_table");
	return err;
}

int kernel_maps_prepare(struct kernel_maps *maps, struct bpf_object *object, const char *pin_dir)
{
	struct bpf_map *objects[KERNEL_MAP_COUNT];
	int err = kernel_maps_set_word(object, "flow_sets", maps->flow_sets);

	for (int map = 0; !err && map < KERNEL_MAP_COUNT; map++) {
		objects[map] = bpf_object__find_map_by_name(object, object_name(map));
		err = objects[map] ? size_map(maps, (enum kernel_map)map, objects[map]) : -ENOENT;
	}
	if (err || !pin_dir)
		return err;
	if (is_same_abi(pin_dir))
		return adopt_pinned(maps, objects, pin_dir);
	maps->is_successor = has_pins(pin_dir);
	return 0;
}

/* ---- after the load ---------------------------------------------------------------------------
 */

static int ring_pin(const struct kernel_maps *maps, uint32_t cpu, const char *pin_dir)
{
	char name[PIN_NAME_MAX];

	(void)snprintf(name, sizeof(name), "evict_cpu_%u", cpu);
	return kernel_pin_put(pin_dir, name, maps->rings[cpu]);
}

static int ring_add(struct kernel_maps *maps, uint32_t cpu, const char *pin_dir)
{
	maps->rings[cpu] = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "evict_ring", 0, 0,
					  ring_bytes(maps->cpus), NULL);
	if (maps->rings[cpu] < 0)
		return -errno;
	if (bpf_map_update_elem(maps->fd[KERNEL_EVICT_CPU], &cpu, &maps->rings[cpu], BPF_ANY))
		return -errno;
	return ring_pin(maps, cpu, pin_dir);
}

static int rings_fill(struct kernel_maps *maps, const char *pin_dir)
{
	int err = 0;

	if (!maps->rings)
		maps->rings = rings_new(maps->cpus);
	if (!maps->rings)
		return -ENOMEM;
	for (uint32_t cpu = 0; !err && cpu < maps->cpus; cpu++) {
		if (maps->rings[cpu] < 0)
			err = ring_add(maps, cpu, pin_dir);
	}
	return err;
}

static int rows_fill(struct kernel_maps *maps, const char *pin_dir)
{
	struct bpf_map_create_opts options = { .sz = sizeof(options), .map_flags = BPF_F_MMAPABLE };

	if (maps->rows >= 0)
		return 0;
	maps->rows = bpf_map_create(BPF_MAP_TYPE_ARRAY, "iface_table", sizeof(uint32_t),
				    sizeof(struct kernel_row), IFACES_MAX, &options);
	if (maps->rows < 0)
		return -errno;
	return kernel_pin_put(pin_dir, "iface_table", maps->rows);
}

int kernel_maps_finish(struct kernel_maps *maps, struct bpf_object *object, const char *pin_dir)
{
	int err = 0;

	if (maps->is_successor)
		pin_dir = NULL; /* kernel_maps_pin, when the earlier ones are no longer needed */
	for (int map = 0; !err && map < KERNEL_MAP_COUNT; map++) {
		const struct bpf_map *loaded =
			bpf_object__find_map_by_name(object, object_name(map));

		if (maps->fd[map] >= 0)
			continue;
		/* The object closes its own descriptor, these outlive it. */
		maps->fd[map] = dup(bpf_map__fd(loaded));
		err = maps->fd[map] < 0 ? -errno
					: kernel_pin_put(pin_dir, map_names[map], maps->fd[map]);
	}
	if (!err)
		err = rings_fill(maps, pin_dir);
	if (!err)
		err = rows_fill(maps, pin_dir);
	return err;
}

int kernel_maps_pin(const struct kernel_maps *maps, const char *pin_dir)
{
	/* it speaks for the folder: whoever starts over a half of this begins anew */
	int err = kernel_pin_remove(pin_dir, "iface_table");

	for (int map = 0; !err && map < KERNEL_MAP_COUNT; map++)
		err = kernel_pin_put(pin_dir, map_names[map], maps->fd[map]);
	for (uint32_t cpu = 0; !err && cpu < maps->cpus; cpu++)
		err = ring_pin(maps, cpu, pin_dir);
	return err ? err : kernel_pin_put(pin_dir, "iface_table", maps->rows);
}
