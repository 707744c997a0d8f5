/*
 * Entries: who holds a target is computed from the rules and lists alone, then the entry is made
 * what they want. Whoever changes what is held settles the target afterwards; doing it twice
 * changes nothing.
 */
#include <errno.h>
#include <string.h>

#include "agent/capture/rules_state.h"
#include "agent/util/addr.h"

/* ---- who holds a target ---- */

uint32_t *rules_bucket(struct rules *rules, const struct prefix *target)
{
	return &rules->buckets[addr_hash(&target->addr, target->len) % RULES_BUCKETS];
}

void rules_owners_add(struct rules_owners *owners, uint32_t rule_id)
{
	unsigned int at = owners->count;

	while (at && owners->rule[at - 1] > rule_id)
		at--;
	if (at == RULE_SET_WAYS)
		return;
	if (owners->count < RULE_SET_WAYS)
		owners->count++;
	for (unsigned int i = owners->count - 1; i > at; i--)
		owners->rule[i] = owners->rule[i - 1];
	owners->rule[at] = rule_id;
}

void rules_owners_find(struct rules *rules, const struct prefix *target,
		       const struct rules_list *except, struct rules_owners *owners)
{
	memset(owners, 0, sizeof(*owners));
	for (uint32_t id = *rules_bucket(rules, target); id; id = rules->slots[id].next)
		if (prefix_is_equal(&rules->slots[id].target, target))
			rules_owners_add(owners, id);
	for (size_t i = 0; rules->lists && i < rules->lists->count; i++) {
		const struct rules_list *list = rules->lists->at[i];

		if (list != except && rules_list_owns(list, target))
			rules_owners_add(owners, list->rule_id);
	}
}

/* ---- entries ---- */

static bool is_short6(const struct prefix *target)
{
	return target->addr.family == ADDR_IPV6 && target->len < 48;
}

void rules_entry_come(struct rules *rules, const struct prefix *target)
{
	union rules_key key;

	rules->entries[rules_key_of(target, &key)]++;
	if (!is_short6(target))
		return;
	rules->short6++;
	rules_flags_publish(rules);
}

void rules_entry_gone(struct rules *rules, const struct prefix *target,
		      const struct block_entry *entry)
{
	union rules_key key;

	rules->entries[rules_key_of(target, &key)]--;
	if (entry->rule & ENTRY_SET)
		rules_row_put(rules, entry->rule & ~ENTRY_SET);
	if (!is_short6(target))
		return;
	rules->short6--;
	rules_flags_publish(rules);
}

bool rules_word_names(const struct rules *rules, uint32_t word, uint32_t rule_id)
{
	const struct rule_set *set;

	if (!(word & ENTRY_SET))
		return word == rule_id;
	set = &rules->tables.rule_sets[(word & ~ENTRY_SET) % RULE_SETS_MAX];
	for (int i = 0; i < RULE_SET_WAYS && set->rule[i]; i++)
		if (set->rule[i] == rule_id)
			return true;
	return false;
}

static bool entry_is_right(const struct rules *rules, const struct block_entry *entry,
			   const struct rules_owners *owners)
{
	if (entry->rule & ENTRY_SET)
		return owners->count > 1 && rules_row_is(rules, entry->rule & ~ENTRY_SET, owners);
	return owners->count == 1 && entry->rule == owners->rule[0];
}

static int entry_write(struct rules *rules, const struct prefix *target, struct block_entry *entry,
		       const struct rules_owners *owners)
{
	union rules_key key;
	enum rules_map map = rules_key_of(target, &key);
	int row = owners->count > 1 ? rules_row_get(rules, owners) : 0;
	int err;

	if (row < 0)
		return row;
	entry->rule = owners->count > 1 ? ENTRY_SET | (uint32_t)row : owners->rule[0];
	entry->prefix_len = target->len;
	err = rules->tables.ops->update(rules->tables.arg, map, &key, entry);
	if (err && owners->count > 1)
		rules_row_put(rules, (uint32_t)row);
	/* a full hash map says E2BIG, a full trie ENOSPC (kernel/bpf/hashtab.c, lpm_trie.c) */
	return err == -E2BIG ? -ENOSPC : err;
}

static int entry_drop(struct rules *rules, const struct prefix *target,
		      const struct block_entry *entry)
{
	union rules_key key;
	enum rules_map map = rules_key_of(target, &key);
	int err = rules_entry_remove(rules, map, &key);

	if (err)
		return err;
	rules_entry_gone(rules, target, entry);
	return 1;
}

