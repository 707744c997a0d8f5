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

#define VERDICT_SHIFT 53 /* 2^(64 - 53) = VERDICT_SETS */
_Static_assert(1ULL << (64 - VERDICT_SHIFT) == VERDICT_SETS, "every set is used");

#define BITS48_SHIFT 45 /* 2^(64 - 45) = BITS48_WORDS * 64 bits */
_Static_assert(1ULL << (64 - BITS48_SHIFT) == BITS48_WORDS * 64, "bits48 is indexed whole");

/* Byte in nets16 of the /16 that holds an IPv4 address in network order: its first half, as it lies
 * in memory. */
static inline __attribute__((always_inline)) __u32 net16_index(__be32 addr)
{
	return addr & 0xffff;
}

/* Bit number in bits48 of the /48 that holds the IPv6 address whose first eight bytes in memory
 * are @first; the upper bits of a product are its well mixed ones (Knuth, TAOCP 3, 6.4).
 * Little-endian: the low six bytes of the word are the first six of the address. */
static inline __attribute__((always_inline)) __u32 bits48_index(__u64 first)
{
	return (__u32)((first << 16) * HASH_MUL1 >> BITS48_SHIFT);
}

/* Set of an address among a CPU's VERDICT_SETS: the upper bits of a product, as above. */
static inline __attribute__((always_inline)) __u32 verdict_index(const __u64 addr[2])
{
	__u64 mixed = (addr[0] ^ addr[1] * HASH_MUL2) * HASH_MUL1;

	return (__u32)(mixed >> VERDICT_SHIFT);
}

/* The later one of @moment and that whose low half is @low, which is not half the range away. */
static inline __attribute__((always_inline)) __u64 jiffies_later(__u64 moment, __u32 low)
{
	__s32 ahead = (__s32)(low - (__u32)moment);

	return ahead > 0 ? moment + (__u32)ahead : moment;
}

/* ---- names ----
 *
 * A name is hashed as a polynomial in a secret odd base modulo 2^64, the first byte with power 0:
 * what a name above it hashes to is then the difference of two sums, moved by an inverse power, so
 * that one pass over a name gives the hash of everything it lies below. Bytes count from 1: a zero
 * byte is not nothing. Upper case is lower case; between two labels stands one dot.
 */

#define NAME_LABELS_MAX 16 /* of a blocked name; of a longer name the last ones are judged */
#define NAME_DOT	'.'
/* A dot inside a label of a DNS message, which is no end of a label. */
#define NAME_DOT_INSIDE 256

static inline __attribute__((always_inline)) __u32 name_fold(__u32 byte)
{
	return byte - 'A' < 26 ? byte + ('a' - 'A') : byte;
}

/* Of a name's text of @len bytes: dots between labels, none at the end. */
static inline __u64 name_hash(__u64 base, const char *text, __u32 len)
{
	__u64 sum = 0, power = 1;

	for (__u32 i = 0; i < len; i++, power *= base)
		sum += (name_fold((unsigned char)text[i]) + 1) * power;
	return sum;
}

/* The inverse of an odd @base: each step of Newton's doubles the bits that are right, from 3. */
static inline __u64 name_inverse(__u64 base)
{
	__u64 inverse = base;

	for (int i = 0; i < 5; i++)
		inverse *= 2 - base * inverse;
	return inverse;
}

#define NAME_BITS_SHIFT 44
_Static_assert(1ULL << (64 - NAME_BITS_SHIFT) == BITS_NAMES_WORDS * 64, "bits_names whole");

/* Bit number in bits_names of a name's hash: the upper 20 of a product, as bits48_index. */
static inline __attribute__((always_inline)) __u32 bits_names_index(__u64 hash)
{
	return (__u32)(hash * HASH_MUL1 >> NAME_BITS_SHIFT);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "keys are built as little-endian words");

#endif
