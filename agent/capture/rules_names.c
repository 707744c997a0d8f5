/*
 * Rules by name. The kernel looks a name's
 * suffixes up by hash (bpf/hash.h); the texts themselves are kept by whoever gave the order.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/drain.h"
#include "agent/capture/rules_names.h"
#include "agent/util/crypto.h"
#include "bpf/hash.h"

#define NAME_MAX_BYTES 253 /* RFC 1035 2.3.4 */
#define EXPIRE_AT_ONCE 64  /* five-tuples that one call takes away */
#define STALE_NAMES    64  /* removals before bits_names is made anew */

/* ---- control word ---- */

static void flag_set(struct rules *rules, uint32_t flag, bool on)
{
	__u32 *flags = &rules->tables.control->flags;

	if (on)
		__atomic_fetch_or(flags, flag, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(flags, ~(__u32)flag, __ATOMIC_RELEASE);
}

void rules_names_flags(struct rules *rules)
{
	const struct names_state *names = rules->names;

	flag_set(rules, CONTROL_DOMAINS, names->count);
	flag_set(rules, CONTROL_FLOWS, names->flow_count);
}

/* The base lives as long as the maps: entries of an earlier core are found again by it. */
static void base_choose(struct control *control)
{
	uint64_t base;

	if (control->name_base & 1)
		return;
	crypto_random(&base, sizeof(base));
	base |= 1;
	control->name_inverse = name_inverse(base);
	__atomic_store_n(&control->name_base, base, __ATOMIC_RELEASE);
}

/* ---- slots ---- */

/* Pages of these come with their first use. */
int rules_names_new(struct names_state **out)
{
	struct names_state *names = calloc(1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	*out = names;
	return 0;
}

struct name_slot *rules_name_slot(const struct rules *rules, uint32_t rule_id)
{
	return rules->slots[rule_id].is_name ? &rules->names->slots[rule_id] : NULL;
}

static void slot_take(struct rules *rules, uint32_t rule_id, uint64_t hash)
{
	struct names_state *names = rules->names;

	names->slots[rule_id] = (struct name_slot){ .hash = hash, .is_used = true };
	names->high = rule_id < names->high ? names->high : rule_id + 1;
	names->count++;
	rules->slots[rule_id].is_name = true;
}

static void bits_rebuild(struct rules *rules)
{
	struct names_state *names = rules->names;
	uint64_t *bits = rules->tables.bits_names;
	uint64_t want[BITS_NAMES_WORDS] = { 0 };

	for (uint32_t i = 0; i < names->high; i++) {
		uint32_t bit = bits_names_index(names->slots[i].hash);

		if (names->slots[i].is_used)
			want[bit / 64] |= 1ULL << bit % 64;
	}
	for (size_t i = 0; i < BITS_NAMES_WORDS; i++)
		if (bits[i] != want[i])
			__atomic_store_n(&bits[i], want[i], __ATOMIC_RELEASE);
	names->stale = 0;
}

static void slot_leave(struct rules *rules, uint32_t rule_id)
{
	struct name_slot *slot = rules_name_slot(rules, rule_id);

	assert(slot);
	*slot = (struct name_slot){ 0 };
	rules->slots[rule_id].is_name = false;
	rules->names->count--;
	if (++rules->names->stale > STALE_NAMES || !rules->names->count)
		bits_rebuild(rules);
	rules_names_flags(rules);
}

/* ---- rules ---- */

static int name_to_hash(const struct rules *rules, const char *name, uint64_t *hash)
{
	size_t len = strlen(name);

	if (!len || len > NAME_MAX_BYTES)
		return -EINVAL;
	*hash = name_hash(rules->tables.control->name_base, name, (uint32_t)len);
	return 0;
}

static int entry_put(struct rules *rules, uint64_t hash, uint32_t rule_id)
{
	const struct domain_entry entry = { .rule = rule_id };
	uint32_t bit = bits_names_index(hash);
	int err = rules->tables.ops->update(rules->tables.arg, RULES_NAMES, &hash, &entry);

	if (!err)
		__atomic_fetch_or(&rules->tables.bits_names[bit / 64], 1ULL << bit % 64,
				  __ATOMIC_RELEASE);
	return err == -E2BIG ? -ENOSPC : err;
}

int rules_name_block(struct rules *rules, const struct block_rule *rule)
{
	struct name_slot *slot = rules_name_slot(rules, rule->rule_id);
	struct domain_entry entry;
	uint64_t hash;
	bool changed;
	int err = name_to_hash(rules, rule->domain, &hash);

	if (err || rules->slots[rule->rule_id].is_used || (slot && slot->hash != hash))
		return -EINVAL;
	err = rules->tables.ops->lookup(rules->tables.arg, RULES_NAMES, &hash, &entry);
	if (err && err != -ENOENT)
		return err;
	if (!err && entry.rule != rule->rule_id)
		return -EEXIST;
	/* the rule before the entry that names it, the entry before the flag that has it asked */
	changed = rules_store(rules, rule);
	if (err)
		err = entry_put(rules, hash, rule->rule_id);
	else
		changed = changed || !slot;
	if (err) {
		__atomic_store_n(&rules->tables.rules[rule->rule_id].head, 0, __ATOMIC_RELEASE);
		return err;
	}
	if (!slot)
		slot_take(rules, rule->rule_id, hash);
	rules_names_flags(rules);
	return changed;
}

int rules_name_unblock(struct rules *rules, uint32_t rule_id)
{
	const struct name_slot *slot = rules_name_slot(rules, rule_id);
	uint64_t hash;
	int err;

	assert(slot); /* whoever calls has looked */
	hash = slot->hash;
	/* from here on it drops nothing, whatever becomes of its entry */
	__atomic_store_n(&rules->tables.rules[rule_id].head, 0, __ATOMIC_RELEASE);
	rules_flows_forget(rules, rule_id);
	err = rules->tables.ops->remove(rules->tables.arg, RULES_NAMES, &hash);
	if (err && err != -ENOENT)
		return err;
	slot_leave(rules, rule_id);
	return 0;
}

/* The rule of exactly this name, when it drops. */
static uint32_t rule_dropping(const struct rules_tables *tables, const char *name)
{
	uint64_t hash = name_hash(tables->control->name_base, name, (uint32_t)strlen(name));
	uint32_t bit = bits_names_index(hash), flags;
	struct domain_entry entry;

	if (!(tables->bits_names[bit / 64] >> bit % 64 & 1) ||
	    tables->ops->lookup(tables->arg, RULES_NAMES, &hash, &entry) || entry.rule >= RULES_MAX)
		return 0;
	flags = tables->rules[entry.rule].flags;
	return flags & RULE_ACTIVE && !(flags & RULE_COUNT_ONLY) ? entry.rule : 0;
}

uint32_t rules_name_find(const struct rules *rules, const char *name)
{
	char text[NAME_MAX_BYTES + 1];
	size_t len = strnlen(name, sizeof(text));
	uint32_t rule_id = 0;

	if (!rules->names->count || len == sizeof(text))
		return 0;
	memcpy(text, name, len);
	if (len && text[len - 1] == '.')
		len--;
	text[len] = '\0';
	for (const char *at = text; *at && !rule_id;) {
		rule_id = rule_dropping(&rules->tables, at);
		at += strcspn(at, ".");
		at += *at == '.';
	}
	return rule_id;
}

/* ---- hits ---- */

int rules_name_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		    struct block_hits *hits)
{
	const struct name_slot *slot = rules_name_slot(rules, rule_id);
	struct domain_entry entry;
	int64_t last;
	int err;

	assert(slot); /* whoever calls has looked */
	err = rules->tables.ops->lookup(rules->tables.arg, RULES_NAMES, &slot->hash, &entry);
	if (err)
		return err;
	*hits = slot->folded;
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		hits->packets += entry.packets[layer];
		hits->layers[layer] += entry.packets[layer];
	}
	hits->bytes += entry.bytes;
	last = drain_clock_unix_ms(clock, entry.last_jiffies);
	if (last > hits->last_unix_ms)
		hits->last_unix_ms = last;
	rules_flows_hits(rules, rule_id, clock, hits);
	return 0;
}

