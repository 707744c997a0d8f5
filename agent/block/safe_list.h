/*
 * A growing, bounded list of safe entries; what host.c and safe.c exchange. Service thread.
 */
#ifndef SLUICE_BLOCK_SAFE_LIST_H
#define SLUICE_BLOCK_SAFE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "include/block.h"

/* Per list; a router with a thousand addresses fits four times. */
#define SAFE_LIST_MAX 4096

struct safe_list {
	struct safe_entry *items;
	size_t count, capacity;
	size_t refused; /* entries that did not fit */
};

/*
 * safe_list_add - a copy with @note cut to its room; an equal prefix stays once.
 * Returns 0, -ENOMEM, -ENOSPC (counted).
 */
int safe_list_add(struct safe_list *list, const struct prefix *prefix, enum safe_kind kind,
		  const char *note);
bool safe_list_is_equal(const struct safe_list *a, const struct safe_list *b);
void safe_list_done(struct safe_list *list);

static inline void safe_list_done_cleanup(struct safe_list *list)
{
	safe_list_done(list);
}

#endif
