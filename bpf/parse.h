/*
 * A frame becomes a struct packet, once. The only place that touches packet bytes: through
 * header_read, which takes a header from the linear part, else copies it from wherever it lies, so
 * that no layout of a frame hides its addresses. Outermost IP header only.
 */
#ifndef SLUICE_BPF_PARSE_H
#define SLUICE_BPF_PARSE_H

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "bpf/maps.h"

#define ETHER_IPV4     0x0800 /* EtherTypes: IEEE 802 numbers, IANA */
#define ETHER_ARP      0x0806
#define ETHER_VLAN     0x8100 /* 802.1Q */
#define ETHER_IPV6     0x86dd
#define ETHER_QINQ     0x88a8 /* 802.1ad */
#define ETHER_QINQ_OLD 0x9100 /* what switches wrote before there was 802.1ad */
#define VLAN_ID	       0x0fff
#define VLAN_TAGS      2
#define VLAN_BYTES     4
#define ETHER_BYTES    14
#define L3_MASK	       63 /* 14 + 2 * 4 + 8 * 4 fits */
#define L4_MASK	       0x7fff

#define IPV4_OFFSET 0x1fff /* RFC 791 3.1: fragment offset */
#define IPV4_MORE   0x2000 /* others follow */
#define IPV6_MORE   0x0001
#define IPV6_OFFSET 0xfff8 /* RFC 8200 4.5: the same, in the upper bits */

/* Extension headers walked: all that 1500 bytes hold, (1500 - 40) / 8. */
#define IPV6_EXT_MAX	   182
#define IPV6_EXT_BYTES_MAX 0x7000 /* and so far into the packet; L4_MASK has room for it */
#define JUMBO_BYTES	   8	  /* RFC 2675 2 */
#define UDP_BYTES	   8	  /* RFC 768 */
#define TCP_BYTES_MIN	   20	  /* RFC 9293 3.1 */

enum ip_protocol { /* IANA protocol numbers */
	IP_HOP_OPTIONS = 0,
	IP_ICMP = 1,
	IP_TCP = 6,
	IP_UDP = 17,
	IP_ROUTING = 43,
	IP_FRAGMENT = 44,
	IP_AUTH = 51,
	IP_ICMPV6 = 58,
	IP_DEST_OPTIONS = 60,
	IP_SCTP = 132,
	IP_UDPLITE = 136,
};

/* Why a packet is no flow: index in iface_counters.not_flow, the order of include/not_flow.def. */
enum skip_reason {
#define NOT_FLOW(id, name, help) SKIP_##id,
#include "include/not_flow.def"
#undef NOT_FLOW
	SKIP_COUNT,
	SKIP_NONE = SKIP_COUNT,
};
_Static_assert(SKIP_COUNT <= NOT_FLOW_MAX, "a counter for every reason");

struct packet {
	CONTEXT *ctx;
	enum hook hook; /* a constant */
	__u8 direction; /* ABI_INGRESS, ABI_EGRESS; a constant */
	__u32 family;	/* 4, 6; a constant; 0: no IP header, nothing to check */
	__u32 is_seen;	/* counted as that already (bpf/plain.h) */

	/* by packet_begin (bpf/count.h) */
	__u32 cpu, no_l2;
	__u32 key; /* interface and "used" as a flow's key has them; see packet_iface */

	/* by parse_link, parse_ipv4, parse_ipv6, parse_transport */
	__u32 proto;	/* behind the IPv6 extension headers */
	__u32 tcp_head; /* bytes 12 and 13 of a TCP header; 0: cut. See tcp_flags */
	__u32 no_ports; /* IPv6: a later fragment, or headers that could not be walked */
	__u32 vlan;	/* outermost non-zero tag */
	__u32 ports;	/* source, then destination, as a key has them; see src_port, dst_port */
	union {		/* IPv4: the first __be32 */
		__be32 src[4];
		__u64 src_words[2];
	};
	union {
		__be32 dst[4];
		__u64 dst_words[2];
	};
	__u32 l3, l4;	/* offsets in the frame */
	__u32 ip_bytes; /* as its header says; of a merged packet, as it lies here */
	__u32 jumbo;	/* bytes of it that never reach the wire */
	__u32 frag;	/* offset and "more" as the header has them; 0: no fragment */
	__u32 frag_at;	/* IPv6: where the fragment's identification lies in the frame */