/* ---- start ---- */

int rules_names_learn(struct rules *rules)
{
	CLEANUP(free) union rules_key *keys = NULL;
	ssize_t count = rules_keys(rules, RULES_NAMES, &keys);
	int err = count < 0 ? (int)count : 0;

	base_choose(rules->tables.control);
	for (ssize_t i = 0; i < count && !err; i++) {
		struct domain_entry entry;

		if (rules->tables.ops->lookup(rules->tables.arg, RULES_NAMES, &keys[i], &entry))
			continue;
		if (entry.rule && entry.rule < RULES_MAX && !rules->slots[entry.rule].is_used &&
		    !rules->slots[entry.rule].is_name)
			slot_take(rules, entry.rule, keys[i].name);
	}
	if (!err)
		err = rules_flows_learn(rules);
	rules_names_flags(rules);
	return err;
}

int rules_names_prune(struct rules *rules, const struct block_rule *const *wanted)
{
	int pruned = 0;

	for (uint32_t id = 0; id < rules->names->high; id++) {
		const struct name_slot *slot = rules_name_slot(rules, id);
		const struct block_rule *rule = wanted[id];
		uint64_t hash;
		int err;

		if (!slot || (rule && rule->domain && !name_to_hash(rules, rule->domain, &hash) &&
			      hash == slot->hash))
			continue;
		err = rules_name_unblock(rules, id);
		if (err)
			return err;
		pruned++;
	}
	return pruned;
}

size_t rules_names_count(const struct rules *rules)
{
	return rules->names->count;
}

void rules_names_free(struct names_state *names)
{
	free(names);
}
