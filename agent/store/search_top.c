/*
 * Sums per group, in a table of bounded size: when it is full, the half that has the least is given
 * up into "others", so the sums of all stay exact and the largest groups stay told apart.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/search.h"
#include "include/history.h"

/* 64 bytes each, so 8 MiB, and as much again while the table is swept. */
#define ROOM_MAX   (1U << 17)
#define KEY_INLINE 16
#define NOTHING	   UINT32_MAX
/* Long keys: names of 64 bytes on the average of full tables (DNS names in use are shorter). */
#define TEXT_MAX (8U << 20)
#define LINE	 64 /* of the cache, on the processors of DESIGN 2 */

/* One line of the cache: a table of full size is larger than caches are, and each record of a busy
 * day touches another group. */
struct group {
	union {
		uint8_t bytes[KEY_INLINE];
		uint32_t text; /* a key longer than KEY_INLINE: where in the texts */
	} key;
	uint64_t records : 48, key_len : 16;
	uint64_t packets, bytes_out, bytes_in;
	int64_t first_unix_ms, last_unix_ms;
};

_Static_assert(sizeof(struct group) == LINE, "a group is one line");
_Static_assert(FLOW_GROUP_KEY_MAX < 1 << 16, "lengths of keys have 16 bits");

/* A part of the hash beside the place spares looks at groups of other keys. */
struct slot {
	uint32_t group; /* NOTHING: empty */
	uint32_t tag;
};

/* Records ahead whose slot, and then whose group, are fetched into the cache. */
#define AHEAD_SLOT  16
#define AHEAD_GROUP 8
#define AHEAD_RING  32 /* a power of two above AHEAD_SLOT */

struct history_groups {
	struct history_grouping grouping;
	uint32_t room, mask; /* groups told apart; slots, twice as many, less one */
	struct group *groups;
	struct slot *slots;
	uint8_t *texts;
	uint32_t count, text_used;
	struct history_sums others;
	uint64_t given_up;
	int error;
	/* Hashes of this record and those ahead, by how many are left of the block. */
	uint64_t ahead[AHEAD_RING];
	unsigned int left;
};

static void groups_done(struct history_groups *table)
{
	free(table->groups);
	free(table->slots);
	free(table->texts);
}

static void groups_done_cleanup(struct history_groups *table)
{
	groups_done(table);
}

static size_t slots_size(const struct history_groups *table)
{
	return ((size_t)table->mask + 1) * sizeof(*table->slots);
}

