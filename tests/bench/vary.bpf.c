/*
 * Programs around the measured one: a wrapper that makes every packet of a test run one of another
 * flow and goes on in it, a sender of such packets, and the two programs that do nothing.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/bench/vary.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ORDER_SIZE);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u32);
} order SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct vary);
} vary SEC(".maps");

static __always_inline __u32 flow_of(struct vary *v)
{
	__u64 number = v->counter++;
	__u32 key = number & (ORDER_SIZE - 1);
	const __u32 *flow;

	if (v->mode == VARY_FRESH)
		return (__u32)number;
	if (v->mode == VARY_ROUND)
		return v->flows ? (__u32)number % v->flows : 0;
	flow = bpf_map_lookup_elem(&order, &key);
	return flow ? *flow : 0;
}

/* Its own source address and port; the checksum of the header follows (RFC 1624, eqn. 3). */
static __always_inline struct vary *rewrite(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data;
	__u32 zero = 0, flow, addr, sum;
	struct vary *v = bpf_map_lookup_elem(&vary, &zero);
	__u16 *words;

	if (!v || data + AT_SOURCE_PORT + 2 > (__u8 *)(long)ctx->data_end)
		return NULL;
	flow = flow_of(v);
	addr = __builtin_bswap32(v->base + (flow & 0x1ffff));
	words = (__u16 *)(data + AT_SOURCE);
	sum = (__u16) ~*(__u16 *)(data + AT_CHECKSUM);
	sum += (__u16)~words[0] + (__u16)~words[1] + (addr & 0xffff) + (addr >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*(__u16 *)(data + AT_CHECKSUM) = (__u16)~sum;
	words[0] = (__u16)addr;
	words[1] = (__u16)(addr >> 16);
	*(__u16 *)(data + AT_SOURCE_PORT) = __builtin_bswap16((__u16)(1024 + (flow >> 17)));
	return v;
}

SEC("xdp")
int vary_call(struct xdp_md *ctx)
{
	if (!rewrite(ctx))
		return XDP_ABORTED;
	bpf_tail_call_static(ctx, &target, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int vary_send(struct xdp_md *ctx)
{
	const struct vary *v = rewrite(ctx);

	return v ? (int)bpf_redirect(v->out, 0) : XDP_ABORTED;
}

SEC("xdp")
int bare_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp")
int bare_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

struct least_slot {
	__u64 addresses, rest, packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct least_slot);
} least_slots SEC(".maps");

/* The least there is to a flow's counter: one bound, one hash, one slot. */
SEC("xdp")
int parse_count(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	struct least_slot *slot;
	__u64 addresses, rest;
	__u32 index;

	if (data + AT_SOURCE_PORT + 8 > (const __u8 *)(long)ctx->data_end ||
	    *(const __u16 *)(data + 12) != __builtin_bswap16(0x0800) || data[14] != 0x45)
		return XDP_PASS;
	addresses = *(const __u64 *)(data + AT_SOURCE);
	rest = *(const __u32 *)(data + AT_SOURCE_PORT) | (__u64)data[23] << 32;
	index = (addresses * 0xbf58476d1ce4e5b9ULL ^ rest * 0x94d049bb133111ebULL) >> 51;
	slot = bpf_map_lookup_elem(&least_slots, &index);
	if (!slot)
		return XDP_PASS;
	if (slot->addresses != addresses || slot->rest != rest)
		*slot = (struct least_slot){ .addresses = addresses, .rest = rest };
	slot->packets++;
	slot->bytes += ctx->data_end - ctx->data;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
