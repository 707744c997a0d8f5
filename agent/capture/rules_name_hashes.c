/*
 * Names of a list as the maps know them: hashes in order, and what two versions differ in.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/rules_names.h"
#include "agent/util/name_set.h"
#include "bpf/hash.h"

#define DIGIT 11 /* bits of the radix sort: six passes over 64, tables of 16 KiB */

bool rules_names_has(const struct name_hashes *hashes, uint64_t hash)
{
	size_t low = 0, count = hashes->count;

	while (count) {
		size_t half = count / 2;

		if (hashes->at[low + half] == hash)
			return true;
		if (hashes->at[low + half] < hash) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return false;
}

static void radix_pass(const uint64_t *from, uint64_t *to, size_t count, unsigned int shift)
{
	size_t at[1 << DIGIT] = { 0 }, sum = 0;

	for (size_t i = 0; i < count; i++)
		at[from[i] >> shift & ((1 << DIGIT) - 1)]++;
	for (size_t digit = 0; digit < 1 << DIGIT; digit++) {
		size_t here = at[digit];

		at[digit] = sum;
		sum += here;
	}
	for (size_t i = 0; i < count; i++)
		to[at[from[i] >> shift & ((1 << DIGIT) - 1)]++] = from[i];
}

static void unique(struct name_hashes *hashes)
{
	size_t kept = 0;

	for (size_t i = 0; i < hashes->count; i++)
		if (!kept || hashes->at[i] != hashes->at[kept - 1])
			hashes->at[kept++] = hashes->at[i];
	hashes->count = kept;
}

int rules_names_hash(uint64_t base, const struct name_set *names, struct name_hashes *out)
{
	size_t count = name_set_len(names);
	CLEANUP(free) uint64_t *hashes = calloc(count + 1, sizeof(*hashes));
	CLEANUP(free) uint64_t *other = calloc(count + 1, sizeof(*other));

	if (!hashes || !other)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const char *name = name_set_at(names, i);

		hashes[i] = name_hash(base, name, (uint32_t)strlen(name));
	}
	for (unsigned int shift = 0; shift < 64; shift += DIGIT) {
		uint64_t *sorted = other;

		radix_pass(hashes, other, count, shift);
		other = hashes;
		hashes = sorted;
	}
	*out = (struct name_hashes){ TAKE(hashes), count };
	unique(out);
	return 0;
}

int rules_names_change(struct names_list *list, uint64_t *hash)
{
	const struct name_hashes *now = &list->now, *next = &list->next;

	while (list->at_now < now->count || list->at_next < next->count) {
		bool has_now = list->at_now < now->count, has_next = list->at_next < next->count;
		uint64_t a = has_now ? now->at[list->at_now] : 0;
		uint64_t b = has_next ? next->at[list->at_next] : 0;
		bool takes_now = has_now && (!has_next || a <= b);
		bool takes_next = has_next && (!has_now || b <= a);

		list->at_now += takes_now;
		list->at_next += takes_next;
		if (takes_now && takes_next)
			continue;
		*hash = takes_now ? a : b;
		return takes_now ? -1 : 1;
	}
	return 0;
}

int rules_names_unite(struct name_hashes *into, const struct name_hashes *from)
{
	struct names_list both = { .now = *into, .next = *from };
	size_t count = 0, room = into->count + from->count;
	uint64_t *at = calloc(room + 1, sizeof(*at));

	if (!at)
		return -ENOMEM;
	while (both.at_now < into->count || both.at_next < from->count) {
		bool has_a = both.at_now < into->count, has_b = both.at_next < from->count;
		uint64_t a = has_a ? into->at[both.at_now] : UINT64_MAX;
		uint64_t b = has_b ? from->at[both.at_next] : UINT64_MAX;

		at[count++] = a < b ? a : b;
		both.at_now += has_a && a <= b;
		both.at_next += has_b && b <= a;
	}
	free(into->at);
	*into = (struct name_hashes){ at, count };
	return 0;
}
