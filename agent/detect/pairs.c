/*
 * The bounded table of pairs: sets of eight, no lists, everything allocated at the beginning.
 */
#include "agent/detect/pairs.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"

#define HOUR_NS (PAIR_MEMORY_S * 1000000000ULL)
#define HOUR_MS (PAIR_MEMORY_S * 1000)
/* So many ports in 10 s are a fast scan: the floor of facts: detection, starting values. */
#define FAST_MS	   10000
#define FAST_PORTS 20
/* A case not used for this long may be taken away for another pair. */
#define CASE_IDLE_NS 10000000000ULL

int pairs_init(struct pairs *pairs, unsigned int max)
{
	uint32_t count;

	*pairs = (struct pairs){ .set_count = (max + PAIR_WAYS - 1) / PAIR_WAYS };
	count = pairs->set_count * PAIR_WAYS;
	crypto_random(&pairs->seed, sizeof(pairs->seed));
	pairs->pairs = calloc(count, sizeof(*pairs->pairs));
	pairs->tags = calloc(count, sizeof(*pairs->tags));
	pairs->dirty = calloc(count, sizeof(*pairs->dirty));
	pairs->cases = calloc(PAIR_CASES, sizeof(*pairs->cases));
	if (!pairs->pairs || !pairs->tags || !pairs->dirty || !pairs->cases)
		return -ENOMEM;
	for (unsigned int i = 0; i < PAIR_CASES; i++)
		pairs->cases[i].owner = PAIR_NONE;
	return 0;
}

void pairs_done(struct pairs *pairs)
{
	free(pairs->pairs);
	free(pairs->tags);
	free(pairs->dirty);
	free(pairs->cases);
}

struct pair_case *pair_case_of(const struct pairs *pairs, const struct pair *pair)
{
	return pair->pair_case == PAIR_NONE ? NULL : &pairs->cases[pair->pair_case];
}

static void release_case(struct pairs *pairs, struct pair *pair)
{
	struct pair_case *pair_case = pair_case_of(pairs, pair);

	if (pair_case)
		pair_case->owner = PAIR_NONE;
	pair->pair_case = PAIR_NONE;
}

/* Everything it tried is forgotten; what was said of it is not. */
static void restart(struct pairs *pairs, struct pair *pair)
{
	release_case(pairs, pair);
	pair->count = 0;
	pair->answered = 0;
	pair->newest_ns = pair->last_new_ns = pair->reported_ns = 0;
}

/* ---- finding a pair ---------------------------------------------------------------------------
 */

static uint64_t hash_pair(const struct pairs *pairs, const struct addr *src, const struct addr *dst,
			  uint8_t proto)
{
	return addr_hash(dst, addr_hash(src, pairs->seed ^ proto));
}

