/*
 * IPv6 frames with extension headers (RFC 8200 4, RFC 4302), whole, cut, too many: rows of the
 * table in tests/bpf/frames.h. Of a header that is cut tshark 4.0 still tells what would follow,
 * but not of a fragment's; so do we.
 */
#ifndef SLUICE_TESTS_BPF_FRAMES_EXTENSION_H
#define SLUICE_TESTS_BPF_FRAMES_EXTENSION_H

#include "tests/bpf/frame_build.h"

static inline void extensions6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 8 + 24 + 16 + 20, 0);
	put_ext(f, 43, 0);
	put_ext(f, 60, 2);
	put_ext(f, 6, 1);
	put_tcp(f, 0x02);
}

static inline void auth6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 24 + 8, 51);
	put8(f, 17);
	put8(f, 4); /* words, minus 2: 24 bytes (RFC 4302 2.2) */
	put_zero(f, 22);
	put_udp(f);
}

static inline void first_fragment6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 16, 44);
	put_fragment(f, 17, 1);
	put_udp(f);
}

static inline void later_fragment6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 16, 44);
	put_fragment(f, 17, 8 | 1);
	put_udp(f);
}

static inline void later_fragment_of_options6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 16, 44);
	put_fragment(f, 60, 8);
	put_zero(f, 8);
}

static inline void options_each(struct frame *f, unsigned int count)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, count * 8 + 8, 60);
	for (unsigned int i = 1; i <= count; i++)
		put_ext(f, i == count ? 17 : 60, 0);
	put_udp(f);
}

static inline void most_extensions6(struct frame *f)
{
	options_each(f, 182);
}

static inline void one_extension_more6(struct frame *f)
{
	options_each(f, 183);
}

/* Of 16 bytes each, in no order: RFC 8200 4.1 asks nodes to take any. */
static inline void extensions_in_turn6(struct frame *f)
{
	static const uint8_t next[] = { 60, 43, 60, 51, 60, 43, 0, 60, 43, 17 };

	put_ether(f, 0x86dd);
	put_ipv6(f, sizeof(next) * 16 + 8, 60);
	for (size_t i = 0; i < sizeof(next); i++) {
		put8(f, next[i]);
		put8(f, i > 0 && next[i - 1] == 51 ? 2 : 1); /* of AH: words, minus 2 */
		put_zero(f, 14);
	}
	put_udp(f);
}

static inline void extension_cut6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 16, 60);
	put8(f, 17);
}

static inline void extension_half6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 16, 60);
	put32(f, 0x3a000104);
}

static inline void fragment_half6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 16, 44);
	put32(f, 0x11000001);
}

static inline void extension_in_padding6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 4, 44);
	put_fragment(f, 17, 0);
	put_udp(f);
}

static inline void extension_beyond_packet6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 16, 60);
	put_ext(f, 17, 200);
	put_udp(f);
}

static inline void extension_lies_beyond_frame6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 1600, 60);
	put8(f, 60);
	put8(f, 100);
	put_zero(f, 30);
}

#endif
