/*
 * Whether a packet may say what its flow is called: the few compares that every packet pays for
 * names (bpf/names.h does the rest, apart).
 */
#ifndef SLUICE_BPF_NAMES_SAID_H
#define SLUICE_BPF_NAMES_SAID_H

#include "bpf/count.h"
#include "bpf/domain.h"
#include "bpf/names_head.h"

#define TCP_SYN	     0x02	/* RFC 9293 3.1 */
#define QUIC_PACKETS 16		/* of a direction, looked at */
#define WINDOW_PAST  (64 << 10) /* beyond it by so much, nothing of it is coming any more */

/* The sequence number in network order; false: the frame ends before it. */
HOT bool tcp_seq(const struct packet *p, __be32 *seq)
{
	if (!p->tcp)
		return header_read(p, p->l4 + TCP_SEQ_AT, seq, sizeof(*seq));
	header_copy(seq, p->tcp + TCP_SEQ_AT, sizeof(*seq));
	return true;
}

/* A connection begins: its first byte, and whether the SYN brings some itself (RFC 7413). */
HOT bool tcp_opens(const struct packet *p, struct flow_value *value)
{
	struct name_mark mark = { .state = NAME_OPEN };
	__be32 seq;

	if (!tcp_seq(p, &seq))
		return false;
	mark.seq = NTOHL(seq) + 1;
	if (value)
		value_mark(value, &mark);
	return l4_holds(p, transport_bytes(p) + 1);
}

HOT bool tcp_is_said(const struct packet *p, struct flow_value *value)
{
	__u32 past;
	__be32 seq;

	if (UNLIKELY(tcp_flags(p) & TCP_SYN))
		return tcp_opens(p, value);
	if (value && value->name_state == NAME_CLOSED)
		return false;
	if (!l4_holds(p, transport_bytes(p) + 1))
		return false;
	if (!value || (value->name_state != NAME_TLS && value->name_state != NAME_STREAM))
		return true;
	if (!tcp_seq(p, &seq))
		return false;
	/* behind its window, and not yet so far that it closes: most of a young connection */
	past = NTOHL(seq) - value->name_seq - value->name_bytes;
	return past - 1460 > WINDOW_PAST - 1460;
}

/* DHCP (RFC 2131 4.1) is among the eight ports from 64 on, that of IPv6 has the two from 546 on:
 * one compare each, the rest is asked apart. */
HOT bool may_name_device(__be16 port)
{
	return (port & HTONS(0xfff8)) == HTONS(64) || (port & HTONS(0xfffe)) == PORT_DHCP6_CLIENT ||
	       port == PORT_MDNS;
}

HOT bool names_device(const struct suspect *s)
{
	return s->proto == IP_UDP &&
	       (s->dst_port == PORT_MDNS || s->dst_port == PORT_DHCP_SERVER ||
		s->dst_port == PORT_DHCP_CLIENT || s->dst_port == PORT_DHCP6_SERVER ||
		s->dst_port == PORT_DHCP6_CLIENT);
}

HOT bool udp_is_said(const struct packet *p, struct flow_value *value)
{
	__u8 first;
	__be16 len;

	if (UNLIKELY(p->frag))
		return true;
	if (LIKELY(value && value->name_state == NAME_CLOSED))
		return false;
	if (UNLIKELY(src_port(p) == PORT_DNS || dst_port(p) == PORT_DNS))
		return l4_holds(p, UDP_BYTES + 1) && header_read(p, p->l4 + 4, &len, sizeof(len)) &&
		       len != HTONS(UDP_BYTES);
	if (UNLIKELY(may_name_device(dst_port(p)))) /* one flow may be many devices' */
		return l4_holds(p, UDP_BYTES + 1);
	if (value && value->packets >= QUIC_PACKETS) {
		value->name_state = NAME_CLOSED;
		return false;
	}
	return l4_holds(p, UDP_BYTES + QUIC_HEAD) &&
	       header_read(p, p->l4 + UDP_BYTES, &first, sizeof(first)) && first & QUIC_LONG;
}

HOT bool name_is_said(const struct packet *p, struct flow_value *value)
{
	if (p->proto == IP_TCP)
		return UNLIKELY(p->frag) || tcp_is_said(p, value);
	return p->proto == IP_UDP && udp_is_said(p, value);
}

#endif
