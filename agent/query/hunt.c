/*
 * Many indicators at once: one hash table, in which a record looks up its addresses, the prefixes
 * of them in the lengths that occur, its names with all their suffixes, and its JA4.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/query/internal.h"
#include "agent/util/addr.h"
#include "include/history.h"

#define NOTHING UINT32_MAX

struct indicator_set {
	struct indicator *indicators;
	uint32_t *slots; /* index of an indicator, NOTHING = free */
	uint32_t *same;	 /* the next indicator of the same value, NOTHING = none */
	size_t count, mask;
	bool lengths4[33], lengths6[129]; /* prefix lengths that occur; exact ones too */
	bool has_names, has_prefix;
	struct addr *addrs;
	size_t addr_count;
};

/* FNV-1a (Fowler, Noll, Vo), 64 bits; names are in lower case on one side, folded on the other. */
static uint64_t hash_text(const char *text, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)text_lower(text[i])) * 0x100000001b3ULL;
	return hash ^ hash >> 29;
}

static uint64_t hash_of(const struct indicator *indicator)
{
	if (indicator->kind == INDICATOR_DOMAIN || indicator->kind == INDICATOR_JA4)
		return hash_text(indicator->text, strlen(indicator->text));
	return addr_hash(&indicator->prefix.addr, indicator->prefix.len);
}

static bool is_same(const struct indicator *a, const struct indicator *b)
{
	return a->kind == b->kind && !strcmp(a->text, b->text);
}

static void insert(struct indicator_set *set, uint32_t index)
{
	const struct indicator *indicator = &set->indicators[index];
	size_t at = hash_of(indicator) & set->mask;

	while (set->slots[at] != NOTHING) {
		if (is_same(&set->indicators[set->slots[at]], indicator)) {
			set->same[index] = set->slots[at];
			break;
		}
		at = (at + 1) & set->mask;
	}
	set->slots[at] = index;
}

static void note_kind(struct indicator_set *set, const struct indicator *indicator)
{
	const struct prefix *prefix = &indicator->prefix;

	if (indicator->kind == INDICATOR_DOMAIN || indicator->kind == INDICATOR_JA4) {
		set->has_names = true;
		return;
	}
	if (prefix->addr.family == ADDR_IPV4)
		set->lengths4[prefix->len] = true;
	else
		set->lengths6[prefix->len] = true;
	if (indicator->kind == INDICATOR_ADDRESS)
		set->addrs[set->addr_count++] = prefix->addr;
	else
		set->has_prefix = true;
}

int indicator_set_new(const struct indicator *indicators, size_t count, struct indicator_set **out)
{
	CLEANUP(indicator_set_free) struct indicator_set *set = calloc(1, sizeof(*set));
	size_t size = 16;

	while (size < 2 * count)
		size *= 2;
	if (!set)
		return -ENOMEM;
	set->count = count;
	set->mask = size - 1;
	set->indicators = calloc(count + 1, sizeof(*set->indicators));
	set->slots = malloc(size * sizeof(*set->slots));
	set->same = malloc((count + 1) * sizeof(*set->same));
	set->addrs = calloc(count + 1, sizeof(*set->addrs));
	if (!set->indicators || !set->slots || !set->same || !set->addrs)
		return -ENOMEM;
	if (count)
		memcpy(set->indicators, indicators, count * sizeof(*indicators));
	memset(set->slots, 0xff, size * sizeof(*set->slots));
	memset(set->same, 0xff, (count + 1) * sizeof(*set->same));
	for (size_t i = 0; i < count; i++) {
		note_kind(set, &set->indicators[i]);
		insert(set, (uint32_t)i);
	}
	*out = TAKE(set);
	return 0;
}

void indicator_set_free(struct indicator_set *set)
{
	if (!set)
		return;
	free(set->indicators);
	free(set->slots);
	free(set->same);
	free(set->addrs);
	free(set);
}

const struct indicator *indicator_set_list(const struct indicator_set *set)
{
	return set->indicators;
}

bool indicator_set_needs_texts(const struct indicator_set *set)
{
	return set->has_names;
}

size_t indicator_set_addrs(const struct indicator_set *set, const struct addr **addrs)
{
	*addrs = set->addrs;
	return set->has_names || set->has_prefix ? 0 : set->addr_count;
}

/* A record's hits on their way to the caller. */
struct hits {
	const struct indicator_set *set;
	const struct flow_record *record;
	indicator_hit_fn hit;
	void *arg;
	size_t count;
};

