/*
 * Bytes into 64 bits, eight at a time.
 */
#include "agent/util/sketch_hash.h"

#include <endian.h>
#include <string.h>

/* The last 1 to 7 bytes as a number, the first the lowest. Copies of a fixed size are one
 * instruction each; addresses and ports of a record are hashed half a dozen times. */
static uint64_t tail_word(const unsigned char *at, size_t len)
{
	uint32_t low, high;

	if (len < sizeof(low))
		return (uint64_t)at[0] | (uint64_t)at[len / 2] << 8 * (len / 2) |
		       (uint64_t)at[len - 1] << 8 * (len - 1);
	memcpy(&low, at, sizeof(low));
	memcpy(&high, at + len - sizeof(high),
	       sizeof(high)); /* both may hold bytes in the middle */
	return (uint64_t)le32toh(low) | (uint64_t)le32toh(high) << 8 * (len - sizeof(high));
}

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *at = data;
	uint64_t hash = hash_pair(seed, len), word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = hash_pair(hash, le64toh(word));
	}
	return len ? hash_pair(hash, tail_word(at, len)) : hash;
}
