/*
 * A part of the store's face (store.h includes it): what others said of addresses and names, kept
 * until it is asked again, and what devices call themselves. Any thread; each write returns when it
 * is on disk.
 */
#ifndef SLUICE_STORE_REPUTATION_H
#define SLUICE_STORE_REPUTATION_H

#include <stddef.h>
#include <stdint.h>

struct device_name;
struct reputation;
struct store;

/* store_reputation_put - replaces what was said before; at most REPUTATION_KEPT rows, the oldest
 * go. */
int store_reputation_put(struct store *store, const struct reputation *reputation);
/* store_reputation_get - of all providers, also what has expired. Returns the count. */
int store_reputation_get(struct store *store, const char *value, struct reputation *out,
			 size_t max);

#define STORE_DEVICES_MAX 8192

/* store_device_put - replaces what was said of these addresses; the longest silent go when there
 * are more than STORE_DEVICES_MAX. */
int store_device_put(struct store *store, const struct device_name *rows, size_t count);
/* store_device_list - those heard last first. Returns the count or -errno. */
int store_device_list(struct store *store, struct device_name *out, size_t max);

#endif
