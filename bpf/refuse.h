/*
 * A DNS query over UDP becomes its own answer: REFUSED. For the kernel only: replay has nobody to
 * send it to. Addresses, ports and MACs change places, which no checksum notices; the flags' word
 * it does.
 */
#ifndef SLUICE_BPF_REFUSE_H
#define SLUICE_BPF_REFUSE_H

#include "bpf/domain.h"

/* Answers that a CPU may give at once, and with each jiffy more; beyond, queries are dropped. An
 * answer is as long as its query, and still nobody is to be reached through us in numbers. */
#define ANSWER_BURST 256
#define ANSWER_GAIN  4

#define MAC_BYTES      6
#define MAC_GROUP      1      /* IEEE 802.3 3.2.3: first byte, lowest bit */
#define CSUM_BYTES_MAX 512    /* what bpf_csum_diff takes at once: net/core/filter.c, 6.1 */
#define IPV4_FRAGMENT  0x3fff /* RFC 791 3.1: offset, and more fragments */

HOT long frame_store(void *ctx, enum hook hook, __u32 offset, void *from, __u32 size)
{
	return hook == HOOK_XDP ? bpf_xdp_store_bytes(ctx, offset, from, size)
				: bpf_skb_store_bytes(ctx, offset, from, size, 0);
}

struct udp_words {
	__be16 src, dst, len, check;
};

/* Where its headers are: what a function apart is told. */
struct refusal {
	__u32 l3, l4;
	__u32 no_l2;
	__u32 family;
	__be32 addr[8]; /* source, destination; IPv4: the first two */
	struct udp_words udp;
};

/* Two MACs change places; not those of a group. */
HOT bool refuse_link(void *ctx, enum hook hook)
{
	__u8 macs[2 * MAC_BYTES], swapped[2 * MAC_BYTES];

	if (frame_load(ctx, hook, 0, macs, sizeof(macs)) || macs[0] & MAC_GROUP)
		return false;
	__builtin_memcpy(swapped, macs + MAC_BYTES, MAC_BYTES);
	__builtin_memcpy(swapped + MAC_BYTES, macs, MAC_BYTES);
	return !frame_store(ctx, hook, 0, swapped, sizeof(swapped));
}

HOT bool refuse_ipv4(void *ctx, enum hook hook, struct refusal *r)
{
	__be32 pair[2];
	__be16 fragment;

	if (frame_load(ctx, hook, r->l3 + 6, &fragment, sizeof(fragment)) ||
	    fragment & HTONS(IPV4_FRAGMENT) ||
	    frame_load(ctx, hook, r->l3 + 12, pair, sizeof(pair)))
		return false;
	if (NTOHL(pair[1]) >= 0xe0000000) /* multicast, broadcast: RFC 1112 4 */
		return false;
	r->addr[0] = pair[1];
	r->addr[1] = pair[0];
	return !frame_store(ctx, hook, r->l3 + 12, r->addr, sizeof(pair));
}

/* With extension headers, a fragment's among them, it is not answered. */
HOT bool refuse_ipv6(void *ctx, enum hook hook, struct refusal *r)
{
	__be32 pair[8];

	if (r->l4 != r->l3 + sizeof(struct ipv6hdr) ||
	    frame_load(ctx, hook, r->l3 + 8, pair, sizeof(pair)) || (pair[4] & 0xff) == 0xff)
		return false;
	__builtin_memcpy(r->addr, pair + 4, sizeof(pair) / 2);
	__builtin_memcpy(r->addr + 4, pair, sizeof(pair) / 2);
	return !frame_store(ctx, hook, r->l3 + 8, r->addr, sizeof(pair));
}

/* The checksum anew, of the payload as it is in @w: a sender that leaves it to its device has only
 * begun it, and XDP is not told so. 0: it cannot be had. */
HOT __be16 refuse_checksum(struct name_walk *w, struct refusal *r)
{
	__u32 len = w->length, room;
	__be32 pseudo[2] = { r->udp.len, HTONS(IP_UDP) << 16 };
	__s64 sum;

	FORGET(len);
	if (len > CSUM_BYTES_MAX - 4)
		return 0;
	__builtin_memset(&w->data[len], 0, 4);
	room = (len + 3) & ~3U;
	FORGET(room);
	room &= 1023;
	if (room > CSUM_BYTES_MAX)
		return 0;
	r->udp.check = 0;
	sum = bpf_csum_diff(NULL, 0, r->addr, sizeof(r->addr), 0);
	sum = bpf_csum_diff(NULL, 0, pseudo, sizeof(pseudo), (__u32)sum);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&r->udp, sizeof(r->udp), (__u32)sum);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)w->data, room, (__u32)sum);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	return sum ? (__be16)sum : 0xffff; /* RFC 768 */
}

