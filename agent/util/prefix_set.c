/*
 * Sets of prefixes as they are read: search, and the difference of two. An IPv4 entry is one word,
 * its address above its length, so that the order of the words is that of the set.
 */
#include "agent/util/prefix_set_internal.h"

#include <string.h>

#include "agent/util/addr.h"

/* ---- words of an entry ---- */

uint64_t prefix_big_endian(const uint8_t *bytes, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++)
		value = value << 8 | bytes[i];
	return value;
}

void prefix_put_big_endian(uint8_t *bytes, size_t count, uint64_t value)
{
	for (size_t i = count; i > 0; i--, value >>= 8)
		bytes[i - 1] = (uint8_t)value;
}

/* The upper @len of 64 bits. */
static uint64_t mask_of(unsigned int len)
{
	return len ? ~0ULL << (64 - len) : 0;
}

uint64_t prefix_four(const struct prefix *prefix)
{
	return prefix_big_endian(prefix->addr.bytes + 12, 4) << 8 | prefix->len;
}

struct prefix_six prefix_six_of(const struct prefix *prefix)
{
	return (struct prefix_six){
		.high = prefix_big_endian(prefix->addr.bytes, 8),
		.low = prefix_big_endian(prefix->addr.bytes + 8, 8),
		.len = prefix->len,
	};
}

struct prefix prefix_from_four(uint64_t word)
{
	uint8_t network[4];

	prefix_put_big_endian(network, sizeof(network), word >> 8);
	return (struct prefix){ .addr = addr_from_ipv4(network), .len = (uint8_t)word };
}

struct prefix prefix_from_six(const struct prefix_six *entry)
{
	uint8_t network[16];

	prefix_put_big_endian(network, 8, entry->high);
	prefix_put_big_endian(network + 8, 8, entry->low);
	return (struct prefix){ .addr = addr_from_ipv6(network), .len = (uint8_t)entry->len };
}

uint64_t prefix_four_cut(uint64_t word, unsigned int len)
{
	return (word >> 8 & mask_of(len) >> 32) << 8 | len;
}

struct prefix_six prefix_six_cut(const struct prefix_six *entry, unsigned int len)
{
	return (struct prefix_six){
		.high = entry->high & mask_of(len < 64 ? len : 64),
		.low = entry->low & mask_of(len < 64 ? 0 : len - 64),
		.len = len,
	};
}

int prefix_six_compare(const void *a, const void *b)
{
	const struct prefix_six *left = a, *right = b;

	if (left->high != right->high)
		return left->high < right->high ? -1 : 1;
	if (left->low != right->low)
		return left->low < right->low ? -1 : 1;
	return (left->len > right->len) - (left->len < right->len);
}

bool prefix_is_valid(const struct prefix *prefix)
{
	if (prefix->addr.family == ADDR_IPV4)
		return prefix->len <= 32 &&
		       prefix_four_cut(prefix_four(prefix), prefix->len) == prefix_four(prefix);
	if (prefix->addr.family == ADDR_IPV6 && prefix->len <= 128) {
		struct prefix_six entry = prefix_six_of(prefix),
				  cut = prefix_six_cut(&entry, prefix->len);

		return !prefix_six_compare(&entry, &cut);
	}
	return false;
}

/* ---- order and search ---- */

bool prefix_four_is_sorted(const uint64_t *four, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (four[i - 1] >= four[i])
			return false;
	return true;
}

