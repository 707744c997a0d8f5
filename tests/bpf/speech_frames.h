/*
 * Conversations whose first bytes go up as events: segments in and out of order, datagrams,
 * fragments, and what is none of them. How many events each step makes is worked out by hand: the
 * first bytes of a protocol that is known by them, once; a segment of a hello that goes on.
 */
#ifndef SLUICE_TESTS_BPF_SPEECH_FRAMES_H
#define SLUICE_TESTS_BPF_SPEECH_FRAMES_H

#include <stdbool.h>

#include "tests/bpf/frame_build.h"
#include "tests/bpf/frames_carrier.h"

#define TCP_SYN	 0x02
#define TCP_DATA 0x18
#define ANY	 (-1) /* events: as many as the other side says */

struct speech_step {
	const char *name;
	uint16_t from, to; /* ports; TCP unless is_udp */
	bool is_udp;
	uint32_t seq;
	uint8_t flags;
	const uint8_t *data;
	size_t len;
	int events;
};

static inline void put_payload(struct frame *f, const void *bytes, size_t len)
{
	memcpy(f->data + f->len, bytes, len);
	f->len += len;
}

static inline void put_step(struct frame *f, const struct speech_step *step)
{
	const unsigned int head = step->is_udp ? 8 : 20;

	f->len = 0;
	put_ether(f, 0x0800);
	put_ipv4(f, 5, (unsigned int)(20 + head + step->len), 0, step->is_udp ? 17 : 6);
	put16(f, step->from);
	put16(f, step->to);
	if (step->is_udp) {
		put16(f, (unsigned int)(8 + step->len));
		put16(f, 0);
	} else {
		put32(f, step->seq);
		put32(f, 0);
		put8(f, 0x50);
		put8(f, step->flags);
		put32(f, 0xffff0000);
		put16(f, 0);
	}
	put_payload(f, step->data, step->len);
}

/* ---- bytes of each protocol ---- */

/* RFC 8446 4.1.2: a ClientHello of 300 bytes in a record of its own (5 bytes more). */
#define HELLO_BYTES 305
static const uint8_t hello_bytes[HELLO_BYTES] = {
	0x16,	  3, 1,	   1, 44, 1, 0, 1,   40, 3,  3, [43] = 32,
	[76] = 0, 2, 0x13, 1, 1,  0, 0, 221, 0,	 21, 0, 217,
};