	const __u8 *tcp; /* bpf/plain.h: the transport header, which the bounds hold; else NULL */

	/* by packet_measure */
	__u64 segments; /* packets on the wire */
	__u64 bytes;	/* IP bytes on the wire */
	__u64 wire_bytes;
};

#define HEADER_MAX 40

/* @size is a constant, at most HEADER_MAX. False: the frame ends before it. */
HOT bool header_read(const struct packet *p, __u32 offset, void *to, const __u32 size)
{
	__u64 copy[HEADER_MAX / 8];
	const __u8 *at = frame_start(p->ctx, p->hook) + offset;

	if (LIKELY(at + size <= frame_end(p->ctx, p->hook))) {
		header_copy(to, at, size);
		return true;
	}
	if (frame_load(p->ctx, p->hook, offset, copy, size))
		return false;
	header_copy(to, (const __u8 *)copy, size);
	return true;
}

struct vlan_tag {
	__be16 tci;
	__be16 type;
};

/* Past the Ethernet header and its tags: @type and p->l3. */
HOT enum skip_reason parse_ethernet(struct packet *p, __u32 *type)
{
	__be16 ether;

	if (!header_read(p, ETHER_BYTES - sizeof(ether), &ether, sizeof(ether)))
		return SKIP_SHORT;
	*type = NTOHS(ether);
	p->l3 = ETHER_BYTES;
	for (int i = 0; i <= VLAN_TAGS; i++) {
		struct vlan_tag tag;

		if (LIKELY(*type != ETHER_VLAN && *type != ETHER_QINQ && *type != ETHER_QINQ_OLD))
			return SKIP_NONE;
		if (i == VLAN_TAGS)
			break;
		if (!header_read(p, p->l3, &tag, sizeof(tag)))
			return SKIP_SHORT;
		if (!p->vlan)
			p->vlan = NTOHS(tag.tci) & VLAN_ID;
		*type = NTOHS(tag.type);
		p->l3 += VLAN_BYTES;
	}
	return SKIP_TAGS;
}

/* EtherType by the first byte of an IP header; 0: neither version. */
HOT __u32 ip_type_of(__u32 first)
{
	return first >> 4 == 4 ? ETHER_IPV4 : first >> 4 == 6 ? ETHER_IPV6 : 0;
}

/* A device without Ethernet header: the IP version says what it is. */
HOT enum skip_reason parse_bare(struct packet *p, __u32 *type)
{
	__u8 first;

	p->l3 = 0;
	if (!header_read(p, 0, &first, sizeof(first)))
		return SKIP_SHORT;
	*type = ip_type_of(first);
	return SKIP_NONE;
}

/* The header says 0 where Linux merged (BIG TCP) or a device was to segment: the frame's counts. */
HOT __u32 parse_ip_bytes(const struct packet *p, __u32 said)
{
	__u32 len;

	if (LIKELY(said && !frame_merged(p->ctx, p->hook).size))
		return said;
	len = frame_len(p->ctx, p->hook);
	return len > p->l3 ? len - p->l3 : 0;
}

HOT enum skip_reason parse_ipv4(struct packet *p)
{
	struct iphdr ip;
	__u32 header, last;

	if (!header_read(p, p->l3, &ip, sizeof(ip)))
		return SKIP_IPV4_HEADER;
	header = ip.ihl * 4;
	p->ip_bytes = parse_ip_bytes(p, NTOHS(ip.tot_len));
	if (ip.version != 4 || header < sizeof(ip) || p->ip_bytes < header)
		return SKIP_IPV4_HEADER;
	/* options that the frame does not hold: the header is cut */
	if (UNLIKELY(header > sizeof(ip)) &&
	    !header_read(p, p->l3 + header - sizeof(last), &last, sizeof(last)))
		return SKIP_IPV4_HEADER;
	p->proto = ip.protocol;
	p->src[0] = ip.saddr;
	p->dst[0] = ip.daddr;
	p->l4 = p->l3 + header;
	p->frag = ip.frag_off & HTONS(IPV4_OFFSET | IPV4_MORE);
	return SKIP_NONE;
}

