/*
 * Rules by name, and the five-tuples that core has cut because of one. The kernel looks a name's
 * suffixes up by hash (bpf/hash.h); the texts themselves are kept by whoever gave the order.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/drain.h"
#include "agent/capture/rules_state.h"
#include "agent/util/crypto.h"
#include "bpf/hash.h"

#define NAME_MAX_BYTES 253 /* RFC 1035 2.3.4 */
#define EXPIRE_AT_ONCE 64  /* five-tuples that one call takes away */
#define STALE_NAMES    64  /* removals before bits_names is made anew */

struct name_slot {
	uint64_t hash;
	uint32_t rule_id;	  /* 0: free */
	struct block_hits folded; /* of five-tuples that went */
};

/* Oldest first: a ring, so that the oldest makes room. */
struct cut_flow {
	struct flow6_key key;
	uint64_t end_boot_ns;
	uint32_t rule_id; /* 0: taken away meanwhile */
	uint8_t layer;
};

struct names_state {
	struct name_slot *slots; /* number - 1 */
	uint32_t room, high, count, stale;
	struct cut_flow *flows; /* [RULES_FLOWS_MAX], made with the first one */
	uint32_t first, flow_count;
};

/* ---- control word ---- */

static void flag_set(struct rules *rules, uint32_t flag, bool on)
{
	__u32 *flags = &rules->tables.control->flags;

	if (on)
		__atomic_fetch_or(flags, flag, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(flags, ~(__u32)flag, __ATOMIC_RELEASE);
}

static void flags_follow(struct rules *rules)
{
	const struct names_state *names = rules->names;

	flag_set(rules, CONTROL_DOMAINS, names && names->count);
	flag_set(rules, CONTROL_FLOWS, names && names->flow_count);
}

/* Each step of Newton doubles the right bits of an inverse modulo 2^64; 5 bits are right at first
 * (Hacker's Delight, 10-16). */
static uint64_t inverse_of(uint64_t odd)
{
	uint64_t inverse = odd * 3 ^ 2;

	for (int bits = 5; bits < 64; bits *= 2)
		inverse *= 2 - odd * inverse;
	return inverse;
}

/* The base lives as long as the maps: entries of an earlier core are found again by it. */
static void base_choose(struct control *control)
{
	uint64_t base;

	if (control->name_base & 1)
		return;
	crypto_random(&base, sizeof(base));
	base |= 1;
	control->name_inverse = inverse_of(base);
	__atomic_store_n(&control->name_base, base, __ATOMIC_RELEASE);
}

/* ---- slots ---- */

static struct names_state *state_of(struct rules *rules)
{
	if (!rules->names)
		rules->names = calloc(1, sizeof(*rules->names));
	return rules->names;
}

static struct name_slot *slot_of(const struct rules *rules, uint32_t rule_id)
{
	uint32_t number = rules->slots[rule_id].name;

	return number ? &rules->names->slots[number - 1] : NULL;
}

/* Returns 0 or -ENOMEM. */
static int slot_take(struct rules *rules, uint32_t rule_id, uint64_t hash)
{
	struct names_state *names = state_of(rules);
	uint32_t at = 0;

	if (!names)
		return -ENOMEM;
	while (at < names->high && names->slots[at].rule_id)
		at++;
	if (at == names->room) {
		uint32_t room = names->room ? names->room * 2 : 16;
		struct name_slot *more = realloc(names->slots, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		names->slots = more;
		names->room = room;
	}
	names->high = at == names->high ? at + 1 : names->high;
	names->slots[at] = (struct name_slot){ .hash = hash, .rule_id = rule_id };
	names->count++;
	rules->slots[rule_id].name = at + 1;
	return 0;
}

static void bits_rebuild(struct rules *rules)
{
	struct names_state *names = rules->names;
	uint64_t *bits = rules->tables.bits_names;
	uint64_t want[BITS_NAMES_WORDS] = { 0 };

	for (uint32_t i = 0; i < names->high; i++) {
		uint32_t bit = bits_names_index(names->slots[i].hash);

		if (names->slots[i].rule_id)
			want[bit / 64] |= 1ULL << bit % 64;
	}
	for (size_t i = 0; i < BITS_NAMES_WORDS; i++)
		if (bits[i] != want[i])
			__atomic_store_n(&bits[i], want[i], __ATOMIC_RELEASE);
	names->stale = 0;
}

static void slot_leave(struct rules *rules, uint32_t rule_id)
{
	struct name_slot *slot = slot_of(rules, rule_id);

	*slot = (struct name_slot){ 0 };
	rules->slots[rule_id].name = 0;
	rules->names->count--;
	if (++rules->names->stale > STALE_NAMES || !rules->names->count)
		bits_rebuild(rules);
	flags_follow(rules);
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
	struct name_slot *slot = slot_of(rules, rule->rule_id);
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
	if (!err && !slot)
		err = slot_take(rules, rule->rule_id, hash);
	if (err) {
		__atomic_store_n(&rules->tables.rules[rule->rule_id].head, 0, __ATOMIC_RELEASE);
		return err;
	}
	flags_follow(rules);
	return changed;
}

static void flows_forget(struct rules *rules, uint32_t rule_id);

int rules_name_unblock(struct rules *rules, uint32_t rule_id)
{
	uint64_t hash = slot_of(rules, rule_id)->hash;
	int err;

	/* from here on it drops nothing, whatever becomes of its entry */
	__atomic_store_n(&rules->tables.rules[rule_id].head, 0, __ATOMIC_RELEASE);
	flows_forget(rules, rule_id);
	err = rules->tables.ops->remove(rules->tables.arg, RULES_NAMES, &hash);
	if (err && err != -ENOENT)
		return err;
	slot_leave(rules, rule_id);
	return 0;
}

uint32_t rules_name_find(const struct rules *rules, const char *name)
{
	const struct rules_tables *tables = &rules->tables;
	char lower[NAME_MAX_BYTES + 1];
	size_t len = strnlen(name, sizeof(lower));

	if (len && name[len - 1] == '.')
		len--;
	if (!rules->names || !rules->names->count || !len || len > NAME_MAX_BYTES)
		return 0;
	for (size_t i = 0; i < len; i++)
		lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	for (size_t at = 0; at < len; at++) {
		uint64_t hash;
		uint32_t bit;
		struct domain_entry entry;
		uint32_t flags;

		if (at && lower[at - 1] != '.')
			continue;
		hash = name_hash(tables->control->name_base, lower + at, (uint32_t)(len - at));
		bit = bits_names_index(hash);
		if (!(tables->bits_names[bit / 64] >> bit % 64 & 1) ||
		    tables->ops->lookup(tables->arg, RULES_NAMES, &hash, &entry) ||
		    entry.rule >= RULES_MAX)
			continue;
		flags = tables->rules[entry.rule].flags;
		if (flags & RULE_ACTIVE && !(flags & RULE_COUNT_ONLY))
			return entry.rule;
	}
	return 0;
}

/* ---- hits ---- */

static void add_cut(const struct rules *rules, const struct cut_flow *cut,
		    const struct drain_clock *clock, struct block_hits *hits)
{
	struct flow_block entry;
	int64_t last;

	if (rules->tables.ops->lookup(rules->tables.arg, RULES_FLOWS, &cut->key, &entry))
		return;
	hits->packets += entry.packets;
	hits->bytes += entry.bytes;
	hits->layers[cut->layer] += entry.packets;
	last = clock ? drain_clock_unix_ms(clock, entry.last_jiffies) : 0;
	if (last > hits->last_unix_ms)
		hits->last_unix_ms = last;
}

static struct cut_flow *cut_at(const struct names_state *names, uint32_t i)
{
	return &names->flows[(names->first + i) % RULES_FLOWS_MAX];
}

int rules_name_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		    struct block_hits *hits)
{
	const struct name_slot *slot = slot_of(rules, rule_id);
	struct domain_entry entry;
	int64_t last;
	int err = rules->tables.ops->lookup(rules->tables.arg, RULES_NAMES, &slot->hash, &entry);

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
	for (uint32_t i = 0; i < rules->names->flow_count; i++)
		if (cut_at(rules->names, i)->rule_id == rule_id)
			add_cut(rules, cut_at(rules->names, i), clock, hits);
	return 0;
}

/* ---- five-tuples ---- */

static struct flow6_key key_of_tuple(const struct five_tuple *tuple, bool is_back)
{
	const struct addr *src = is_back ? &tuple->dst : &tuple->src;
	const struct addr *dst = is_back ? &tuple->src : &tuple->dst;
	size_t skip = src->family == ADDR_IPV4 ? 12 : 0;
	struct flow6_key key = { .proto = tuple->proto, .used = src->family };

	memcpy(key.src, src->bytes + skip, sizeof(src->bytes) - skip);
	memcpy(key.dst, dst->bytes + skip, sizeof(dst->bytes) - skip);
	key.src_port = htons(is_back ? tuple->dst_port : tuple->src_port);
	key.dst_port = htons(is_back ? tuple->src_port : tuple->dst_port);
	return key;
}

/* The oldest goes; what it dropped stays with its rule. */
static void cut_forget_first(struct rules *rules)
{
	struct names_state *names = rules->names;
	struct cut_flow *cut = cut_at(names, 0);
	struct name_slot *slot = cut->rule_id ? slot_of(rules, cut->rule_id) : NULL;

	if (slot)
		add_cut(rules, cut, NULL, &slot->folded);
	if (cut->rule_id) /* gone already is as good */
		(void)rules->tables.ops->remove(rules->tables.arg, RULES_FLOWS, &cut->key);
	names->first = (names->first + 1) % RULES_FLOWS_MAX;
	names->flow_count--;
}

static int cut_add(struct rules *rules, const struct cut_flow *cut)
{
	struct names_state *names = rules->names;
	struct flow_block entry = { .rule = cut->rule_id,
				    .layer = cut->layer,
				    .end_boot_ns = cut->end_boot_ns };
	struct flow_block there;
	int err;

	if (!rules->tables.ops->lookup(rules->tables.arg, RULES_FLOWS, &cut->key, &there) &&
	    there.rule == cut->rule_id)
		return 0; /* cut already; its hits go on */
	if (names->flow_count == RULES_FLOWS_MAX)
		cut_forget_first(rules);
	err = rules->tables.ops->update(rules->tables.arg, RULES_FLOWS, &cut->key, &entry);
	if (err)
		return err == -E2BIG ? -ENOSPC : err;
	*cut_at(names, names->flow_count) = *cut;
	names->flow_count++;
	return 0;
}

int rules_flow_block(struct rules *rules, const struct five_tuple *tuple, uint32_t rule_id,
		     uint8_t layer, uint64_t until_boot_ns)
{
	struct names_state *names = state_of(rules);
	uint64_t end;
	int err = 0;

	if (!names || !rule_id || rule_id >= RULES_MAX || layer >= LAYER_COUNT ||
	    !rules->slots[rule_id].name)
		return names ? -EINVAL : -ENOMEM;
	if (!names->flows)
		names->flows = calloc(RULES_FLOWS_MAX, sizeof(*names->flows));
	if (!names->flows)
		return -ENOMEM;
	end = rules->tables.rules[rule_id].end_boot_ns;
	end = end && end < until_boot_ns ? end : until_boot_ns;
	for (int back = 0; back < 2 && !err; back++) {
		const struct cut_flow cut = { .key = key_of_tuple(tuple, back),
					      .end_boot_ns = end,
					      .rule_id = rule_id,
					      .layer = layer };

		err = cut_add(rules, &cut);
	}
	flags_follow(rules);
	return err;
}

void rules_flows_expire(struct rules *rules, uint64_t boot_ns)
{
	struct names_state *names = rules->names;

	if (!names || !names->flow_count)
		return;
	for (int i = 0; i < EXPIRE_AT_ONCE && names->flow_count; i++) {
		if (cut_at(names, 0)->rule_id && cut_at(names, 0)->end_boot_ns > boot_ns)
			break;
		cut_forget_first(rules);
	}
	flags_follow(rules);
}

/* The rule goes and its five-tuples with it: they pass again from now on. */
static void flows_forget(struct rules *rules, uint32_t rule_id)
{
	struct names_state *names = rules->names;

	for (uint32_t i = 0; i < names->flow_count; i++) {
		struct cut_flow *cut = cut_at(names, i);

		if (cut->rule_id != rule_id)
			continue;
		/* gone already is as good */
		(void)rules->tables.ops->remove(rules->tables.arg, RULES_FLOWS, &cut->key);
		cut->rule_id = 0;
	}
}

/* ---- start ---- */

static int flows_learn(struct rules *rules)
{
	CLEANUP(free) union rules_key *keys = NULL;
	ssize_t count = rules_keys(rules, RULES_FLOWS, &keys);
	struct names_state *names = rules->names;

	for (ssize_t i = 0; i < count; i++) {
		struct flow_block entry;
		bool is_known;

		if (rules->tables.ops->lookup(rules->tables.arg, RULES_FLOWS, &keys[i], &entry))
			continue;
		is_known = names && entry.rule < RULES_MAX && entry.layer < LAYER_COUNT &&
			   rules->slots[entry.rule].name && names->flow_count < RULES_FLOWS_MAX;
		if (is_known && !names->flows)
			names->flows = calloc(RULES_FLOWS_MAX, sizeof(*names->flows));
		if (!is_known || !names->flows) {
			(void)rules->tables.ops->remove(rules->tables.arg, RULES_FLOWS, &keys[i]);
			continue;
		}
		*cut_at(names, names->flow_count++) =
			(struct cut_flow){ keys[i].flow, entry.end_boot_ns, entry.rule,
					   entry.layer };
	}
	return count < 0 ? (int)count : 0;
}

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
		    !rules->slots[entry.rule].name)
			err = slot_take(rules, entry.rule, keys[i].name);
	}
	if (!err)
		err = flows_learn(rules);
	flags_follow(rules);
	return err;
}

int rules_names_prune(struct rules *rules, const struct block_rule *const *wanted)
{
	int pruned = 0;

	for (uint32_t i = 0; rules->names && i < rules->names->high; i++) {
		uint32_t rule_id = rules->names->slots[i].rule_id;
		const struct block_rule *rule = rule_id ? wanted[rule_id] : NULL;
		uint64_t hash;
		int err;

		if (!rule_id)
			continue;
		if (rule && rule->domain && !name_to_hash(rules, rule->domain, &hash) &&
		    hash == rules->names->slots[i].hash)
			continue;
		err = rules_name_unblock(rules, rule_id);
		if (err)
			return err;
		pruned++;
	}
	return pruned;
}

size_t rules_names_count(const struct rules *rules)
{
	return rules->names ? rules->names->count : 0;
}

size_t rules_flows_count(const struct rules *rules)
{
	return rules->names ? rules->names->flow_count : 0;
}

void rules_names_free(struct rules *rules)
{
	if (!rules->names)
		return;
	free(rules->names->slots);
	free(rules->names->flows);
	free(rules->names);
}