static const uint8_t query_bytes[] = { 0x12, 0x34, 1,	0,   0,	  1,   0,   0,	 0, 0, 0, 0, 1, 'a',
				       7,    'e',  'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1 };

static const uint8_t query_tcp_bytes[] = { 0,	27,  0x12, 0x34, 1, 0,	 0, 1,	 0,   0,
					   0,	0,   0,	   0,	 1, 'a', 7, 'e', 'x', 'a',
					   'm', 'p', 'l',  'e',	 0, 0,	 1, 0,	 1 };

#define TEXT(text) (const uint8_t *)(text), sizeof(text) - 1
#define HTTP_HEAD  "GET /index.html HTTP/1.1\r\nHost: www.example.org\r\nAccept: */*\r\n\r\n"
#define HTTP_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* RFC 9000 17.2.2: an Initial of version 1 is a datagram of 1200 bytes; its inside is the keys'. */
static const uint8_t quic_bytes[1200] = { 0xc3, 0, 0, 0, 1, 8, 1, 2,	3,
					  4,	5, 6, 7, 8, 0, 0, 0x44, 0x9e };

/* More than one event holds: 4096 bytes go up. */
static const uint8_t long_bytes[5000] = "GET /";

#define HELLO(from, to) (hello_bytes + (from)), (to) - (from)

static const struct speech_step speech[] = {
	{ "dns question", 5000, 53, true, 0, 0, query_bytes, sizeof(query_bytes), 1 },
	{ "dns answer", 53, 5000, true, 0, 0, query_bytes, sizeof(query_bytes), 1 },
	{ "dns without a byte", 5000, 53, true, 0, 0, NULL, 0, 0 },
	{ "other datagram", 5000, 5001, true, 0, 0, query_bytes, sizeof(query_bytes), 0 },
	{ "quic initial", 5002, 443, true, 0, 0, quic_bytes, sizeof(quic_bytes), 1 },
	{ "quic from a server", 443, 5003, true, 0, 0, quic_bytes, sizeof(quic_bytes), ANY },

	{ "hello's syn", 1000, 443, false, 99, TCP_SYN, NULL, 0, 0 },
	{ "hello in one", 1000, 443, false, 100, TCP_DATA, HELLO(0, HELLO_BYTES), 1 },
	{ "data behind it", 1000, 443, false, 405, TCP_DATA, TEXT("secret"), 0 },

	{ "syn", 1001, 443, false, 99, TCP_SYN, NULL, 0, 0 },
	{ "hello in two, first", 1001, 443, false, 100, TCP_DATA, HELLO(0, 200), 1 },
	{ "hello in two, second", 1001, 443, false, 300, TCP_DATA, HELLO(200, HELLO_BYTES), 1 },
	{ "then data", 1001, 443, false, 405, TCP_DATA, TEXT("secret"), 0 },

	{ "syn", 1002, 443, false, 99, TCP_SYN, NULL, 0, 0 },
	{ "hello's first byte", 1002, 443, false, 100, TCP_DATA, HELLO(0, 1), 1 },
	{ "hello's second part", 1002, 443, false, 101, TCP_DATA, HELLO(1, 7), 1 },
	{ "hello's rest", 1002, 443, false, 107, TCP_DATA, HELLO(7, HELLO_BYTES), 1 },

	{ "syn", 1003, 443, false, 99, TCP_SYN, NULL, 0, 0 },
	{ "hello's end first", 1003, 443, false, 200, TCP_DATA, HELLO(100, HELLO_BYTES), ANY },
	{ "hello's begin second", 1003, 443, false, 100, TCP_DATA, HELLO(0, 100), 1 },

	{ "no syn seen", 1004, 443, false, 100, TCP_DATA, HELLO(0, HELLO_BYTES), 1 },
	{ "numbers wrap, syn", 1005, 443, false, 0xffffff00, TCP_SYN, NULL, 0, 0 },
	{ "numbers wrap", 1005, 443, false, 0xffffff01, TCP_DATA, HELLO(0, 300), 1 },
	{ "numbers wrapped", 1005, 443, false, 45, TCP_DATA, HELLO(300, HELLO_BYTES), 1 },

	{ "http syn", 1100, 80, false, 0, TCP_SYN, NULL, 0, 0 },
	{ "http request", 1100, 80, false, 1, TCP_DATA, TEXT(HTTP_HEAD), 1 },
	{ "http reply", 80, 1100, false, 1, TCP_DATA, TEXT(HTTP_REPLY), 1 },
	{ "http second request", 1100, 80, false, 68, TCP_DATA, TEXT(HTTP_HEAD), 1 },
	{ "http on another port", 1101, 8081, false, 1, TCP_DATA, TEXT(HTTP_HEAD), 1 },
	{ "http in pieces, syn", 1102, 80, false, 0, TCP_SYN, NULL, 0, 0 },
	{ "http in pieces, 1", 1102, 80, false, 1, TCP_DATA, TEXT("GE"), 1 },
	{ "http in pieces, 2", 1102, 80, false, 3, TCP_DATA, TEXT("T / HTTP/1.1\r\nHost: a"), 1 },
	{ "http in pieces, 3", 1102, 80, false, 24, TCP_DATA, TEXT(".example\r\n\r\n"), ANY },
	{ "http behind an empty line", 1104, 80, false, 1, TCP_DATA, TEXT("\r\n" HTTP_HEAD), 1 },
	{ "http behind empty lines, syn", 1105, 80, false, 0, TCP_SYN, NULL, 0, 0 },
	{ "http behind empty lines", 1105, 80, false, 1, TCP_DATA, TEXT("\n\n\r\n" HTTP_HEAD), 1 },
	{ "http, a rare method", 1106, 80, false, 1, TCP_DATA, TEXT("M-SEARCH * HTTP/1.1\r\n"), 1 },
	{ "http longer than an event", 1103, 80, false, 1, TCP_DATA, long_bytes, 5000, 1 },

	{ "ssh syn", 1200, 22, false, 0, TCP_SYN, NULL, 0, 0 },
	{ "ssh banner of the server", 22, 1200, false, 1, TCP_DATA, TEXT("SSH-2.0-a\r\n"), 1 },
	{ "ssh banner of the client", 1200, 22, false, 1, TCP_DATA, TEXT("SSH-2.0-b\r\n"), 1 },

	{ "dns tcp syn", 1300, 53, false, 0, TCP_SYN, NULL, 0, 0 },
	{ "dns tcp, length", 1300, 53, false, 1, TCP_DATA, query_tcp_bytes, 2, 1 },
	{ "dns tcp, rest", 1300, 53, false, 3, TCP_DATA, query_tcp_bytes + 2, 27, 1 },

	{ "no protocol, syn", 1400, 4000, false, 0, TCP_SYN, NULL, 0, 0 },
	{ "no protocol", 1400, 4000, false, 1, TCP_DATA, TEXT("\x01\x02\x03\x04\x05\x06"), 0 },
	{ "an ack", 1000, 443, false, 405, 0x10, NULL, 0, 0 },
};

#define SPEECH_STEPS (sizeof(speech) / sizeof(speech[0]))

/* ---- frames of other shapes, as events ---- */

static inline void put_udp_query(struct frame *f)
{
	put16(f, 5000);
	put16(f, 53);
	put16(f, 8 + sizeof(query_bytes));
	put16(f, 0);
	put_payload(f, query_bytes, sizeof(query_bytes));
}

static inline void query6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 8 + sizeof(query_bytes), 17);
	put_udp_query(f);
}

