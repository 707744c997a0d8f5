/*
 * Filling the maps of the measured programs as their own agents would.
 */
#include "tests/bench/blocklist.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/hash.h"
#include "include/abi.h"

#define FOR_EVER     (1ULL << 60) /* boot time: behind every end */
#define SAFE_ADDED   64
#define FILTER_DENY  1 /* xdp-filter's MAP_FLAG_SRC */
#define RULE	     1
#define POSSIBLE_MAX 1024 /* CPUs of a per-CPU value */

/* Marsaglia, "Xorshift RNGs", 2003 */
static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Unicast, and away from the sources of the templates and of varied packets. */
static uint32_t random_addr4(uint32_t *seed)
{
	uint32_t addr;

	do
		addr = next_random(seed);
	while (addr >> 24 == 0 || addr >> 24 >= 224 || addr >> 16 == SOURCE >> 16 ||
	       addr >> 16 == LISTED >> 16 || addr >> 17 == FLOWS_AT >> 17);
	return addr;
}

/* In 2000::/3, and in another bit than 2001:db8::/48, the source of the template. */
static void random_addr6(uint32_t *seed, uint32_t addr[4])
{
	const uint32_t source = bits48_index(htonl(0x20010db8));

	do {
		for (int i = 0; i < 4; i++)
			addr[i] = next_random(seed);
		addr[0] = htonl(0x20000000 | (addr[0] & 0x1fffffff));
	} while (bits48_index(addr[0] | (uint64_t)addr[1] << 32) == source);
}

/* The words of a map, an array of many or one value with all of them; NULL when it has none. */
static void *words_of(const struct program *program, const char *name)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = program_map(program, name);
	void *at;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return NULL;
	at = mmap(NULL, (size_t)info.max_entries * ((info.value_size + 7) / 8 * 8),
		  PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at; /* mapped until the end of the program */
}

struct list {
	uint8_t *nets16;
	uint64_t *bits24, *bits48;
	int block4, block6;
};

static int list_of(const struct program *ours, struct list *list)
{
	*list = (struct list){
		.nets16 = words_of(ours, "nets16"),
		.bits24 = words_of(ours, "bits24"),
		.bits48 = words_of(ours, "bits48"),
		.block4 = program_map(ours, "block4"),
		.block6 = program_map(ours, "block6"),
	};
	return list->nets16 && list->bits24 && list->bits48 ? 0 : -ENOENT;
}

static int block4(const struct list *list, uint32_t addr)
{
	const struct block_entry entry = { .rule = RULE, .prefix_len = 32 };
	uint32_t key = htonl(addr);

	list->nets16[net16_index(htonl(addr))] = 1;
	list->bits24[addr >> 13] |= 1ULL << (addr >> 8 & 31) * 2;
	return bpf_map_update_elem(list->block4, &key, &entry, BPF_ANY) ? -errno : 0;
}

static int block6(const struct list *list, const uint32_t addr[4])
{
	const struct block_entry entry = { .rule = RULE, .prefix_len = 128 };
	uint32_t bit = bits48_index(addr[0] | (uint64_t)addr[1] << 32);

	list->bits48[bit >> 6] |= 1ULL << (bit & 63);
	return bpf_map_update_elem(list->block6, addr, &entry, BPF_ANY) ? -errno : 0;
}

static int rule_set(const struct program *ours)
{
	const struct rule rule = { .flags = RULE_ACTIVE, .end_boot_ns = FOR_EVER };
	const struct control control = { .abi = SLUICE_ABI,
					 .lease_boot_ns = FOR_EVER,
					 .safe_epoch = 1 };
	uint32_t one = RULE, zero = 0, seed = 99;
	int err = 0;

	if (bpf_map_update_elem(program_map(ours, "rules"), &one, &rule, BPF_ANY) ||
	    bpf_map_update_elem(program_map(ours, "control"), &zero, &control, BPF_ANY))
		return -errno;
	for (int i = 0; !err && i < SAFE_ADDED; i++) {
		struct lpm4_key key = { .len = 32, .addr = htonl(random_addr4(&seed)) };

		if (bpf_map_update_elem(program_map(ours, "safe4"), &key, &one, BPF_ANY))
			err = -errno;
	}
	return err;
}

