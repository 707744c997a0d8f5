/*
 * The ground the datapath stands on: the kernel's helpers, or (SLUICE_USER) the same handful of
 * operations over this process's memory. Everything else in bpf/ is the same for both.
 */
#ifndef SLUICE_BPF_ENV_H
#define SLUICE_BPF_ENV_H

#include "include/abi.h"

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Which hook a packet came through; always a constant, so that the other hook's code is gone. */
enum hook {
	HOOK_XDP,
	HOOK_TC,
	HOOK_USER,
};

/* A packet the stack merged or has yet to cut (GRO, GSO): size of a piece, 0 when it is not one. */
struct merged {
	__u32 size;
	__u32 segments;
};

/* A payload event being put together. Behind its bytes room to round up to 8. */
struct name_text {
	__u64 spoken[28]; /* struct spoken of bpf/names.h */
	union {
		struct event_payload event;
		__u8 bytes[sizeof(struct event_payload) + PAYLOAD_MAX + 8];
	};
};

#define GSO_BY_FRAGS 0xffff /* include/linux/skbuff.h: the pieces (SCTP) are of any size */

#ifdef SLUICE_USER
#include "bpf/env_user.h"
#else

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#ifndef NULL
#define NULL ((void *)0)
#endif

#define CONTEXT	  void
#define HOT	  static __always_inline
/* A function the verifier proves once, by itself, instead of once for every way to each call. */
#define APART	  __noinline
#define NTOHS(x)  bpf_ntohs(x)
#define NTOHL(x)  bpf_ntohl(x)
#define HTONS(x)  bpf_htons(x)
/* What the compiler may no longer know of @x: 6.1 forgets ranges that clang relies on. */
#define FORGET(x) asm volatile("" : "+r"(x))

#define ARRAY_ELEM(ctx, map, index)                         \
	({                                                  \
		__u32 key_ = (index);                       \
		(void *)bpf_map_lookup_elem(&(map), &key_); \
	})
#define KEYED_ELEM(ctx, map, key) ((void *)bpf_map_lookup_elem(&(map), key))
#define RING_SUBMIT(ctx, record)  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP)
#define ATOMIC_ADD(at, n)	  ((void)__sync_fetch_and_add(at, n))
#define VOLATILE(x)		  (*(volatile __typeof__(x) *)&(x))
#define CPU_ID(ctx)		  bpf_get_smp_processor_id()

/*
 * One step of a slot's generation, which only this CPU writes, ordered against the slot's other
 * words. amd64 shows its stores to others in their order (AMD64 APM 2, 7.2), so a store will do;
 * elsewhere it is the fetching, fully ordered form, which clang emits only when the result is used.
 */
HOT void gen_step(__u32 *gen, __u32 by)
{
#ifdef STORES_IN_ORDER
	asm volatile("" ::: "memory");
	VOLATILE(*gen) += by;
	asm volatile("" ::: "memory");
#else
	__u32 old = __sync_fetch_and_add(gen, by);

	asm volatile("" ::"r"(old) : "memory");
#endif
}

/*
 * A header out of the frame. Headers are not aligned there; by words nevertheless, for of unaligned
 * memory clang would load single bytes. The JITs of amd64 and arm64 emit loads that need no
 * alignment, and the verifier knows it.
 */
HOT void header_copy(void *to, const void *from, const __u32 size)
{
	typedef __u64 __attribute__((may_alias)) word;
	typedef __u32 __attribute__((may_alias)) half;
	typedef __u16 __attribute__((may_alias)) quarter;

	for (__u32 i = 0; i < size / sizeof(word); i++)
		((word *)to)[i] = ((const word *)from)[i];
	if (size & 4)
		((half *)to)[size / 4 - 1] = ((const half *)from)[size / 4 - 1];
	if (size & 2)
		((quarter *)to)[size / 2 - 1] = ((const quarter *)from)[size / 2 - 1];
	if (size & 1)
		((__u8 *)to)[size - 1] = ((const __u8 *)from)[size - 1];
}

/*
 * One word of the context, loaded here and now: left to itself clang adds the offset to the
 * pointer first, which the verifier refuses, or keeps the value, with which the verifier's states
 * of every header read multiply.
 */
#define CTX_WORD(ctx, type, field)                                                     \
	({                                                                             \
		__u64 word_;                                                           \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                  \
			     : "=r"(word_)                                             \
			     : "r"(ctx), "i"(__builtin_offsetof(struct type, field))); \
		word_;                                                                 \
	})

HOT __u8 *frame_start(void *ctx, enum hook hook)
{
	return (__u8 *)(hook == HOOK_XDP ? CTX_WORD(ctx, xdp_md, data)
					 : CTX_WORD(ctx, __sk_buff, data));
}

HOT __u8 *frame_end(void *ctx, enum hook hook)
{
	return (__u8 *)(hook == HOOK_XDP ? CTX_WORD(ctx, xdp_md, data_end)
					 : CTX_WORD(ctx, __sk_buff, data_end));
}

/* Bytes of the frame wherever they are: further buffers (XDP), pages (skb). 0 or -errno. */
HOT long frame_load(void *ctx, enum hook hook, __u32 offset, void *to, __u32 size)
{
	return hook == HOOK_XDP ? bpf_xdp_load_bytes(ctx, offset, to, size)
				: bpf_skb_load_bytes(ctx, offset, to, size);
}

/* Bytes of the whole frame as it lies here; a merged packet counts once. */
HOT __u32 frame_len(void *ctx, enum hook hook)
{
	return hook == HOOK_XDP ? (__u32)bpf_xdp_get_buff_len(ctx) : CTX_WORD(ctx, __sk_buff, len);
}

HOT struct merged frame_merged(void *ctx, enum hook hook)
{
	struct merged merged = { 0, 0 };

	if (hook == HOOK_TC) {
		merged.size = CTX_WORD(ctx, __sk_buff, gso_size);
		merged.segments = CTX_WORD(ctx, __sk_buff, gso_segs);
	}
	return merged;
}

/* A VLAN tag that was taken out of the frame, out of XDP's sight. */
HOT bool frame_has_tag(void *ctx, enum hook hook)
{
	return hook == HOOK_TC && CTX_WORD(ctx, __sk_buff, vlan_present);
}

HOT __u16 frame_tag(void *ctx, enum hook hook)
{
	return frame_has_tag(ctx, hook) ? CTX_WORD(ctx, __sk_buff, vlan_tci) : 0;
}

/* The interface of the hook, and at tc egress the one a forwarded packet came in through, else 0.
 */
HOT __u32 frame_ifindex(void *ctx, enum hook hook)
{
	return hook == HOOK_XDP ? CTX_WORD(ctx, xdp_md, ingress_ifindex)
				: CTX_WORD(ctx, __sk_buff, ifindex);
}

HOT __u32 frame_origin(void *ctx, enum hook hook)
{
	return hook == HOOK_TC ? CTX_WORD(ctx, __sk_buff, ingress_ifindex) : 0;
}

#endif /* SLUICE_USER */
#endif