static int groups_init(struct history_groups *table, const struct history_grouping *grouping)
{
	uint32_t room = grouping->room ? grouping->room : ROOM_MAX;

	*table = (struct history_groups){ .grouping = *grouping,
					  .room = room,
					  .mask = 2 * room - 1 };
	table->groups = aligned_alloc(LINE, room * sizeof(*table->groups));
	table->slots = malloc(slots_size(table));
	table->texts = malloc(TEXT_MAX);
	if (!table->groups || !table->slots || !table->texts)
		return -ENOMEM;
	memset(table->slots, 0xff, slots_size(table));
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

static const uint8_t *key_of(const struct history_groups *table, const struct group *group)
{
	return group->key_len > KEY_INLINE ? table->texts + group->key.text : group->key.bytes;
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

static struct history_sums sums_of(const struct group *group)
{
	return (struct history_sums){ .records = group->records,
				      .packets = group->packets,
				      .bytes = group->bytes_out + group->bytes_in,
				      .bytes_out = group->bytes_out,
				      .bytes_in = group->bytes_in,
				      .first_unix_ms = group->first_unix_ms,
				      .last_unix_ms = group->last_unix_ms };
}

static void give_to_others(struct history_sums *others, const struct group *group)
{
	const struct history_sums sums = sums_of(group);

	add_sums(others, &sums);
}

static uint64_t weight(enum history_order order, const struct group *group)
{
	switch (order) {
	case HISTORY_BY_PACKETS:
		return group->packets;
	case HISTORY_BY_RECORDS:
		return group->records;
	case HISTORY_BY_BYTES:
		break;
	}
	return group->bytes_out + group->bytes_in;
}

/* ---- making room ----------------------------------------------------------------------------- */

static int compare_weights(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* The weight in the middle of all groups. */
static int middle_weight(const struct history_groups *table, uint64_t *middle)
{
	CLEANUP(free) uint64_t *weights = malloc(table->count * sizeof(*weights));

	if (!weights)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->count; i++)
		weights[i] = weight(table->grouping.order, &table->groups[i]);
	qsort(weights, table->count, sizeof(*weights), compare_weights);
	*middle = weights[table->count / 2];
	return 0;
}

static void place(struct history_groups *table, uint32_t index, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & table->mask;

	while (table->slots[at].group != NOTHING)
		at = (at + 1) & table->mask;
	table->slots[at] = (struct slot){ index, (uint32_t)(hash >> 32) };
}

/* Groups stand in the order in which they came, and so do their texts: both move down. */
static void keep(struct history_groups *table, const struct group *group)
{
	struct group kept = *group;

	if (kept.key_len > KEY_INLINE) {
		memmove(table->texts + table->text_used, table->texts + group->key.text,
			kept.key_len);
		kept.key.text = table->text_used;
		table->text_used += kept.key_len;
	}
	table->groups[table->count] = kept;
	place(table, table->count, hash_key(key_of(table, &kept), kept.key_len));
	table->count++;
}

static int make_room(struct history_groups *table)
{
	uint32_t before = table->count;
	uint64_t middle;
	int error = middle_weight(table, &middle);

	if (error)
		return error;
	memset(table->slots, 0xff, slots_size(table));
	table->count = table->text_used = 0;
	for (uint32_t i = 0; i < before; i++) {
		const struct group *group = &table->groups[i];
		uint64_t own = weight(table->grouping.order, group);

		/* of equals in the middle, some must go */
		if (own > middle || (own == middle && table->count < before / 4)) {
			keep(table, group);
		} else {
			give_to_others(&table->others, group);
			table->given_up++;
		}
	}
	return 0;
}

/* ---- adding up ------------------------------------------------------------------------------- */

static struct group *insert(struct history_groups *table, const uint8_t *key, size_t len,
			    uint64_t hash)
{
	struct group *group = &table->groups[table->count];

	*group = (struct group){ .key_len = len & 0xffff,
				 .first_unix_ms = INT64_MAX,
				 .last_unix_ms = INT64_MIN };
	if (len > KEY_INLINE) {
		memcpy(table->texts + table->text_used, key, len);
		group->key.text = table->text_used;
		table->text_used += (uint32_t)len;
	} else {
		memcpy(group->key.bytes, key, len);
	}
	place(table, table->count++, hash);
	return group;
}

static struct group *find_or_add(struct history_groups *table, const uint8_t *key, size_t len,
				 uint64_t hash)
{
	uint32_t at = (uint32_t)hash & table->mask;

	for (; table->slots[at].group != NOTHING; at = (at + 1) & table->mask) {
		struct group *group = &table->groups[table->slots[at].group];

		if (table->slots[at].tag == (uint32_t)(hash >> 32) && group->key_len == len &&
		    !memcmp(key_of(table, group), key, len))
			return group;
	}
	if (table->count == table->room || table->text_used + len > TEXT_MAX) {
		table->error = make_room(table);
		if (table->error)
			return NULL;
	}
	return insert(table, key, len, hash);
}

/* The hash of a record that comes when @left are left, and its slot. */
static void look_ahead(struct history_groups *table, const struct flow_record *record,
		       unsigned int left)
{
	enum flow_group by = (enum flow_group)table->grouping.group;
	uint8_t key[FLOW_GROUP_KEY_MAX];
	size_t len = flow_group_key(by, record, NULL, key);
	uint64_t hash = hash_key(key, len);

	table->ahead[left % AHEAD_RING] = hash;
	__builtin_prefetch(&table->slots[hash & table->mask]);
}

/* Of records that come soon; no sum is changed. */
static void fetch(void *arg, const struct flow_record *records, int block_left)
{
	struct history_groups *table = arg;
	unsigned int left = (unsigned int)block_left;

	/* a block begins */
	for (unsigned int i = 0; left + 1 != table->left && i < AHEAD_SLOT && i < left; i++)
		look_ahead(table, &records[i], left - i);
	table->left = left;
	if (left > AHEAD_SLOT)
		look_ahead(table, &records[AHEAD_SLOT], left - AHEAD_SLOT);
	if (left > AHEAD_GROUP) {
		uint64_t hash = table->ahead[(left - AHEAD_GROUP) % AHEAD_RING];
		uint32_t group = table->slots[hash & table->mask].group;

		if (group != NOTHING)
			__builtin_prefetch(&table->groups[group]);
	}
}

static void add_record(struct group *group, const struct flow_record *record)
{
	group->records++;
	group->packets += record->packets_out + record->packets_in;
	group->bytes_out += record->bytes_out;
	group->bytes_in += record->bytes_in;
	if (record->end_unix_ms < group->first_unix_ms)
		group->first_unix_ms = record->end_unix_ms;
	if (record->end_unix_ms > group->last_unix_ms)
		group->last_unix_ms = record->end_unix_ms;
}

static int add_key(struct history_groups *table, const struct flow_record *record,
		   const uint8_t *key, size_t len, uint64_t hash)
{
	struct group *group = find_or_add(table, key, len, hash);

	if (!group)
		return table->error;
	add_record(group, record);
	return 0;
}

static bool add_match(void *arg, struct search *search, const struct flow_record *record)
{
	struct history_groups *table = arg;
	enum flow_group by = (enum flow_group)table->grouping.group;
	bool is_text = flow_group_is_text(by);
	const struct flow_texts *texts = is_text ? search_texts(search, record) : NULL;
	uint8_t key[FLOW_GROUP_KEY_MAX];
	size_t len = flow_group_key(by, record, texts, key);
	uint64_t hash = is_text ? hash_key(key, len) : table->ahead[table->left % AHEAD_RING];

	return !add_key(table, record, key, len, hash);
}

/* ---- the first of them ----------------------------------------------------------------------- */

static int compare_groups(const void *a, const void *b, void *arg)
{
	const struct history_groups *table = arg;
	const struct group *left = &table->groups[*(const uint32_t *)a];
	const struct group *right = &table->groups[*(const uint32_t *)b];
	uint64_t more = weight(table->grouping.order, left);
	uint64_t less = weight(table->grouping.order, right);
	size_t len = left->key_len < right->key_len ? left->key_len : right->key_len;
	int order;

	if (more != less)
		return more > less ? -1 : 1;
	/* equal ones by key, so that the same question has the same answer */
	order = memcmp(key_of(table, left), key_of(table, right), len);
	return order ? order : (int)left->key_len - (int)right->key_len;
}

static int take_first(struct history_groups *table, struct history_top *top)
{
	size_t max = table->grouping.max < table->count ? table->grouping.max : table->count;
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
			give_to_others(&top->others, group);
			continue;
		}
		groups[i].key_len = group->key_len;
		groups[i].sums = sums_of(group);
		memcpy(groups[i].key, key_of(table, group), group->key_len);
	}
	top->groups = groups;
	top->count = max;
	top->distinct = table->count;
	top->is_exact = !table->given_up;
	return 0;
}

