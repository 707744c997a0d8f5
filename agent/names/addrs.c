/*
 * Which names an address was seen under: one record per address, name and client, found by the
 * address. Records live as long as their answers' TTL says, within bounds; the oldest makes room.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/names/internal.h"
#include "agent/names/names.h"
#include "agent/util/addr.h"

#define NONE UINT32_MAX
/* Flows last longer than the seconds that some answers claim; and a day is what resolvers keep at
 * most (unbound.conf(5): cache-max-ttl 86400). */
#define TTL_MIN_S 60u
#define TTL_MAX_S 86400u
#define SECOND_NS 1000000000u
/* Names kept per address and client: content networks have thousands on one, few are used at once.
 */
#define PER_ADDR_MAX 64u
#define CHAIN_MAX    16 /* CNAMEs followed; resolvers stop at 8 (BIND) to 17 (unbound) */

struct record {
	struct addr addr;
	struct addr client;
	bool is_lookup; /* from an answer; else used on a flow */
	uint64_t until_ns;
	uint32_t hash_next; /* newest first */
	uint32_t newer, older;
	char name[256]; /* lower case, no final dot */
};

struct addrs {
	uint64_t seed;
	uint32_t max, bucket_count;
	uint32_t touched, free, newest, oldest;
	uint32_t *buckets;
	struct record *records;
};

int addrs_new(unsigned int max, uint64_t seed, struct addrs **out)
{
	CLEANUP(addrs_free) struct addrs *addrs = calloc(1, sizeof(*addrs));

	if (!addrs)
		return -ENOMEM;
	addrs->seed = seed;
	addrs->max = max;
	addrs->bucket_count = 1;
	while (addrs->bucket_count < max)
		addrs->bucket_count *= 2;
	addrs->free = addrs->newest = addrs->oldest = NONE;
	addrs->records = calloc(max, sizeof(*addrs->records));
	addrs->buckets = malloc(addrs->bucket_count * sizeof(*addrs->buckets));
	if (!addrs->records || !addrs->buckets)
		return -ENOMEM;
	memset(addrs->buckets, 0xff, addrs->bucket_count * sizeof(*addrs->buckets));
	*out = TAKE(addrs);
	return 0;
}

void addrs_free(struct addrs *addrs)
{
	if (!addrs)
		return;
	free(addrs->records);
	free(addrs->buckets);
	free(addrs);
}

/* ---- records: a chain per bucket, a list by age ------------------------------------------------
 */

static uint32_t *bucket_of(struct addrs *addrs, const struct addr *addr)
{
	return &addrs->buckets[addr_hash(addr, addrs->seed) & (addrs->bucket_count - 1)];
}

static struct record *at(struct addrs *addrs, uint32_t index)
{
	return index == NONE ? NULL : &addrs->records[index];
}

static void unlink_record(struct addrs *addrs, struct record *record)
{
	uint32_t index = (uint32_t)(record - addrs->records);
	uint32_t *place = bucket_of(addrs, &record->addr);

	while (*place != index)
		place = &addrs->records[*place].hash_next;
	*place = record->hash_next;
	if (record->newer == NONE)
		addrs->newest = record->older;
	else
		addrs->records[record->newer].older = record->older;
	if (record->older == NONE)
		addrs->oldest = record->newer;
	else
		addrs->records[record->older].newer = record->newer;
}

static void link_newest(struct addrs *addrs, struct record *record)
{
	uint32_t index = (uint32_t)(record - addrs->records);
	uint32_t *bucket = bucket_of(addrs, &record->addr);

	record->hash_next = *bucket;
	*bucket = index;
	record->newer = NONE;
	record->older = addrs->newest;
	if (addrs->newest == NONE)
		addrs->oldest = index;
	else
		addrs->records[addrs->newest].newer = index;
	addrs->newest = index;
}

static void forget(struct addrs *addrs, struct record *record)
{
	unlink_record(addrs, record);
	record->addr.family = ADDR_NONE;
	record->hash_next = addrs->free;
	addrs->free = (uint32_t)(record - addrs->records);
}

static struct record *take_record(struct addrs *addrs)
{
	uint32_t index = addrs->free;

	assert(addrs->records);
	if (index == NONE && addrs->touched < addrs->max)
		return &addrs->records[addrs->touched++];
	if (index == NONE) {
		index = addrs->oldest;
		forget(addrs, &addrs->records[index]);
	}
	addrs->free = addrs->records[index].hash_next;
	return &addrs->records[index];
}

/* The record to write: the same one, or a new one; the oldest of a crowded address goes. */
static struct record *record_for(struct addrs *addrs, const struct record *wanted)
{
	struct record *last = NULL;
	unsigned int count = 0;

	for (struct record *r = at(addrs, *bucket_of(addrs, &wanted->addr)); r;
	     r = at(addrs, r->hash_next)) {
		if (!addr_is_equal(&r->addr, &wanted->addr))
			continue;
		if (addr_is_equal(&r->client, &wanted->client) &&
		    strcmp(r->name, wanted->name) == 0) {
			unlink_record(addrs, r);
			return r;
		}
		last = r;
		count++;
	}
	if (last && count >= PER_ADDR_MAX)
		forget(addrs, last);
	return take_record(addrs);
}

