/*
 * Sums by key.
 */
#include "agent/store/top_table.h"

#include <stdlib.h>
#include <string.h>

#include "agent/util/crypto.h"
#include "agent/util/sketch_hash.h"

#define ROOM_FIRST 64

void top_sums_add(struct top_sums *to, const struct top_sums *add)
{
	to->records += add->records;
	to->packets_out += add->packets_out;
	to->bytes_out += add->bytes_out;
	to->packets_in += add->packets_in;
	to->bytes_in += add->bytes_in;
}

void top_table_init(struct top_table *table, uint32_t max)
{
	*table = (struct top_table){ .max = max };
	crypto_random(&table->seed, sizeof(table->seed)); /* outside chooses the keys */
}

static void free_key(const struct top_entry *entry)
{
	if (entry->len > TOP_KEY_INLINE)
		free(entry->key.memory);
}

void top_table_done(struct top_table *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		free_key(&table->entries[i]);
	free(table->entries);
	free(table->index);
	memset(table, 0, sizeof(*table));
}

const uint8_t *top_entry_key(const struct top_entry *entry)
{
	return entry->len > TOP_KEY_INLINE ? entry->key.memory : entry->key.bytes;
}

/* ---- finding --------------------------------------------------------------------------------- */

/* The place of the key in the index, or the empty place where it belongs. */
static uint32_t *find(const struct top_table *table, const void *key, size_t len, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & table->mask;

	for (; table->index[at]; at = (at + 1) & table->mask) {
		const struct top_entry *entry = &table->entries[table->index[at] - 1];

		if (entry->hash == hash && entry->len == len &&
		    !memcmp(top_entry_key(entry), key, len))
			break;
	}
	return &table->index[at];
}

static void index_all(struct top_table *table)
{
	memset(table->index, 0, ((size_t)table->mask + 1) * sizeof(*table->index));
	for (uint32_t i = 0; i < table->count; i++) {
		const struct top_entry *entry = &table->entries[i];

		*find(table, top_entry_key(entry), entry->len, entry->hash) = i + 1;
	}
}

static bool grow(struct top_table *table)
{
	uint32_t room = table->room ? 2 * table->room : ROOM_FIRST;
	uint32_t slots = 2 * ROOM_FIRST;

	if (room > table->max)
		room = table->max;
	while (slots < 2 * room)
		slots *= 2;
	struct top_entry *entries = realloc(table->entries, room * sizeof(*entries));
	if (!entries)
		return false;
	table->entries = entries;
	uint32_t *index = calloc(slots, sizeof(*index));
	if (!index)
		return false;
	free(table->index);
	table->index = index;
	table->mask = slots - 1;
	table->room = room;
	index_all(table);
	return true;
}

/* ---- cutting --------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
	const struct top_entry *x = a, *y = b;
	uint64_t x_bytes = x->sums.bytes_out + x->sums.bytes_in;
	uint64_t y_bytes = y->sums.bytes_out + y->sums.bytes_in;

	if (x_bytes != y_bytes)
		return x_bytes > y_bytes ? -1 : 1;
	if (x->sums.records != y->sums.records)
		return x->sums.records > y->sums.records ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(top_entry_key(x), top_entry_key(y), x->len);
}

void top_table_cut(struct top_table *table, uint32_t keep)
{
	if (table->count)
		qsort(table->entries, table->count, sizeof(*table->entries), compare_entries);
	while (table->count > keep) {
		const struct top_entry *entry = &table->entries[--table->count];

		top_sums_add(&table->others, &entry->sums);
		free_key(entry);
		table->is_dirty = table->has_lost = true;
	}
	if (table->index)
		index_all(table);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static struct top_entry *insert(struct top_table *table, const void *key, size_t len, uint64_t hash)
{
	uint8_t *memory = NULL;

	if (table->count == table->max)
		top_table_cut(table, table->max / 2);
	if (table->count == table->room && !grow(table))
		return NULL;
	if (len > TOP_KEY_INLINE) {
		memory = malloc(len);
		if (!memory)
			return NULL;
		memcpy(memory, key, len);
	}
	*find(table, key, len, hash) = table->count + 1;
	struct top_entry *entry = &table->entries[table->count++];
	*entry = (struct top_entry){ .hash = hash, .len = (uint16_t)len };
	if (memory)
		entry->key.memory = memory;
	else
		memcpy(entry->key.bytes, key, len);
	return entry;
}

void top_table_add(struct top_table *table, const void *key, size_t len,
		   const struct top_sums *sums)
{
	uint64_t hash = hash_bytes(key, len, table->seed);
	uint32_t place = table->index ? *find(table, key, len, hash) : 0;
	struct top_entry *entry;

	entry = place ? &table->entries[place - 1] : insert(table, key, len, hash);
	if (!entry) {
		top_table_add_others(table, sums);
		return;
	}
	top_sums_add(&entry->sums, sums);
	entry->is_dirty = table->is_dirty = true;
}

void top_table_add_others(struct top_table *table, const struct top_sums *sums)
{
	top_sums_add(&table->others, sums);
	table->is_dirty = true;
}
