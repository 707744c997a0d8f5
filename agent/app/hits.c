/*
 * Dropped packets by five-tuple and rule.
 */
#include "agent/app/hits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/capture/capture.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/sketch_hash.h"
#include "include/block.h"

/* Soon, for whoever looks at an attack; then as flows are cut (DESIGN 6). */
#define FIRST_NS (5 * NS_PER_S)
#define CUT_NS	 (60 * NS_PER_S)

#define SLOTS (2 * HITS_MAX)

struct dropped {
	uint64_t hash;
	struct flow flow; /* what is not written yet; in "out" */
	int64_t block_id, incident_id;
	uint64_t due_ns;
};

/* What a rule of the datapath stands for. */
struct stands_for {
	int64_t block_id, incident_id;
	char list[BLOCK_LIST_MAX];
};

struct hits {
	struct hits_sink sink;
	struct stands_for *rules; /* BLOCK_RULES_MAX, by rule_id; pages come with use */
	struct dropped dropped[HITS_MAX];
	uint16_t slots[SLOTS]; /* index in @dropped and one; 0 = empty */
	unsigned int count;
	uint64_t seed, full;
};

_Static_assert(HITS_MAX < UINT16_MAX, "a slot holds index and one");

int hits_new(const struct hits_sink *sink, struct hits **out)
{
	CLEANUP(hits_free) struct hits *hits = calloc(1, sizeof(*hits));

	if (!hits)
		return -ENOMEM;
	hits->rules = calloc(BLOCK_RULES_MAX, sizeof(*hits->rules));
	if (!hits->rules)
		return -ENOMEM;
	hits->sink = *sink;
	crypto_random(&hits->seed, sizeof(hits->seed)); /* whoever sends chooses the keys */
	*out = TAKE(hits);
	return 0;
}

void hits_free(struct hits *hits)
{
	if (!hits)
		return;
	free(hits->rules);
	free(hits);
}

void hits_know(struct hits *hits, const struct block_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct stands_for *known = &hits->rules[rules[i].rule_id % BLOCK_RULES_MAX];

		if (rules[i].rule_id >= BLOCK_RULES_MAX)
			continue;
		*known = (struct stands_for){ .block_id = rules[i].block_id,
					      .incident_id = rules[i].incident_id };
		if (rules[i].list)
			(void)snprintf(known->list, sizeof(known->list), "%s", rules[i].list);
	}
}

const char *hits_list_of(const struct hits *hits, uint32_t rule_id)
{
	return hits && rule_id < BLOCK_RULES_MAX ? hits->rules[rule_id].list : "";
}

/* ---- the table ------------------------------------------------------------------------------- */

static bool is_same_tuple(const struct five_tuple *a, const struct five_tuple *b)
{
	return a->src_port == b->src_port && a->dst_port == b->dst_port && a->proto == b->proto &&
	       a->src.family == b->src.family && a->dst.family == b->dst.family &&
	       memcmp(a->src.bytes, b->src.bytes, sizeof(a->src.bytes)) == 0 &&
	       memcmp(a->dst.bytes, b->dst.bytes, sizeof(a->dst.bytes)) == 0;
}

static bool is_same(const struct dropped *dropped, const struct capture_hit *hit, int64_t block_id)
{
	const struct flow *flow = &dropped->flow;

	return dropped->block_id == block_id && flow->iface == hit->iface &&
	       flow->ingress == (hit->direction == DIRECTION_INGRESS) &&
	       is_same_tuple(&flow->tuple, &hit->tuple);
}

static uint64_t hash_of(const struct hits *hits, const struct capture_hit *hit, int64_t block_id)
{
	const struct five_tuple *tuple = &hit->tuple;
	uint64_t hash = hash_bytes(tuple->src.bytes, sizeof(tuple->src.bytes), hits->seed);

	hash = hash_bytes(tuple->dst.bytes, sizeof(tuple->dst.bytes), hash);
	hash = hash_pair(hash, (uint64_t)tuple->src_port << 32 | (uint64_t)tuple->dst_port << 16 |
				       (uint64_t)tuple->proto << 8 | hit->iface);
	return hash_pair(hash, (uint64_t)block_id << 1 | hit->direction);
}

