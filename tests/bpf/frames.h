/*
 * Frames of every kind and what counting them must give, worked out by hand from the standards:
 * one table for the datapath in user space and in the kernel.
 */
#ifndef SLUICE_TESTS_BPF_FRAMES_H
#define SLUICE_TESTS_BPF_FRAMES_H

#include "include/coverage.h"
#include "tests/bpf/frames_carrier.h"
#include "tests/bpf/frames_extension.h"

#define IS_FLOW NOT_FLOW_COUNT

/* What one frame must be counted as. */
struct frame_case {
	const char *name;
	void (*build)(struct frame *frame);
	int reason; /* enum not_flow_reason, or IS_FLOW and then the rest */
	uint8_t family, proto, tcp_flags;
	uint16_t src_port, dst_port, vlan;
	uint32_t ip_bytes;
};

/* ---- IPv4 ---- */

static void udp4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

static void tcp4_syn(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 40, 0, 6);
	put_tcp(f, 0x02);
}

static void icmp4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 28, 0, 1);
	put32(f, 0x08000000);
	put32(f, 0x12345678);
}

static void sctp4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 32, 0, 132);
	put16(f, 5000);
	put16(f, 53);
	put_zero(f, 8);
}

static void gre4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 24, 0, 47);
	put32(f, 0x00000800);
}

static void ipip_counts_outer(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 48, 0, 4);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

static void options4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 15, 68, 0, 17);
	put_udp(f);
}

static void first_fragment4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 28, 0x2000, 17);
	put_udp(f);
}

static void later_fragment4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 28, 0x2001, 17);
	put_udp(f);
}

static void padded4(struct frame *f)
{
	udp4(f);
	put_zero(f, 60 - f->len);
}

static void payload_cut4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 1500, 0, 6);
	put_tcp(f, 0x10);
	put_zero(f, 30);
}

static void ports_in_padding4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 22, 0, 17);
	put_udp(f);
	put_zero(f, 60 - f->len);
}

static void tcp_cut_after_ports4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 40, 0, 6);
	put_tcp(f, 0x12);
	f->len -= 12;
}

static void transport_cut4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 28, 0, 17);
	put16(f, 5000);
}

static void all_zero4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 20, 0, 0);
	memset(f->data + f->len - 8, 0, 8);
}

static void header_cut4(struct frame *f)
{
	udp4(f);
	f->len = 14 + 19;
}

static void wrong_version4(struct frame *f)
{
	udp4(f);
	f->data[14] = 0x65;
}

static void header_too_short4(struct frame *f)
{
	udp4(f);
	f->data[14] = 0x44;
}

static void total_below_header4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 6, 23, 0, 17);
	put_udp(f);
}

/* Taken above a device that segments: the frame says how long it is. */
static void total_zero4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 0, 0, 17);
	put_udp(f);
}

static void options_cut4(struct frame *f)
{
	options4(f);
	f->len = 14 + 59;
}

/* ---- link layer ---- */

static void tagged(struct frame *f)
{
	put_ether(f, 0x8100);
	put_tag(f, 0x6000 | 42, 0x0800);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

/* Whole: nothing of it is cut, so that XDP may take the short way (bpf/plain.h). */
static void whole4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 48, 0, 17);
	put_udp(f);
	put_zero(f, 20);
}

static void whole_fragment4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 48, 0x2001, 17);
	put_zero(f, 28);
}

static void whole_tagged4(struct frame *f)
{
	put_ether(f, 0x8100);
	put_tag(f, 42, 0x0800);
	put_ipv4(f, 5, 60, 0, 6);
	put_tcp(f, 0x18);
	put_zero(f, 20);
}

static void whole_tagged6(struct frame *f)
{
	put_ether(f, 0x88a8);
	put_tag(f, 43, 0x86dd);
	put_ipv6(f, 40, 6);
	put_tcp(f, 0x12);
	put_zero(f, 20);
}

static void qinq(struct frame *f)
{
	put_ether(f, 0x88a8);
	put_tag(f, 100, 0x8100);
	put_tag(f, 42, 0x86dd);
	put_ipv6(f, 8, 17);
	put_udp(f);
}

