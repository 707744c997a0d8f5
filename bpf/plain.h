/*
 * The short way, of the packet that nearly all are: Ethernet with at most one tag, IPv4 without
 * options or IPv6 without extension headers, no fragment, TCP or UDP, the frame in one piece, of a
 * flow that has or finds its slot, and nothing more to be asked of it than whether the bitmaps
 * clear its source. What is no such packet, or not for sure, goes the long way (bpf/steps.h) from
 * its start: here it is seen, but counted nowhere else before everything is asked. So neither clang
 * nor the verifier has to carry along what only the long way needs. Of what is such a packet both
 * say the same (tests/bpf compares them: user space has the long way only). XDP only, where no
 * packet is merged yet and no tag taken out.
 */
#ifndef SLUICE_BPF_PLAIN_H
#define SLUICE_BPF_PLAIN_H

#include "bpf/block.h"
#include "bpf/count.h"
#include "bpf/names.h"
#include "bpf/parse.h"

#ifndef SLUICE_USER

#define PLAIN_IPV4_FIRST 0x45 /* version 4, five words of header */
#define PLAIN_IPV6_FIRST 0x60 /* version 6, in the upper half */

enum plain_end {
	PLAIN_NOT,  /* the long way, nothing is counted */
	PLAIN_SEEN, /* the long way, it is counted as seen */
	PLAIN_PASS,
	PLAIN_DROP,
};

/* A field of the header at @at, which the bounds hold. */
#define FIELD(at, type, field)                                                      \
	({                                                                          \
		__typeof__(((struct type *)0)->field) value_;                       \
		header_copy(&value_, (at) + __builtin_offsetof(struct type, field), \
			    sizeof(value_));                                        \
		value_;                                                             \
	})

/* ---- reading ---- */

/* What both families end with. One bound for both protocols: a datagram of less than 12 bytes goes
 * the long way. */
HOT bool plain_transport(struct packet *p, const __u8 *ip, const __u8 *end, const __u32 header)
{
	__u64 there = end - ip;

	if (p->bytes < header + TCP_BYTES_MIN || p->bytes > there)
		return false;
	header_copy(&p->ports, ip + header, sizeof(p->ports));
	p->l4 = p->l3 + header;
	p->ip_bytes = p->bytes;
	return true;
}

HOT bool plain_ipv4(struct packet *p, const __u8 *ip, const __u8 *end)
{
	__u64 pair;

	if (*ip != PLAIN_IPV4_FIRST || FIELD(ip, iphdr, frag_off) & HTONS(IPV4_OFFSET | IPV4_MORE))
		return false;
	p->proto = FIELD(ip, iphdr, protocol);
	p->bytes = NTOHS(FIELD(ip, iphdr, tot_len));
	if (p->proto != IP_TCP && p->proto != IP_UDP)
		return false;
	header_copy(&pair, ip + __builtin_offsetof(struct iphdr, saddr), sizeof(pair));
	p->src[0] = (__be32)pair;
	p->dst[0] = pair >> 32;
	return plain_transport(p, ip, end, sizeof(struct iphdr));
}

HOT bool plain_ipv6(struct packet *p, const __u8 *ip, const __u8 *end)
{
	if (ip + sizeof(struct ipv6hdr) + TCP_BYTES_MIN > end || (*ip & 0xf0) != PLAIN_IPV6_FIRST)
		return false;
	p->proto = FIELD(ip, ipv6hdr, nexthdr);
	p->bytes = sizeof(struct ipv6hdr) + NTOHS(FIELD(ip, ipv6hdr, payload_len));
	if (p->proto != IP_TCP && p->proto != IP_UDP)
		return false;
	header_copy(p->src_words, ip + __builtin_offsetof(struct ipv6hdr, saddr), sizeof(p->src));
	header_copy(p->dst_words, ip + __builtin_offsetof(struct ipv6hdr, daddr), sizeof(p->dst));
	return plain_transport(p, ip, end, sizeof(struct ipv6hdr));
}

/* ---- asking, then counting ---- */

/* The bitmaps did not clear its source. @p is read once more: what is kept for this, on the stack,
 * would cost every packet the keeping. */
HOT enum plain_end plain_suspect(struct packet p, const __u8 *ip, struct iface_counters *counters,
				 __u32 kinds)
{
	const __u8 *end = frame_end(p.ctx, p.hook);

	FORGET(ip);
	if (!(p.family == 4 ? plain_ipv4(&p, ip, end) : plain_ipv6(&p, ip, end)) ||
	    suspect_asks(&p, p.src, SIDE_IN, kinds) != ASKS_DROPS)
		return PLAIN_SEEN;
	count_dropped(counters, &p);
	return PLAIN_DROP;
}

