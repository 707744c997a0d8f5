/*
 * A sorted set of domain names: those of one version of a blocklist. Immutable once built and
 * counted by reference, so that threads share it without a copy. A name takes its bytes, its end
 * and 4 more.
 */
#ifndef SLUICE_UTIL_NAME_SET_H
#define SLUICE_UTIL_NAME_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

struct name_set;
struct name_set_builder;

#define NAME_SET_TEXT_MAX 253 /* RFC 1035 2.3.4, as text without the final dot */

/* name_set_builder_new - @max: names at most. NULL without memory. */
struct name_set_builder *name_set_builder_new(size_t max);
/* name_set_builder_add - canonical (lower case, no final dot), in any order, twice is once.
 * 0, -ENOSPC beyond max, -ENOMEM, -EINVAL when empty, too long or with a control character. */
int name_set_builder_add(struct name_set_builder *builder, const char *name);
/* name_set_builder_finish - sorts; frees the builder in any case. NULL without memory. */
struct name_set *name_set_builder_finish(struct name_set_builder *builder);
void name_set_builder_free(struct name_set_builder *builder); /* accepts NULL */
DEFINE_CLEANUP(name_set_builder_free, struct name_set_builder)

struct name_set *name_set_ref(struct name_set *set); /* returns @set; accepts NULL */
void name_set_unref(struct name_set *set);	     /* accepts NULL */
DEFINE_CLEANUP(name_set_unref, struct name_set)

size_t name_set_len(const struct name_set *set); /* NULL: 0 */
/* name_set_at - in byte order; borrowed as long as the set. */
const char *name_set_at(const struct name_set *set, size_t index);
/* name_set_has - exactly this name; NULL has none. */
bool name_set_has(const struct name_set *set, const char *name);
/* name_set_holder - @name itself or the longest one above it; borrowed. NULL: none. */
const char *name_set_holder(const struct name_set *set, const char *name);

/* Walks two sets in order, once each; a set that is NULL is empty. */
struct name_set_diff {
	const struct name_set *before, *after;
	size_t at_before, at_after;
};

/* name_set_diff_next - the next name that only one of them has. Returns 1 added, -1 removed, 0 at
 * the end. */
int name_set_diff_next(struct name_set_diff *diff, const char **name);

/* name_set_encode - for the store: caller frees; NULL without memory. */
uint8_t *name_set_encode(const struct name_set *set, size_t *size);
/* name_set_decode - 0, -EINVAL for bytes that encode would not have written, -ENOMEM. */
int name_set_decode(const uint8_t *data, size_t size, struct name_set **out);

#endif