static void tell(struct hits *hits, uint32_t index)
{
	for (uint32_t at = index; at != NOTHING; at = hits->set->same[at]) {
		hits->count++;
		hits->hit(hits->arg, at, hits->record);
	}
}

static bool is_prefix(const struct indicator *indicator, const struct addr *addr, unsigned int len)
{
	return (indicator->kind == INDICATOR_ADDRESS || indicator->kind == INDICATOR_PREFIX) &&
	       indicator->prefix.len == len && addr_is_equal(&indicator->prefix.addr, addr);
}

/* The first indicator of exactly this prefix, or NOTHING. */
static uint32_t find_prefix(const struct indicator_set *set, const struct addr *addr,
			    unsigned int len)
{
	size_t at = addr_hash(addr, len) & set->mask;

	for (; set->slots[at] != NOTHING; at = (at + 1) & set->mask)
		if (is_prefix(&set->indicators[set->slots[at]], addr, len))
			return set->slots[at];
	return NOTHING;
}

static void cut_addr(struct addr *addr, unsigned int len)
{
	unsigned int bits = len + (addr->family == ADDR_IPV4 ? 96 : 0);

	for (unsigned int byte = bits / 8; byte < 16; byte++)
		addr->bytes[byte] &= byte == bits / 8 ? (uint8_t)(0xff00 >> bits % 8) : 0;
}

/* @other: the record's other address; a prefix that holds both is told for the first. */
static void match_addr(struct hits *hits, const struct addr *addr, const struct addr *other)
{
	const struct indicator_set *set = hits->set;
	bool is_v4 = addr->family == ADDR_IPV4;
	const bool *lengths = is_v4 ? set->lengths4 : set->lengths6;

	for (unsigned int len = 0; len <= (is_v4 ? 32U : 128U); len++) {
		struct addr cut = *addr, other_cut = *other;
		uint32_t index;

		if (!lengths[len])
			continue;
		cut_addr(&cut, len);
		index = find_prefix(set, &cut, len);
		if (index == NOTHING)
			continue;
		if (other->family == addr->family) {
			cut_addr(&other_cut, len);
			if (addr == &hits->record->tuple.dst && addr_is_equal(&cut, &other_cut))
				continue;
		}
		tell(hits, index);
	}
}

static uint32_t find_text(const struct indicator_set *set, enum indicator_kind kind,
			  const char *text, size_t len)
{
	size_t at = hash_text(text, len) & set->mask;

	for (; set->slots[at] != NOTHING; at = (at + 1) & set->mask) {
		const struct indicator *indicator = &set->indicators[set->slots[at]];

		if (indicator->kind == kind && !strncasecmp(indicator->text, text, len) &&
		    !indicator->text[len])
			return set->slots[at];
	}
	return NOTHING;
}

/* The name and every name above it; of @before, the record's other name, they were told already. */
static void match_name(struct hits *hits, const char *name, const char *before)
{
	if (!name || !*name || (before && !strcasecmp(name, before)))
		return;
	for (const char *at = name; at; at = strchr(at, '.')) {
		size_t len;
		uint32_t index;

		at += *at == '.';
		len = strlen(at);
		index = find_text(hits->set, INDICATOR_DOMAIN, at, len);
		if (index != NOTHING &&
		    !(before && strlen(before) >= len &&
		      !strcasecmp(before + strlen(before) - len, at) &&
		      (strlen(before) == len || before[strlen(before) - len - 1] == '.')))
			tell(hits, index);
	}
}

size_t indicator_set_match(const struct indicator_set *set, const struct flow_record *record,
			   const struct flow_texts *texts, indicator_hit_fn hit, void *arg)
{
	struct hits hits = { .set = set, .record = record, .hit = hit, .arg = arg };

	match_addr(&hits, &record->tuple.src, &record->tuple.dst);
	match_addr(&hits, &record->tuple.dst, &record->tuple.src);
	if (!set->has_names || !texts)
		return hits.count;
	match_name(&hits, texts->sni, NULL);
	match_name(&hits, texts->host, texts->sni);
	if (texts->ja4 && *texts->ja4) {
		uint32_t index = find_text(set, INDICATOR_JA4, texts->ja4, strlen(texts->ja4));

		if (index != NOTHING)
			tell(&hits, index);
	}
	return hits.count;
}
