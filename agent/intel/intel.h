/*
 * Feeds: lists that are fetched again and again by a process of their own (the `fetch` role: one
 * request, no file, no database), turned into lines and handed to the block service as a list's
 * next version. What a server does harms nothing: the last good version stays in force. Owned by
 * the service thread; fetching runs on a jobs thread.
 */
#ifndef SLUICE_INTEL_INTEL_H
#define SLUICE_INTEL_INTEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/intel/reputation.h"
#include "agent/intel/reverse.h"
#include "agent/util/cleanup.h"
#include "include/feed.h"
#include "include/user.h"

struct block_service;
struct feed_service;
struct prefix_set;
struct store;

#define FEEDS_MAX 64
/* Publishers ask for at most one request an hour; daily is enough for most. */
#define FEED_EVERY_LEAST_S   3600
#define FEED_EVERY_DEFAULT_S 86400
#define FEED_TIME_MOST_S     (366LL * 86400) /* of every and lifetime */

struct feed_options {
	struct store *store;
	struct block_service *block;
	bool allow_private; /* servers on private addresses and loopback, by configuration */
	/* ask for a fetch process; its socket comes to feed_service_take_fetch */
	int (*ask_fetch)(void *arg);
	int (*run)(void *arg, void (*work)(void *job), void (*done)(void *job), void *job);
	void *arg;
};

int feed_service_new(const struct feed_options *options, struct feed_service **out);
/* feed_service_stop - what is under way ends soon; before its jobs thread is stopped. */
void feed_service_stop(struct feed_service *service);
void feed_service_free(struct feed_service *service); /* accepts NULL */
DEFINE_CLEANUP(feed_service_free, struct feed_service)
/* feed_service_tick - once a second: begins what is due, one at a time. */
void feed_service_tick(struct feed_service *service);
/* feed_service_take_fetch - takes @fd, or -1: none can be had. */
void feed_service_take_fetch(struct feed_service *service, int fd);

/* feed_add - name, url, action, every_s, lifetime_s, author; sets id; fetched soon. -EINVAL with
 * @field (static) at fault, -EEXIST: the name is a feed's or a list's; -ENOSPC: FEEDS_MAX are
 * there. */
int feed_add(struct feed_service *service, struct feed *feed, const char **field);
/* feed_remove - with its list, by @who. -ENOENT. */
int feed_remove(struct feed_service *service, const struct principal *who, const char *name);
/* feed_refresh - soon; @is_accepted: also when it was held. -ENOENT. */
int feed_refresh(struct feed_service *service, const char *name, bool is_accepted);
/* What a feed would do, before it is one. */
enum feed_preview_state {
	FEED_PREVIEW_NONE,
	FEED_PREVIEW_FETCHING,
	FEED_PREVIEW_READY,
	FEED_PREVIEW_FAILED
};

struct feed_preview {
	uint8_t state; /* enum feed_preview_state */
	char url[FEED_URL_MAX];
	char error[FEED_ERROR_MAX];
	size_t lines, refused;
	struct prefix_set *set; /* READY; what the safe list holds is not in it */
};

/* feed_preview_ask - fetch @url once and read it; replaces the preview before. -EINVAL: no address;
 * -EBUSY: one is being fetched. */
int feed_preview_ask(struct feed_service *service, const char *url);
/* feed_preview - kept for five minutes; borrowed until the service thread goes on; take a reference
 * of its set. */
const struct feed_preview *feed_preview(const struct feed_service *service);
/* feed_list - with what is under way. Returns the count or -errno. */
int feed_list(struct feed_service *service, struct feed *out, size_t max);
bool feed_is_fetching(const struct feed_service *service, int64_t id);
/* feed_server - what those may see of @url who may not see keys: they stand in its path, its query
 * or before an '@'. Returns @out. */
const char *feed_server(const char *url, char out[static FEED_URL_MAX]);
/* feed_expires_unix_ms - when its list ends unless it is fetched before; 0: never. */
int64_t feed_expires_unix_ms(const struct feed *feed);
const char *feed_state_name(uint8_t state); /* static; "" for none */

/* intel_fetch - the fetch role: one request of core on @fd, its answer back. http_load was called.
 * Returns 0 or -errno. */
int intel_fetch(int fd);

#endif
