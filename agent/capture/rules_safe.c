/*
 * The safe list in the maps: new prefixes first, then the old ones go, then the epoch moves, which
 * ends the answers that entries have kept.
 */
#include <errno.h>
#include <string.h>

#include "agent/capture/rules_state.h"

/* One family's list: keys in order, for the comparison of old and new. */
struct safe_half {
	enum rules_map map;
	union rules_key *keys;
	size_t count;
};

static int key_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(union rules_key));
}

static void half_sort(struct safe_half *half)
{
	size_t kept = 0;

	if (half->count)
		qsort(half->keys, half->count, sizeof(*half->keys), key_compare);
	for (size_t i = 0; i < half->count; i++)
		if (!i || key_compare(&half->keys[i], &half->keys[kept - 1]))
			half->keys[kept++] = half->keys[i];
	half->count = kept;
}

static bool half_has(const struct safe_half *half, const union rules_key *key)
{
	return half->count && bsearch(key, half->keys, half->count, sizeof(*key), key_compare);
}

/* Keys beyond the family's own length are whatever the map's walk left there. */
static void key_clean(enum rules_map map, union rules_key *key)
{
	struct prefix prefix = rules_target_of(map, key);

	(void)rules_safe_key_of(&prefix, key); /* the map is the same */
}

static int half_add(struct rules *rules, const struct safe_half *half, const struct safe_half *old)
{
	const __u32 held = 1;

	for (size_t i = 0; i < half->count; i++) {
		int err;

		if (half_has(old, &half->keys[i]))
			continue;
		err = rules->tables.ops->update(rules->tables.arg, half->map, &half->keys[i],
						&held);
		if (err)
			return err;
	}
	return 0;
}

static int half_remove(struct rules *rules, const struct safe_half *half,
		       const struct safe_half *old)
{
	for (size_t i = 0; i < old->count; i++) {
		int err;

		if (half_has(half, &old->keys[i]))
			continue;
		err = rules_entry_remove(rules, half->map, &old->keys[i]);
		if (err)
			return err;
	}
	return 0;
}

/* Both lists stand in the map for a moment. */
static bool half_fits(const struct safe_half *half, const struct safe_half *old, uint32_t max)
{
	size_t both = old->count;

	for (size_t i = 0; i < half->count; i++)
		both += !half_has(old, &half->keys[i]);
	return both <= max;
}

static int half_replace(struct rules *rules, struct safe_half *half)
{
	CLEANUP(free) union rules_key *keys = NULL;
	ssize_t count = rules_keys(rules, half->map, &keys);
	struct safe_half old = { .map = half->map, .keys = keys };
	int err;

	if (count < 0)
		return (int)count;
	old.count = (size_t)count;
	for (size_t i = 0; i < old.count; i++)
		key_clean(old.map, &old.keys[i]);
	half_sort(&old);
	if (!half_fits(half, &old, rules->tables.safe_max))
		return -ENOSPC;
	err = half_add(rules, half, &old);
	return err ? err : half_remove(rules, half, &old);
}

static void epoch_move(struct control *control)
{
	/* 31 bits, and never the last: entries keep epoch + 1, shifted, beside the answer, where 0
	 * is "not asked" (include/abi.h) */
	uint32_t next = (control->safe_epoch + 1) % 0x7fffffff;

	__atomic_store_n(&control->safe_epoch, next, __ATOMIC_RELEASE);
	rules_changed(control);
}

static void halves_fill(struct safe_half halves[2], const struct prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		union rules_key key;
		enum rules_map map = rules_safe_key_of(&prefixes[i], &key);
		struct safe_half *half = &halves[map == RULES_SAFE6];

		half->keys[half->count++] = key;
	}
	half_sort(&halves[0]);
	half_sort(&halves[1]);
}

static bool prefixes_are_valid(const struct prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!rules_target_is_valid(&prefixes[i]))
			return false;
	return true;
}

int rules_safe_set(struct rules *rules, const struct prefix *prefixes, size_t count)
{
	CLEANUP(free) union rules_key *keys = NULL;
	struct safe_half halves[2] = { { .map = RULES_SAFE4 }, { .map = RULES_SAFE6 } };
	int err;

	if (!prefixes_are_valid(prefixes, count))
		return -EINVAL;
	keys = calloc(2 * count + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	halves[0].keys = keys;
	halves[1].keys = keys + count;
	halves_fill(halves, prefixes, count);
	if (halves[0].count > rules->tables.safe_max || halves[1].count > rules->tables.safe_max)
		return -ENOSPC;
	err = half_replace(rules, &halves[0]);
	if (!err)
		err = half_replace(rules, &halves[1]);
	/* also after a failure half-way: whatever changed must be asked anew */
	epoch_move(rules->tables.control);
	if (!err)
		rules->safe_count = halves[0].count + halves[1].count;
	return err;
}

size_t rules_safe_count(const struct rules *rules)
{
	return rules->safe_count;
}