static void learn(struct addrs *addrs, struct record *wanted, const char *name)
{
	size_t len = strlen(name);
	struct record *record;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof(wanted->name))
		return; /* escapes made it longer than a name can be: nobody blocks it */
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		wanted->name[i] = c;
	}
	wanted->name[len] = '\0';
	record = record_for(addrs, wanted);
	if (record->addr.family != ADDR_NONE && record->is_lookup)
		wanted->is_lookup = true; /* the same name, also used on a flow */
	*record = *wanted;
	link_newest(addrs, record);
}

/* ---- what answers and flows teach ---------------------------------------------------------------
 */

void addrs_learn_answer(struct addrs *addrs, const struct addr *client,
			const struct dns_message *message, uint64_t now_ns)
{
	const char *names[CHAIN_MAX];
	unsigned int count = 0;

	if (message->question_count == 0)
		return;
	names[count++] = message->questions[0].name;
	for (unsigned int i = 0; i < message->answer_count; i++) {
		const struct dns_record *answer = &message->answers[i];
		uint32_t ttl_s = answer->ttl_s < TTL_MIN_S ? TTL_MIN_S : answer->ttl_s;
		struct record wanted = { .addr = answer->addr,
					 .client = *client,
					 .is_lookup = true };
		bool is_asked = false;

		for (unsigned int k = 0; k < count && !is_asked; k++)
			is_asked = strcasecmp(names[k], answer->name) == 0;
		if (!is_asked)
			continue; /* not asked for: an address would be believed from anyone */
		if (answer->type == 5 && count < CHAIN_MAX) /* CNAME */
			names[count++] = answer->rdata;
		if (answer->addr.family == ADDR_NONE)
			continue;
		ttl_s = ttl_s > TTL_MAX_S ? TTL_MAX_S : ttl_s;
		wanted.until_ns = now_ns + (uint64_t)ttl_s * SECOND_NS;
		learn(addrs, &wanted, names[0]);
	}
}

void addrs_learn_flow(struct addrs *addrs, const struct five_tuple *tuple, const char *name,
		      uint64_t now_ns)
{
	struct record wanted = { .addr = tuple->dst,
				 .client = tuple->src,
				 .until_ns = now_ns + (uint64_t)TTL_MAX_S * SECOND_NS };
	struct addr literal;

	if (name[0] != '[' && addr_parse(name, &literal) != 0)
		learn(addrs, &wanted, name);
}

/* ---- what others ask ---------------------------------------------------------------------------
 */

const char *addrs_find(struct addrs *addrs, const struct addr *client, const struct addr *addr,
		       uint64_t now_ns)
{
	for (struct record *r = at(addrs, *bucket_of(addrs, addr)); r;
	     r = at(addrs, r->hash_next)) {
		if (r->is_lookup && r->until_ns > now_ns && addr_is_equal(&r->addr, addr) &&
		    (!client || addr_is_equal(&r->client, client)))
			return r->name;
	}
	return NULL;
}

static bool is_listed(const struct name_addr *list, size_t count, const struct addr *addr)
{
	for (size_t i = 0; i < count; i++) {
		if (addr_is_equal(&list[i].addr, addr))
			return true;
	}
	return false;
}

/* What else was seen there. */
static void find_other(struct addrs *addrs, const char *domain, struct name_addr *out)
{
	for (struct record *r = at(addrs, *bucket_of(addrs, &out->addr)); r;
	     r = at(addrs, r->hash_next)) {
		if (!addr_is_equal(&r->addr, &out->addr) || names_is_under(r->name, domain))
			continue;
		out->is_shared = true;
		memcpy(out->other, r->name, sizeof(out->other));
		return;
	}
}

/* The last two labels. */
static const char *owner_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	while (dot && dot > name && dot[-1] != '.')
		dot--;
	return dot ? dot : name;
}

bool addrs_is_shared(struct addrs *addrs, struct name_addr *about)
{
	struct record *r = at(addrs, *bucket_of(addrs, &about->addr));

	about->is_shared = false;
	while (r && !addr_is_equal(&r->addr, &about->addr))
		r = at(addrs, r->hash_next);
	if (r)
		find_other(addrs, owner_of(r->name), about);
	return about->is_shared;
}

size_t addrs_list(struct addrs *addrs, const char *domain, struct name_addr *out, size_t max)
{
	size_t count = 0;

	for (struct record *r = at(addrs, addrs->newest); r && count < max;
	     r = at(addrs, r->older)) {
		if (!names_is_under(r->name, domain) || is_listed(out, count, &r->addr))
			continue;
		out[count] = (struct name_addr){ .addr = r->addr };
		find_other(addrs, domain, &out[count]);
		count++;
	}
	return count;
}

void addrs_expire(struct addrs *addrs, uint64_t now_ns)
{
	for (uint32_t i = 0; i < addrs->touched; i++) {
		struct record *record = &addrs->records[i];

		if (record->addr.family != ADDR_NONE && record->until_ns <= now_ns)
			forget(addrs, record);
	}
}

bool names_is_under(const char *name, const char *domain)
{
	size_t name_len = strlen(name), len = strlen(domain);

	if (name_len > 0 && name[name_len - 1] == '.')
		name_len--;
	if (len > 0 && domain[len - 1] == '.')
		len--;
	if (len == 0 || len > name_len || strncasecmp(name + name_len - len, domain, len) != 0)
		return false;
	return len == name_len || name[name_len - len - 1] == '.';
}
