/*
 * Five-tuples that core has cut because of a name it read in them: each way an entry with an end,
 * in a ring of which the oldest makes room. What an entry dropped stays with its rule.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/drain.h"
#include "agent/capture/rules_names.h"

#define EXPIRE_AT_ONCE 64 /* that one call takes away */

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

static struct cut_flow *cut_at(struct names_state *names, uint32_t i)
{
	return &names->flows[(names->first + i) % RULES_FLOWS_MAX];
}

void rules_flows_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		      struct block_hits *hits)
{
	for (uint32_t i = 0; i < rules->names->flow_count; i++)
		if (cut_at(rules->names, i)->rule_id == rule_id)
			add_cut(rules, cut_at(rules->names, i), clock, hits);
}

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

	if (cut->rule_id)
		add_cut(rules, cut, NULL, &names->slots[cut->rule_id].folded);
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
	uint64_t end;
	int err = 0;

	if (!rule_id || rule_id >= RULES_MAX || layer >= LAYER_COUNT ||
	    (!rules->slots[rule_id].is_name && !rules_list_find(rules, rule_id)))
		return -EINVAL;
	end = rules->tables.rules[rule_id].end_boot_ns;
	end = end && end < until_boot_ns ? end : until_boot_ns;
	for (int back = 0; back < 2 && !err; back++) {
		const struct cut_flow cut = { .key = key_of_tuple(tuple, back),
					      .end_boot_ns = end,
					      .rule_id = rule_id,
					      .layer = layer };

		err = cut_add(rules, &cut);
	}
	rules_names_flags(rules);
	return err;
}

void rules_flows_expire(struct rules *rules, uint64_t boot_ns)
{
	struct names_state *names = rules->names;

	if (!names->flow_count)
		return;
	for (int i = 0; i < EXPIRE_AT_ONCE && names->flow_count; i++) {
		if (cut_at(names, 0)->rule_id && cut_at(names, 0)->end_boot_ns > boot_ns)
			break;
		cut_forget_first(rules);
	}
	rules_names_flags(rules);
}

void rules_flows_forget(struct rules *rules, uint32_t rule_id)
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

int rules_flows_learn(struct rules *rules)
{
	CLEANUP(free) union rules_key *keys = NULL;
	ssize_t count = rules_keys(rules, RULES_FLOWS, &keys);
	struct names_state *names = rules->names;

	for (ssize_t i = 0; i < count; i++) {
		struct flow_block entry;
		bool is_known;

		if (rules->tables.ops->lookup(rules->tables.arg, RULES_FLOWS, &keys[i], &entry))
			continue;
		is_known = entry.rule < RULES_MAX && entry.layer < LAYER_COUNT &&
			   rules->tables.rules[entry.rule].head &&
			   names->flow_count < RULES_FLOWS_MAX;
		if (!is_known) {
			(void)rules->tables.ops->remove(rules->tables.arg, RULES_FLOWS, &keys[i]);
			continue;
		}
		*cut_at(names, names->flow_count++) =
			(struct cut_flow){ keys[i].flow, entry.end_boot_ns, entry.rule,
					   entry.layer };
	}
	return count < 0 ? (int)count : 0;
}

size_t rules_flows_count(const struct rules *rules)
{
	return rules->names->flow_count;
}
