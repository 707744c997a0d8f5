/*
 * A part of the store's face (store.h includes it): what others said of addresses and names, kept
 * until it is asked again. Any thread; each write returns when it is on disk.
 */
#ifndef SLUICE_STORE_REPUTATION_H
#define SLUICE_STORE_REPUTATION_H

#include <stddef.h>
#include <stdint.h>

struct reputation;
struct store;

/* store_reputation_put - replaces what was said before; at most REPUTATION_KEPT rows, the oldest
 * go. */
int store_reputation_put(struct store *store, const struct reputation *reputation);
/* store_reputation_get - of all providers, also what has expired. Returns the count. */
int store_reputation_get(struct store *store, const char *value, struct reputation *out,
			 size_t max);

#endif
