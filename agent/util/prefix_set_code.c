/*
 * Sets of prefixes as bytes for the store: a head with both counts, then the entries in order.
 */
#include <errno.h>

#include "agent/util/addr.h"
#include "agent/util/prefix_set_internal.h"

/* Name and version, both counts; then 5 or 17 bytes each: address and length. */
#define CODE_MAGIC  0x31585053U /* "SPX1" */
#define CODE_HEAD   12
#define CODE_ENTRY4 5
#define CODE_ENTRY6 17

uint8_t *prefix_set_encode(const struct prefix_set *set, size_t *size)
{
	const struct prefix_entries *entries = &set->entries;
	size_t len = CODE_HEAD + entries->count4 * CODE_ENTRY4 + entries->count6 * CODE_ENTRY6;
	uint8_t *code = malloc(len), *at = code;

	if (!code)
		return NULL;
	prefix_put_big_endian(at, 4, CODE_MAGIC);
	prefix_put_big_endian(at + 4, 4, entries->count4);
	prefix_put_big_endian(at + 8, 4, entries->count6);
	at += CODE_HEAD;
	for (size_t i = 0; i < entries->count4; i++, at += CODE_ENTRY4)
		prefix_put_big_endian(at, CODE_ENTRY4, entries->four[i]);
	for (size_t i = 0; i < entries->count6; i++, at += CODE_ENTRY6) {
		prefix_put_big_endian(at, 8, entries->six[i].high);
		prefix_put_big_endian(at + 8, 8, entries->six[i].low);
		at[16] = (uint8_t)entries->six[i].len;
	}
	*size = len;
	return code;
}

/* Entry @index of the code, whose first @count4 are IPv4. */
static struct prefix decode_at(const uint8_t *data, size_t count4, size_t index)
{
	struct prefix prefix;
	const uint8_t *at = data + CODE_HEAD;

	if (index < count4) {
		at += index * CODE_ENTRY4;
		prefix.addr = addr_from_ipv4(at);
		prefix.len = at[4];
	} else {
		at += count4 * CODE_ENTRY4 + (index - count4) * CODE_ENTRY6;
		prefix.addr = addr_from_ipv6(at);
		prefix.len = at[16];
	}
	return prefix;
}

static bool is_before(const struct prefix *a, const struct prefix *b)
{
	int order = addr_compare(&a->addr, &b->addr);

	return order ? order < 0 : a->len < b->len;
}

int prefix_set_decode(const uint8_t *data, size_t size, struct prefix_set **out)
{
	CLEANUP(prefix_set_builder_free) struct prefix_set_builder *builder = NULL;
	struct prefix last = { 0 };
	struct prefix_set *set;
	size_t count4, count;

	if (size < CODE_HEAD || prefix_big_endian(data, 4) != CODE_MAGIC)
		return -EINVAL;
	count4 = prefix_big_endian(data + 4, 4);
	count = count4 + prefix_big_endian(data + 8, 4);
	if (size != CODE_HEAD + count4 * CODE_ENTRY4 + (count - count4) * CODE_ENTRY6)
		return -EINVAL;
	builder = prefix_set_builder_new(count);
	if (!builder)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct prefix prefix = decode_at(data, count4, i);
		int err = i && !is_before(&last, &prefix) ? -EINVAL : 0;

		if (!err)
			err = prefix_set_builder_add(builder, &prefix);
		if (err)
			return err;
		last = prefix;
	}
	set = prefix_set_builder_finish(TAKE(builder));
	if (!set)
		return -ENOMEM;
	*out = set;
	return 0;
}
