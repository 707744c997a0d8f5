/*
 * A sorted set of prefixes: the content of one version of a blocklist. Immutable once built and
 * counted by reference, so that threads share it without a copy. 8 bytes an IPv4 prefix, 24 an
 * IPv6 one. The names of that version ride along.
 */
#ifndef SLUICE_UTIL_PREFIX_SET_H
#define SLUICE_UTIL_PREFIX_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"

struct name_set;
struct prefix_set;
struct prefix_set_builder;

/* prefix_set_builder_new - @max: entries at most. NULL without memory. */
struct prefix_set_builder *prefix_set_builder_new(size_t max);
/* prefix_set_builder_add - in any order, twice is once. 0, -ENOSPC beyond max, -ENOMEM,
 * -EINVAL when host bits are set. */
int prefix_set_builder_add(struct prefix_set_builder *builder, const struct prefix *prefix);
/* prefix_set_builder_finish - sorts; frees the builder in any case. NULL without memory. */
struct prefix_set *prefix_set_builder_finish(struct prefix_set_builder *builder);
void prefix_set_builder_free(struct prefix_set_builder *builder); /* accepts NULL */
DEFINE_CLEANUP(prefix_set_builder_free, struct prefix_set_builder)

struct prefix_set *prefix_set_ref(struct prefix_set *set); /* returns @set */
void prefix_set_unref(struct prefix_set *set);		   /* accepts NULL */
DEFINE_CLEANUP(prefix_set_unref, struct prefix_set)

/* prefix_set_attach - takes @names, which may be NULL; before the set is shared. */
void prefix_set_attach(struct prefix_set *set, struct name_set *names);
/* prefix_set_names - borrowed; NULL when there are none. @set may be NULL. */
struct name_set *prefix_set_names(const struct prefix_set *set);

size_t prefix_set_len(const struct prefix_set *set); /* prefixes; NULL: 0 */
/* prefix_set_total - prefixes and names; NULL: 0. */
size_t prefix_set_total(const struct prefix_set *set);
/* prefix_set_at - in order: IPv4 before IPv6, by address, shorter before longer. */
struct prefix prefix_set_at(const struct prefix_set *set, size_t index);
/* Entries by the kind of map that holds them. */
struct prefix_set_counts {
	size_t exact4, prefix4, exact6, prefix6;
};

struct prefix_set_counts prefix_set_counts(const struct prefix_set *set); /* NULL: none */

#define PREFIX_SET_NONE SIZE_MAX

/* prefix_set_find - the index of exactly this prefix; PREFIX_SET_NONE when it is not there. */
size_t prefix_set_find(const struct prefix_set *set, const struct prefix *prefix);
/* prefix_set_has - exactly this prefix; NULL has none. */
bool prefix_set_has(const struct prefix_set *set, const struct prefix *prefix);
/* prefix_set_holder - the longest entry that holds all of @prefix. False when there is none. */
bool prefix_set_holder(const struct prefix_set *set, const struct prefix *prefix,
		       struct prefix *holder);
/* prefix_set_overlapping - the first entry that holds @prefix or lies in it. */
bool prefix_set_overlapping(const struct prefix_set *set, const struct prefix *prefix,
			    struct prefix *found);

/* Walks two sets in order, once each. */
struct prefix_set_diff {
	const struct prefix_set *before, *after;
	size_t at_before, at_after;
};

/* prefix_set_diff_next - the next entry that only one of them has. Returns 1 added, -1 removed,
 * 0 at the end. */
int prefix_set_diff_next(struct prefix_set_diff *diff, struct prefix *prefix);
/* prefix_set_diff_look - the same, but passes at most *@left entries that both have, and takes them
 * off it; PREFIX_SET_DIFF_MORE: none left, go on later. */
int prefix_set_diff_look(struct prefix_set_diff *diff, size_t *left, struct prefix *prefix);
#define PREFIX_SET_DIFF_MORE 2

/* prefix_set_encode - for the store: caller frees; NULL without memory. */
uint8_t *prefix_set_encode(const struct prefix_set *set, size_t *size);
/* prefix_set_decode - 0, -EINVAL for bytes that encode would not have written, -ENOMEM. */
int prefix_set_decode(const uint8_t *data, size_t size, struct prefix_set **out);

#endif