static void old_qinq(struct frame *f)
{
	put_ether(f, 0x9100);
	put_tag(f, 100, 0x8100);
	put_tag(f, 42, 0x0800);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

static void priority_tag(struct frame *f)
{
	put_ether(f, 0x8100);
	put_tag(f, 0xe000, 0x0800);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

static void priority_over_vlan(struct frame *f)
{
	put_ether(f, 0x88a8);
	put_tag(f, 0xe000, 0x8100);
	put_tag(f, 7, 0x0800);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

static void three_tags(struct frame *f)
{
	put_ether(f, 0x88a8);
	put_tag(f, 1, 0x8100);
	put_tag(f, 2, 0x8100);
	put_tag(f, 3, 0x0800);
	put_ipv4(f, 5, 28, 0, 17);
	put_udp(f);
}

static void tag_cut(struct frame *f)
{
	put_ether(f, 0x8100);
	put16(f, 42);
}

static void short_frame(struct frame *f)
{
	put_ether(f, 0x0800);
	f->len = 13;
}

static void arp(struct frame *f)
{
	put_ether(f, 0x0806);
	put_zero(f, 28);
}

static void lldp(struct frame *f)
{
	put_ether(f, 0x88cc);
	put_zero(f, 46);
}

static void length_frame(struct frame *f)
{
	put_ether(f, 46);
	put_zero(f, 46);
}

static void ether_only(struct frame *f)
{
	put_ether(f, 0x0800);
}

/* ---- IPv6 ---- */

static void udp6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 8, 17);
	put_udp(f);
}

static void tcp6_ack(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 20, 6);
	put_tcp(f, 0x10);
}

static void icmp6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 8, 58);
	put32(f, 0x80000000);
	put32(f, 1);
}

static void esp6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 16, 50);
	put_zero(f, 16);
}

static void no_next6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 0, 59);
}

static void mapped6(struct frame *f)
{
	udp6(f);
	memset(f->data + 14 + 8, 0, 16);
	memset(f->data + 14 + 8 + 10, 0xff, 2);
	memcpy(f->data + 14 + 8 + 12, "\xc0\x00\x02\x01", 4);
}

static void header_cut6(struct frame *f)
{
	udp6(f);
	f->len = 14 + 39;
}

static void wrong_version6(struct frame *f)
{
	udp6(f);
	f->data[14] = 0x45;
}

static void payload_cut6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 1400, 6);
	put_tcp(f, 0x18);
}

/* ---- the table ---- */

