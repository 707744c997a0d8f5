/*
 * Rows in sets of eight, found by their keys alone: the hash is seeded, so that two of the table's
 * rows share one of 64 bits by chance only (16384 rows: 1 in 10^11). Rows lie in the order in which
 * they were first needed: by their hash each of a thousand would touch a page of its own.
 */
#include "agent/detect/rowset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/sketch_hash.h"

#define WAYS 8
#define LINE 64 /* bytes: eight keys, eight claims */

int rowset_init(struct rowset *table, unsigned int max, const struct row_shape *shape)
{
	uint32_t count;

	*table = (struct rowset){ .set_count = (max + WAYS - 1) / WAYS,
				  .row_size = shape->size,
				  .clear_size = shape->clear_size ? shape->clear_size : shape->size,
				  .keep_ns = shape->keep_ns };
	count = table->set_count * WAYS;
	crypto_random(&table->seed, sizeof(table->seed));
	table->rows = calloc(count, shape->size);
	table->places = calloc(count, sizeof(*table->places));
	table->keys = aligned_alloc(LINE, count * sizeof(*table->keys));
	table->claims = aligned_alloc(LINE, count * sizeof(*table->claims));
	table->dirty = calloc(count, sizeof(*table->dirty));
	if (!table->rows || !table->places || !table->keys || !table->claims || !table->dirty)
		return -ENOMEM;
	memset(table->keys, 0, count * sizeof(*table->keys));
	memset(table->claims, 0, count * sizeof(*table->claims));
	return 0;
}

void rowset_done(struct rowset *table)
{
	free(table->rows);
	free(table->places);
	free(table->keys);
	free(table->claims);
	free(table->dirty);
	*table = (struct rowset){ 0 };
}

uint64_t rowset_key(const struct rowset *table, const struct addr *a, const struct addr *b,
		    uint64_t more)
{
	uint64_t key = addr_hash(a, table->seed);

	if (b)
		key = addr_hash(b, key);
	key = hash_pair(key, more);
	return key ? key : 1;
}

static struct row *row_at(const struct rowset *table, uint32_t number)
{
	return (struct row *)(void *)(table->rows + table->places[number] * table->row_size);
}

/* The same of a number that may be used for the first time: its key is 0. */
static struct row *row_place(struct rowset *table, uint32_t number)
{
	if (!table->keys[number])
		table->places[number] = table->placed++;
	return row_at(table, number);
}

static uint32_t set_of(const struct rowset *table, uint64_t key)
{
	return (uint32_t)(key >> 32) % table->set_count * WAYS;
}

void *rowset_find(const struct rowset *table, uint64_t key)
{
	uint32_t set = set_of(table, key);

	for (uint32_t i = set; i < set + WAYS; i++)
		if (table->keys[i] == key)
			return row_at(table, i);
	return NULL;
}

static bool is_lighter(const struct row_claim *a, const struct row_claim *b)
{
	return a->weight != b->weight ? a->weight < b->weight : a->used_s < b->used_s;
}

static bool is_over(const struct rowset *table, uint32_t number, uint64_t now_ns)
{
	return table->claims[number].used_s * NS_PER_S + table->keep_ns < now_ns;
}

static uint32_t make_room(struct rowset *table, uint32_t set, uint64_t now_ns)
{
	uint32_t victim = set;

	for (uint32_t i = set; i < set + WAYS; i++)
		if (!table->keys[i])
			return i;
	for (uint32_t i = set; i < set + WAYS; i++) {
		if (is_over(table, i, now_ns))
			return i; /* nothing is lost */
		if (is_lighter(&table->claims[i], &table->claims[victim]))
			victim = i;
	}
	table->full++;
	return victim;
}

void *rowset_take(struct rowset *table, uint64_t key, uint64_t now_ns, bool *is_new)
{
	struct row *row = rowset_find(table, key);
	bool is_dirty;
	uint32_t number;

	*is_new = !row || is_over(table, row->number, now_ns);
	if (*is_new) {
		number = row ? row->number : make_room(table, set_of(table, key), now_ns);
		row = row_place(table, number);
		is_dirty = row->is_dirty; /* its number stays in the list */
		memset(row, 0, table->clear_size);
		row->key = table->keys[number] = key;
		row->number = number;
		row->is_dirty = is_dirty;
		table->claims[number].weight = 0;
	}
	table->claims[row->number].used_s = (uint32_t)(now_ns / NS_PER_S);
	return row;
}

void rowset_weigh(struct rowset *table, const void *row, uint64_t weight)
{
	const struct row *head = row;

	table->claims[head->number].weight = weight < UINT32_MAX ? (uint32_t)weight : UINT32_MAX;
}

void rowset_mark(struct rowset *table, void *row)
{
	struct row *head = row;

	if (head->is_dirty)
		return;
	head->is_dirty = true;
	table->dirty[table->dirty_count++] = head->number;
}

void rowset_judge(struct rowset *table, rowset_judge_fn judge, void *state,
		  const struct detect_moment *moment)
{
	uint32_t waiting = 0;

	for (uint32_t i = 0; i < table->dirty_count; i++) {
		uint32_t number = table->dirty[i];
		struct row *row = row_at(table, number);

		row->is_dirty = judge(state, row, moment);
		if (row->is_dirty)
			table->dirty[waiting++] = number;
	}
	table->dirty_count = waiting;
}