/* Ports change places, the message says what it is. */
HOT bool refuse_message(void *ctx, enum hook hook, struct refusal *r, struct name_walk *w)
{
	__be16 was, flags, port;
	__u8 *bytes = (__u8 *)&flags;

	if (frame_load(ctx, hook, r->l4, &r->udp, sizeof(r->udp)) ||
	    frame_load(ctx, hook, r->l4 + UDP_BYTES + 2, &was, sizeof(was)) ||
	    NTOHS(r->udp.len) != w->length + UDP_BYTES)
		return false;
	flags = was;
	bytes[0] |= DNS_ANSWER;
	bytes[1] = (bytes[1] & ~DNS_RCODE) | DNS_AVAILABLE | DNS_REFUSED;
	w->data[2] = bytes[0];
	w->data[3] = bytes[1];
	port = r->udp.src;
	r->udp.src = r->udp.dst;
	r->udp.dst = port;
	if (hook == HOOK_XDP && (r->udp.check || r->family == 6)) {
		r->udp.check = refuse_checksum(w, r);
		if (!r->udp.check)
			return false;
	}
	if (frame_store(ctx, hook, r->l4, &r->udp, sizeof(r->udp)) ||
	    frame_store(ctx, hook, r->l4 + UDP_BYTES + 2, &flags, sizeof(flags)))
		return false;
	/* knows of a checksum that the device is to finish; 0 stays 0 */
	return hook == HOOK_XDP ||
	       !bpf_l4_csum_replace(ctx, r->l4 + 6, was, flags, BPF_F_MARK_MANGLED_0 | sizeof(was));
}

HOT bool answer_is_due(struct name_walk *w, __u64 jiffies)
{
	__u64 gained = jiffies - w->tokens_jiffies;

	if (gained) {
		w->tokens_jiffies = jiffies;
		if (gained > ANSWER_BURST)
			gained = ANSWER_BURST;
		w->tokens += gained * ANSWER_GAIN;
		if (w->tokens > ANSWER_BURST)
			w->tokens = ANSWER_BURST;
	}
	if (!w->tokens)
		return false;
	w->tokens--;
	return true;
}

/* @where: the network header's offset; 16 bits on the transport header's; @what: the family, and
 * 16 for a device without Ethernet header. */
HOT int refuse(void *ctx, enum hook hook, __u32 where, __u32 what)
{
	struct refusal r = { .l3 = where & L3_MASK, .l4 = where >> 16 & L4_MASK };
	struct name_walk *w = domain_payload(ctx);

	r.family = what & 15;
	if (!w || !answer_is_due(w, bpf_jiffies64()))
		return 0;
	if (!(what & 16) && !refuse_link(ctx, hook))
		return 0;
	if (r.family == 4 ? !refuse_ipv4(ctx, hook, &r) : !refuse_ipv6(ctx, hook, &r))
		return 0;
	return refuse_message(ctx, hook, &r, w);
}

APART int refuse_xdp(struct xdp_md *ctx, __u32 where, __u32 what)
{
	return refuse(ctx, HOOK_XDP, where, what);
}

APART int refuse_tc(struct __sk_buff *ctx, __u32 where, __u32 what)
{
	return refuse(ctx, HOOK_TC, where, what);
}

/*
 * The packet is its own answer now; send it back (XDP_TX, bpf_redirect). False: it is not one that
 * is answered, or is spoilt by now: drop it. The payload of @p is still in this CPU's walk.
 */
HOT bool packet_refuse(const struct packet *p)
{
	__u32 where = p->l3 | p->l4 << 16, what = p->family | (p->no_l2 ? 16 : 0);

	if (REPLAY_CLOCK(p->ctx) || p->proto != IP_UDP || dst_port(p) != PORT_DNS ||
	    !has_ports(p) || frame_merged(p->ctx, p->hook).size)
		return false;
	return p->hook == HOOK_XDP ? refuse_xdp(p->ctx, where, what)
				   : refuse_tc(p->ctx, where, what);
}

#endif
