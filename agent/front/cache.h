/*
 * Live answers that core says may be given again for a moment, to the same person for the same
 * question (DESIGN 3: front keeps what core said of a session at most 1 s). One thread; bounded.
 */
#ifndef SLUICE_FRONT_CACHE_H
#define SLUICE_FRONT_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/request.h"

#define CACHE_MS_MAX 1000
#define CACHE_ETAG   32

struct cache;

/* One answer; shared, read only. */
struct cached {
	size_t len;
	char etag[CACHE_ETAG];
	char body[];
};

int cache_new(struct cache **out);
void cache_free(struct cache *cache); /* accepts NULL; answers that are held go on living */
DEFINE_CLEANUP(cache_free, struct cache)

/* cache_find - the answer to @request (a GET), or NULL. The caller lets go with cached_unref. */
struct cached *cache_find(struct cache *cache, const struct request *request, uint64_t now_ns);
void cached_unref(void *cached); /* accepts NULL; for libmicrohttpd, too */

/* cache_put - keep @response for as long as it says, if it says so: 200, JSON, small, of a session.
 */
void cache_put(struct cache *cache, const struct request *request, const struct response *response,
	       uint64_t now_ns);
/* cache_forget - what was answered to this session. */
void cache_forget(struct cache *cache, uint64_t session_tag);
/* cache_clear - everything: core was started again. */
void cache_clear(struct cache *cache);

#endif
