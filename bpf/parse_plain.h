/*
 * The short way, of the packet that nearly all are: Ethernet with at most one tag, IPv4 without
 * options or IPv6 without extension headers, no fragment, TCP or UDP, the frame in one piece. Its
 * bounds are looked at twice instead of for each header, and most of what bpf/parse.h has to carry
 * on is a constant here. What is no such packet, or not for sure, goes the long way; of what is,
 * both say the same (tests/bpf compares them: user space has the long way only). XDP only, where
 * no packet is merged yet and no tag taken out.
 */
#ifndef SLUICE_BPF_PARSE_PLAIN_H
#define SLUICE_BPF_PARSE_PLAIN_H

#include "bpf/parse.h"

#ifndef SLUICE_USER

#define PLAIN_IPV4_FIRST 0x45 /* version 4, five words of header */
#define PLAIN_IPV6_FIRST 0x60 /* version 6, in the upper half */

/* What is read before it is known whether the packet is one. */
struct plain {
	const __u8 *ip; /* the IP header */
	__u64 there;	/* bytes of the frame from there on */
	__u64 ip_bytes;
	__u32 l3, vlan, proto;
};

/* A field of the header at @at, which the bounds hold. */
#define FIELD(at, type, field)                                                      \
	({                                                                          \
		__typeof__(((struct type *)0)->field) value_;                       \
		header_copy(&value_, (at) + __builtin_offsetof(struct type, field), \
			    sizeof(value_));                                        \
		value_;                                                             \
	})

/* The link layer. Returns ETHER_IPV4 or ETHER_IPV6 in network order; another: not plain. */
HOT __be16 plain_link(const struct packet *p, struct plain *plain)
{
	const __u8 *frame = frame_start(p->ctx, p->hook), *end = frame_end(p->ctx, p->hook);
	__be16 type;

	if (UNLIKELY(p->no_l2) || frame + ETHER_BYTES + VLAN_BYTES > end)
		return 0;
	plain->l3 = ETHER_BYTES;
	plain->vlan = 0;
	header_copy(&type, frame + ETHER_BYTES - sizeof(type), sizeof(type));
	if (type != HTONS(ETHER_IPV4) && type != HTONS(ETHER_IPV6)) {
		if (type != HTONS(ETHER_VLAN) && type != HTONS(ETHER_QINQ))
			return 0;
		plain->vlan = NTOHS(FIELD(frame + ETHER_BYTES, vlan_tag, tci)) & VLAN_ID;
		type = FIELD(frame + ETHER_BYTES, vlan_tag, type);
		plain->l3 = ETHER_BYTES + VLAN_BYTES;
	}
	FORGET(plain->l3); /* one state for the verifier instead of two */
	plain->l3 &= L3_MASK;
	plain->ip = frame + plain->l3;
	return type;
}

/* The transport header behind it, and with that the packet is known. */
HOT bool plain_transport(struct packet *p, const struct plain *plain, const __u32 header)
{
	const __u8 *at = plain->ip + header;
	__u32 least = header + (plain->proto == IP_TCP ? TCP_BYTES_MIN : UDP_BYTES);

	if (plain->ip_bytes < least || plain->ip_bytes > plain->there)
		return false;
	header_copy(&p->ports, at, sizeof(p->ports));
	if (plain->proto == IP_TCP) {
		__u16 head;

		header_copy(&head, at + TCP_HEAD_AT, sizeof(head));
		p->tcp_head = head;
	}
	p->proto = plain->proto;
	p->vlan = plain->vlan;
	p->l3 = plain->l3;
	p->l4 = plain->l3 + header;
	p->ip_bytes = plain->ip_bytes;
	p->segments = 1;
	p->bytes = plain->ip_bytes;
	p->wire_bytes = plain->l3 + plain->there;
	return true;
}

/* Whether the frame holds an IP header of @header bytes and the longest transport header. */
HOT bool plain_holds(const struct packet *p, struct plain *plain, const __u32 header)
{
	const __u8 *end = frame_end(p->ctx, p->hook);

	if (plain->ip + header + TCP_BYTES_MIN > end)
		return false;
	plain->there = end - plain->ip;
	return true;
}

HOT bool plain_ipv4(struct packet *p, struct plain *plain)
{
	const __u8 *ip = plain->ip;

	if (!plain_holds(p, plain, sizeof(struct iphdr)) || *ip != PLAIN_IPV4_FIRST ||
	    FIELD(ip, iphdr, frag_off) & HTONS(IPV4_OFFSET | IPV4_MORE))
		return false;
	plain->proto = FIELD(ip, iphdr, protocol);
	plain->ip_bytes = NTOHS(FIELD(ip, iphdr, tot_len));
	if (plain->proto != IP_TCP && plain->proto != IP_UDP)
		return false;
	p->src[0] = FIELD(ip, iphdr, saddr);
	p->dst[0] = FIELD(ip, iphdr, daddr);
	return plain_transport(p, plain, sizeof(struct iphdr));
}

HOT bool plain_ipv6(struct packet *p, struct plain *plain)
{
	const __u8 *ip = plain->ip;

	if (!plain_holds(p, plain, sizeof(struct ipv6hdr)) || (*ip & 0xf0) != PLAIN_IPV6_FIRST)
		return false;
	plain->proto = FIELD(ip, ipv6hdr, nexthdr);
	plain->ip_bytes = sizeof(struct ipv6hdr) + NTOHS(FIELD(ip, ipv6hdr, payload_len));
	if (plain->proto != IP_TCP && plain->proto != IP_UDP)
		return false;
	header_copy(p->src_words, ip + __builtin_offsetof(struct ipv6hdr, saddr), sizeof(p->src));
	header_copy(p->dst_words, ip + __builtin_offsetof(struct ipv6hdr, daddr), sizeof(p->dst));
	return plain_transport(p, plain, sizeof(struct ipv6hdr));
}

#endif /* SLUICE_USER */
#endif
