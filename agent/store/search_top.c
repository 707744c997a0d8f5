/*
 * Sums per group, in a table of bounded size: when it is full, the half that has the least is given
 * up into "others", so the sums of all stay exact and the largest groups stay told apart.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/search.h"
#include "include/history.h"

/* 112 bytes each, so 14 MiB, and as much again while the table is swept. */
#define GROUPS_MAX (1UL << 17)
#define SLOTS	   (2 * GROUPS_MAX)
#define KEY_INLINE 16
#define NOTHING	   UINT32_MAX
/* Long keys: names of 64 bytes on the average of full tables (DNS names in use are shorter). */
#define TEXT_MAX (8U << 20)

struct group {
	uint64_t hash;
	uint32_t key_len;
	uint32_t text; /* a key longer than KEY_INLINE: where in the texts */
	uint8_t key[KEY_INLINE];
	struct history_sums sums;
};

/* A part of the hash beside the place spares looks at groups of other keys. */
struct slot {
	uint32_t group; /* NOTHING: empty */
	uint32_t tag;
};

/* Records ahead whose slot, and then whose group, are fetched into the cache: a table of a full
 * size is larger than caches are. */
#define AHEAD_SLOT  16
#define AHEAD_GROUP 8

struct table {
	const struct history_grouping *grouping;
	struct group *groups;
	struct slot *slots;
	uint8_t *texts;
	uint32_t count, text_used;
	struct history_sums others;
	uint64_t given_up;
	int error;
};

static void table_done(struct table *table)
{
	free(table->groups);
	free(table->slots);
	free(table->texts);
}

static void table_done_cleanup(struct table *table)
{
	table_done(table);
}

static int table_init(struct table *table, const struct history_grouping *grouping)
{
	*table = (struct table){ .grouping = grouping };
	table->groups = malloc(GROUPS_MAX * sizeof(*table->groups));
	table->slots = malloc(SLOTS * sizeof(*table->slots));
	table->texts = malloc(TEXT_MAX);
	if (!table->groups || !table->slots || !table->texts)
		return -ENOMEM;
	memset(table->slots, 0xff, SLOTS * sizeof(*table->slots));
	return 0;
}

/* 8 bytes at a time; every bit of the key reaches every bit of the slot, since addresses of a
 * network differ in few of them. Source: the finalizer of MurmurHash3, Appleby 2011 (public
 * domain). */
static uint64_t mix(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return hash ^ hash >> 33;
}

static uint64_t hash_key(const uint8_t *key, size_t len)
{
	uint64_t hash = len, word;

	for (; len >= 8; key += 8, len -= 8) {
		memcpy(&word, key, 8);
		hash = mix(hash ^ word);
	}
	word = 0;
	memcpy(&word, key, len);
	return mix(hash ^ word);
}

static const uint8_t *key_of(const struct table *table, const struct group *group)
{
	return group->key_len > KEY_INLINE ? table->texts + group->text : group->key;
}

static void add_sums(struct history_sums *to, const struct history_sums *sums)
{
	if (!to->records || sums->first_unix_ms < to->first_unix_ms)
		to->first_unix_ms = sums->first_unix_ms;
	if (!to->records || sums->last_unix_ms > to->last_unix_ms)
		to->last_unix_ms = sums->last_unix_ms;
	to->records += sums->records;
	to->packets += sums->packets;
	to->bytes += sums->bytes;
	to->bytes_out += sums->bytes_out;
	to->bytes_in += sums->bytes_in;
}

static uint64_t weight(enum history_order order, const struct history_sums *sums)
{
	switch (order) {
	case HISTORY_BY_PACKETS:
		return sums->packets;
	case HISTORY_BY_RECORDS:
		return sums->records;
	case HISTORY_BY_BYTES:
		break;
	}
	return sums->bytes;
}

/* ---- making room ----------------------------------------------------------------------------- */

static int compare_weights(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* The weight in the middle of all groups. */
static int middle_weight(const struct table *table, uint64_t *middle)
{
	CLEANUP(free) uint64_t *weights = malloc(table->count * sizeof(*weights));

	if (!weights)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->count; i++)
		weights[i] = weight(table->grouping->order, &table->groups[i].sums);
	qsort(weights, table->count, sizeof(*weights), compare_weights);
	*middle = weights[table->count / 2];
	return 0;
}

static void place(struct table *table, uint32_t index)
{
	uint64_t hash = table->groups[index].hash;
	uint32_t at = (uint32_t)hash & (SLOTS - 1);

	while (table->slots[at].group != NOTHING)
		at = (at + 1) & (SLOTS - 1);
	table->slots[at] = (struct slot){ index, (uint32_t)(hash >> 32) };
}

/* Groups stand in the order in which they came, and so do their texts: both move down. */
static void keep(struct table *table, const struct group *group)
{
	struct group kept = *group;

	if (kept.key_len > KEY_INLINE) {
		memmove(table->texts + table->text_used, table->texts + group->text, kept.key_len);
		kept.text = table->text_used;
		table->text_used += kept.key_len;
	}
	table->groups[table->count] = kept;
	place(table, table->count++);
}

static int make_room(struct table *table)
{
	uint32_t before = table->count;
	uint64_t middle;
	int error = middle_weight(table, &middle);

	if (error)
		return error;
	memset(table->slots, 0xff, SLOTS * sizeof(*table->slots));
	table->count = table->text_used = 0;
	for (uint32_t i = 0; i < before; i++) {
		const struct group *group = &table->groups[i];
		uint64_t own = weight(table->grouping->order, &group->sums);

		/* of equals in the middle, some must go */
		if (own > middle || (own == middle && table->count < before / 4)) {
			keep(table, group);
		} else {
			add_sums(&table->others, &group->sums);
			table->given_up++;
		}
	}
	return 0;
}

