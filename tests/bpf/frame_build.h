/*
 * Frames for tests of the datapath, header by header; each put_ appends.
 */
#ifndef SLUICE_TESTS_BPF_FRAME_BUILD_H
#define SLUICE_TESTS_BPF_FRAME_BUILD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_ROOM 9000

struct frame {
	size_t len;
	uint8_t data[FRAME_ROOM];
};

static inline void put8(struct frame *f, unsigned int v)
{
	f->data[f->len++] = (uint8_t)v;
}

static inline void put16(struct frame *f, unsigned int v)
{
	put8(f, v >> 8);
	put8(f, v & 255);
}

static inline void put32(struct frame *f, uint32_t v)
{
	put16(f, v >> 16);
	put16(f, v & 0xffff);
}

static inline void put_zero(struct frame *f, size_t count)
{
	memset(f->data + f->len, 0, count);
	f->len += count;
}

static inline void put_ether(struct frame *f, unsigned int type)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

	memcpy(f->data, macs, sizeof(macs));
	f->len = sizeof(macs);
	put16(f, type);
}

static inline void put_tag(struct frame *f, unsigned int tci, unsigned int type)
{
	put16(f, tci);
	put16(f, type);
}

/* 192.0.2.1 to 198.51.100.2; @words of header, @total as claimed, fragment field as on the wire. */
static inline void put_ipv4(struct frame *f, unsigned int words, unsigned int total,
			    unsigned int fragment, unsigned int proto)
{
	put8(f, 0x40 | words);
	put8(f, 0);
	put16(f, total);
	put16(f, 1);
	put16(f, fragment);
	put8(f, 64);
	put8(f, proto);
	put16(f, 0);
	put32(f, 0xc0000201);
	put32(f, 0xc6336402);
	if (words > 5)
		put_zero(f, (words - 5) * 4);
}

/* 2001:db8::1 to 2001:db8:1::2 */
static inline void put_ipv6(struct frame *f, unsigned int payload, unsigned int next)
{
	put32(f, 0x60000000);
	put16(f, payload);
	put8(f, next);
	put8(f, 64);
	put32(f, 0x20010db8);
	put_zero(f, 8);
	put32(f, 1);
	put32(f, 0x20010db8);
	put32(f, 0x00010000);
	put_zero(f, 4);
	put32(f, 2);
}

/* An options, routing or destination header of (@len + 1) * 8 bytes. */
static inline void put_ext(struct frame *f, unsigned int next, unsigned int len)
{
	put8(f, next);
	put8(f, len);
	put_zero(f, 6 + len * 8);
}

static inline void put_fragment(struct frame *f, unsigned int next, unsigned int field)
{
	put8(f, next);
	put8(f, 0);
	put16(f, field);
	put32(f, 7);
}

/* 8 bytes, 5000 to 53 */
static inline void put_udp(struct frame *f)
{
	put16(f, 5000);
	put16(f, 53);
	put16(f, 8);
	put16(f, 0);
}

/* 20 bytes, 40000 to 443 */
static inline void put_tcp(struct frame *f, unsigned int flags)
{
	put16(f, 40000);
	put16(f, 443);
	put32(f, 1);
	put32(f, 0);
	put8(f, 0x50);
	put8(f, flags);
	put16(f, 65535);
	put32(f, 0);
}

#endif
