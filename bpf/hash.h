/*
 * Hashes that the datapath and core must agree on. Plain arithmetic, no map, no helper.
 */
#ifndef SLUICE_BPF_HASH_H
#define SLUICE_BPF_HASH_H

#include "include/abi.h"

/* Multipliers of splitmix64 (Steele, Lea, Flood, OOPSLA 2014; Vigna's constants). */
#define HASH_MUL1 0xbf58476d1ce4e5b9ULL
#define HASH_MUL2 0x94d049bb133111ebULL

/* One round: a multiply carries upwards, the shift brings the good half down. */
static inline __attribute__((always_inline)) __u64 hash_mix(__u64 sum, __u64 word)
{
	sum = (sum ^ word) * HASH_MUL1;
	return sum ^ sum >> 32;
}

#define BITS48_SHIFT 45 /* 2^(64 - 45) = BITS48_WORDS * 64 bits */
_Static_assert(1ULL << (64 - BITS48_SHIFT) == BITS48_WORDS * 64, "bits48 is indexed whole");

/* Bit number in bits48 of the /48 that holds the IPv6 address whose first eight bytes in memory
 * are @first; the upper bits of a product are its well mixed ones (Knuth, TAOCP 3, 6.4).
 * Little-endian: the low six bytes of the word are the first six of the address. */
static inline __attribute__((always_inline)) __u32 bits48_index(__u64 first)
{
	return (__u32)((first << 16) * HASH_MUL1 >> BITS48_SHIFT);
}

/*
 * Names: a polynomial in a secret odd base modulo 2^64 over the bytes of the lower-cased text with
 * its dots, first byte first, so that one pass over a name gives the hash of every suffix of it:
 * (sum at the end - sum at a label's start) * the inverse of the power there.
 */
#define NAME_HASH_BYTE(byte) ((__u64)(byte) + 1)

static inline __attribute__((always_inline)) __u64 name_hash(__u64 base, const char *text,
							     __u32 len)
{
	__u64 sum = 0, power = 1;

	for (__u32 i = 0; i < len; i++) {
		sum += NAME_HASH_BYTE((unsigned char)text[i]) * power;
		power *= base;
	}
	return sum;
}

/* Bit number in bits_names. */
static inline __attribute__((always_inline)) __u32 bits_names_index(__u64 hash)
{
	return (__u32)(hash * HASH_MUL1 >> 48);
}

_Static_assert(BITS_NAMES_WORDS * 64 == 1 << 16, "bits_names is indexed whole");

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "keys are built as little-endian words");

#endif
