/*
 * Loading, mapping and running for tests (tests/bpf/kernel.h).
 */
#include "tests/bpf/kernel.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* ---- load ---- */

/* Writes a `const volatile __u32` of the object before it is loaded. */
static bool set_rodata(struct bpf_object *object, const char *name, uint32_t value)
{
	const struct btf *btf = bpf_object__btf(object);
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	const struct btf_type *section;
	const struct btf_var_secinfo *info;
	size_t size = 0;
	const void *at = map ? bpf_map__initial_value(map, &size) : NULL;
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	uint8_t bytes[256];

	if (!at || id < 0 || size > sizeof(bytes))
		return false;
	memcpy(bytes, at, size);
	section = btf__type_by_id(btf, (uint32_t)id);
	info = btf_var_secinfos(section);
	for (int i = 0; i < btf_vlen(section); i++, info++) {
		const struct btf_type *var = btf__type_by_id(btf, info->type);

		if (strcmp(btf__name_by_offset(btf, var->name_off), name))
			continue;
		memcpy(bytes + info->offset, &value, sizeof(value));
		return !bpf_map__set_initial_value(map, bytes, size);
	}
	return false;
}

static bool set_size(struct bpf_object *object, const char *name, uint32_t entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	return map && !bpf_map__set_max_entries(map, entries);
}

static bool set_options(struct bpf_object *object, const struct kernel_options *options)
{
	uint32_t sets = options->flow_sets * CPUS_DEFAULT;

	if (!options->own_clock && !set_rodata(object, "replay_clock", 1))
		return false;
	if (options->evict_bytes && !set_size(object, "evict", options->evict_bytes))
		return false;
	return !sets || (set_rodata(object, "flow_sets", options->flow_sets) &&
			 set_size(object, "flows4", sets) && set_size(object, "flows6", sets) &&
			 set_size(object, "shadow4", sets * FLOW_WAYS) &&
			 set_size(object, "shadow6", sets * FLOW_WAYS));
}

static bool choose_program(struct kernel *kernel, enum program chosen)
{
	static const char *const names[PROGRAM_COUNT] = { "sluice_ingress", "sluice_ingress_tc",
							  "sluice_egress", "sluice_clock" };

	kernel->program = chosen;
	for (int i = 0; i < PROGRAM_COUNT; i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(kernel->object, names[i]);

		if (!program || bpf_program__set_autoload(program, i == (int)chosen))
			return false;
	}
	return true;
}

static bool load(struct kernel *kernel)
{
	struct bpf_program *program;

	if (bpf_object__load(kernel->object))
		return false;
	program = bpf_object__next_program(kernel->object, NULL);
	while (program && !bpf_program__autoload(program))
		program = bpf_object__next_program(kernel->object, program);
	kernel->program_fd = program ? bpf_program__fd(program) : -1;
	return kernel->program_fd > 0;
}

void kernel_stay_on_first_cpu(void)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first))
		(void)fprintf(stderr, "cannot stay on CPU 0: %s\n", strerror(errno));
}

/* ---- maps ---- */

int kernel_map_fd(const struct kernel *kernel, const char *name)
{
	return bpf_object__find_map_fd_by_name(kernel->object, name);
}

bool kernel_set_iface(const struct kernel *kernel, uint32_t slot, const struct iface_entry *entry)
{
	struct iface_entry table[IFACE_TABLE_SIZE];
	const uint32_t first = 0;
	int fd = kernel_map_fd(kernel, ".data.ifaces");

	if (bpf_map_lookup_elem(fd, &first, table))
		return false;
	table[slot] = *entry;
	return !bpf_map_update_elem(fd, &first, table, BPF_ANY);
}

/* The whole array, its entries counted in @entries. */
static void *map_array(struct kernel *kernel, const char *name, uint32_t *entries)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(kernel->object, name);
	size_t stride = map ? (bpf_map__value_size(map) + 7U) / 8 * 8 : 0;
	size_t size = map ? stride * bpf_map__max_entries(map) : 0;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map ? bpf_map__fd(map) : -1,
			0);

	if (at == MAP_FAILED || kernel->mapped_count == KERNEL_MAPS)
		return NULL;
	kernel->mapped[kernel->mapped_count].at = at;
	kernel->mapped[kernel->mapped_count++].size = size;
	if (entries)
		*entries = bpf_map__max_entries(map);
	return at;
}

static bool map_arrays(struct kernel *kernel)
{
	struct drain_tables *tables = &kernel->tables;
	struct rules_tables *rules = &kernel->rules_tables;

	tables->flows4 = map_array(kernel, "flows4", NULL);
	tables->flows6 = map_array(kernel, "flows6", NULL);
	tables->shadow4 = map_array(kernel, "shadow4", &tables->slots4);
	tables->shadow6 = map_array(kernel, "shadow6", &tables->slots6);
	tables->ledger = map_array(kernel, "ledger", NULL);
	kernel->counters = map_array(kernel, "counters", NULL);
	kernel->cpus = map_array(kernel, "cpus", NULL);
	rules->control = map_array(kernel, ".data.control", NULL);
	rules->rules = map_array(kernel, "rules", NULL);
	rules->nets16 = map_array(kernel, ".data.nets16", NULL);
	rules->bits24 = map_array(kernel, "bits24", NULL);
	rules->bits48 = map_array(kernel, ".data.bits48", NULL);
	rules->bits_names = map_array(kernel, "bits_names", NULL);
	rules->rule_sets = map_array(kernel, "rule_sets", NULL);
	return tables->flows4 && tables->flows6 && tables->shadow4 && tables->shadow6 &&
	       tables->ledger && kernel->counters && kernel->cpus && rules->control &&
	       rules->rules && rules->nets16 && rules->bits24 && rules->bits48 &&
	       rules->bits_names && rules->rule_sets;
}

