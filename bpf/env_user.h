/*
 * bpf/env.h for a process: the same words over agent/capture/usermaps.h. Replay's clock always, one
 * CPU, frames in one piece.
 */
#ifndef SLUICE_BPF_ENV_USER_H
#define SLUICE_BPF_ENV_USER_H

#include "agent/capture/usermaps.h"
#include "bpf/env.h"

#define CONTEXT	  const struct user_frame
#define HOT	  static inline __attribute__((always_inline))
#define APART	  static __attribute__((noinline))
#define NTOHS(x)  __builtin_bswap16(x)
#define NTOHL(x)  __builtin_bswap32(x)
#define HTONS(x)  __builtin_bswap16(x)
#define FORGET(x) ((void)(x))

#define ARRAY_ELEM(ctx, map, index)                                                            \
	({                                                                                     \
		uint32_t index_ = (index);                                                     \
		(void *)(index_ < (ctx)->maps->map.len ? &(ctx)->maps->map.at[index_] : NULL); \
	})
#define WORD(ctx, map)		  ((void *)(ctx)->maps->map.at)
#define WORDS(ctx, map, index)	  ((void *)&(ctx)->maps->map.at[index])
#define KEYED_ELEM(ctx, map, key) usermap_lookup(&(ctx)->maps->map, key)
#define EVENT_RESERVE(ctx, size)  userring_reserve(&(ctx)->maps->events, size)
#define RING_SUBMIT(ctx, record)  ((void)(record)) /* reserved is submitted: one thread */
#define ATOMIC_ADD(at, n)	  ((void)(*(at) += (n)))
#define VOLATILE(x)		  (*(volatile __typeof__(x) *)&(x))
#define CPU_ID(ctx)		  0
#define FLOW_SETS(ctx)		  ((ctx)->maps->flow_sets)
#define REPLAY_CLOCK(ctx)	  1
#define BOOT_NS(ctx)		  ((ctx)->maps->control.at->replay_boot_ns)
#define MONO_NS(ctx)		  ((ctx)->maps->control.at->replay_mono_ns)
#define NAME_TEXT(ctx)		  ((void *)(ctx)->maps->name_text)

#define EVENT_OUTPUT(ctx, event, size, wake) ((void)(wake), event_output(ctx, event, size))

HOT bool event_output(CONTEXT *ctx, const void *event, __u32 size)
{
	void *record = userring_reserve(&ctx->maps->events, size);

	if (!record)
		return false;
	memcpy(record, event, size);
	return true;
}

HOT void header_copy(void *to, const void *from, const __u32 size)
{
	memcpy(to, from, size);
}

HOT __u64 clock_jiffies(CONTEXT *ctx)
{
	return ctx->maps->control.at->replay_jiffies;
}

HOT void *evict_reserve(CONTEXT *ctx, __u32 cpu, const __u64 size)
{
	(void)cpu;
	return userring_reserve(&ctx->maps->evict, size);
}

HOT void gen_step(__u32 *gen, __u32 by)
{
	*gen += by;
}

HOT const __u8 *frame_start(CONTEXT *ctx, enum hook hook)
{
	(void)hook;
	return ctx->data;
}

HOT const __u8 *frame_end(CONTEXT *ctx, enum hook hook)
{
	(void)hook;
	return ctx->data + ctx->len;
}

HOT __u32 frame_len(CONTEXT *ctx, enum hook hook)
{
	(void)hook;
	return ctx->len;
}

HOT long frame_load(CONTEXT *ctx, enum hook hook, __u32 offset, void *to, __u32 size)
{
	(void)hook;
	if (offset > ctx->len || size > ctx->len - offset)
		return -1;
	memcpy(to, ctx->data + offset, size);
	return 0;
}

HOT struct merged frame_merged(CONTEXT *ctx, enum hook hook)
{
	(void)ctx;
	(void)hook;
	return (struct merged){ 0, 0 };
}

HOT bool frame_has_tag(CONTEXT *ctx, enum hook hook)
{
	(void)ctx;
	(void)hook;
	return false;
}

HOT __u16 frame_tag(CONTEXT *ctx, enum hook hook)
{
	(void)ctx;
	(void)hook;
	return 0;
}

HOT __u32 frame_ifindex(CONTEXT *ctx, enum hook hook)
{
	(void)hook;
	return ctx->ifindex;
}

HOT __u32 frame_origin(CONTEXT *ctx, enum hook hook)
{
	(void)ctx;
	(void)hook;
	return 0;
}

#endif
