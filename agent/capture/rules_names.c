/*
 * Rules by name. The kernel looks a name's suffixes up by hash (bpf/hash.h); the texts themselves
 * are kept by whoever gave the order. Who holds a name is computed from the rules and lists alone,
 * then its entry is made what they want.
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

	flag_set(rules, CONTROL_DOMAINS, names->entries);
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

static uint32_t *bucket_of(struct names_state *names, uint64_t hash)
{
	return &names->buckets[hash * HASH_MUL1 >> 50];
}
_Static_assert(NAME_BUCKETS == 1 << (64 - 50), "all bits of the shift are used");

static void slot_take(struct rules *rules, uint32_t rule_id, uint64_t hash)
{
	struct names_state *names = rules->names;
	uint32_t *bucket = bucket_of(names, hash);

	names->slots[rule_id] =
		(struct name_slot){ .hash = hash, .is_used = true, .next = *bucket };
	*bucket = rule_id;
	names->high = rule_id < names->high ? names->high : rule_id + 1;
	names->count++;
	rules->slots[rule_id].is_name = true;
}

static void slot_leave(struct rules *rules, uint32_t rule_id)
{
	struct names_state *names = rules->names;
	struct name_slot *slot = &names->slots[rule_id];
	uint32_t *link = bucket_of(names, slot->hash);

	while (*link != rule_id)
		link = &names->slots[*link].next;
	*link = slot->next;
	*slot = (struct name_slot){ 0 };
	rules->slots[rule_id].is_name = false;
	names->count--;
}

/* ---- bits ---- */

static void want_bit(struct names_state *names, uint64_t hash)
{
	uint32_t bit = bits_names_index(hash);

	names->want[bit / 64] |= 1ULL << bit % 64;
}

/* A stale bit costs a lookup, never a verdict: while entries are on the way none is cleared. */
void rules_names_bits(struct rules *rules)
{
	struct names_state *names = rules->names;
	uint64_t *bits = rules->tables.bits_names;

	if (names->is_inherited || !names->stale || (names->stale <= STALE_NAMES && names->entries))
		return;
	for (size_t i = 0; i < names->list_count; i++)
		if (names->lists[i]->is_moving)
			return;
	memset(names->want, 0, sizeof(names->want));
	for (uint32_t i = 0; i < names->high; i++)
		if (names->slots[i].is_used)
			want_bit(names, names->slots[i].hash);
	for (size_t i = 0; i < names->list_count; i++)
		for (size_t k = 0; k < names->lists[i]->next.count; k++)
			want_bit(names, names->lists[i]->next.at[k]);
	for (size_t i = 0; i < BITS_NAMES_WORDS; i++)
		if (bits[i] != names->want[i])
			__atomic_store_n(&bits[i], names->want[i], __ATOMIC_RELEASE);
	names->stale = 0;
}

/* ---- entries ---- */

static void owners_of(struct rules *rules, uint64_t hash, struct rules_owners *owners)
{
	struct names_state *names = rules->names;

	memset(owners, 0, sizeof(*owners));
	for (uint32_t id = *bucket_of(names, hash); id; id = names->slots[id].next)
		if (names->slots[id].hash == hash)
			rules_owners_add(owners, id);
	for (size_t i = 0; i < names->list_count; i++)
		if (rules_names_has(&names->lists[i]->next, hash))
			rules_owners_add(owners, names->lists[i]->rule_id);
}

static bool entry_is_right(const struct rules *rules, uint32_t rule,
			   const struct rules_owners *owners)
{
	if (rule & ENTRY_SET)
		return owners->count > 1 && rules_row_is(rules, rule & ~ENTRY_SET, owners);
	return owners->count == 1 && rule == owners->rule[0];
}

static int entry_put(struct rules *rules, uint64_t hash, const struct domain_entry *entry)
{
	uint32_t bit = bits_names_index(hash);
	int err = rules->tables.ops->update(rules->tables.arg, RULES_NAMES, &hash, entry);

	if (!err)
		__atomic_fetch_or(&rules->tables.bits_names[bit / 64], 1ULL << bit % 64,
				  __ATOMIC_RELEASE);
	return err == -E2BIG ? -ENOSPC : err;
}