int rules_entry_settle(struct rules *rules, const struct prefix *target)
{
	struct block_entry entry = { 0 };
	struct rules_owners owners;
	int found = rules_entry_find(rules, target, &entry);
	uint32_t was;
	int err;

	if (found && found != -ENOENT)
		return found;
	rules_owners_find(rules, target, NULL, &owners);
	if (!owners.count)
		return found ? 0 : entry_drop(rules, target, &entry);
	if (!found && entry_is_right(rules, &entry, &owners))
		return 0;
	if (found)
		entry = (struct block_entry){ 0 }; /* a shorter prefix's */
	was = entry.rule;
	rules_bits_set(rules, target);
	err = entry_write(rules, target, &entry, &owners);
	if (err)
		return err;
	if (found)
		rules_entry_come(rules, target);
	else if (was & ENTRY_SET)
		rules_row_put(rules, was & ~ENTRY_SET);
	return 1;
}

/* ---- many at once ---- */

size_t rules_key_size(enum rules_map map)
{
	static const size_t sizes[] = {
		[RULES_BLOCK4] = sizeof(__be32),
		[RULES_BLOCK6] = 4 * sizeof(__be32),
		[RULES_LPM4] = sizeof(struct lpm4_key),
		[RULES_LPM6] = sizeof(struct lpm6_key),
	};

	return sizes[map];
}

struct prefix rules_batch_target(const struct rules_batch *batch, uint32_t index)
{
	size_t size = rules_key_size(batch->map);
	union rules_key key = { .exact6 = { 0 } };

	memcpy(&key, (const uint8_t *)batch->keys + index * size, size);
	return rules_target_of(batch->map, &key);
}

int rules_batch_update(struct rules *rules, struct rules_batch *batch)
{
	const struct rules_tables *tables = &rules->tables;
	const uint8_t *key = batch->keys;
	uint32_t count = batch->count;
	int err = 0;

	if (tables->ops->update_batch)
		return tables->ops->update_batch(tables->arg, batch);
	for (batch->count = 0; !err && batch->count < count; batch->count += !err)
		err = tables->ops->update(tables->arg, batch->map,
					  key + batch->count * rules_key_size(batch->map),
					  &batch->values[batch->count]);
	return err;
}

int rules_batch_remove(struct rules *rules, struct rules_batch *batch)
{
	const struct rules_tables *tables = &rules->tables;
	const uint8_t *key = batch->keys;
	uint32_t count = batch->count;
	int err = 0;

	if (tables->ops->remove_batch)
		return tables->ops->remove_batch(tables->arg, batch);
	for (batch->count = 0; !err && batch->count < count; batch->count += !err)
		err = tables->ops->remove(tables->arg, batch->map,
					  key + batch->count * rules_key_size(batch->map));
	return err;
}

/* One key after the other, for maps without batches. */
static int scan_by_key(const struct rules *rules, struct rules_cursor *cursor,
		       struct rules_batch *batch)
{
	const struct rules_tables *tables = &rules->tables;
	size_t size = rules_key_size(batch->map);
	uint32_t room = batch->count;

	for (batch->count = 0; batch->count < room; batch->count++) {
		uint64_t next[RULES_CURSOR_WORDS] = { 0 };
		int err = tables->ops->next_key(tables->arg, batch->map,
						cursor->is_under_way ? cursor->token : NULL, next);

		if (!err)
			err = tables->ops->lookup(tables->arg, batch->map, next,
						  &batch->values[batch->count]);
		if (err)
			return err;
		memcpy((uint8_t *)batch->keys + batch->count * size, next, size);
		memcpy(cursor->token, next, sizeof(next));
		cursor->is_under_way = true;
	}
	return 0;
}

int rules_scan(const struct rules *rules, struct rules_cursor *cursor, struct rules_batch *batch)
{
	const struct rules_map_ops *ops = rules->tables.ops;
	bool is_by_key = !ops->lookup_batch || batch->map == RULES_LPM4 || batch->map == RULES_LPM6;

	/* a walk from a key that is gone would begin again at the first one */
	if (cursor->is_under_way && is_by_key) {
		const struct rules_batch at = { .map = batch->map, .keys = cursor->token };
		struct prefix target = rules_batch_target(&at, 0);
		struct block_entry entry;

		if (rules_entry_find(rules, &target, &entry)) {
			batch->count = 0;
			return -EAGAIN;
		}
	}
	return ops->lookup_batch ? ops->lookup_batch(rules->tables.arg, cursor, batch)
				 : scan_by_key(rules, cursor, batch);
}
