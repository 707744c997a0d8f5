/*
 * Targets as keys of the maps, and the entries behind them.
 */
#include "agent/capture/rules_state.h"

#include <errno.h>
#include <string.h>

#include "agent/util/addr.h"

static const uint8_t *addr_words(const struct prefix *prefix)
{
	return prefix->addr.family == ADDR_IPV4 ? prefix->addr.bytes + 12 : prefix->addr.bytes;
}

static enum rules_map key_of(const struct prefix *prefix, bool is_ipv4, union rules_key *key)
{
	memset(key, 0, sizeof(*key));
	key->prefix4.len = prefix->len;
	if (is_ipv4) {
		memcpy(&key->prefix4.addr, addr_words(prefix), sizeof(key->prefix4.addr));
		return RULES_LPM4;
	}
	memcpy(key->prefix6.addr, addr_words(prefix), sizeof(key->prefix6.addr));
	return RULES_LPM6;
}

enum rules_map rules_key_of(const struct prefix *target, union rules_key *key)
{
	bool is_ipv4 = target->addr.family == ADDR_IPV4;

	if (!prefix_is_exact(target))
		return key_of(target, is_ipv4, key);
	memset(key, 0, sizeof(*key));
	memcpy(key, addr_words(target), is_ipv4 ? 4 : 16);
	return is_ipv4 ? RULES_BLOCK4 : RULES_BLOCK6;
}

enum rules_map rules_safe_key_of(const struct prefix *prefix, union rules_key *key)
{
	return key_of(prefix, prefix->addr.family == ADDR_IPV4, key) == RULES_LPM4 ? RULES_SAFE4
										   : RULES_SAFE6;
}

struct prefix rules_target_of(enum rules_map map, const union rules_key *key)
{
	struct prefix target = { 0 };

	switch (map) {
	case RULES_BLOCK4:
		target.addr = addr_from_ipv4(&key->exact4);
		target.len = 32;
		break;
	case RULES_BLOCK6:
		target.addr = addr_from_ipv6(key->exact6);
		target.len = 128;
		break;
	case RULES_LPM4:
	case RULES_SAFE4:
		target.addr = addr_from_ipv4(&key->prefix4.addr);
		target.len = (uint8_t)key->prefix4.len;
		break;
	default:
		target.addr = addr_from_ipv6(key->prefix6.addr);
		target.len = (uint8_t)key->prefix6.len;
		break;
	}
	return target;
}

bool rules_target_is_valid(const struct prefix *target)
{
	const uint8_t *bytes = addr_words(target);
	unsigned int bits = target->addr.family == ADDR_IPV4 ? 32 : 128;

	if (target->addr.family != ADDR_IPV4 && target->addr.family != ADDR_IPV6)
		return false;
	if (target->len > bits)
		return false;
	for (unsigned int bit = target->len; bit < bits; bit++)
		if (bytes[bit / 8] >> (7 - bit % 8) & 1)
			return false;
	return true;
}

ssize_t rules_keys(const struct rules *rules, enum rules_map map, union rules_key **out)
{
	const struct rules_tables *tables = &rules->tables;
	CLEANUP(free) union rules_key *keys = NULL;
	size_t count = 0, room = 0;
	union rules_key key = { .exact6 = { 0 } };
	int err = tables->ops->next_key(tables->arg, map, NULL, &key);

	/* bounded: a map that changes under the walk could have it begin again for ever */
	while (!err && count < (size_t)2 * RULES_MAX) {
		if (count == room) {
			union rules_key *more;

			room = room ? room * 2 : 64;
			more = realloc(keys, room * sizeof(*keys));
			if (!more)
				return -ENOMEM;
			keys = more;
		}
		keys[count++] = key;
		err = tables->ops->next_key(tables->arg, map, &keys[count - 1], &key);
	}
	if (err && err != -ENOENT)
		return err;
	*out = TAKE(keys);
	return (ssize_t)count;
}

int rules_entry_find(const struct rules *rules, const struct prefix *target,
		     struct block_entry *entry)
{
	union rules_key key;
	enum rules_map map = rules_key_of(target, &key);
	int err = rules->tables.ops->lookup(rules->tables.arg, map, &key, entry);

	if (err)
		return err;
	/* the longest match of a prefix may be a shorter one */
	return entry->prefix_len == target->len ? 0 : -ENOENT;
}

int rules_entry_remove(struct rules *rules, enum rules_map map, const union rules_key *key)
{
	int err = rules->tables.ops->remove(rules->tables.arg, map, key);

	return err == -ENOENT ? 0 : err;
}
