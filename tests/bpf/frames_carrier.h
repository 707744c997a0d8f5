/*
 * Frames whose IP header lies behind PPPoE or MPLS: rows of the table in tests/bpf/frames.h.
 */
#ifndef SLUICE_TESTS_BPF_FRAMES_CARRIER_H
#define SLUICE_TESTS_BPF_FRAMES_CARRIER_H

#include "tests/bpf/frame_build.h"

/* ---- PPPoE: RFC 2516 4; PPP protocol numbers: IANA ---- */

static inline void put_pppoe(struct frame *f, unsigned int code, unsigned int len,
			     unsigned int protocol)
{
	put8(f, 0x11);
	put8(f, code);
	put16(f, 0x0042);
	put16(f, len);
	put16(f, protocol);
}

static inline void pppoe4(struct frame *f)
{
	put_ether(f, 0x8864);
	put_pppoe(f, 0, 30, 0x0021);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

static inline void pppoe6(struct frame *f)
{
	put_ether(f, 0x8864);
	put_pppoe(f, 0, 50, 0x0057);
	put_ipv6(f, 8, 17);
	put_udp(f);
}

static inline void pppoe_behind_tags(struct frame *f)
{
	put_ether(f, 0x88a8);
	put_tag(f, 100, 0x8100);
	put_tag(f, 42, 0x8864);
	put_pppoe(f, 0, 30, 0x0021);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

/* PADI */
static inline void pppoe_set_up(struct frame *f)
{
	put_ether(f, 0x8863);
	put8(f, 0x11);
	put8(f, 0x09);
	put_zero(f, 44);
}

static inline void pppoe_link_control(struct frame *f)
{
	put_ether(f, 0x8864);
	put_pppoe(f, 0, 10, 0xc021);
	put32(f, 0x01010008);
	put_zero(f, 34);
}

static inline void pppoe_other_version(struct frame *f)
{
	pppoe4(f);
	f->data[14] = 0x21;
}

static inline void pppoe_of_discovery(struct frame *f)
{
	pppoe4(f);
	f->data[15] = 0x65;
}

static inline void pppoe_cut(struct frame *f)
{
	pppoe4(f);
	f->len = 14 + 7;
}

static inline void pppoe_ip_cut(struct frame *f)
{
	pppoe4(f);
	f->len = 14 + 8 + 19;
}

/* ---- MPLS: RFC 3032 2.1, label, 3 bits, bottom of stack, TTL ---- */

static inline void put_labels(struct frame *f, unsigned int count)
{
	for (unsigned int i = 1; i <= count; i++)
		put32(f, i << 16 | (i == count) << 8 | 64);
}

static inline void mpls_one_label(struct frame *f)
{
	put_ether(f, 0x8847);
	put_labels(f, 1);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

static inline void mpls_eight_labels(struct frame *f)
{
	put_ether(f, 0x8848);
	put_labels(f, 8);
	put_ipv6(f, 8, 17);
	put_udp(f);
}

/* the farthest that an IP header can begin */
static inline void mpls_behind_tags(struct frame *f)
{
	put_ether(f, 0x88a8);
	put_tag(f, 100, 0x8100);
	put_tag(f, 42, 0x8847);
	put_labels(f, 8);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

static inline void mpls_nine_labels(struct frame *f)
{
	put_ether(f, 0x8847);
	put_labels(f, 9);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

/* a control word in front of a frame (RFC 4385 3) */
static inline void mpls_pseudowire(struct frame *f)
{
	put_ether(f, 0x8847);
	put_labels(f, 1);
	put32(f, 0);
	put_zero(f, 60);
}

static inline void mpls_label_cut(struct frame *f)
{
	put_ether(f, 0x8847);
	put_labels(f, 2);
	f->len -= 1;
}

static inline void mpls_nothing_behind(struct frame *f)
{
	put_ether(f, 0x8847);
	put_labels(f, 1);
}

#endif