/* The table is an array of entries, or one value that is the array. */
int blocklist_watch(const struct program *ours, uint32_t ifindex)
{
	const struct iface_entry iface = { .ifindex = ifindex, .index = 1, .used = 1 };
	struct iface_entry table[IFACE_TABLE_SIZE] = { 0 };
	uint32_t place = ifindex & (IFACE_TABLE_SIZE - 1), zero = 0;
	int map = program_map(ours, "ifaces");

	table[place] = iface;
	if (!bpf_map_update_elem(map, &place, &iface, BPF_EXIST) && place)
		return 0;
	return bpf_map_update_elem(map, &zero, table, BPF_ANY) ? -errno : 0;
}

int blocklist_ours(const struct program *ours, uint32_t entries)
{
	uint32_t seed = 0x9e3779b9, addr6[4];
	struct list list;
	int err = list_of(ours, &list);

	if (!err)
		err = rule_set(ours);
	if (!err && entries)
		err = block4(&list, LISTED);
	for (uint32_t i = 1; i < entries && !err; i++)
		err = block4(&list, random_addr4(&seed));
	for (uint32_t i = 0; i < entries && !err; i++) {
		random_addr6(&seed, addr6);
		err = block6(&list, addr6);
	}
	return err;
}

int blocklist_add_flows(const struct program *ours, uint32_t flows)
{
	struct list list;
	int err = list_of(ours, &list);

	for (uint32_t i = 0; i < flows && !err; i++)
		err = block4(&list, FLOWS_AT + i);
	return err;
}

int blocklist_xdp_filter(const struct program *peer, uint32_t entries, uint32_t flows)
{
	uint64_t values[POSSIBLE_MAX] = { 0 };
	int map = program_map(peer, "filter_ipv4"), cpus = libbpf_num_possible_cpus();
	uint32_t seed = 0x9e3779b9;

	if (map < 0 || cpus < 0 || cpus > POSSIBLE_MAX)
		return -EINVAL;
	for (int i = 0; i < cpus; i++)
		values[i] = FILTER_DENY;
	for (uint32_t i = 0; i < entries + flows; i++) {
		uint32_t addr = i >= entries ? FLOWS_AT + i - entries
				: i	     ? random_addr4(&seed)
					     : LISTED;
		uint32_t key = htonl(addr);

		if (bpf_map_update_elem(map, &key, values, BPF_ANY))
			return -errno;
	}
	return 0;
}

int blocklist_prototype(const struct program *peer, uint32_t entries)
{
	uint64_t *bits = words_of(peer, "bit24");
	uint32_t seed = 0x9e3779b9, value = 1;
	int map = program_map(peer, "lpm4"), err = bits ? 0 : -ENOENT;

	for (uint32_t i = 0; i < entries && !err; i++) {
		uint32_t addr = random_addr4(&seed);
		struct lpm4_key key = { .len = 32, .addr = htonl(addr) };

		bits[addr >> 14] |= 1ULL << (addr >> 8 & 63);
		if (bpf_map_update_elem(map, &key, &value, BPF_ANY))
			err = -errno;
	}
	return err;
}

bool blocklist_counted(const struct program *ours, uint32_t cpu, uint64_t seen, uint64_t dropped)
{
	struct iface_counters counters = { 0 };
	uint32_t row = (cpu * IFACES_MAX + 1) * 2 + ABI_INGRESS;

	if (!bpf_map_lookup_elem(program_map(ours, "counters"), &row, &counters) &&
	    counters.seen == seen && counters.dropped == dropped && !counters.unattributed)
		return true;
	(void)fprintf(stderr, "counted %llu seen, %llu dropped, %llu unattributed of %llu, %llu\n",
		      counters.seen, counters.dropped, counters.unattributed,
		      (unsigned long long)seen, (unsigned long long)dropped);
	return false;
}