/* As flow_take, and what follows is short enough to be proven once per way. */
HOT struct flow_value *plain_value(const struct packet *p)
{
	struct flow_place place;
	__u32 way = flow_find(p, &place);

	if (UNLIKELY(way == WAY_NONE)) {
		way = flow_insert(p, &place);
		if (way == WAY_NONE)
			return NULL;
		way = p->family == 4 ? WAY_ANY(place.set4, way) : WAY_ANY(place.set6, way);
	}
	if (p->family == 4)
		return place.set4 ? &WAY_AT(place.set4, way)->value : NULL;
	return place.set6 ? &WAY_AT(place.set6, way)->value : NULL;
}

/* From here on it is seen. @ip: its header of @header bytes, with TCP_BYTES_MIN behind it. */
HOT enum plain_end plain_settle(struct packet *p, const __u8 *ip, const __u32 header,
				struct iface_counters *counters)
{
	struct flow_value *value;
	__u32 kinds;

	count_seen(counters, p);
	kinds = address_kinds(p, p->src);
	if (UNLIKELY(kinds))
		return plain_suspect(*p, ip, counters, kinds);
	value = plain_value(p);
	if (UNLIKELY(!value))
		return PLAIN_SEEN;
	FORGET(value); /* where it lies is worked out once */
	__builtin_assume(value != NULL);
	if (p->proto == IP_UDP) {
		if (UNLIKELY(udp_is_said(p, value)))
			return PLAIN_SEEN;
	} else {
		__u16 head;

		/* what clang no longer knows */
		p->proto = IP_TCP;
		__builtin_assume(p->ip_bytes >= header + TCP_BYTES_MIN);
		p->tcp = ip + header;
		header_copy(&head, p->tcp + TCP_HEAD_AT, sizeof(head));
		p->tcp_head = head;
		__builtin_assume(p->tcp != NULL);
		if (UNLIKELY(tcp_is_said(p, value)))
			return PLAIN_SEEN;
		value_flag(value, p);
	}
	value_grow(value, p);
	return PLAIN_PASS;
}

/* From the IP header on, of which the bounds hold PLAIN_IP4_BYTES. */
HOT enum plain_end plain_packet(struct packet *p, const __u8 *ip, const __u8 *end, __be16 type,
				struct iface_counters *counters)
{
	if (LIKELY(type == HTONS(ETHER_IPV4))) {
		p->family = 4;
		if (UNLIKELY(!plain_ipv4(p, ip, end)))
			return PLAIN_NOT;
		return plain_settle(p, ip, sizeof(struct iphdr), counters);
	}
	if (type == HTONS(ETHER_IPV6)) {
		p->family = 6;
		if (UNLIKELY(!plain_ipv6(p, ip, end)))
			return PLAIN_NOT;
		return plain_settle(p, ip, sizeof(struct ipv6hdr), counters);
	}
	return PLAIN_NOT;
}

/* The interface where its ifindex says at once, with an Ethernet header. */
HOT bool plain_begin(struct packet *p)
{
	__u64 ifindex = CTX_WORD(p->ctx, xdp_md, ingress_ifindex);
	__u64 entry = word_load(WORDS(p->ctx, ifaces, ifindex & (IFACE_TABLE_SIZE - 1))) ^ ifindex;
	__u64 differs = entry << ENTRY_INDEX;

	FORGET(differs); /* or clang would make a mask of it */
	if (UNLIKELY(differs))
		return false;
	p->key = entry >> 32;
	p->cpu = CPU_ID(p->ctx);
	return true;
}

#define PLAIN_IP4_BYTES (sizeof(struct iphdr) + TCP_BYTES_MIN)

HOT enum plain_end packet_plain(struct xdp_md *ctx)
{
	struct packet p = { .ctx = ctx, .hook = HOOK_XDP, .direction = ABI_INGRESS, .segments = 1 };
	const struct control *word = WORD(ctx, control);
	struct iface_counters *counters;
	const __u8 *frame, *end, *ip;
	__be16 type;

	if (!plain_begin(&p))
		return PLAIN_NOT;
	counters = counters_own(&p); /* before there is anything to carry over the call */
	frame = frame_start(ctx, HOOK_XDP);
	end = frame_end(ctx, HOOK_XDP);
	ip = frame + ETHER_BYTES;
	if (!counters || ip + PLAIN_IP4_BYTES > end || word->flags & CONTROL_FLOWS)
		return PLAIN_NOT;
	header_copy(&type, ip - sizeof(type), sizeof(type));
	p.wire_bytes = end - frame;
	if (UNLIKELY(type == HTONS(ETHER_VLAN) || type == HTONS(ETHER_QINQ))) {
		ip += VLAN_BYTES;
		if (ip + PLAIN_IP4_BYTES > end)
			return PLAIN_NOT;
		p.vlan = NTOHS(FIELD(ip - VLAN_BYTES, vlan_tag, tci)) & VLAN_ID;
		p.l3 = ETHER_BYTES + VLAN_BYTES;
		return plain_packet(&p, ip, end, FIELD(ip - VLAN_BYTES, vlan_tag, type), counters);
	}
	p.l3 = ETHER_BYTES;
	return plain_packet(&p, ip, end, type, counters);
}

#endif /* SLUICE_USER */
#endif