static const struct frame_case frame_cases[] = {
	{ "udp4", udp4, IS_FLOW, 4, 17, 0, 5000, 53, 0, 28 },
	{ "tcp4_syn", tcp4_syn, IS_FLOW, 4, 6, 0x02, 40000, 443, 0, 40 },
	{ "icmp4", icmp4, IS_FLOW, 4, 1, 0, 0, 0, 0, 28 },
	{ "sctp4", sctp4, IS_FLOW, 4, 132, 0, 5000, 53, 0, 32 },
	{ "gre4", gre4, IS_FLOW, 4, 47, 0, 0, 0, 0, 24 },
	{ "ipip_counts_outer", ipip_counts_outer, IS_FLOW, 4, 4, 0, 0, 0, 0, 48 },
	{ "options4", options4, IS_FLOW, 4, 17, 0, 5000, 53, 0, 68 },
	{ "first_fragment4", first_fragment4, IS_FLOW, 4, 17, 0, 5000, 53, 0, 28 },
	{ "later_fragment4", later_fragment4, IS_FLOW, 4, 17, 0, 0, 0, 0, 28 },
	{ "padded4", padded4, IS_FLOW, 4, 17, 0, 5000, 53, 0, 28 },
	{ "payload_cut4", payload_cut4, IS_FLOW, 4, 6, 0x10, 40000, 443, 0, 1500 },
	{ "ports_in_padding4", ports_in_padding4, IS_FLOW, 4, 17, 0, 0, 0, 0, 22 },
	{ "tcp_cut_after_ports4", tcp_cut_after_ports4, IS_FLOW, 4, 6, 0, 40000, 443, 0, 40 },
	{ "transport_cut4", transport_cut4, IS_FLOW, 4, 17, 0, 0, 0, 0, 28 },
	{ "all_zero4", all_zero4, IS_FLOW, 4, 0, 0, 0, 0, 0, 20 },
	{ "header_cut4", header_cut4, NOT_FLOW_IPV4_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "wrong_version4", wrong_version4, NOT_FLOW_IPV4_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "header_too_short4", header_too_short4, NOT_FLOW_IPV4_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "total_below_header4", total_below_header4, NOT_FLOW_IPV4_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "total_zero4", total_zero4, IS_FLOW, 4, 17, 0, 5000, 53, 0, 28 },
	{ "options_cut4", options_cut4, NOT_FLOW_IPV4_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "tagged", tagged, IS_FLOW, 4, 17, 0, 5000, 53, 42, 28 },
	{ "whole4", whole4, IS_FLOW, 4, 17, 0, 5000, 53, 0, 48 },
	{ "whole_fragment4", whole_fragment4, IS_FLOW, 4, 17, 0, 0, 0, 0, 48 },
	{ "whole_tagged4", whole_tagged4, IS_FLOW, 4, 6, 0x18, 40000, 443, 42, 60 },
	{ "whole_tagged6", whole_tagged6, IS_FLOW, 6, 6, 0x12, 40000, 443, 43, 80 },
	{ "qinq", qinq, IS_FLOW, 6, 17, 0, 5000, 53, 100, 48 },
	{ "old_qinq", old_qinq, IS_FLOW, 4, 17, 0, 5000, 53, 100, 28 },
	{ "priority_tag", priority_tag, IS_FLOW, 4, 17, 0, 5000, 53, 0, 28 },
	{ "priority_over_vlan", priority_over_vlan, IS_FLOW, 4, 17, 0, 5000, 53, 7, 28 },
	{ "three_tags", three_tags, NOT_FLOW_TAGS, 0, 0, 0, 0, 0, 0, 0 },
	{ "tag_cut", tag_cut, NOT_FLOW_SHORT, 0, 0, 0, 0, 0, 0, 0 },
	{ "short_frame", short_frame, NOT_FLOW_SHORT, 0, 0, 0, 0, 0, 0, 0 },
	{ "arp", arp, NOT_FLOW_ARP, 0, 0, 0, 0, 0, 0, 0 },
	{ "lldp", lldp, NOT_FLOW_NOT_IP, 0, 0, 0, 0, 0, 0, 0 },
	{ "length_frame", length_frame, NOT_FLOW_NOT_IP, 0, 0, 0, 0, 0, 0, 0 },
	{ "ether_only", ether_only, NOT_FLOW_IPV4_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "udp6", udp6, IS_FLOW, 6, 17, 0, 5000, 53, 0, 48 },
	{ "tcp6_ack", tcp6_ack, IS_FLOW, 6, 6, 0x10, 40000, 443, 0, 60 },
	{ "icmp6", icmp6, IS_FLOW, 6, 58, 0, 0, 0, 0, 48 },
	{ "esp6", esp6, IS_FLOW, 6, 50, 0, 0, 0, 0, 56 },
	{ "no_next6", no_next6, IS_FLOW, 6, 59, 0, 0, 0, 0, 40 },
	{ "mapped6", mapped6, IS_FLOW, 6, 17, 0, 5000, 53, 0, 48 },
	{ "extensions6", extensions6, IS_FLOW, 6, 6, 0x02, 40000, 443, 0, 108 },
	{ "auth6", auth6, IS_FLOW, 6, 17, 0, 5000, 53, 0, 72 },
	{ "first_fragment6", first_fragment6, IS_FLOW, 6, 17, 0, 5000, 53, 0, 56 },
	{ "later_fragment6", later_fragment6, IS_FLOW, 6, 17, 0, 0, 0, 0, 56 },
	{ "later_fragment_of_options6", later_fragment_of_options6, IS_FLOW, 6, 60, 0, 0, 0, 0,
	  56 },
	{ "most_extensions6", most_extensions6, IS_FLOW, 6, 17, 0, 5000, 53, 0, 1504 },
	{ "one_extension_more6", one_extension_more6, NOT_FLOW_IPV6_EXT, 0, 0, 0, 0, 0, 0, 0 },
	{ "extensions_in_turn6", extensions_in_turn6, IS_FLOW, 6, 17, 0, 5000, 53, 0, 208 },
	{ "extension_cut6", extension_cut6, IS_FLOW, 6, 60, 0, 0, 0, 0, 56 },
	{ "extension_half6", extension_half6, IS_FLOW, 6, 58, 0, 0, 0, 0, 56 },
	{ "fragment_half6", fragment_half6, IS_FLOW, 6, 44, 0, 0, 0, 0, 56 },
	{ "extension_in_padding6", extension_in_padding6, IS_FLOW, 6, 44, 0, 0, 0, 0, 44 },
	{ "extension_beyond_packet6", extension_beyond_packet6, IS_FLOW, 6, 17, 0, 0, 0, 0, 56 },
	{ "extension_lies_beyond_frame6", extension_lies_beyond_frame6, IS_FLOW, 6, 60, 0, 0, 0, 0,
	  1640 },
	{ "header_cut6", header_cut6, NOT_FLOW_IPV6_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "wrong_version6", wrong_version6, NOT_FLOW_IPV6_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "pppoe4", pppoe4, IS_FLOW, 4, 17, 0, 5000, 53, 0, 28 },
	{ "pppoe6", pppoe6, IS_FLOW, 6, 17, 0, 5000, 53, 0, 48 },
	{ "pppoe_behind_tags", pppoe_behind_tags, IS_FLOW, 4, 17, 0, 5000, 53, 100, 28 },
	{ "pppoe_set_up", pppoe_set_up, NOT_FLOW_PPPOE, 0, 0, 0, 0, 0, 0, 0 },
	{ "pppoe_link_control", pppoe_link_control, NOT_FLOW_PPPOE, 0, 0, 0, 0, 0, 0, 0 },
	{ "pppoe_other_version", pppoe_other_version, NOT_FLOW_PPPOE, 0, 0, 0, 0, 0, 0, 0 },
	{ "pppoe_of_discovery", pppoe_of_discovery, NOT_FLOW_PPPOE, 0, 0, 0, 0, 0, 0, 0 },
	{ "pppoe_cut", pppoe_cut, NOT_FLOW_PPPOE, 0, 0, 0, 0, 0, 0, 0 },
	{ "pppoe_ip_cut", pppoe_ip_cut, NOT_FLOW_IPV4_HEADER, 0, 0, 0, 0, 0, 0, 0 },
	{ "mpls_one_label", mpls_one_label, IS_FLOW, 4, 17, 0, 5000, 53, 0, 28 },
	{ "mpls_eight_labels", mpls_eight_labels, IS_FLOW, 6, 17, 0, 5000, 53, 0, 48 },
	{ "mpls_behind_tags", mpls_behind_tags, IS_FLOW, 4, 17, 0, 5000, 53, 100, 28 },
	{ "mpls_nine_labels", mpls_nine_labels, NOT_FLOW_MPLS, 0, 0, 0, 0, 0, 0, 0 },
	{ "mpls_pseudowire", mpls_pseudowire, NOT_FLOW_MPLS, 0, 0, 0, 0, 0, 0, 0 },
	{ "mpls_label_cut", mpls_label_cut, NOT_FLOW_MPLS, 0, 0, 0, 0, 0, 0, 0 },
	{ "mpls_nothing_behind", mpls_nothing_behind, NOT_FLOW_MPLS, 0, 0, 0, 0, 0, 0, 0 },
	{ "payload_cut6", payload_cut6, IS_FLOW, 6, 6, 0x18, 40000, 443, 0, 1440 },
};

#define FRAME_CASES (sizeof(frame_cases) / sizeof(frame_cases[0]))

#endif
