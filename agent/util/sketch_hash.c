/*
 * Bytes into 64 bits, eight at a time.
 */
#include "agent/util/sketch_hash.h"

#include <string.h>

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *at = data;
	uint64_t hash = hash_pair(seed, len);

	while (len > 0) {
		size_t part = len < sizeof(uint64_t) ? len : sizeof(uint64_t);
		uint64_t word = 0;

		memcpy(&word, at, part);
		hash = hash_pair(hash, word);
		at += part;
		len -= part;
	}
	return hash;
}
