/*
 * All rules at once: what the maps hold is learned at start, compared with what is wanted, and
 * repaired. What must drop is added before what must not is taken away.
 */
#include <errno.h>
#include <string.h>

#include "agent/capture/rules_state.h"
#include "agent/util/addr.h"

/* ---- start ---- */

static int entries_learn(struct rules *rules, enum rules_map map)
{
	CLEANUP(free) union rules_key *keys = NULL;
	ssize_t count = rules_keys(rules, map, &keys);

	for (ssize_t i = 0; i < count; i++) {
		struct prefix target = rules_target_of(map, &keys[i]);
		struct block_entry entry;

		if (rules_entry_find(rules, &target, &entry))
			continue;
		if (entry.rule && entry.rule < RULES_MAX && !rules->slots[entry.rule].is_used)
			rules_slot_take(rules, entry.rule, &target);
	}
	return count < 0 ? (int)count : 0;
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
	int err = 0;

	if (!rules)
		return -ENOMEM;
	rules->tables = *tables;
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

static int wanted_list(struct wanted *wanted, const struct block_rule *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!list[i].rule_id || list[i].rule_id >= RULES_MAX ||
		    wanted->by_id[list[i].rule_id] ||
		    (!list[i].domain && !rules_target_is_valid(&list[i].target)))
			return -EINVAL;
		wanted->by_id[list[i].rule_id] = &list[i];
	}
	return 0;
}

/* A slot whose target is not the wanted one: the entry goes later, with its key. */
static void slots_leave_unwanted(struct rules *rules, const struct wanted *wanted)
{
	for (uint32_t id = 1; id < RULES_MAX; id++) {
		const struct block_rule *rule = wanted->by_id[id];

		if (rules->slots[id].is_used &&
		    (!rule || rule->domain ||
		     !prefix_is_equal(&rule->target, &rules->slots[id].target)))
			rules_slot_leave(rules, id);
	}
}

/* Returns 1 when something was missing or different, 0, or -errno. */
static int rule_repair(struct rules *rules, const struct block_rule *rule)
{
	struct block_entry entry;
	bool repaired;
	int err;

	if (rule->domain)
		return rules_name_block(rules, rule);
	repaired = rules_store(rules, rule);
	err = rules_entry_find(rules, &rule->target, &entry);
	if (err && err != -ENOENT)
		return err;
	if (err || entry.rule != rule->rule_id) {
		err = rules_entry_put(rules, &rule->target, rule->rule_id);
		if (err)
			return err;
		repaired = true;
	}
	rules_bits_set(rules, &rule->target);
	if (!rules->slots[rule->rule_id].is_used)
		rules_slot_take(rules, rule->rule_id, &rule->target);
	return repaired;
}

static int entries_prune(struct rules *rules, enum rules_map map, const struct wanted *wanted)
{
	CLEANUP(free) union rules_key *keys = NULL;
	ssize_t count = rules_keys(rules, map, &keys);
	int repairs = 0;

	if (count < 0)
		return (int)count;
	for (ssize_t i = 0; i < count; i++) {
		struct prefix target = rules_target_of(map, &keys[i]);
		struct block_entry entry = { 0 };
		const struct block_rule *rule;
		int err = rules_entry_find(rules, &target, &entry);

		rule = !err && entry.rule < RULES_MAX ? wanted->by_id[entry.rule] : NULL;
		if (rule && !rule->domain && prefix_is_equal(&rule->target, &target))
			continue;
		err = rules_entry_remove(rules, map, &keys[i]);
		if (err)
			return err;
		if (!rule && entry.rule && entry.rule < RULES_MAX)
			__atomic_store_n(&rules->tables.rules[entry.rule].head, 0,
					 __ATOMIC_RELEASE);
		repairs++;
	}
	return repairs;
}

int rules_sync(struct rules *rules, const struct block_rule *list, size_t count)
{
	CLEANUP(free) struct wanted *wanted = calloc(1, sizeof(*wanted));
	int err, repairs = 0;

	if (!wanted)
		return -ENOMEM;
	err = wanted_list(wanted, list, count);
	if (err)
		return err;
	slots_leave_unwanted(rules, wanted);
	err = rules_names_prune(rules, wanted->by_id);
	if (err < 0)
		return err;
	repairs += err;
	for (size_t i = 0; i < count; i++) {
		err = rule_repair(rules, &list[i]);
		if (err < 0)
			return err;
		repairs += err;
	}
	for (enum rules_map map = RULES_BLOCK4; map <= RULES_LPM6; map++) {
		err = entries_prune(rules, map, wanted);
		if (err < 0)
			return err;
		repairs += err;
	}
	rules_flags_publish(rules);
	err = rules_bits_rebuild(rules);
	return err ? err : repairs;
}