static void place(struct hits *hits, unsigned int index)
{
	unsigned int at = (unsigned int)hits->dropped[index].hash % SLOTS;

	while (hits->slots[at])
		at = (at + 1) % SLOTS;
	hits->slots[at] = (uint16_t)(index + 1);
}

static struct dropped *find(struct hits *hits, const struct capture_hit *hit, int64_t block_id,
			    uint64_t hash)
{
	unsigned int at = (unsigned int)hash % SLOTS;

	for (; hits->slots[at]; at = (at + 1) % SLOTS) {
		struct dropped *dropped = &hits->dropped[hits->slots[at] - 1];

		if (dropped->hash == hash && is_same(dropped, hit, block_id))
			return dropped;
	}
	return NULL;
}

static struct dropped *add(struct hits *hits, const struct capture_hit *hit,
			   const struct stands_for *rule, uint64_t hash)
{
	struct dropped *dropped;

	if (hits->count == HITS_MAX)
		return NULL;
	dropped = &hits->dropped[hits->count];
	*dropped = (struct dropped){
		.hash = hash,
		.block_id = rule->block_id,
		.incident_id = rule->incident_id,
		.due_ns = hit->at_ns + FIRST_NS,
		.flow = { .id = hits->sink.take_id(hits->sink.arg),
			  .tuple = hit->tuple,
			  .iface = hit->iface,
			  .state = FLOW_NEW,
			  .ingress = hit->direction == DIRECTION_INGRESS },
	};
	place(hits, hits->count++);
	return dropped;
}

void hits_take(struct hits *hits, const struct capture_hit *hit, int64_t unix_minus_mono_ms)
{
	static const struct stands_for unknown;
	const struct stands_for *rule =
		hit->rule_id < BLOCK_RULES_MAX ? &hits->rules[hit->rule_id] : &unknown;
	uint64_t hash = hash_of(hits, hit, rule->block_id);
	struct dropped *dropped = find(hits, hit, rule->block_id, hash);

	if (!dropped)
		dropped = add(hits, hit, rule, hash);
	if (!dropped) {
		hits->full++;
		return;
	}
	struct flow *flow = &dropped->flow;
	flow->end_unix_ms = (int64_t)(hit->at_ns / NS_PER_MS) + unix_minus_mono_ms;
	if (!flow->packets_out)
		flow->start_unix_ms = flow->end_unix_ms;
	flow->packets_out++;
	flow->bytes_out += hit->ip_bytes;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_one(const struct hits *hits, struct dropped *dropped)
{
	const struct flow_extra extra = { .verdict = FLOW_DROPPED,
					  .rule_id = (uint32_t)dropped->block_id,
					  .incident_id = dropped->incident_id };

	hits->sink.on_record(hits->sink.arg, &dropped->flow, &extra);
	dropped->flow.packets_out = 0;
	dropped->flow.bytes_out = 0;
}

/* Those that went on since are written, the others forgotten. */
void hits_expire(struct hits *hits, uint64_t now_ns)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < hits->count; i++) {
		struct dropped *dropped = &hits->dropped[i];

		if (now_ns >= dropped->due_ns && !dropped->flow.packets_out)
			continue;
		if (now_ns >= dropped->due_ns) {
			write_one(hits, dropped);
			dropped->due_ns = now_ns + CUT_NS;
		}
		if (kept != i)
			hits->dropped[kept] = *dropped;
		kept++;
	}
	if (kept == hits->count)
		return;
	hits->count = kept;
	memset(hits->slots, 0, sizeof(hits->slots));
	for (unsigned int i = 0; i < kept; i++)
		place(hits, i);
}

void hits_flush(struct hits *hits)
{
	for (unsigned int i = 0; i < hits->count; i++)
		if (hits->dropped[i].flow.packets_out)
			write_one(hits, &hits->dropped[i]);
}

uint64_t hits_full(const struct hits *hits)
{
	return hits->full;
}
