/*
 * Aliases by name: small buckets, found by a hash of the lower-cased text.
 */
#include "agent/app/aliases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "include/name.h"

#define BUCKETS 128
#define WAYS	4

struct alias {
	uint64_t end_ns; /* 0 = free */
	char name[NAME_TEXT_MAX], target[NAME_TEXT_MAX];
};

struct aliases {
	struct alias at[BUCKETS][WAYS];
};

/* FNV-1a (Fowler, Noll, Vo), 32 bits. */
static uint32_t hash_of(const char *name)
{
	uint32_t hash = 2166136261U;

	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		hash = (hash ^ (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c)) * 16777619U;
	}
	return hash;
}

int aliases_new(struct aliases **out)
{
	struct aliases *aliases = calloc(1, sizeof(*aliases));

	if (!aliases)
		return -ENOMEM;
	*out = aliases;
	return 0;
}

void aliases_free(struct aliases *aliases)
{
	free(aliases);
}

void aliases_put(struct aliases *aliases, const char *name, const char *target, uint64_t end_ns)
{
	struct alias *bucket = aliases->at[hash_of(name) % BUCKETS], *place = &bucket[0];

	for (int i = 0; i < WAYS; i++) {
		if (bucket[i].end_ns && !strcasecmp(bucket[i].name, name)) {
			place = &bucket[i];
			break;
		}
		if (bucket[i].end_ns < place->end_ns)
			place = &bucket[i];
	}
	place->end_ns = end_ns;
	(void)snprintf(place->name, sizeof(place->name), "%s", name);	    /* of that size */
	(void)snprintf(place->target, sizeof(place->target), "%s", target); /* as well */
}

const char *aliases_find(const struct aliases *aliases, const char *name, uint64_t now_ns)
{
	const struct alias *bucket = aliases->at[hash_of(name) % BUCKETS];

	for (int i = 0; i < WAYS; i++)
		if (bucket[i].end_ns > now_ns && !strcasecmp(bucket[i].name, name))
			return bucket[i].target;
	return NULL;
}