/* ---- adding up ------------------------------------------------------------------------------- */

static struct group *insert(struct table *table, const uint8_t *key, size_t len, uint64_t hash)
{
	struct group *group = &table->groups[table->count];

	*group = (struct group){ .hash = hash, .key_len = (uint32_t)len };
	if (len > KEY_INLINE) {
		memcpy(table->texts + table->text_used, key, len);
		group->text = table->text_used;
		table->text_used += (uint32_t)len;
	} else {
		memcpy(group->key, key, len);
	}
	place(table, table->count++);
	return group;
}

static struct group *find_or_add(struct table *table, const uint8_t *key, size_t len)
{
	uint64_t hash = hash_key(key, len);
	uint32_t at = (uint32_t)hash & (SLOTS - 1);

	for (; table->slots[at].group != NOTHING; at = (at + 1) & (SLOTS - 1)) {
		struct group *group = &table->groups[table->slots[at].group];

		if (table->slots[at].tag == (uint32_t)(hash >> 32) && group->key_len == len &&
		    !memcmp(key_of(table, group), key, len))
			return group;
	}
	if (table->count == GROUPS_MAX || table->text_used + len > TEXT_MAX) {
		table->error = make_room(table);
		if (table->error)
			return NULL;
	}
	return insert(table, key, len, hash);
}

static void fetch_group(const struct group *group)
{
	__builtin_prefetch(group);
	__builtin_prefetch((const uint8_t *)group + 64); /* a group lies in two lines */
}

/* Of a record that comes soon; nothing is changed. */
static void fetch(void *arg, const struct flow_record *records, int left)
{
	const struct table *table = arg;
	enum flow_group by = (enum flow_group)table->grouping->group;
	uint8_t key[FLOW_GROUP_KEY_MAX];
	size_t len;

	if (left > AHEAD_SLOT) {
		len = flow_group_key(by, &records[AHEAD_SLOT], NULL, key);
		__builtin_prefetch(&table->slots[hash_key(key, len) & (SLOTS - 1)]);
	}
	if (left > AHEAD_GROUP) {
		len = flow_group_key(by, &records[AHEAD_GROUP], NULL, key);
		uint32_t group = table->slots[hash_key(key, len) & (SLOTS - 1)].group;

		if (group != NOTHING)
			fetch_group(&table->groups[group]);
	}
}

static bool add_match(void *arg, struct search *search, const struct flow_record *record)
{
	struct table *table = arg;
	enum flow_group by = (enum flow_group)table->grouping->group;
	const struct flow_texts *texts =
		flow_group_is_text(by) ? search_texts(search, record) : NULL;
	const struct history_sums sums = { .records = 1,
					   .packets = record->packets_out + record->packets_in,
					   .bytes = record->bytes_out + record->bytes_in,
					   .bytes_out = record->bytes_out,
					   .bytes_in = record->bytes_in,
					   .first_unix_ms = record->end_unix_ms,
					   .last_unix_ms = record->end_unix_ms };
	uint8_t key[FLOW_GROUP_KEY_MAX];
	size_t len = flow_group_key(by, record, texts, key);
	struct group *group = find_or_add(table, key, len);

	if (!group)
		return false;
	add_sums(&group->sums, &sums);
	return true;
}

/* ---- the first of them ----------------------------------------------------------------------- */

static int compare_groups(const void *a, const void *b, void *arg)
{
	const struct table *table = arg;
	const struct group *left = &table->groups[*(const uint32_t *)a];
	const struct group *right = &table->groups[*(const uint32_t *)b];
	uint64_t more = weight(table->grouping->order, &left->sums);
	uint64_t less = weight(table->grouping->order, &right->sums);
	size_t len = left->key_len < right->key_len ? left->key_len : right->key_len;
	int order;

	if (more != less)
		return more > less ? -1 : 1;
	/* equal ones by key, so that the same question has the same answer */
	order = memcmp(key_of(table, left), key_of(table, right), len);
	return order ? order : (int)left->key_len - (int)right->key_len;
}

static int take_first(struct table *table, struct history_top *top)
{
	size_t max = table->grouping->max < table->count ? table->grouping->max : table->count;
	CLEANUP(free) uint32_t *order = malloc((table->count + 1) * sizeof(*order));
	struct history_group *groups = calloc(max + 1, sizeof(*groups));

	if (!order || !groups) {
		free(groups);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < table->count; i++)
		order[i] = i;
	qsort_r(order, table->count, sizeof(*order), compare_groups, table);
	top->others = table->others;
	for (uint32_t i = 0; i < table->count; i++) {
		const struct group *group = &table->groups[order[i]];

		if (i >= max) {
			add_sums(&top->others, &group->sums);
			continue;
		}
		groups[i].key_len = group->key_len;
		groups[i].sums = group->sums;
		memcpy(groups[i].key, key_of(table, group), group->key_len);
	}
	top->groups = groups;
	top->count = max;
	top->distinct = table->count;
	top->is_exact = !table->given_up;
	return 0;
}

int store_search_top(struct store *store, const struct history_search *search,
		     const struct history_grouping *grouping, struct history_top *top,
		     struct history_reach *reach)
{
	CLEANUP(table_done) struct table table;
	const struct search_run run = {
		.store = store,
		.options = search,
		.columns = SCAN_BYTES | SCAN_PACKETS |
			   flow_group_needs((enum flow_group)grouping->group),
		.match = add_match,
		.fetch = flow_group_is_text((enum flow_group)grouping->group) ? NULL : fetch,
		.arg = &table,
	};
	int error = table_init(&table, grouping);

	*top = (struct history_top){ 0 };
	if (!error)
		error = search_run(&run, reach);
	if (!error)
		error = table.error;
	return error ? error : take_first(&table, top);
}
