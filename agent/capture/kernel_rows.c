/*
 * The interface table: which one-byte index means which interface, for the datapath (map ifaces,
 * by ifindex) and for people (pinned table of names, modes and notes, by index). An index stays
 * with its name, so that counters and flows go on when the interface or the loader comes back.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "agent/capture/kernel.h"
#include "agent/util/cleanup.h"

/* Index 0 is what the datapath uses for an interface nobody registered. */
#define FIRST_INDEX 1
/* A writer holds a row for nanoseconds; past this many looks its loader died within. */
#define COPY_TRIES 64

int kernel_rows_map(struct capture_kernel *kernel)
{
	const size_t size = IFACES_MAX * sizeof(struct kernel_row);
	struct kernel_row *rows =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, kernel->maps.rows, 0);

	if (rows == MAP_FAILED)
		return -errno;
	kernel->rows = rows;
	rows[0].abi = SLUICE_ABI;
	for (int i = 0; i < IFACES_MAX; i++) {
		rows[i].name[IFACE_NAME_MAX - 1] = '\0';
		rows[i].note[sizeof(rows[i].note) - 1] = '\0';
		rows[i].seq &= ~1U; /* of a loader that died while it wrote */
	}
	return 0;
}

int kernel_rows_find(const struct capture_kernel *kernel, const char *name)
{
	for (int i = FIRST_INDEX; i < IFACES_MAX; i++) {
		if (kernel->rows[i].is_used && !strcmp(kernel->rows[i].name, name))
			return i;
	}
	return -ENOENT;
}

/* An index nobody had, else that of an interface that is gone. */
static int free_index(const struct capture_kernel *kernel)
{
	for (int i = FIRST_INDEX; i < IFACES_MAX; i++) {
		if (!kernel->rows[i].is_used)
			return i;
	}
	for (int i = FIRST_INDEX; i < IFACES_MAX; i++) {
		if (!kernel->rows[i].ifindex && !kernel->links[i].ifindex)
			return i;
	}
	return -ENOSPC;
}

/* The next name starts from 0: its earlier one's flows and packets ended when it went. */
static int reset_counts(const struct kernel_maps *maps, int index)
{
	const struct iface_counters no_counters = { 0 };
	const struct ledger no_ledger = { 0 };

	for (uint32_t side = 0; side < 2; side++) {
		uint32_t key = (uint32_t)index * 2 + side;

		if (bpf_map_update_elem(maps->fd[KERNEL_LEDGER], &key, &no_ledger, BPF_ANY))
			return -errno;
		for (uint32_t cpu = 0; cpu < maps->cpus; cpu++, key += IFACES_MAX * 2) {
			if (bpf_map_update_elem(maps->fd[KERNEL_COUNTERS], &key, &no_counters,
						BPF_ANY))
				return -errno;
		}
	}
	return 0;
}

int kernel_rows_add(struct capture_kernel *kernel, const char *name)
{
	struct kernel_row row = { .is_used = 1 };
	int index = kernel_rows_find(kernel, name);
	int err;

	if (index >= 0)
		return index;
	index = free_index(kernel);
	err = index < 0 ? index : reset_counts(&kernel->maps, index);
	if (err)
		return err;
	(void)strncpy(row.name, name, sizeof(row.name) - 1);
	kernel_rows_set(kernel, index, &row);
	return index;
}

void kernel_rows_set(struct capture_kernel *kernel, int index, const struct kernel_row *row)
{
	struct kernel_row *to = &kernel->rows[index];
	struct kernel_row next = *row;

	next.abi = to->abi;
	next.seq = to->seq + 1;
	__atomic_store_n(&to->seq, next.seq, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*to = next;
	__atomic_store_n(&to->seq, next.seq + 1, __ATOMIC_RELEASE);
}

bool kernel_rows_copy(const struct kernel_row *row, struct kernel_row *out)
{
	for (int i = 0; i < COPY_TRIES; i++) {
		uint32_t seq = __atomic_load_n(&row->seq, __ATOMIC_ACQUIRE);

		*out = *(const volatile struct kernel_row *)row;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && seq == __atomic_load_n(&row->seq, __ATOMIC_RELAXED))
			break;
	}
	out->name[IFACE_NAME_MAX - 1] = '\0';
	out->note[sizeof(out->note) - 1] = '\0';
	return out->is_used;
}

/* ---- the datapath's map, keyed by ifindex -----------------------------------------------------
 */

/* The table, shared with the kernel's programs; NULL with errno. */
static struct iface_entry *ifaces_map(int map_fd)
{
	void *at = mmap(NULL, IFACE_TABLE_SIZE * sizeof(struct iface_entry), PROT_READ | PROT_WRITE,
			MAP_SHARED, map_fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void ifaces_unmap(struct iface_entry *table)
{
	if (table) /* what was written stays: the memory is the map's */
		(void)munmap(table, IFACE_TABLE_SIZE * sizeof(*table));
}
DEFINE_CLEANUP(ifaces_unmap, struct iface_entry)

/* Among the probes of @ifindex the slot that holds @wanted: itself, or 0 for a free one. */
static struct iface_entry *iface_slot(struct iface_entry *table, uint32_t ifindex, uint32_t wanted)
{
	for (uint32_t probe = 0; probe < IFACE_PROBES; probe++) {
		struct iface_entry *slot = &table[(ifindex + probe) % IFACE_TABLE_SIZE];

		if (slot->ifindex == wanted)
			return slot;
	}
	return NULL;
}

/* In one store: a program sees the old entry or the new one. */
static void iface_put(struct iface_entry *slot, const struct iface_entry *entry)
{
	uint64_t word;

	memcpy(&word, entry, sizeof(word));
	__atomic_store_n((uint64_t *)(void *)slot, word, __ATOMIC_RELEASE);
}

int kernel_ifaces_set(int map_fd, uint32_t ifindex, uint8_t index, bool no_l2)
{
	const struct iface_entry next = {
		.ifindex = ifindex, .no_l2 = no_l2, .index = index, .used = 1
	};
	CLEANUP(ifaces_unmap) struct iface_entry *table = ifaces_map(map_fd);
	struct iface_entry *slot;

	if (!table)
		return -errno;
	slot = iface_slot(table, ifindex, ifindex);
	if (!slot)
		slot = iface_slot(table, ifindex, 0);
	if (!slot)
		return -ENOSPC;
	iface_put(slot, &next);
	return 0;
}

int kernel_ifaces_remove(int map_fd, uint32_t ifindex)
{
	/* the programs probe on behind it (bpf/count.h) */
	const struct iface_entry none = { .was_used = 1 };
	CLEANUP(ifaces_unmap) struct iface_entry *table = ifaces_map(map_fd);
	struct iface_entry *slot;

	if (!table)
		return -errno;
	slot = iface_slot(table, ifindex, ifindex);
	if (slot)
		iface_put(slot, &none);
	return 0;
}

int kernel_ifaces_find(int map_fd, uint32_t ifindex)
{
	CLEANUP(ifaces_unmap) struct iface_entry *table = ifaces_map(map_fd);
	const struct iface_entry *slot;

	if (!table)
		return -errno;
	slot = iface_slot(table, ifindex, ifindex);
	return slot && slot->index < IFACES_MAX ? slot->index : -ENOENT;
}
