/*
 * A small table under one lock. Who asks is part of the key, as a digest: no session id is kept.
 */
#include "agent/front/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/crypto.h"

#define ENTRIES	 64 /* people x views they watch at once */
#define BODY_MAX (64U << 10)
#define KEY_MAX	 8192 /* a session, a token and a target (guard.h) */

struct shared {
	atomic_uint references;
	struct cached cached; /* last: its body follows */
};

struct entry {
	uint8_t key[CRYPTO_HASH_BYTES];
	uint64_t session_tag, until_ns; /* until 0: free */
	struct shared *shared;
};

struct cache {
	pthread_mutex_t lock;
	struct entry entries[ENTRIES];
};

int cache_new(struct cache **out)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	int error;

	if (!cache)
		return -ENOMEM;
	error = pthread_mutex_init(&cache->lock, NULL);
	if (error) {
		free(cache);
		return -error;
	}
	*out = cache;
	return 0;
}

static void unref(struct shared *shared)
{
	if (shared && atomic_fetch_sub(&shared->references, 1) == 1)
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
	(void)pthread_mutex_lock(&cache->lock); /* a plain mutex cannot fail */
	for (size_t i = 0; i < ENTRIES; i++)
		drop(&cache->entries[i]);
	(void)pthread_mutex_unlock(&cache->lock);
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	cache_clear(cache);
	(void)pthread_mutex_destroy(&cache->lock); /* nobody holds it any more */
	free(cache);
}

void cache_forget(struct cache *cache, uint64_t session_tag)
{
	(void)pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < ENTRIES; i++)
		if (cache->entries[i].until_ns && cache->entries[i].session_tag == session_tag)
			drop(&cache->entries[i]);
	(void)pthread_mutex_unlock(&cache->lock);
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
	(void)pthread_mutex_lock(&cache->lock);
	entry = find(cache, key);
	if (entry && now_ns < entry->until_ns) {
		atomic_fetch_add(&entry->shared->references, 1);
		found = &entry->shared->cached;
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return found;
}

static struct shared *copy(const struct response *response)
{
	struct shared *shared = malloc(sizeof(*shared) + response->body_len + 1);

	if (!shared)
		return NULL;
	atomic_init(&shared->references, 1);
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
	(void)pthread_mutex_lock(&cache->lock);
	place = take_place(cache, key);
	drop(place);
	memcpy(place->key, key, sizeof(key));
	place->session_tag = response->session_tag;
	place->until_ns = now_ns + keep_ms * NS_PER_MS;
	place->shared = shared;
	(void)pthread_mutex_unlock(&cache->lock);
}
