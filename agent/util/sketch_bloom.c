/*
 * Split block Bloom filter. Source: Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient
 * Bloom Filters", 2007; the eight odd multipliers are those of the Apache Parquet format
 * (BloomFilter.md), so that another reader could be written.
 */
#include "agent/util/sketch_bloom.h"

static const uint32_t salts[BLOOM_WORDS] = { 0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
					     0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U };

size_t bloom_blocks(uint64_t items, unsigned int bits_per_item)
{
	uint64_t bits = items * bits_per_item;
	uint64_t block = BLOOM_BLOCK_BYTES * 8;

	return bits <= block ? 1 : (size_t)((bits + block - 1) / block);
}

/* The upper half of the hash takes the block, the lower half the bits. */
static size_t find_block(size_t blocks, uint64_t hash)
{
	return (size_t)(((hash >> 32) * blocks) >> 32) * BLOOM_WORDS;
}

static uint32_t bit_of(uint64_t hash, int word)
{
	return 1U << (((uint32_t)hash * salts[word]) >> 27);
}

bool bloom_add(uint32_t *words, size_t blocks, uint64_t hash)
{
	uint32_t *block = words + find_block(blocks, hash);
	uint32_t missing = 0;

	for (int i = 0; i < BLOOM_WORDS; i++) {
		uint32_t bit = bit_of(hash, i);

		missing |= bit & ~block[i];
		block[i] |= bit;
	}
	return missing == 0;
}

bool bloom_has(const uint32_t *words, size_t blocks, uint64_t hash)
{
	const uint32_t *block = words + find_block(blocks, hash);
	uint32_t missing = 0;

	for (int i = 0; i < BLOOM_WORDS; i++)
		missing |= bit_of(hash, i) & ~block[i];
	return missing == 0;
}

double bloom_fill(const uint32_t *words, size_t blocks)
{
	uint64_t set = 0;

	for (size_t i = 0; i < blocks * BLOOM_WORDS; i++)
		set += (uint64_t)__builtin_popcount(words[i]);
	return (double)set / (double)(blocks * BLOOM_BLOCK_BYTES * 8);
}