/* What ext_walk found, in one word, for a function of its own returns no more. */
#define EXT_PROTO(found) ((__u8)(found))
#define EXT_LATER	 0x100 /* a later fragment */
#define EXT_CUT		 0x200 /* a header is not all there */
#define EXT_LIMIT	 0x400 /* more than IPV6_EXT_MAX, or farther than IPV6_EXT_BYTES_MAX */
#define EXT_BROKEN	 (EXT_CUT | EXT_LIMIT)
#define EXT_BYTES(found) ((__u32)(found) >> 16 & 0x7fff)
#define EXT_FRAG(found)	 ((found) >> 32 & 0xffff) /* offset and "more"; 0: none */
#define EXT_AT(found)	 ((found) >> 48 & 0x7fff) /* of the fragment header */

#define EXT_MASK                                                                               \
	(1ULL << IP_HOP_OPTIONS | 1ULL << IP_ROUTING | 1ULL << IP_FRAGMENT | 1ULL << IP_AUTH | \
	 1ULL << IP_DEST_OPTIONS)

/* One test instead of five, which for the verifier would be five ways on. */
HOT bool is_extension(__u32 proto)
{
	return proto < 64 && EXT_MASK >> proto & 1;
}

struct ipv6_ext { /* RFC 8200 4.3 to 4.6, RFC 4302 2: none is shorter */
	__u8 next;
	__u8 len;
	__be16 offset; /* of a fragment header only */
	__be32 ident;
};

#define FRAGMENT_BYTES 8
#define FRAGMENT_IDENT 4 /* where its identification is */
HOT __u32 ext_bytes(const struct ipv6_ext *ext, __u32 proto)
{
	__u32 own = proto == IP_AUTH ? (ext->len + 2) * 4 : (ext->len + 1) * 8;

	return proto == IP_FRAGMENT ? FRAGMENT_BYTES : own;
}

/* Of a header that is cut: what it says would follow, if two bytes are there within @limit. */
HOT __u32 ext_cut(CONTEXT *ctx, enum hook hook, __u32 offset, __u32 proto, __s32 limit)
{
	__u8 next[2];

	if (proto == IP_FRAGMENT || limit < (__s32)sizeof(next) ||
	    frame_load(ctx, hook, offset, next, sizeof(next)))
		return proto | EXT_CUT;
	return next[0] | EXT_CUT;
}

/* From @proto at @offset over all extension headers of a packet of @ip_bytes. @bytes is blurred as
 * in packet_blur: else the verifier follows every sum of lengths apart. */
HOT __u64 ext_walk(CONTEXT *ctx, enum hook hook, __u32 offset, __u32 proto, __u32 ip_bytes)
{
	/* its length may be wrong: then nothing of it is there */
	__u32 limit = ip_bytes > sizeof(struct ipv6hdr) ? ip_bytes - sizeof(struct ipv6hdr) : 0;
	const struct control *word = WORD(ctx, control);
	__u32 bytes = 0, zero = VOLATILE(word->zero);
	__u64 frag = 0;

	for (int i = 0; i < IPV6_EXT_MAX; i++) {
		struct ipv6_ext ext;

		bytes ^= zero;
		FORGET(bytes);
		bytes &= L4_MASK;
		if (bytes > IPV6_EXT_BYTES_MAX)
			break;
		if (bytes + sizeof(ext) > limit ||
		    frame_load(ctx, hook, offset + bytes, &ext, sizeof(ext)))
			return ext_cut(ctx, hook, offset + bytes, proto, limit - bytes);
		if (proto == IP_FRAGMENT)
			frag = (__u64)(NTOHS(ext.offset) & (IPV6_OFFSET | IPV6_MORE)) << 32 |
			       (__u64)bytes << 48;
		bytes += ext_bytes(&ext, proto);
		if (proto == IP_FRAGMENT && NTOHS(ext.offset) & IPV6_OFFSET)
			return frag | ext.next | EXT_LATER | bytes << 16;
		proto = ext.next;
		if (is_extension(proto))
			continue;
		return bytes > limit ? proto | EXT_CUT : frag | proto | bytes << 16;
	}
	return proto | EXT_LIMIT;
}

#ifdef SLUICE_USER
#define EXT_WALK ext_walk
#else
APART __u64 ext_walk_xdp(struct xdp_md *ctx, __u32 offset, __u32 proto, __u32 ip_bytes)
{
	return ext_walk(ctx, HOOK_XDP, offset, proto, ip_bytes);
}

APART __u64 ext_walk_tc(struct __sk_buff *ctx, __u32 offset, __u32 proto, __u32 ip_bytes)
{
	return ext_walk(ctx, HOOK_TC, offset, proto, ip_bytes);
}

