/*
 * Addresses to look for.
 */
#include "agent/store/addr_set.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "agent/util/sketch_hash.h"

/* Any fixed number: filters on disk were made with it. */
#define HASH_SEED 0x51c1ceULL

struct member {
	uint8_t bytes[16];
	uint8_t len; /* 0: empty */
};

struct addr_set {
	struct member *slots;
	uint64_t *hashes;
	size_t count;
	size_t mask;
};

uint64_t addr_set_hash(const void *bytes, size_t len)
{
	return hash_bytes(bytes, len, HASH_SEED);
}

static struct member *find(const struct addr_set *set, const void *bytes, size_t len, uint64_t hash)
{
	size_t at = (size_t)hash & set->mask;

	while (set->slots[at].len &&
	       (set->slots[at].len != len || memcmp(set->slots[at].bytes, bytes, len) != 0))
		at = (at + 1) & set->mask;
	return &set->slots[at];
}

static void add(struct addr_set *set, const struct addr *addr)
{
	size_t len = addr->family == ADDR_IPV4 ? 4 : 16;
	const uint8_t *bytes = addr->bytes + 16 - len;
	uint64_t hash = addr_set_hash(bytes, len);
	struct member *member = find(set, bytes, len, hash);

	if (member->len)
		return;
	member->len = (uint8_t)len;
	memcpy(member->bytes, bytes, len);
	set->hashes[set->count++] = hash;
}

int addr_set_new(const struct addr *addrs, size_t count, struct addr_set **out)
{
	CLEANUP(addr_set_free) struct addr_set *set = calloc(1, sizeof(*set));
	size_t slots = 4;

	while (slots < 2 * count)
		slots *= 2;
	if (!set)
		return -ENOMEM;
	set->slots = calloc(slots, sizeof(*set->slots));
	set->hashes = calloc(count + 1, sizeof(*set->hashes)); /* never 0 */
	if (!set->slots || !set->hashes)
		return -ENOMEM;
	set->mask = slots - 1;
	for (size_t i = 0; i < count; i++)
		add(set, &addrs[i]);
	*out = TAKE(set);
	return 0;
}

void addr_set_free(struct addr_set *set)
{
	if (!set)
		return;
	free(set->slots);
	free(set->hashes);
	free(set);
}

bool addr_set_has(const struct addr_set *set, const void *bytes, size_t len)
{
	if (len != 4 && len != 16)
		return false;
	return find(set, bytes, len, set->count > 1 ? addr_set_hash(bytes, len) : set->hashes[0])
		->len;
}

const uint64_t *addr_set_hashes(const struct addr_set *set, size_t *count)
{
	*count = set->count;
	return set->hashes;
}

static void match(sqlite3_context *context, int count, sqlite3_value **values)
{
	const struct addr_set *set = sqlite3_value_pointer(values[0], ADDR_SET_TYPE);
	bool found = false;

	for (int i = 1; set && set->count && i < count && !found; i++) {
		const void *bytes = sqlite3_value_blob(values[i]);

		found = bytes && addr_set_has(set, bytes, (size_t)sqlite3_value_bytes(values[i]));
	}
	sqlite3_result_int(context, found);
}

int addr_set_register(struct sqlite3 *handle)
{
	/* DIRECTONLY: no view or trigger of a changed file may call it */
	return sqlite3_create_function_v2(handle, "addr_match", 3, SQLITE_UTF8 | SQLITE_DIRECTONLY,
					  NULL, match, NULL, NULL, NULL);
}