/* Which rows they were, and whether they passed, is of no matter to most sums: two columns of eight
 * that need not be read. */
static unsigned int columns_of(const struct history_search *search, enum flow_group by)
{
	const struct flow_query_plan *plan = search->query ? flow_query_plan(search->query) : NULL;
	unsigned int columns = SCAN_BYTES | SCAN_PACKETS | flow_group_needs(by);
	unsigned int all = columns | (plan ? plan->needs : 0);

	if (all & SCAN_STATE || by == FLOW_GROUP_VERDICT || (plan && plan->has_verdict))
		return columns;
	return columns | SCAN_BARE;
}

int store_search_top(struct store *store, const struct history_search *search,
		     const struct history_grouping *grouping, struct history_top *top,
		     struct history_reach *reach)
{
	CLEANUP(groups_done) struct history_groups table;
	const struct search_run run = {
		.store = store,
		.options = search,
		.columns = columns_of(search, (enum flow_group)grouping->group),
		.match = add_match,
		.fetch = flow_group_is_text((enum flow_group)grouping->group) ? NULL : fetch,
		.arg = &table,
	};
	int error = groups_init(&table, grouping);

	*top = (struct history_top){ 0 };
	if (!error)
		error = search_run(&run, reach);
	if (!error)
		error = table.error;
	return error ? error : take_first(&table, top);
}

/* ---- several in one pass --------------------------------------------------------------------- */

int history_groups_new(const struct history_grouping *grouping, struct history_groups **out)
{
	CLEANUP(history_groups_free) struct history_groups *groups = calloc(1, sizeof(*groups));
	int error = groups ? groups_init(groups, grouping) : -ENOMEM;

	if (!error)
		*out = TAKE(groups);
	return error;
}

void history_groups_free(struct history_groups *groups)
{
	if (groups)
		groups_done(groups);
	free(groups);
}

int history_groups_add(struct history_groups *groups, const struct flow_record *record,
		       const struct flow_texts *texts)
{
	uint8_t key[FLOW_GROUP_KEY_MAX];
	size_t len = flow_group_key((enum flow_group)groups->grouping.group, record, texts, key);

	return add_key(groups, record, key, len, hash_key(key, len));
}

int history_groups_take(struct history_groups *groups, struct history_top *top)
{
	*top = (struct history_top){ 0 };
	return take_first(groups, top);
}