#define EXT_WALK(ctx, hook, offset, proto, ip_bytes)                     \
	((hook) == HOOK_XDP ? ext_walk_xdp(ctx, offset, proto, ip_bytes) \
			    : ext_walk_tc(ctx, offset, proto, ip_bytes))
#endif

/*
 * By words: what is one load and one store a word here, clang makes sixteen loads of bytes where
 * addresses are copied out of the struct (measured: 9 of 28 ns a packet, `make bench`, 2026-11).
 */
union ipv6_header {
	struct ipv6hdr fields;
	__u64 words[5];
};
_Static_assert(sizeof(union ipv6_header) == sizeof(struct ipv6hdr), "the words are all of it");

HOT enum skip_reason parse_ipv6(struct packet *p)
{
	union ipv6_header header;
	const struct ipv6hdr *ip = &header.fields;
	__u64 found;

	if (!header_read(p, p->l3, header.words, sizeof(header)) || ip->version != 6)
		return SKIP_IPV6_HEADER;
	p->proto = ip->nexthdr;
	p->ip_bytes = parse_ip_bytes(p, sizeof(*ip) + NTOHS(ip->payload_len));
	p->src_words[0] = header.words[1];
	p->src_words[1] = header.words[2];
	p->dst_words[0] = header.words[3];
	p->dst_words[1] = header.words[4];
	p->l4 = p->l3 + sizeof(*ip);
	if (LIKELY(!is_extension(p->proto)))
		return SKIP_NONE;
	found = EXT_WALK(p->ctx, p->hook, p->l4, p->proto, p->ip_bytes);
	p->proto = EXT_PROTO(found);
	p->no_ports = !!(found & (EXT_LATER | EXT_BROKEN));
	/* BIG TCP: the jumbo option (RFC 2675) is there for the stack only */
	if (!ip->payload_len && frame_merged(p->ctx, p->hook).size)
		p->jumbo = JUMBO_BYTES;
	p->frag = EXT_FRAG(found);
	p->frag_at = p->l4 + EXT_AT(found) + FRAGMENT_IDENT;
	p->l4 += EXT_BYTES(found);
	if (found & EXT_LIMIT || p->l4 - p->l3 > p->ip_bytes)
		return SKIP_IPV6_EXT;
	return SKIP_NONE;
}

#define TCP_SEQ_AT	4
#define TCP_HEAD_AT	12
#define TCP_WORDS	0xf0 /* of the header, in byte 12 (RFC 9293 3.1) */
#define TCP_FLAGS_SHIFT 8

enum icmp_type { /* RFC 792, RFC 4443 4 */
	ICMP4_REPLY = 0,
	ICMP4_REQUEST = 8,
	ICMP6_REQUEST = 128,
	ICMP6_REPLY = 129,
};

#define PORT_PROTOS (1ULL << IP_TCP | 1ULL << IP_UDP)

/* One test for nearly all, as of is_extension. */
HOT bool proto_has_ports(__u32 proto)
{
	if (LIKELY(proto < 64))
		return PORT_PROTOS >> proto & 1;
	return proto == IP_SCTP || proto == IP_UDPLITE;
}

HOT __be16 src_port(const struct packet *p)
{
	return (__be16)p->ports;
}

HOT __be16 dst_port(const struct packet *p)
{
	return (__be16)(p->ports >> 16);
}

/* What the IP header says lies behind it and its extensions; at least 0. */
HOT __u32 l4_bytes(const struct packet *p)
{
	return p->ip_bytes - (p->l4 - p->l3);
}

/* At least @bytes of it. */
HOT bool l4_holds(const struct packet *p, __u32 bytes)
{
	return p->l4 - p->l3 + bytes <= p->ip_bytes;
}

/* The transport header is where p->l4 says. */
HOT bool has_ports(const struct packet *p)
{
	return p->family == 4 ? !(p->frag & HTONS(IPV4_OFFSET)) : !p->no_ports;
}

/* Of TCP; of ICMP enum echo_flag. */
HOT __u32 tcp_flags(const struct packet *p)
{
	return p->tcp_head >> TCP_FLAGS_SHIFT;
}