/* The first of @count entries in order that is not before @word. */
size_t prefix_four_from(const uint64_t *four, size_t count, uint64_t word)
{
	size_t low = 0;

	while (count) {
		size_t half = count / 2;

		if (four[low + half] < word) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return low;
}

size_t prefix_six_from(const struct prefix_six *six, size_t count, const struct prefix_six *entry)
{
	size_t low = 0;

	while (count) {
		size_t half = count / 2;

		if (prefix_six_compare(&six[low + half], entry) < 0) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return low;
}

size_t prefix_four_find(const uint64_t *four, size_t count, uint64_t word)
{
	size_t at = prefix_four_from(four, count, word);

	return at < count && four[at] == word ? at : PREFIX_SET_NONE;
}

size_t prefix_six_find(const struct prefix_six *six, size_t count, const struct prefix_six *entry)
{
	size_t at = prefix_six_from(six, count, entry);

	return at < count && !prefix_six_compare(&six[at], entry) ? at : PREFIX_SET_NONE;
}

/* ---- reading ---- */

size_t prefix_set_len(const struct prefix_set *set)
{
	return set ? set->entries.count4 + set->entries.count6 : 0;
}

struct prefix prefix_set_at(const struct prefix_set *set, size_t index)
{
	const struct prefix_entries *entries = &set->entries;

	if (index < entries->count4)
		return prefix_from_four(entries->four[index]);
	return prefix_from_six(&entries->six[index - entries->count4]);
}

struct prefix_set_counts prefix_set_counts(const struct prefix_set *set)
{
	const struct prefix_entries *entries;

	if (!set)
		return (struct prefix_set_counts){ 0 };
	entries = &set->entries;
	return (struct prefix_set_counts){
		.exact4 = entries->exact4,
		.prefix4 = entries->count4 - entries->exact4,
		.exact6 = entries->exact6,
		.prefix6 = entries->count6 - entries->exact6,
	};
}

size_t prefix_set_find(const struct prefix_set *set, const struct prefix *prefix)
{
	const struct prefix_entries *entries;
	struct prefix_six entry;
	size_t at;

	if (!set || !prefix_is_valid(prefix))
		return PREFIX_SET_NONE;
	entries = &set->entries;
	if (prefix->addr.family == ADDR_IPV4)
		return prefix_four_find(entries->four, entries->count4, prefix_four(prefix));
	entry = prefix_six_of(prefix);
	at = prefix_six_find(entries->six, entries->count6, &entry);
	return at == PREFIX_SET_NONE ? at : entries->count4 + at;
}

bool prefix_set_has(const struct prefix_set *set, const struct prefix *prefix)
{
	return prefix_set_find(set, prefix) != PREFIX_SET_NONE;
}

/* The entry of length @len that holds @prefix. */
static bool holder_of_len(const struct prefix_set *set, const struct prefix *prefix,
			  unsigned int len, struct prefix *holder)
{
	const struct prefix_entries *entries = &set->entries;
	struct prefix_six entry;

	if (prefix->addr.family == ADDR_IPV4) {
		uint64_t word = prefix_four_cut(prefix_four(prefix), len);

		if (!(entries->lens4 >> len & 1) ||
		    prefix_four_find(entries->four, entries->count4, word) == PREFIX_SET_NONE)
			return false;
		*holder = prefix_from_four(word);
		return true;
	}
	if (!(entries->lens6[len / 64] >> len % 64 & 1))
		return false;
	entry = prefix_six_of(prefix);
	entry = prefix_six_cut(&entry, len);
	if (prefix_six_find(entries->six, entries->count6, &entry) == PREFIX_SET_NONE)
		return false;
	*holder = prefix_from_six(&entry);
	return true;
}

bool prefix_set_holder(const struct prefix_set *set, const struct prefix *prefix,
		       struct prefix *holder)
{
	if (!set || !prefix_is_valid(prefix))
		return false;
	for (unsigned int len = prefix->len + 1U; len > 0; len--)
		if (holder_of_len(set, prefix, len - 1, holder))
			return true;
	return false;
}

bool prefix_set_overlapping(const struct prefix_set *set, const struct prefix *prefix,
			    struct prefix *found)
{
	const struct prefix_entries *entries;
	struct prefix_six entry;
	size_t at;

	if (!set || !prefix_is_valid(prefix))
		return false;
	entries = &set->entries;
	for (unsigned int len = 0; len <= prefix->len; len++)
		if (holder_of_len(set, prefix, len, found))
			return true;
	/* what lies in it follows it in the order */
	if (prefix->addr.family == ADDR_IPV4) {
		at = prefix_four_from(entries->four, entries->count4, prefix_four(prefix));
		if (at == entries->count4)
			return false;
		*found = prefix_from_four(entries->four[at]);
	} else {
		entry = prefix_six_of(prefix);
		at = prefix_six_from(entries->six, entries->count6, &entry);
		if (at == entries->count6)
			return false;
		*found = prefix_from_six(&entries->six[at]);
	}
	return prefix_has_addr(prefix, &found->addr);
}
/* ---- difference ---- */

/* As memcmp of entry @i of @a and entry @j of @b; past the end comes last. */
static int order_of(const struct prefix_set *a, size_t i, const struct prefix_set *b, size_t j)
{
	bool ends_a = i >= prefix_set_len(a), ends_b = j >= prefix_set_len(b);
	bool four_a, four_b;

	if (ends_a || ends_b)
		return ends_a - ends_b;
	four_a = i < a->entries.count4;
	four_b = j < b->entries.count4;
	if (four_a && four_b)
		return (a->entries.four[i] > b->entries.four[j]) -
		       (a->entries.four[i] < b->entries.four[j]);
	if (four_a || four_b)
		return four_a ? -1 : 1;
	return prefix_six_compare(&a->entries.six[i - a->entries.count4],
				  &b->entries.six[j - b->entries.count4]);
}

int prefix_set_diff_look(struct prefix_set_diff *diff, size_t *left, struct prefix *prefix)
{
	for (; *left; --*left) {
		int order = order_of(diff->before, diff->at_before, diff->after, diff->at_after);

		if (order < 0) {
			*prefix = prefix_set_at(diff->before, diff->at_before++);
			return -1;
		}
		if (order > 0) {
			*prefix = prefix_set_at(diff->after, diff->at_after++);
			return 1;
		}
		if (diff->at_before >= prefix_set_len(diff->before))
			return 0;
		diff->at_before++;
		diff->at_after++;
	}
	return PREFIX_SET_DIFF_MORE;
}

int prefix_set_diff_next(struct prefix_set_diff *diff, struct prefix *prefix)
{
	size_t left = SIZE_MAX; /* more than two sets have */

	return prefix_set_diff_look(diff, &left, prefix);
}
