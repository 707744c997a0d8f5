/*
 * A part of the store's face (store.h includes it): feeds in main.db. Any thread; each write
 * returns when it is on disk.
 */
#ifndef SLUICE_STORE_FEEDS_H
#define SLUICE_STORE_FEEDS_H

#include <stddef.h>
#include <stdint.h>

struct feed;
struct store;

int store_feed_insert(struct store *store, struct feed *feed); /* sets id; -EEXIST: the name */
/* store_feed_update - what fetching it changes; -ENOENT. */
int store_feed_update(struct store *store, const struct feed *feed);
int store_feed_delete(struct store *store, int64_t id); /* -ENOENT */
int store_feed_list(struct store *store, struct feed *out, size_t max);

#endif