static int entry_drop(struct rules *rules, uint64_t hash, uint32_t rule)
{
	int err = rules->tables.ops->remove(rules->tables.arg, RULES_NAMES, &hash);

	if (err && err != -ENOENT)
		return err;
	if (rule & ENTRY_SET)
		rules_row_put(rules, rule & ~ENTRY_SET);
	rules->names->entries--;
	rules->names->stale++;
	return 1;
}

static int entry_write(struct rules *rules, uint64_t hash, struct domain_entry *entry,
		       const struct rules_owners *owners)
{
	uint32_t was = entry->rule;
	int row = owners->count > 1 ? rules_row_get(rules, owners) : 0;
	int err;

	if (row < 0)
		return row;
	entry->rule = owners->count > 1 ? ENTRY_SET | (uint32_t)row : owners->rule[0];
	err = entry_put(rules, hash, entry);
	if (err && owners->count > 1)
		rules_row_put(rules, (uint32_t)row);
	if (!err && was & ENTRY_SET)
		rules_row_put(rules, was & ~ENTRY_SET);
	return err;
}

int rules_name_settle(struct rules *rules, uint64_t hash)
{
	struct domain_entry entry = { 0 };
	struct rules_owners owners;
	int found = rules->tables.ops->lookup(rules->tables.arg, RULES_NAMES, &hash, &entry);
	int err;

	if (found && found != -ENOENT)
		return found;
	owners_of(rules, hash, &owners);
	if (!owners.count)
		return found ? 0 : entry_drop(rules, hash, entry.rule);
	if (!found && entry_is_right(rules, entry.rule, &owners))
		return 0;
	err = entry_write(rules, hash, &entry, &owners);
	if (err)
		return err;
	rules->names->entries += found != 0;
	return 1;
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

int rules_name_block(struct rules *rules, const struct block_rule *rule)
{
	struct name_slot *slot = rules_name_slot(rules, rule->rule_id);
	uint64_t hash;
	bool changed;
	int err = name_to_hash(rules, rule->domain, &hash);

	if (err || rules->slots[rule->rule_id].is_used || (slot && slot->hash != hash))
		return -EINVAL;
	/* the rule before the entry that names it, the entry before the flag that has it asked */
	changed = rules_store(rules, rule);
	if (!slot)
		slot_take(rules, rule->rule_id, hash);
	err = rules_name_settle(rules, hash);
	if (err < 0) {
		rules_silence(rules, rule->rule_id);
		slot_leave(rules, rule->rule_id);
		return err;
	}
	rules_names_flags(rules);
	return changed || err;
}

int rules_name_unblock(struct rules *rules, uint32_t rule_id)
{
	const struct name_slot *slot = rules_name_slot(rules, rule_id);
	uint64_t hash;
	int err;

	assert(slot); /* whoever calls has looked */
	hash = slot->hash;
	/* from here on it drops nothing, whatever becomes of its entry */
	rules_silence(rules, rule_id);
	rules_flows_forget(rules, rule_id);
	slot_leave(rules, rule_id);
	err = rules_name_settle(rules, hash);
	if (err < 0) {
		slot_take(rules, rule_id, hash); /* to be tried again */
		return err;
	}
	rules_names_bits(rules);
	rules_names_flags(rules);
	return 0;
}

/* ---- which rule blocks a name ---- */

static bool does(const struct rules_tables *tables, uint32_t rule_id, bool is_counted)
{
	uint32_t flags = rule_id && rule_id < RULES_MAX ? tables->rules[rule_id].flags : 0;

	return flags & RULE_ACTIVE && !(flags & RULE_COUNT_ONLY) == !is_counted;
}

static bool is_for_all(const struct rule *rule)
{
	return !rule->direction && !rule->proto && !rule->port;
}

/* The rule of exactly this name that drops, or counts; rather one for every packet than one of a
 * scope, which the flow it is found in may not be in. */
static uint32_t rule_of(const struct rules_tables *tables, const char *name, bool is_counted)
{
	uint64_t hash = name_hash(tables->control->name_base, name, (uint32_t)strlen(name));
	uint32_t bit = bits_names_index(hash), scoped = 0;
	struct domain_entry entry;
	struct rule_set alone = { .rule = { 0 } };
	const struct rule_set *set = &alone;

	if (!(tables->bits_names[bit / 64] >> bit % 64 & 1) ||
	    tables->ops->lookup(tables->arg, RULES_NAMES, &hash, &entry))
		return 0;
	alone.rule[0] = entry.rule;
	if (entry.rule & ENTRY_SET)
		set = &tables->rule_sets[(entry.rule & ~ENTRY_SET) % RULE_SETS_MAX];
	for (int i = 0; i < RULE_SET_WAYS && set->rule[i]; i++) {
		if (!does(tables, set->rule[i], is_counted))
			continue;
		if (is_for_all(&tables->rules[set->rule[i]]))
			return set->rule[i];
		scoped = scoped ? scoped : set->rule[i];
	}
	return scoped;
}

uint32_t rules_name_find(const struct rules *rules, const char *name, bool is_counted)
{
	char text[NAME_MAX_BYTES + 1];
	size_t len = strnlen(name, sizeof(text));
	uint32_t found = 0;

	if (!rules->names->entries || len == sizeof(text))
		return 0;
	memcpy(text, name, len);
	if (len && text[len - 1] == '.')
		len--;
	text[len] = '\0';
	for (const char *at = text; *at;) {
		uint32_t rule_id = rule_of(&rules->tables, at, is_counted);

		if (rule_id && is_for_all(&rules->tables.rules[rule_id]))
			return rule_id;
		found = found ? found : rule_id;
		at += strcspn(at, ".");
		at += *at == '.';
	}
	return found;
}

/* ---- hits ---- */

void rules_name_sum(struct block_hits *hits, const struct domain_entry *entry)
{
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		hits->packets += entry->packets[layer];
		hits->layers[layer] += entry->packets[layer];
	}
	hits->bytes += entry->bytes;
}

