/*
 * All rules at once: what the maps hold at start is counted, and what is wanted is compared with it
 * and repaired. What of it nobody wants goes with rules_settle.
 */
#include <errno.h>
#include <string.h>

#include "agent/capture/rules_state.h"
#include "agent/util/addr.h"

/* ---- start ---- */

/* How many entries there are, and which rows they name. Whose they are is not known before the
 * rules and lists of this start: they stay in force until then (rules_settle). */
static int part_learn(struct rules *rules, const struct rules_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		struct prefix target = rules_batch_target(batch, i);
		uint32_t rule = batch->values[i].rule;

		if (rule & ENTRY_SET && rules_row_learn(rules, rule & ~ENTRY_SET))
			return -ENOMEM;
		rules_entry_come(rules, &target);
		rules->is_inherited = true;
	}
	return 0;
}

static int entries_learn(struct rules *rules, enum rules_map map)
{
	CLEANUP(free) struct rules_part *part = malloc(sizeof(*part));
	struct rules_cursor cursor = { .is_under_way = false };
	int err, learned = 0;

	if (!part)
		return -ENOMEM;
	do {
		struct rules_batch batch = { map, part->keys, part->values, RULES_BATCH };

		err = rules_scan(rules, &cursor, &batch);
		if (!err || err == -ENOENT)
			learned = part_learn(rules, &batch);
	} while (!err && !learned);
	return err && err != -ENOENT ? err : learned;
}

static int safe_learn(struct rules *rules, enum rules_map map)
{
	CLEANUP(free) union rules_key *keys = NULL;
	ssize_t count = rules_keys(rules, map, &keys);

	if (count < 0)
		return (int)count;
	rules->safe_count += (size_t)count;
	return 0;
}

int rules_new(const struct rules_tables *tables, uint64_t lease_boot_ns, struct rules **out)
{
	CLEANUP(rules_free) struct rules *rules = calloc(1, sizeof(*rules));
	int err;

	if (!rules)
		return -ENOMEM;
	rules->tables = *tables;
	err = rules_names_new(&rules->names);
	for (enum rules_map map = RULES_BLOCK4; map <= RULES_LPM6 && !err; map++)
		err = entries_learn(rules, map);
	for (enum rules_map map = RULES_SAFE4; map <= RULES_SAFE6 && !err; map++)
		err = safe_learn(rules, map);
	if (!err)
		err = rules_names_learn(rules);
	if (err)
		return err;
	if (!tables->control->abi)
		rules_set_lease(tables->control, lease_boot_ns);
	/* last: from here on the flags and the lease count */
	__atomic_store_n(&tables->control->abi, SLUICE_ABI, __ATOMIC_RELEASE);
	*out = TAKE(rules);
	return 0;
}

/* ---- sync ---- */

/* Wanted rules by id, borrowed. */
struct wanted {
	const struct block_rule *by_id[RULES_MAX];
};

static int wanted_list(const struct rules *rules, struct wanted *wanted,
		       const struct block_rule *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!list[i].rule_id || list[i].rule_id >= RULES_MAX ||
		    wanted->by_id[list[i].rule_id] || rules_list_find(rules, list[i].rule_id) ||
		    (!list[i].domain && !rules_target_is_valid(&list[i].target)))
			return -EINVAL;
		wanted->by_id[list[i].rule_id] = &list[i];
	}
	return 0;
}

/* Rules whose target is not the wanted one. Returns how many, or -errno. */
static int slots_prune(struct rules *rules, const struct wanted *wanted)
{
	int pruned = 0;

	for (uint32_t id = 1; id < RULES_MAX; id++) {
		const struct block_rule *rule = wanted->by_id[id];
		struct prefix target = rules->slots[id].target;
		int err;

		if (!rules->slots[id].is_used ||
		    (rule && !rule->domain && prefix_is_equal(&rule->target, &target)))
			continue;
		err = rules_unblock(rules, id);
		if (err)
			return err;
		pruned++;
	}
	return pruned;
}

/* Returns 1 when something was missing or different, 0, or -errno. */
static int rule_repair(struct rules *rules, const struct block_rule *rule)
{
	bool changed;
	int err;

	if (rule->domain)
		return rules_name_block(rules, rule);
	changed = rules_store(rules, rule);
	if (!rules->slots[rule->rule_id].is_used)
		rules_slot_take(rules, rule->rule_id, &rule->target);
	err = rules_entry_settle(rules, &rule->target);
	if (err < 0) {
		rules_silence(rules, rule->rule_id);
		rules_slot_leave(rules, rule->rule_id);
		return err;
	}
	rules_bits_set(rules, &rule->target);
	return changed || err;
}

int rules_sync(struct rules *rules, const struct block_rule *list, size_t count)
{
	CLEANUP(free) struct wanted *wanted = calloc(1, sizeof(*wanted));
	int err, repairs = 0;

	if (!wanted)
		return -ENOMEM;
	err = wanted_list(rules, wanted, list, count);
	if (err)
		return err;
	err = rules_names_prune(rules, wanted->by_id);
	if (err < 0)
		return err;
	repairs += err;
	err = slots_prune(rules, wanted);
	if (err < 0)
		return err;
	repairs += err;
	for (size_t i = 0; i < count; i++) {
		err = rule_repair(rules, &list[i]);
		if (err < 0)
			return err;
		repairs += err;
	}
	err = rules_bits_rebuild(rules);
	return err ? err : repairs;
}
