/*
 * Sums by key.
 */
#include "agent/store/top_table.h"

#include <assert.h>
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

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* The slot of the key, or the empty one where it belongs. */
static struct top_slot *find(const struct top_table *table, const void *key, size_t len,
			     uint64_t hash)
{
	uint32_t at = (uint32_t)hash & table->mask;

	assert(table->index);
	for (; table->index[at].entry; at = (at + 1) & table->mask) {
		const struct top_entry *entry = &table->entries[table->index[at].entry - 1];

		if (table->index[at].tag == tag_of(hash) && entry->len == len &&
		    !memcmp(top_entry_key(entry), key, len))
			break;
	}
	return &table->index[at];
}

/* All keys are different. */
static void index_all(struct top_table *table)
{
	assert(table->index);
	memset(table->index, 0, ((size_t)table->mask + 1) * sizeof(*table->index));
	for (uint32_t i = 0; i < table->count; i++) {
		uint64_t hash = table->entries[i].hash;
		uint32_t at = (uint32_t)hash & table->mask;

		while (table->index[at].entry)
			at = (at + 1) & table->mask;
		table->index[at] = (struct top_slot){ i + 1, tag_of(hash) };
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
	struct top_slot *index = calloc(slots, sizeof(*index));
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

static void give_up(struct top_table *table, const struct top_entry *entry)
{
	top_sums_add(&table->others, &entry->sums);
	free_key(entry);
	table->is_dirty = table->has_lost = true;
}

static uint64_t bytes_of(const struct top_entry *entry)
{
	return entry->sums.bytes_out + entry->sums.bytes_in;
}

/* The @rank-th smallest of @values, which are moved about. Source: Hoare, Algorithm 65: Find, 1961.
 */
static uint64_t select_nth(uint64_t *values, size_t count, size_t rank)
{
	size_t low = 0, high = count - 1;

	while (low < high) {
		uint64_t pivot = values[low + (high - low) / 2];
		size_t i = low, j = high;

		for (;;) {
			while (values[i] < pivot)
				i++;
			while (values[j] > pivot)
				j--;
			if (i >= j)
				break;
			uint64_t value = values[i];
			values[i++] = values[j];
			values[j--] = value;
		}
		if (rank <= j)
			high = j;
		else
			low = j + 1;
	}
	return values[rank];
}

/* The @keep entries with the most bytes, and all that have as many as the least of them, to the
 * front; the rest goes into others. */
static void select_entries(struct top_table *table, uint32_t keep)
{
	uint64_t *values = keep ? malloc(table->count * sizeof(*values)) : NULL;
	uint64_t least = 0;
	uint32_t kept = 0;

	if (keep && !values)
		return; /* all of them are sorted then */
	for (uint32_t i = 0; i < table->count && keep; i++)
		values[i] = bytes_of(&table->entries[i]);
	if (keep)
		least = select_nth(values, table->count, table->count - keep);
	free(values);
	for (uint32_t i = 0; i < table->count; i++) {
		if (keep && bytes_of(&table->entries[i]) >= least)
			table->entries[kept++] = table->entries[i];
		else
			give_up(table, &table->entries[i]);
	}
	table->count = kept;
}

void top_table_cut(struct top_table *table, uint32_t keep)
{
	if (table->count > keep)
		select_entries(table, keep);
	if (table->count)
		qsort(table->entries, table->count, sizeof(*table->entries), compare_entries);
	while (table->count > keep)
		give_up(table, &table->entries[--table->count]);
	table->cuts++;
	if (table->index)
		index_all(table);
}

/* About half of the keys, without putting them in order: it happens all the time in a scan. */
static void give_up_half(struct top_table *table)
{
	uint64_t *values = malloc(table->count * sizeof(*values));
	uint32_t kept = 0;

	if (!values) {
		top_table_cut(table, table->max / 2);
		return;
	}
	for (uint32_t i = 0; i < table->count; i++)
		values[i] = bytes_of(&table->entries[i]);
	uint64_t median = select_nth(values, table->count, table->count / 2);
	free(values);
	for (uint32_t i = 0; i < table->count; i++) {
		/* of those at the median as many as there is room for */
		if (bytes_of(&table->entries[i]) > median ||
		    (bytes_of(&table->entries[i]) == median && kept < table->max / 2))
			table->entries[kept++] = table->entries[i];
		else
			give_up(table, &table->entries[i]);
	}
	table->count = kept;
	table->cuts++;
	index_all(table);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static struct top_entry *insert(struct top_table *table, const void *key, size_t len, uint64_t hash)
{
	uint8_t *memory = NULL;

	if (table->count == table->max)
		give_up_half(table);
	if (table->count == table->room && !grow(table))
		return NULL;
	if (len > TOP_KEY_INLINE) {
		memory = malloc(len);
		if (!memory)
			return NULL;
		memcpy(memory, key, len);
	}
	*find(table, key, len, hash) = (struct top_slot){ table->count + 1, tag_of(hash) };
	struct top_entry *entry = &table->entries[table->count++];
	*entry = (struct top_entry){ .hash = hash, .len = (uint16_t)len };
	if (memory)
		entry->key.memory = memory;
	else
		memcpy(entry->key.bytes, key, len);
	return entry;
}

uint32_t top_table_add(struct top_table *table, const void *key, size_t len,
		       const struct top_sums *sums)
{
	uint64_t hash = hash_bytes(key, len, table->seed);
	uint32_t known = table->index ? find(table, key, len, hash)->entry : 0;
	const struct top_entry *entry;

	entry = known ? &table->entries[known - 1] : insert(table, key, len, hash);
	if (!entry) {
		top_table_add_others(table, sums);
		return TOP_NOWHERE;
	}
	uint32_t place = (uint32_t)(entry - table->entries);
	top_table_add_at(table, place, sums);
	return place;
}

void top_table_add_at(struct top_table *table, uint32_t place, const struct top_sums *sums)
{
	struct top_entry *entry = &table->entries[place];

	top_sums_add(&entry->sums, sums);
	entry->is_dirty = table->is_dirty = true;
}

void top_table_add_others(struct top_table *table, const struct top_sums *sums)
{
	top_sums_add(&table->others, sums);
	table->is_dirty = true;
}