static inline void query_behind_options6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 24 + 8 + sizeof(query_bytes), 60);
	put_ext(f, 17, 2);
	put_udp_query(f);
}

static inline void query_tagged(struct frame *f)
{
	put_ether(f, 0x88a8);
	put_tag(f, 100, 0x8100);
	put_tag(f, 42, 0x0800);
	put_ipv4(f, 5, 28 + sizeof(query_bytes), 0, 17);
	put_udp_query(f);
}

static inline void query_in_pppoe(struct frame *f)
{
	put_ether(f, 0x8864);
	put_pppoe(f, 0, 30 + sizeof(query_bytes), 0x0021);
	put_ipv4(f, 5, 28 + sizeof(query_bytes), 0, 17);
	put_udp_query(f);
}

static inline void query_padded(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 28 + sizeof(query_bytes), 0, 17);
	put_udp_query(f);
	put_zero(f, 30);
}

static inline void first_piece4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 28 + 16, 0x2000, 17);
	put_udp_query(f);
	f->len -= sizeof(query_bytes) - 16;
}

static inline void last_piece4(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 20 + sizeof(query_bytes) - 16, 3, 17);
	put_payload(f, query_bytes + 16, sizeof(query_bytes) - 16);
}

static inline void first_piece6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 8 + 8 + 16, 44);
	put_fragment(f, 17, 1);
	put_udp_query(f);
	f->len -= sizeof(query_bytes) - 16;
}

static inline void last_piece6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 8 + sizeof(query_bytes) - 16, 44);
	put_fragment(f, 17, 24);
	put_payload(f, query_bytes + 16, sizeof(query_bytes) - 16);
}

struct speech_shape {
	const char *name;
	void (*build)(struct frame *frame);
	size_t data_at, len; /* where in query_bytes what goes up begins, and how much */
	bool is_fragment;
	uint16_t offset;
};

/* Of a fragment all behind the IP header goes up: of the first one 8 bytes of UDP, too. */
static const struct speech_shape shapes[] = {
	{ "ipv6", query6, 0, sizeof(query_bytes), false, 0 },
	{ "behind ipv6 options", query_behind_options6, 0, sizeof(query_bytes), false, 0 },
	{ "behind two tags", query_tagged, 0, sizeof(query_bytes), false, 0 },
	{ "in pppoe", query_in_pppoe, 0, sizeof(query_bytes), false, 0 },
	{ "padding is not payload", query_padded, 0, sizeof(query_bytes), false, 0 },
	{ "first fragment", first_piece4, 0, 16, true, 0 },
	{ "last fragment", last_piece4, 16, sizeof(query_bytes) - 16, true, 24 },
	{ "first ipv6 fragment", first_piece6, 0, 16, true, 0 },
	{ "last ipv6 fragment", last_piece6, 16, sizeof(query_bytes) - 16, true, 24 },
};

#define SPEECH_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

#endif
