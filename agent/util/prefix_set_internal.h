/*
 * Entries of a set of prefixes as words, and their order. Only prefix_set*.c includes it.
 */
#ifndef SLUICE_UTIL_PREFIX_SET_INTERNAL_H
#define SLUICE_UTIL_PREFIX_SET_INTERNAL_H

#include <stdatomic.h>

#include "agent/util/prefix_set.h"

struct prefix_six {
	uint64_t high, low; /* host order */
	uint64_t len;
};

/* Entries of both families, in order once sorted; lens: which lengths there are, a bit each. */
struct prefix_entries {
	uint64_t *four; /* address << 8 | length */
	struct prefix_six *six;
	size_t count4, count6;
	size_t exact4, exact6; /* of them */
	uint64_t lens4, lens6[3];
};

struct prefix_set {
	atomic_size_t refs;
	struct prefix_entries entries;
	struct name_set *names; /* NULL: none */
};

struct prefix_set_builder {
	struct prefix_entries entries;
	size_t max, room4, room6;
	size_t sorted4, sorted6; /* so many are in order, each once */
};

/* IPv4 as one word, IPv6 as three; from and to the prefix. */
uint64_t prefix_four(const struct prefix *prefix);
struct prefix_six prefix_six_of(const struct prefix *prefix);
struct prefix prefix_from_four(uint64_t word);
struct prefix prefix_from_six(const struct prefix_six *entry);
/* The prefix of the first @len bits. */
uint64_t prefix_four_cut(uint64_t word, unsigned int len);
struct prefix_six prefix_six_cut(const struct prefix_six *entry, unsigned int len);
/* prefix_is_valid - a family, a length within it, host bits zero. */
bool prefix_is_valid(const struct prefix *prefix);

/* prefix_six_compare - as memcmp, of two struct prefix_six. */
int prefix_six_compare(const void *a, const void *b);
/* prefix_four_is_sorted - in order, each once. */
bool prefix_four_is_sorted(const uint64_t *four, size_t count);
/* The first of @count entries in order that is not before the given one. */
size_t prefix_four_from(const uint64_t *four, size_t count, uint64_t word);
size_t prefix_six_from(const struct prefix_six *six, size_t count, const struct prefix_six *entry);
/* Where it is among @count in order, or PREFIX_SET_NONE. */
size_t prefix_four_find(const uint64_t *four, size_t count, uint64_t word);
size_t prefix_six_find(const struct prefix_six *six, size_t count, const struct prefix_six *entry);

uint64_t prefix_big_endian(const uint8_t *bytes, size_t count);
void prefix_put_big_endian(uint8_t *bytes, size_t count, uint64_t value);

#endif
