/*
 * One rule in, one rule out, and the control word.
 */
#include "agent/capture/rules.h"

#include <arpa/inet.h>
#include <errno.h>

#include "agent/capture/drain.h"
#include "agent/capture/rules_state.h"
#include "agent/util/addr.h"

_Static_assert(RULES_MAX == BLOCK_RULES_MAX, "rule ids of both sides");

/* ---- control word ---- */

void rules_changed(struct control *control)
{
	(void)__atomic_add_fetch(&control->change_epoch, 1, __ATOMIC_RELEASE);
}

void rules_set_lease(struct control *control, uint64_t until_boot_ns)
{
	__atomic_store_n(&control->lease_boot_ns, until_boot_ns, __ATOMIC_RELEASE);
	rules_changed(control);
}

/* Other bits of the word are core's, and `sluice panic` is another process. */
void rules_set_panic(struct control *control, bool on)
{
	if (on)
		__atomic_fetch_or(&control->flags, CONTROL_PANIC, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(&control->flags, ~(uint32_t)CONTROL_PANIC, __ATOMIC_RELEASE);
	rules_changed(control);
}

bool rules_is_panicked(const struct control *control)
{
	return __atomic_load_n(&control->flags, __ATOMIC_ACQUIRE) & CONTROL_PANIC;
}

void rules_flags_publish(const struct rules *rules)
{
	__u32 *flags = &rules->tables.control->flags;

	if (rules->short6)
		__atomic_fetch_or(flags, CONTROL_SHORT6, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(flags, ~(__u32)CONTROL_SHORT6, __ATOMIC_RELEASE);
}

/* Active or not, what is counted, what is refused. */
static uint32_t flags_of(const struct block_rule *rule)
{
	uint32_t flags = rule->is_inactive ? 0 : RULE_ACTIVE;

	if (rule->action == BLOCK_COUNT)
		flags |= RULE_COUNT_ONLY;
	else if (rule->action == BLOCK_REFUSE)
		flags |= RULE_REFUSE;
	return flags;
}

/* ---- slots ---- */

void rules_slot_take(struct rules *rules, uint32_t rule_id, const struct prefix *target)
{
	uint32_t *bucket = rules_bucket(rules, target);

	rules->slots[rule_id].target = *target;
	rules->slots[rule_id].is_used = true;
	rules->slots[rule_id].next = *bucket;
	*bucket = rule_id;
}

void rules_slot_leave(struct rules *rules, uint32_t rule_id)
{
	uint32_t *link = rules_bucket(rules, &rules->slots[rule_id].target);

	while (*link != rule_id)
		link = &rules->slots[*link].next;
	*link = rules->slots[rule_id].next;
	rules->slots[rule_id].is_used = false;
}

void rules_silence(struct rules *rules, uint32_t rule_id)
{
	__atomic_store_n(&rules->tables.rules[rule_id].head, 0, __ATOMIC_RELEASE);
	rules_changed(rules->tables.control);
}

bool rules_store(struct rules *rules, const struct block_rule *rule)
{
	struct rule *at = &rules->tables.rules[rule->rule_id];
	struct rule words = {
		.flags = flags_of(rule),
		.direction = rule->direction,
		.proto = rule->proto,
		.port = htons(rule->port),
	};
	bool changed = at->head != words.head || at->end_boot_ns != rule->end_boot_ns;

	__atomic_store_n(&at->end_boot_ns, rule->end_boot_ns, __ATOMIC_RELEASE);
	__atomic_store_n(&at->head, words.head, __ATOMIC_RELEASE);
	rules_changed(rules->tables.control);
	return changed;
}

/* ---- orders ---- */

static bool rule_is_valid(const struct block_rule *rule)
{
	return rule->rule_id && rule->rule_id < RULES_MAX &&
	       rule->action <= (rule->domain ? BLOCK_REFUSE : BLOCK_COUNT) &&
	       rule->direction <= BLOCK_OUT &&
	       (rule->domain || rules_target_is_valid(&rule->target));
}

int rules_block(struct rules *rules, const struct block_rule *rule)
{
	struct rule_slot *slot;
	const struct rules_list *list;
	int err;

	if (!rule_is_valid(rule))
		return -EINVAL;
	list = rules_list_find(rules, rule->rule_id);
	if (list)
		return list->is_leaving ? -EBUSY : -EINVAL;
	if (rule->domain) {
		err = rules_name_block(rules, rule);
		return err < 0 ? err : 0;
	}
	slot = &rules->slots[rule->rule_id];
	if (slot->is_name || (slot->is_used && !prefix_is_equal(&slot->target, &rule->target)))
		return -EINVAL;
	/* the rule before the entry that names it; whether anything changed matters to sync only */
	(void)rules_store(rules, rule);
	if (slot->is_used)
		return 0;
	rules_slot_take(rules, rule->rule_id, &rule->target);
	err = rules_entry_settle(rules, &rule->target);
	if (err < 0) {
		rules_silence(rules, rule->rule_id);
		rules_slot_leave(rules, rule->rule_id);
		return err;
	}
	return 0;
}

int rules_unblock(struct rules *rules, uint32_t rule_id)
{
	struct prefix target;
	int err;

	if (rule_id && rule_id < RULES_MAX && rules->slots[rule_id].is_name)
		return rules_name_unblock(rules, rule_id);
	if (!rule_id || rule_id >= RULES_MAX || !rules->slots[rule_id].is_used)
		return -ENOENT;
	/* from here on it drops nothing, whatever becomes of its entry */
	rules_silence(rules, rule_id);
	target = rules->slots[rule_id].target;
	rules_slot_leave(rules, rule_id);
	err = rules_entry_settle(rules, &target);
	if (err < 0) {
		rules_slot_take(rules, rule_id, &target); /* to be tried again */
		return err;
	}
	rules_bits_left(rules, &target);
	return 0;
}

int rules_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
	       struct block_hits *hits)
{
	struct block_entry entry;
	int err;

	if (rule_id && rule_id < RULES_MAX && rules->slots[rule_id].is_name)
		return rules_name_hits(rules, rule_id, clock, hits);
	if (!rule_id || rule_id >= RULES_MAX || !rules->slots[rule_id].is_used)
		return -ENOENT;
	err = rules_entry_find(rules, &rules->slots[rule_id].target, &entry);
	if (err)
		return err;
	*hits = (struct block_hits){ .packets = entry.packets,
				     .bytes = entry.bytes,
				     .last_unix_ms = drain_clock_unix_ms(clock, entry.last_jiffies),
				     .layers = { [HIT_ADDRESS] = entry.packets } };
	return 0;
}

size_t rules_count(const struct rules *rules, bool exact)
{
	const uint32_t *entries = rules->entries;

	return exact ? (size_t)entries[RULES_BLOCK4] + entries[RULES_BLOCK6]
		     : (size_t)entries[RULES_LPM4] + entries[RULES_LPM6];
}

size_t rules_entry_count(const struct rules *rules)
{
	return rules_count(rules, true) + rules_count(rules, false);
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	rules_names_free(rules->names);
	rules_lists_free(rules);
	free(rules->rows);
	free(rules->bits.words);
	free(rules);
}