static int keyed_fd(void *arg, enum rules_map map)
{
	static const char *const names[RULES_MAP_COUNT] = { "block4",  "block6",     "lpm4",
							    "lpm6",    "safe4",	     "safe6",
							    "domains", "flow_blocks" };

	return kernel_map_fd(arg, names[map]);
}

static int keyed_lookup(void *arg, enum rules_map map, const void *key, void *value)
{
	return bpf_map_lookup_elem(keyed_fd(arg, map), key, value) ? -errno : 0;
}

static int keyed_update(void *arg, enum rules_map map, const void *key, const void *value)
{
	return bpf_map_update_elem(keyed_fd(arg, map), key, value, BPF_ANY) ? -errno : 0;
}

static int keyed_remove(void *arg, enum rules_map map, const void *key)
{
	return bpf_map_delete_elem(keyed_fd(arg, map), key) ? -errno : 0;
}

static int keyed_next(void *arg, enum rules_map map, const void *key, void *next)
{
	return bpf_map_get_next_key(keyed_fd(arg, map), key, next) ? -errno : 0;
}

static const struct rules_map_ops keyed_ops = {
	.lookup = keyed_lookup,
	.update = keyed_update,
	.remove = keyed_remove,
	.next_key = keyed_next,
};

/* ---- rings ---- */

static int take_record(void *arg, void *record, size_t len)
{
	struct kernel *kernel = arg;
	int count = drain_record(&kernel->tables, &kernel->clock, record, len, kernel->sink);

	kernel->deltas += count > 0 ? count : 0;
	return count < 0 ? count : 0;
}

static int take_event(void *arg, void *record, size_t len)
{
	struct kernel *kernel = arg;

	return drain_event(&kernel->clock, record, len, kernel->sink) < 0 ? -EINVAL : 0;
}

int kernel_drain(struct kernel *kernel, bool scan, const struct capture_sink *sink)
{
	kernel->sink = sink;
	kernel->deltas = 0;
	if (ring_buffer__consume(kernel->evict) < 0 || ring_buffer__consume(kernel->events) < 0)
		return -EIO;
	return kernel->deltas + (scan ? drain_scan(&kernel->tables, &kernel->clock, sink) : 0);
}

/* ---- life ---- */

bool kernel_open(struct kernel *kernel, const char *path, const struct kernel_options *options)
{
	memset(kernel, 0, sizeof(*kernel));
	kernel->object = bpf_object__open(path);
	if (!kernel->object) {
		(void)fprintf(stderr, "%s: cannot open\n", path);
		return false;
	}
	if (!set_options(kernel->object, options) || !choose_program(kernel, options->program) ||
	    !load(kernel) || !map_arrays(kernel)) {
		(void)fprintf(stderr, "%s: cannot load\n", path);
		return false;
	}
	kernel->evict = ring_buffer__new(kernel_map_fd(kernel, "evict"), take_record, kernel, NULL);
	kernel->events =
		ring_buffer__new(kernel_map_fd(kernel, "events"), take_event, kernel, NULL);
	kernel->rules_tables.ops = &keyed_ops;
	kernel->rules_tables.arg = kernel;
	kernel->rules_tables.safe_max = 4096;
	kernel_set_now(kernel, 0);
	return kernel->evict && kernel->events;
}

bool kernel_take_over(struct kernel *kernel, uint64_t boot_ns)
{
	kernel->rules_tables.control->replay_boot_ns = boot_ns;
	return !rules_new(&kernel->rules_tables, UINT64_MAX, &kernel->rules);
}

void kernel_close(struct kernel *kernel)
{
	rules_free(kernel->rules);
	ring_buffer__free(kernel->evict);
	ring_buffer__free(kernel->events);
	for (size_t i = 0; i < kernel->mapped_count; i++)
		(void)munmap(kernel->mapped[i].at, kernel->mapped[i].size);
	bpf_object__close(kernel->object);
	memset(kernel, 0, sizeof(*kernel));
}

/* As agent/capture/user.c: milliseconds, from 1 on. */
void kernel_set_now(struct kernel *kernel, uint64_t at_ns)
{
	kernel->clock.jiffies = at_ns / 1000000 + 1;
	kernel->clock.mono_ns = at_ns / 1000000 * 1000000;
	kernel->clock.unix_ms = 1700000000000;
	kernel->clock.ns_per_jiffy = 1000000;
	kernel->rules_tables.control->replay_jiffies = kernel->clock.jiffies;
}

int kernel_run(struct kernel *kernel, const void *frame, size_t len, const struct __sk_buff *skb)
{
	static uint8_t out[65536];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	if (skb) {
		options.ctx_in = skb;
		options.ctx_size_in = sizeof(*skb);
	}
	if (bpf_prog_test_run_opts(kernel->program_fd, &options))
		return -errno;
	if (kernel->program == PROGRAM_INGRESS)
		return options.retval == XDP_PASS ? 1 : options.retval == XDP_DROP ? 0 : -EPROTO;
	return options.retval == (uint32_t)TC_ACT_UNSPEC ? 1
	       : options.retval == TC_ACT_SHOT		 ? 0
							 : -EPROTO;
}

void kernel_iface_coverage(const struct kernel *kernel, uint8_t iface, enum direction direction,
			   struct coverage_direction *out)
{
	const struct drain_counters counters = { kernel->counters, CPUS_DEFAULT };

	drain_coverage(&kernel->tables, &counters, iface, direction, out);
}

void kernel_coverage(const struct kernel *kernel, enum direction direction,
		     struct coverage_direction *out)
{
	kernel_iface_coverage(kernel, 0, direction, out);
}
