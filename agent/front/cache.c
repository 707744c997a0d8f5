/*
 * A small table. Who asks is part of the key, as a digest: no session id is kept.
 */
#include "agent/front/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/crypto.h"

#define ENTRIES	 64 /* people x views they watch at once */
#define BODY_MAX (64U << 10)
#define KEY_MAX	 8192 /* a session, a token and a target (guard.h) */

struct shared {
	unsigned int references;
	struct cached cached; /* last: its body follows */
};

struct entry {
	uint8_t key[CRYPTO_HASH_BYTES];
	uint64_t session_tag, until_ns; /* until 0: free */
	struct shared *shared;
};

struct cache {
	struct entry entries[ENTRIES];
};

int cache_new(struct cache **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void unref(struct shared *shared)
{
	if (shared && --shared->references == 0)
		free(shared);
}

void cached_unref(void *cached)
{
	if (cached)
		unref((struct shared *)((char *)cached - offsetof(struct shared, cached)));
}

static void drop(struct entry *entry)
{
	unref(entry->shared);
	*entry = (struct entry){ 0 };
}

void cache_clear(struct cache *cache)
{
	for (size_t i = 0; i < ENTRIES; i++)
		drop(&cache->entries[i]);
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	cache_clear(cache);
	free(cache);
}

void cache_forget(struct cache *cache, uint64_t session_tag)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (cache->entries[i].until_ns && cache->entries[i].session_tag == session_tag)
			drop(&cache->entries[i]);
}

/* -E2BIG: too long to be kept. */
static int make_key(const struct request *request, uint8_t key[static CRYPTO_HASH_BYTES])
{
	char text[KEY_MAX];
	/* none of them has a line feed inside: fields and targets are checked for it (guard.c) */
	int len = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s", request->session, request->bearer,
			   request->path, request->query);

	if (len < 0 || (size_t)len >= sizeof(text))
		return -E2BIG;
	crypto_digest(text, (size_t)len, key);
	crypto_wipe(text, (size_t)len);
	return 0;
}

static struct entry *find(struct cache *cache, const uint8_t key[static CRYPTO_HASH_BYTES])
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (cache->entries[i].until_ns &&
		    memcmp(cache->entries[i].key, key, CRYPTO_HASH_BYTES) == 0)
			return &cache->entries[i];
	return NULL;
}

struct cached *cache_find(struct cache *cache, const struct request *request, uint64_t now_ns)
{
	uint8_t key[CRYPTO_HASH_BYTES];
	struct cached *found = NULL;
	const struct entry *entry;

	if (make_key(request, key))
		return NULL;
	entry = find(cache, key);
	if (entry && now_ns < entry->until_ns) {
		entry->shared->references++;
		found = &entry->shared->cached;
	}
	return found;
}

static struct shared *copy(const struct response *response)
{
	struct shared *shared = malloc(sizeof(*shared) + response->body_len + 1);

	if (!shared)
		return NULL;
	shared->references = 1;
	shared->cached.len = response->body_len;
	(void)snprintf(shared->cached.etag, CACHE_ETAG, "%s", response->etag);
	memcpy(shared->cached.body, response->body, response->body_len);
	return shared;
}

/* The key's own place, else the one whose time is over soonest; free ones first. */
static struct entry *take_place(struct cache *cache, const uint8_t key[static CRYPTO_HASH_BYTES])
{
	struct entry *place = find(cache, key);

	if (place)
		return place;
	place = &cache->entries[0];
	for (size_t i = 0; i < ENTRIES; i++)
		if (cache->entries[i].until_ns < place->until_ns)
			place = &cache->entries[i];
	return place;
}

void cache_put(struct cache *cache, const struct request *request, const struct response *response,
	       uint64_t now_ns)
{
	uint64_t keep_ms = response->keep_ms < CACHE_MS_MAX ? response->keep_ms : CACHE_MS_MAX;
	uint8_t key[CRYPTO_HASH_BYTES];
	struct shared *shared;
	struct entry *place;

	if (!keep_ms || response->status != 200 || !response->session_tag ||
	    response->body_len > BODY_MAX || strlen(response->etag) >= CACHE_ETAG ||
	    make_key(request, key))
		return;
	shared = copy(response);
	if (!shared)
		return;
	place = take_place(cache, key);
	drop(place);
	memcpy(place->key, key, sizeof(key));
	place->session_tag = response->session_tag;
	place->until_ns = now_ns + keep_ms * NS_PER_MS;
	place->shared = shared;
}