static int entry_hits(const struct rules *rules, uint64_t hash, const struct drain_clock *clock,
		      struct block_hits *hits)
{
	struct domain_entry entry;
	int err = rules->tables.ops->lookup(rules->tables.arg, RULES_NAMES, &hash, &entry);
	int64_t last;

	if (err)
		return err;
	rules_name_sum(hits, &entry);
	last = drain_clock_unix_ms(clock, entry.last_jiffies);
	if (last > hits->last_unix_ms)
		hits->last_unix_ms = last;
	return 0;
}

int rules_name_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		    struct block_hits *hits)
{
	const struct name_slot *slot = rules_name_slot(rules, rule_id);
	struct block_hits sum;
	int err;

	assert(slot); /* whoever calls has looked */
	sum = slot->folded;
	err = entry_hits(rules, slot->hash, clock, &sum);
	if (err)
		return err;
	*hits = sum;
	rules_flows_hits(rules, rule_id, clock, hits);
	return 0;
}

int rules_entry_name_hits(const struct rules *rules, const char *name,
			  const struct drain_clock *clock, struct block_hits *hits)
{
	struct block_hits sum = { 0 };
	uint64_t hash;
	int err = name_to_hash(rules, name, &hash);

	if (!err)
		err = entry_hits(rules, hash, clock, &sum);
	if (!err)
		*hits = sum;
	return err;
}

/* ---- start ---- */

/* How many entries there are, and which rows they name. Whose they are is not known before the
 * rules and lists of this start: they stay in force until then (rules_full_settle). */
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
		if (entry.rule & ENTRY_SET)
			err = rules_row_learn(rules, entry.rule & ~ENTRY_SET);
		rules->names->entries++;
		rules->names->is_inherited = true;
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
	return rules->names->entries;
}

void rules_names_free(struct names_state *names)
{
	if (!names)
		return;
	rules_name_lists_free(names);
	free(names);
}