/* Bytes of the transport header, which the pieces of a merged packet repeat. */
HOT __u32 transport_bytes(const struct packet *p)
{
	if (!has_ports(p) || !proto_has_ports(p->proto) || !l4_holds(p, sizeof(p->ports)))
		return 0;
	if (p->proto == IP_TCP && p->tcp_head)
		return (p->tcp_head & TCP_WORDS) >> 2;
	return p->proto == IP_SCTP ? 12 : UDP_BYTES; /* RFC 9260 3 */
}

/* Ping has no ports: the type alone says who began. */
HOT void parse_icmp(struct packet *p)
{
	__u8 type;

	if (p->proto != IP_ICMP && p->proto != IP_ICMPV6)
		return;
	if (!l4_holds(p, sizeof(type)) || !header_read(p, p->l4, &type, sizeof(type)))
		return;
	if (type == (p->proto == IP_ICMP ? ICMP4_REQUEST : ICMP6_REQUEST))
		p->tcp_head = ECHO_REQUEST_SEEN << TCP_FLAGS_SHIFT;
	else if (type == (p->proto == IP_ICMP ? ICMP4_REPLY : ICMP6_REPLY))
		p->tcp_head = ECHO_REPLY_SEEN << TCP_FLAGS_SHIFT;
}

/* Ports and TCP flags. A transport header that is cut leaves them 0: the packet is still a flow. */
HOT void parse_transport(struct packet *p)
{
	__u32 ports;
	__u16 head;

	/* at most 22 + 40 + 8 * 2048; said again, for 6.1 has lost it by now */
	FORGET(p->l4);
	p->l4 &= L4_MASK;
	if (!has_ports(p))
		return;
	if (UNLIKELY(!proto_has_ports(p->proto))) {
		parse_icmp(p);
		return;
	}
	if (!l4_holds(p, sizeof(ports)) || !header_read(p, p->l4, &ports, sizeof(ports)))
		return;
	p->ports = ports;
	if (p->proto == IP_TCP && l4_holds(p, TCP_HEAD_AT + sizeof(head)) &&
	    header_read(p, p->l4 + TCP_HEAD_AT, &head, sizeof(head)))
		p->tcp_head = head;
}

/* The link layer: p->l3 and the @type of what follows. */
HOT enum skip_reason parse_link(struct packet *p, __u32 *type)
{
	enum skip_reason reason;

	p->vlan = frame_tag(p->ctx, p->hook) & VLAN_ID;
	reason = p->no_l2 ? parse_bare(p, type) : parse_ethernet(p, type);
	/* one state for the verifier instead of one per number of tags */
	FORGET(p->l3);
	p->l3 &= L3_MASK;
	return reason;
}

/*
 * What the wire carries of it. A merged packet (GSO, GRO) is ceil(payload / gso_size) packets that
 * repeat the headers; gso_segs and wire_len are wrong behind a tap device (measured:
 * facts/kernel-prototypes.md 7). Only SCTP, whose pieces differ in size, needs gso_segs.
 */
HOT void packet_measure_merged(struct packet *p, const struct merged *merged)
{
	__u32 headers = p->l4 - p->l3 + transport_bytes(p) - p->jumbo;
	__u64 payload;

	p->bytes = p->ip_bytes - p->jumbo;
	payload = p->bytes > headers ? p->bytes - headers : 1;
	if (merged->size == GSO_BY_FRAGS)
		p->segments = merged->segments ? merged->segments : 1;
	else
		p->segments = (payload + merged->size - 1) / merged->size;
	p->bytes += (p->segments - 1) * headers;
	p->wire_bytes = p->bytes + p->segments * p->l3;
}

HOT void packet_measure(struct packet *p)
{
	__u32 linear = frame_end(p->ctx, p->hook) - frame_start(p->ctx, p->hook);
	struct merged merged = frame_merged(p->ctx, p->hook);

	p->segments = 1;
	p->bytes = p->ip_bytes;
	/* XDP's length is a helper call, needed only when something may lie outside the linear part
	 */
	if (p->hook == HOOK_XDP && p->family && p->l3 + p->ip_bytes <= linear)
		p->wire_bytes = linear;
	else
		p->wire_bytes = frame_len(p->ctx, p->hook);
	if (UNLIKELY(merged.size) && p->family)
		packet_measure_merged(p, &merged);
	if (frame_has_tag(p->ctx, p->hook))
		p->wire_bytes += p->segments * VLAN_BYTES;
}

#endif