static uint32_t set_of(const struct pairs *pairs, uint64_t hash)
{
	return (uint32_t)(hash % pairs->set_count) * PAIR_WAYS;
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static struct pair *find_pair(const struct pairs *pairs, const struct addr *src,
			      const struct addr *dst, uint8_t proto)
{
	uint64_t hash = hash_pair(pairs, src, dst, proto);
	uint32_t set = set_of(pairs, hash);

	for (uint32_t i = set; i < set + PAIR_WAYS; i++) {
		struct pair *pair = &pairs->pairs[i];

		if (pairs->tags[i] == tag_of(hash) && pair->proto == proto &&
		    addr_is_equal(&pair->src, src) && addr_is_equal(&pair->dst, dst))
			return pair;
	}
	return NULL;
}

/* How many ports it tried, for the choice of who makes room. */
static uint32_t weight(const struct pairs *pairs, const struct pair *pair)
{
	const struct pair_case *pair_case = pair_case_of(pairs, pair);

	return pair_case && pair_case->is_wide ? pair_case->tried : pair->count;
}

static bool is_lighter(const struct pairs *pairs, const struct pair *a, const struct pair *b)
{
	uint32_t x = weight(pairs, a), y = weight(pairs, b);

	return x != y ? x < y : a->newest_ns < b->newest_ns;
}

static uint32_t make_room(struct pairs *pairs, uint32_t set, uint64_t now_ns)
{
	uint32_t victim = set;

	for (uint32_t i = set; i < set + PAIR_WAYS; i++) {
		/* Free, or its hour is over: nothing is lost. */
		if (!pairs->tags[i] || pairs->pairs[i].newest_ns + HOUR_NS < now_ns)
			return i;
		if (is_lighter(pairs, &pairs->pairs[i], &pairs->pairs[victim]))
			victim = i;
	}
	pairs->full++;
	return victim;
}

static struct pair *make_pair(struct pairs *pairs, const struct flow *flow, uint64_t now_ns)
{
	const struct five_tuple *tuple = &flow->tuple;
	uint64_t hash = hash_pair(pairs, &tuple->src, &tuple->dst, tuple->proto);
	uint32_t number = make_room(pairs, set_of(pairs, hash), now_ns);
	struct pair *pair = &pairs->pairs[number];
	bool is_dirty = pair->is_dirty; /* its number stays in the list */

	if (pairs->tags[number])
		release_case(pairs, pair);
	pairs->tags[number] = tag_of(hash);
	/* Not the whole of it: the ports behind count are not read. */
	memset(pair, 0, offsetof(struct pair, port));
	pair->src = tuple->src;
	pair->dst = tuple->dst;
	pair->proto = tuple->proto;
	pair->is_dirty = is_dirty;
	pair->pair_case = PAIR_NONE;
	return pair;
}

/* ---- cases ------------------------------------------------------------------------------------
 */

static struct pair_case *take_case(struct pairs *pairs, struct pair *pair, uint64_t now_ns)
{
	struct pair_case *oldest = &pairs->cases[0];

	for (unsigned int i = 0; i < PAIR_CASES && oldest->owner != PAIR_NONE; i++) {
		struct pair_case *other = &pairs->cases[i];

		if (other->owner == PAIR_NONE || other->used_ns < oldest->used_ns)
			oldest = other;
	}
	if (oldest->owner != PAIR_NONE) {
		pairs->full++;
		if (oldest->used_ns + CASE_IDLE_NS > now_ns)
			return NULL;
		restart(pairs, &pairs->pairs[oldest->owner]);
	}
	oldest->owner = (uint32_t)(pair - pairs->pairs);
	oldest->is_wide = false;
	oldest->evidence_count = 0;
	oldest->used_ns = now_ns;
	pair->pair_case = (uint32_t)(oldest - pairs->cases);
	return oldest;
}

static void keep_evidence(struct pair_case *pair_case, const struct flow *flow)
{
	unsigned int i = 0;

	while (i < pair_case->evidence_count && pair_case->evidence[i].id != flow->id)
		i++;
	if (i == FINDING_EVIDENCE_MAX)
		return;
	pair_case->evidence[i] = *flow;
	if (i == pair_case->evidence_count)
		pair_case->evidence_count++;
}

static void drop_evidence(struct pair_case *pair_case, uint64_t flow_id)
{
	for (unsigned int i = 0; i < pair_case->evidence_count; i++)
		if (pair_case->evidence[i].id == flow_id)
			pair_case->evidence[i] = pair_case->evidence[--pair_case->evidence_count];
}

/* ---- ports in bitmaps -------------------------------------------------------------------------
 */

static bool bit_set(uint8_t *bits, uint16_t port)
{
	uint8_t bit = (uint8_t)(1U << (port % 8));
	bool was_set = bits[port / 8] & bit;

	bits[port / 8] |= bit;
	return !was_set;
}

static bool bit_clear(uint8_t *bits, uint16_t port)
{
	uint8_t bit = (uint8_t)(1U << (port % 8));
	bool was_set = bits[port / 8] & bit;

	bits[port / 8] &= (uint8_t)~bit;
	return was_set;
}

static void wide_try(struct pair *pair, struct pair_case *pair_case, const struct pair_try *try)
{
	if (bit_set(pair_case->tried_bits, try->port)) {
		pair_case->tried++;
		if (try->at_ns > pair->last_new_ns)
			pair->last_new_ns = try->at_ns;
	}
	if (try->has_answered && bit_set(pair_case->answered_bits, try->port))
		pair_case->answered++;
}

/* From the list of ports to bitmaps. What a fast scan tried before it became one stays behind. */
static void widen(struct pair *pair, struct pair_case *pair_case)
{
	unsigned int fast = 0;
	uint32_t oldest = 0;

	for (unsigned int i = 0; i < pair->count; i++)
		fast += pair_age_ms(pair, i) <= FAST_MS;
	memset(pair_case->tried_bits, 0, sizeof(pair_case->tried_bits));
	memset(pair_case->answered_bits, 0, sizeof(pair_case->answered_bits));
	pair_case->tried = pair_case->answered = 0;
	pair_case->is_wide = true;
	pair_case->is_fast = fast >= FAST_PORTS;
	for (unsigned int i = 0; i < pair->count; i++) {
		const struct pair_try try = { .port = pair->port[i],
					      .has_answered = pair->answered >> i & 1 };

		if (pair_case->is_fast && pair_age_ms(pair, i) > FAST_MS)
			continue;
		wide_try(pair, pair_case, &try);
		if (pair_age_ms(pair, i) > oldest)
			oldest = pair_age_ms(pair, i);
	}
	pair_case->since_ns = pair->newest_ns - oldest * NS_PER_MS;
	/* What was said of the list counted its tries; from now on new ports are what is new. */
	if (pair->reported_ns > pair->last_new_ns)
		pair->reported_ns = pair->last_new_ns;
}

/* ---- ports in the list ------------------------------------------------------------------------
 */

static uint32_t ms_of(uint64_t at_ns)
{
	return (uint32_t)(at_ns / NS_PER_MS);
}

uint32_t pair_age_ms(const struct pair *pair, unsigned int i)
{
	return ms_of(pair->newest_ns) - pair->tried_ms[i];
}

static void remove_port(struct pair *pair, unsigned int i)
{
	unsigned int last = --pair->count;
	uint64_t bit = pair->answered >> last & 1;

	pair->port[i] = pair->port[last];
	pair->tried_ms[i] = pair->tried_ms[last];
	pair->answered = (pair->answered & ~(1ULL << i)) | bit << i;
	pair->answered &= ~(1ULL << last);
}

void pair_prune(struct pair *pair)
{
	for (unsigned int i = pair->count; i-- > 0;)
		if (pair_age_ms(pair, i) > HOUR_MS)
			remove_port(pair, i);
}

static unsigned int find_port(const struct pair *pair, uint16_t port)
{
	unsigned int i = 0;

	while (i < pair->count && pair->port[i] != port)
		i++;
	return i;
}

static unsigned int oldest_port(const struct pair *pair)
{
	unsigned int oldest = 0;

	for (unsigned int i = 1; i < pair->count; i++)
		if (pair_age_ms(pair, i) > pair_age_ms(pair, oldest))
			oldest = i;
	return oldest;
}

static void list_try(struct pair *pair, const struct pair_try *try)
{
	unsigned int i = find_port(pair, try->port);
	uint32_t age = ms_of(pair->newest_ns) - ms_of(try->at_ns);

	assert(i < PAIR_PORTS); /* the caller made room for a new port */
	if (i == pair->count) {
		pair->port[i] = try->port;
		pair->tried_ms[i] = ms_of(try->at_ns);
		pair->answered &= ~(1ULL << i);
		pair->count++;
		if (try->at_ns > pair->last_new_ns)
			pair->last_new_ns = try->at_ns;
	} else if (pair_age_ms(pair, i) > age) {
		pair->tried_ms[i] = ms_of(try->at_ns);
	}
	pair->answered |= (uint64_t)try->has_answered << i;
}

/* ---- the face ---------------------------------------------------------------------------------
 */

static void mark_dirty(struct pairs *pairs, struct pair *pair)
{
	if (pair->is_dirty)
		return;
	pair->is_dirty = true;
	pairs->dirty[pairs->dirty_count++] = (uint32_t)(pair - pairs->pairs);
}

/* An hour without a try, or a pause after a scan: what comes now is another matter. */
static bool is_over(const struct pair *pair, const struct pair_case *pair_case,
		    const struct pair_try *try)
{
	if (pair_case && pair_case->is_wide)
		return try->at_ns > pair->last_new_ns + PAIR_PAUSE_NS;
	return try->at_ns > pair->newest_ns + HOUR_NS;
}

void pairs_try(struct pairs *pairs, const struct flow *flow, const struct pair_try *try)
{
	struct pair *pair = find_pair(pairs, &flow->tuple.src, &flow->tuple.dst, flow->tuple.proto);
	struct pair_case *pair_case;

	if (!pair)
		pair = make_pair(pairs, flow, flow->last_ns);
	else if (is_over(pair, pair_case_of(pairs, pair), try))
		restart(pairs, pair);
	else if (try->at_ns + HOUR_NS < pair->newest_ns)
		return; /* a very old flow: its port was tried outside the window */
	pair_case = pair_case_of(pairs, pair);
	if (!pair_case && pair->count >= PAIR_CASE_AT)
		pair_case = take_case(pairs, pair, flow->last_ns);
	if (pair_case && !pair_case->is_wide && pair->count == PAIR_PORTS &&
	    find_port(pair, try->port) == pair->count)
		widen(pair, pair_case);
	if (pair_case) {
		pair_case->used_ns = flow->last_ns;
		keep_evidence(pair_case, flow);
	}
	if (try->at_ns > pair->newest_ns)
		pair->newest_ns = try->at_ns;
	if (pair_case && pair_case->is_wide) {
		wide_try(pair, pair_case, try);
	} else {
		if (pair->count == PAIR_PORTS && find_port(pair, try->port) == pair->count)
			remove_port(pair, oldest_port(pair)); /* no case to be had: the newest 64 */
		list_try(pair, try);
	}
	mark_dirty(pairs, pair);
}

void pairs_forget(struct pairs *pairs, const struct flow *flow)
{
	struct pair *pair = find_pair(pairs, &flow->tuple.dst, &flow->tuple.src, flow->tuple.proto);
	uint16_t port = flow->tuple.src_port;
	struct pair_case *pair_case;
	unsigned int i;

	if (!pair)
		return;
	pair_case = pair_case_of(pairs, pair);
	if (pair_case)
		drop_evidence(pair_case, flow->id);
	if (pair_case && pair_case->is_wide) {
		pair_case->tried -= bit_clear(pair_case->tried_bits, port);
		pair_case->answered -= bit_clear(pair_case->answered_bits, port);
		return;
	}
	i = find_port(pair, port);
	if (i < pair->count)
		remove_port(pair, i);
}
