/*
 * Groups by key: a hash of places over an array of sums.
 */
#include "agent/store/search_groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 64 bytes each, so 8 MiB, and as much again while the table is swept. */
#define ROOM_MAX (1U << 17)
/* Long keys: names of 64 bytes on the average of full tables (DNS names in use are shorter). */
#define TEXT_MAX (8U << 20)

void groups_done(struct history_groups *table)
{
	free(table->groups);
	free(table->slots);
	free(table->texts);
}

static size_t slots_size(const struct history_groups *table)
{
	return ((size_t)table->mask + 1) * sizeof(*table->slots);
}

int groups_init(struct history_groups *table, const struct history_grouping *grouping)
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

static uint64_t hash_short(const uint8_t key[static KEY_INLINE], size_t len)
{
	uint64_t low, high;

	memcpy(&low, key, sizeof(low));
	memcpy(&high, key + sizeof(low), sizeof(high));
	low = mix(low ^ len);
	return len > sizeof(low) ? mix(low ^ high) : low;
}

static uint64_t hash_long(const uint8_t *key, size_t len)
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

static struct key key_from(const uint8_t *bytes, size_t len)
{
	return (struct key){ bytes, len,
			     len > KEY_INLINE ? hash_long(bytes, len) : hash_short(bytes, len) };
}

struct key key_make(enum flow_group by, const struct flow_record *record,
		    const struct flow_texts *texts, uint8_t *bytes)
{
	memset(bytes, 0, KEY_INLINE);
	return key_from(bytes, flow_group_key(by, record, texts, bytes));
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
	place(table, table->count, key_from(key_of(table, &kept), kept.key_len).hash);
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

static struct group *insert(struct history_groups *table, const struct key *key)
{
	struct group *group = &table->groups[table->count];

	*group = (struct group){ .key_len = key->len & 0xffff,
				 .first_unix_ms = INT64_MAX,
				 .last_unix_ms = INT64_MIN };
	if (key->len > KEY_INLINE) {
		memcpy(table->texts + table->text_used, key->bytes, key->len);
		group->key.text = table->text_used;
		table->text_used += (uint32_t)key->len;
	} else {
		memcpy(group->key.bytes, key->bytes, KEY_INLINE);
	}
	place(table, table->count++, key->hash);
	return group;
}

/* Short keys are compared with their zeros: a length known here needs no call. */
static bool group_is(const struct history_groups *table, const struct group *group,
		     const struct key *key)
{
	if (group->key_len != key->len)
		return false;
	return key->len > KEY_INLINE ? !memcmp(table->texts + group->key.text, key->bytes, key->len)
				     : !memcmp(group->key.bytes, key->bytes, KEY_INLINE);
}

static struct group *find_or_add(struct history_groups *table, const struct key *key)
{
	uint32_t at = (uint32_t)key->hash & table->mask;

	for (; table->slots[at].group != NOTHING; at = (at + 1) & table->mask) {
		struct group *group = &table->groups[table->slots[at].group];

		if (table->slots[at].tag == (uint32_t)(key->hash >> 32) &&
		    group_is(table, group, key))
			return group;
	}
	if (table->count == table->room || table->text_used + key->len > TEXT_MAX) {
		table->error = make_room(table);
		if (table->error)
			return NULL;
	}
	return insert(table, key);
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

int groups_add(struct history_groups *table, const struct flow_record *record,
	       const struct key *key)
{
	struct group *group = find_or_add(table, key);

	if (!group)
		return table->error;
	add_record(group, record);
	return 0;
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

int groups_take(struct history_groups *table, struct history_top *top)
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
	uint8_t bytes[FLOW_GROUP_KEY_MAX];
	const struct key key =
		key_make((enum flow_group)groups->grouping.group, record, texts, bytes);

	return groups_add(groups, record, &key);
}

int history_groups_take(struct history_groups *groups, struct history_top *top)
{
	*top = (struct history_top){ 0 };
	return groups_take(groups, top);
}
