/*
 * "Was this seen before?" in bits: never a false no, a false yes at a known rate. The blocks are
 * the caller's memory and may be stored and read back as they are (32-bit words in host order).
 * Owned by one thread; read by any while nobody writes.
 */
#ifndef SLUICE_UTIL_SKETCH_BLOOM_H
#define SLUICE_UTIL_SKETCH_BLOOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One block: eight words, one bit in each, so a question touches one half of a cache line. */
#define BLOOM_WORDS	  8
#define BLOOM_BLOCK_BYTES (BLOOM_WORDS * sizeof(uint32_t))

/*
 * bloom_blocks - how many blocks @items keys need. False yes then: 8 bits a key 3.4 %, 10 bits
 * 1.3 %, 12 bits 0.54 %, 16 bits 0.13 % (tests/unit/util/test_sketch_bloom.c measures them).
 * Returns at least 1.
 */
size_t bloom_blocks(uint64_t items, unsigned int bits_per_item);

/* bloom_add - returns true when the key may have been there already (nothing was set). */
bool bloom_add(uint32_t *words, size_t blocks, uint64_t hash);
/* bloom_has - false: surely never added. @hash: as given to bloom_add. */
bool bloom_has(const uint32_t *words, size_t blocks, uint64_t hash);
/* bloom_fill - share of bits that are set, 0..1: beyond 0.5 it says yes too often. */
double bloom_fill(const uint32_t *words, size_t blocks);

#endif
