/*
 * Sums by key in bounded memory. When it is full, the half with the fewest bytes goes into
 * "others": what a key shows is never too much, and all sums together are always exact.
 */
#ifndef SLUICE_STORE_TOP_TABLE_H
#define SLUICE_STORE_TOP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/history.h"

#define TOP_KEY_INLINE 16

struct top_entry {
	uint64_t hash;
	union {
		uint8_t bytes[TOP_KEY_INLINE];
		uint8_t *memory; /* longer keys */
	} key;
	uint16_t len;
	bool is_dirty; /* changed since whoever writes it last did */
	struct top_sums sums;
};

/* A part of the hash beside the place spares most looks at entries of other keys. */
struct top_slot {
	uint32_t entry; /* and one; 0 = empty */
	uint32_t tag;
};

struct top_table {
	struct top_entry *entries;
	uint32_t count, room, max;
	struct top_slot *index;
	uint32_t mask;
	uint32_t cuts; /* entries keep their place while this does not change */
	uint64_t seed;
	struct top_sums others;
	bool is_dirty; /* others, or any entry */
	bool has_lost; /* entries went into others: what was written of them must go */
};

/* top_table_init - @max keys; memory comes with use. */
void top_table_init(struct top_table *table, uint32_t max);
void top_table_done(struct top_table *table);
static inline void top_table_done_cleanup(struct top_table *table)
{
	top_table_done(table);
}

#define TOP_NOWHERE UINT32_MAX
/* top_table_add - never fails: without memory for the key its sums count as others. Returns the
 * place of its entry, or TOP_NOWHERE. */
uint32_t top_table_add(struct top_table *table, const void *key, size_t len,
		       const struct top_sums *sums);
/* top_table_add_at - to an entry known by its place. */
void top_table_add_at(struct top_table *table, uint32_t place, const struct top_sums *sums);
void top_table_add_others(struct top_table *table, const struct top_sums *sums);
/* top_table_cut - the @keep keys with the most bytes, sorted; the rest into others. */
void top_table_cut(struct top_table *table, uint32_t keep);
const uint8_t *top_entry_key(const struct top_entry *entry);

void top_sums_add(struct top_sums *to, const struct top_sums *add);

#endif
