/*
 * The place where a payload is copied and walked for names (bpf/domain.h): too large for a stack,
 * so one for each CPU. All state of a walk is in it: a loop's callback then holds one pointer, and
 * the verifier, which knows nothing of what a map holds, sees the same state in every round.
 */
#ifndef SLUICE_BPF_WALK_H
#define SLUICE_BPF_WALK_H

#include "bpf/hash.h"

/* Calls @step(round, arg) until it returns 1, at most @rounds times. */
#ifdef SLUICE_USER
#define LOOP(rounds, step, arg)                                             \
	do {                                                                \
		for (__u32 i_ = 0; i_ < (rounds) && !step(i_, arg); i_++) { \
		}                                                           \
	} while (0)
#else
#define LOOP(rounds, step, arg) ((void)bpf_loop(rounds, step, arg, 0))
#endif

#define WALK_MASK (PAYLOAD_MAX - 1)
_Static_assert((PAYLOAD_MAX & WALK_MASK) == 0, "a mask bounds every index");

/* Where a label begins: the sum of what is before it, and the inverse of its power. */
struct name_label {
	__u64 sum, inverse;
};

enum walk_state {
	WALK_RUNS = 0,
	WALK_DONE,   /* what was looked for is at hand */
	WALK_BROKEN, /* malformed, or not whole in this packet */
};

struct name_walk {
	__u32 length; /* by the caller: payload bytes in data, at most PAYLOAD_MAX */

	/* the walker's own */
	__u32 start;  /* of the message: what a compression pointer counts from; HTTP: the method */
	__u32 at;     /* next byte */
	__u32 end;    /* behind the last byte that belongs to it */
	__u32 left;   /* DNS: bytes left of a label */
	__u32 lowest; /* DNS: a pointer leads before this */
	__u32 bytes;  /* of the name */
	__u32 labels;
	__u32 dots;    /* dotted names: a dot is pending */
	__u32 state;   /* enum walk_state */
	__u32 next;    /* the label to judge */
	__u32 message; /* TCP: where the next DNS message begins; HTTP: the target */

	/* the hash of the name so far */
	__u64 base, base_inverse;
	__u64 sum, power, inverse;

	/* the verdict on the way */
	__u64 boot_ns;
	__u32 layer, verdict;

	/* answers this CPU may still give */
	__u64 tokens, tokens_jiffies;

	struct name_label label[NAME_LABELS_MAX];
	__u8 data[PAYLOAD_MAX + 8]; /* words are read of it */
};

#endif
