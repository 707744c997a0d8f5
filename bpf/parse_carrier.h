/*
 * What carries IP between the link layer and its own header: PPPoE sessions and MPLS label stacks.
 * Rare, and a function apart for each hook, so that other packets do not pay for it.
 */
#ifndef SLUICE_BPF_PARSE_CARRIER_H
#define SLUICE_BPF_PARSE_CARRIER_H

#include "bpf/parse.h"

#define ETHER_MPLS	      0x8847 /* RFC 3032 5; the next one: multicast or upstream-assigned */
#define ETHER_MPLS2	      0x8848
#define ETHER_PPPOE_DISCOVERY 0x8863 /* RFC 2516 4 */
#define ETHER_PPPOE	      0x8864

struct pppoe { /* RFC 2516 4, and PPP's protocol (RFC 1661 2) */
	__u8 version;
	__u8 code;
	__be16 session;
	__be16 len;
	__be16 protocol;
};

#define PPPOE_VERSION 0x11
#define PPP_IPV4      0x0021
#define PPP_IPV6      0x0057
#define MPLS_LABELS   8	    /* more are counted: no network stacks so many */
#define MPLS_BOTTOM   0x100 /* RFC 3032 2.1 */

/* @type with a header of its own: the EtherType of the IP behind it, else @type as it was, and in
 * the upper half where that begins. */
HOT __u32 carrier_walk(CONTEXT *ctx, enum hook hook, __u32 l3, __u32 type)
{
	struct pppoe pppoe;
	__be32 label = 0;
	__u8 first = 0;

	if (type == ETHER_PPPOE) {
		if (frame_load(ctx, hook, l3, &pppoe, sizeof(pppoe)) ||
		    pppoe.version != PPPOE_VERSION || pppoe.code)
			return type;
		if (pppoe.protocol == HTONS(PPP_IPV4))
			return ETHER_IPV4 | (l3 + sizeof(pppoe)) << 16;
		if (pppoe.protocol == HTONS(PPP_IPV6))
			return ETHER_IPV6 | (l3 + sizeof(pppoe)) << 16;
		return type;
	}
	if (type != ETHER_MPLS && type != ETHER_MPLS2)
		return type;
	for (int i = 0; i < MPLS_LABELS && !(NTOHL(label) & MPLS_BOTTOM); i++) {
		if (frame_load(ctx, hook, l3, &label, sizeof(label)))
			return type;
		l3 += sizeof(label);
	}
	if (!(NTOHL(label) & MPLS_BOTTOM) || frame_load(ctx, hook, l3, &first, sizeof(first)) ||
	    !ip_type_of(first))
		return type;
	return ip_type_of(first) | l3 << 16;
}

#ifdef SLUICE_USER
#define CARRIER_WALK carrier_walk
#else
APART __u32 carrier_walk_xdp(struct xdp_md *ctx, __u32 l3, __u32 type)
{
	return carrier_walk(ctx, HOOK_XDP, l3, type);
}

APART __u32 carrier_walk_tc(struct __sk_buff *ctx, __u32 l3, __u32 type)
{
	return carrier_walk(ctx, HOOK_TC, l3, type);
}

#define CARRIER_WALK(ctx, hook, l3, type) \
	((hook) == HOOK_XDP ? carrier_walk_xdp(ctx, l3, type) : carrier_walk_tc(ctx, l3, type))
#endif

/* Neither IPv4 nor IPv6 by its @type: what it is, or why not. */
HOT enum skip_reason parse_carrier(struct packet *p, __u32 *type)
{
	__u32 found = CARRIER_WALK(p->ctx, p->hook, p->l3, *type);

	*type = (__u16)found;
	if (*type == ETHER_IPV4 || *type == ETHER_IPV6) {
		p->l3 = found >> 16 & L3_MASK;
		return SKIP_NONE;
	}
	if (*type == ETHER_ARP)
		return SKIP_ARP;
	if (*type == ETHER_PPPOE || *type == ETHER_PPPOE_DISCOVERY)
		return SKIP_PPPOE;
	return *type == ETHER_MPLS || *type == ETHER_MPLS2 ? SKIP_MPLS : SKIP_NOT_IP;
}

#endif
