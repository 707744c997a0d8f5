/*
 * Packets that ask for a name, and whether a rule on evil.com and all below it drops them: built
 * and judged by hand from the standards.
 */
#ifndef SLUICE_TESTS_BPF_NAME_FRAMES_H
#define SLUICE_TESTS_BPF_NAME_FRAMES_H

#include <stdbool.h>
#include <stdio.h>

#include "tests/bpf/frame_build.h"

#define EVIL "evil.com"

struct name_case {
	const char *name;
	void (*build)(struct frame *frame);
	bool drops;
};

static inline void put_bytes(struct frame *f, const void *bytes, size_t len)
{
	memcpy(f->data + f->len, bytes, len);
	f->len += len;
}

static inline void put_text(struct frame *f, const char *text)
{
	put_bytes(f, text, strlen(text));
}

static inline void set16(struct frame *f, size_t at, size_t v)
{
	f->data[at] = (uint8_t)(v >> 8);
	f->data[at + 1] = (uint8_t)v;
}

/* ---- headers: Ethernet 14, IPv4 20, UDP 8 or TCP 20; lengths are set by the end_ ---- */

static inline void begin_udp(struct frame *f, unsigned int from, unsigned int to)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 0, 0, 17);
	put16(f, from);
	put16(f, to);
	put32(f, 0);
}

static inline void end_udp(struct frame *f)
{
	set16(f, 16, f->len - 14);
	set16(f, 38, f->len - 34);
}

static inline void begin_tcp(struct frame *f, unsigned int to)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 0, 0, 6);
	put_tcp(f, 0x18);
	set16(f, 36, to);
}

static inline void end_tcp(struct frame *f)
{
	set16(f, 16, f->len - 14);
}

/* ---- DNS: RFC 1035 4 ---- */

static inline void put_dns_name(struct frame *f, const char *dotted)
{
	while (*dotted) {
		size_t len = strcspn(dotted, ".");

		put8(f, (unsigned int)len);
		put_bytes(f, dotted, len);
		dotted += len + (dotted[len] == '.');
	}
	put8(f, 0);
}

static inline void put_dns_header(struct frame *f, unsigned int flags)
{
	put16(f, 0x1234);
	put16(f, flags);
	put16(f, 1);
	put_zero(f, 6);
}

static inline void put_query(struct frame *f, unsigned int flags, const char *dotted)
{
	put_dns_header(f, flags);
	put_dns_name(f, dotted);
	put32(f, 0x00010001);
}

static inline void udp_query(struct frame *f, const char *dotted)
{
	begin_udp(f, 5000, 53);
	put_query(f, 0x0100, dotted);
	end_udp(f);
}

static inline void dns_exact(struct frame *f)
{
	udp_query(f, EVIL);
}

static inline void dns_below(struct frame *f)
{
	udp_query(f, "a.b.evil.com");
}

static inline void dns_upper_case(struct frame *f)
{
	udp_query(f, "WWW.eViL.COM");
}

static inline void dns_longer_label(struct frame *f)
{
	udp_query(f, "notevil.com");
}

static inline void dns_other_zone(struct frame *f)
{
	udp_query(f, "evil.com.org");
}

static inline void dns_parent(struct frame *f)
{
	udp_query(f, "com");
}

/* 255 bytes on the wire: three labels of 63 and one of 51, each with its length, evil.com's nine
 * bytes and the end */
static inline void dns_255_bytes(struct frame *f)
{
	begin_udp(f, 5000, 53);
	put_dns_header(f, 0x0100);
	for (int i = 0; i < 4; i++) {
		size_t len = i < 3 ? 63 : 52;

		put8(f, (unsigned int)len);
		memset(f->data + f->len, 'a' + i, len);
		f->len += len;
	}
	put_dns_name(f, EVIL);
	put32(f, 0x00010001);
	end_udp(f);
}

static inline void dns_122_labels(struct frame *f)
{
	char name[256];
	size_t at = 0;

	for (int i = 0; i < 120; i++)
		at += (size_t)snprintf(name + at, sizeof(name) - at, "x.");
	(void)snprintf(name + at, sizeof(name) - at, EVIL);
	udp_query(f, name);
}

/* The label is "a.evil", which is not a and evil. */
static inline void dns_dot_inside(struct frame *f)
{
	begin_udp(f, 5000, 53);
	put_dns_header(f, 0x0100);
	put8(f, 6);
	put_text(f, "a.evil");
	put_dns_name(f, "com");
	put32(f, 0x00010001);
	end_udp(f);
}

static inline void dns_answer(struct frame *f)
{
	begin_udp(f, 53, 5000);
	put_query(f, 0x8180, EVIL);
	end_udp(f);
}

static inline void dns_refused_answer(struct frame *f)
{
	begin_udp(f, 53, 5000);
	put_query(f, 0x8185, EVIL);
	end_udp(f);
}

static inline void dns_other_port(struct frame *f)
{
	begin_udp(f, 5000, 5353);
	put_query(f, 0x0100, EVIL);
	end_udp(f);
}

/* "com" lies where the counts of other sections are; the question's name points back to it. */
static inline void dns_compressed(struct frame *f)
{
	begin_udp(f, 5000, 53);
	put_dns_header(f, 0x0100);
	memcpy(f->data + f->len - 6, "\3com\0", 5);
	put_text(f, "\4evil");
	put16(f, 0xc006);
	put32(f, 0x00010001);
	end_udp(f);
}

static inline void dns_points_to_itself(struct frame *f)
{
	begin_udp(f, 5000, 53);
	put_dns_header(f, 0x0100);
	put_text(f, "\4evil");
	put16(f, 0xc00c);
	put32(f, 0x00010001);
	end_udp(f);
}

static inline void dns_cut(struct frame *f)
{
	begin_udp(f, 5000, 53);
	put_dns_header(f, 0x0100);
	put_text(f, "\4evil\3co");
	end_udp(f);
}

static inline void put_tcp_query(struct frame *f, const char *dotted)
{
	size_t at = f->len;

	put16(f, 0);
	put_query(f, 0x0100, dotted);
	set16(f, at, f->len - at - 2);
}

static inline void dns_tcp(struct frame *f)
{
	begin_tcp(f, 53);
	put_tcp_query(f, "mail.evil.com");
	end_tcp(f);
}

static inline void dns_tcp_second(struct frame *f)
{
	begin_tcp(f, 53);
	put_tcp_query(f, "example.org");
	put_tcp_query(f, EVIL);
	end_tcp(f);
}

static inline void dns_tcp_cut(struct frame *f)
{
	begin_tcp(f, 53);
	put_tcp_query(f, EVIL);
	f->len--;
	end_tcp(f);
}

/* ---- TLS: RFC 8446 4.1.2, RFC 6066 3 ---- */

static inline void hello(struct frame *f, const char *name, unsigned int before)
{
	size_t record, extensions;

	begin_tcp(f, 443);
	record = f->len;
	put_bytes(f, "\x16\3\1\0\0\1\0\0\0\3\3", 11);
	put_zero(f, 32);
	put8(f, 32);
	put_zero(f, 32);
	put16(f, 4);
	put32(f, 0x13011302);
	put16(f, 0x0100); /* one method: none */
	extensions = f->len;
	put16(f, 0);
	for (unsigned int i = 0; i < before; i++) {
		put16(f, 100 + i);
		put16(f, i % 5);
		put_zero(f, i % 5);
	}
	put16(f, 0);
	put16(f, (unsigned int)strlen(name) + 5);
	put16(f, (unsigned int)strlen(name) + 3);
	put8(f, 0);
	put16(f, (unsigned int)strlen(name));
	put_text(f, name);
	put32(f, 0x00170000);
	set16(f, extensions, f->len - extensions - 2);
	set16(f, record + 3, f->len - record - 5);
	set16(f, record + 7, f->len - record - 9);
	end_tcp(f);
}

static inline void tls_exact(struct frame *f)
{
	hello(f, EVIL, 0);
}

static inline void tls_below_in_upper_case(struct frame *f)
{
	hello(f, "CDN.EVIL.com", 2);
}

static inline void tls_39_before(struct frame *f)
{
	hello(f, EVIL, 39);
}

static inline void tls_neighbour(struct frame *f)
{
	hello(f, "evil.com.example", 3);
}

static inline void tls_name_cut(struct frame *f)
{
	hello(f, EVIL, 0);
	f->len -= 6;
	end_tcp(f);
}

/* ---- HTTP/1: RFC 9112 ---- */

static inline void request(struct frame *f, const char *text)
{
	begin_tcp(f, 80);
	put_text(f, text);
	end_tcp(f);
}

static inline void http_host(struct frame *f)
{
	request(f, "GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n");
}

static inline void http_odd_case_and_port(struct frame *f)
{
	request(f, "POST /a?host:x HTTP/1.1\r\nAccept: */*\r\nhOST:\t Www.Evil.Com:8080\r\n\r\n");
}

static inline void http_final_dot(struct frame *f)
{
	request(f, "GET / HTTP/1.1\r\nHost: evil.com.\r\n\r\n");
}

static inline void http_absolute(struct frame *f)
{
	request(f, "GET HTTP://evil.com/x HTTP/1.1\r\nHost: example.org\r\n\r\n");
}

static inline void http_connect(struct frame *f)
{
	request(f, "CONNECT evil.com:443 HTTP/1.1\r\n\r\n");
}

static inline void http_neighbour(struct frame *f)
{
	request(f, "GET /evil.com HTTP/1.1\r\nX-Host: evil.com\r\nHost: notevil.com\r\n\r\n");
}

static inline void http_body(struct frame *f)
{
	request(f, "GET / HTTP/1.1\r\n\r\nHost: evil.com\r\n");
}

static inline void http_far(struct frame *f, size_t cookie)
{
	begin_tcp(f, 80);
	put_text(f, "GET / HTTP/1.1\r\nCookie: ");
	memset(f->data + f->len, 'c', cookie);
	f->len += cookie;
	put_text(f, "\r\nHost: evil.com\r\n\r\n");
	end_tcp(f);
}

static inline void http_700_in(struct frame *f)
{
	http_far(f, 700);
}

static inline void http_beyond_what_is_read(struct frame *f)
{
	http_far(f, 2100);
}

static inline void no_protocol(struct frame *f)
{
	request(f, "evil.com evil.com\r\nHost: evil.com\r\n\r\n");
}

static const struct name_case name_cases[] = {
	{ "dns_exact", dns_exact, true },
	{ "dns_below", dns_below, true },
	{ "dns_upper_case", dns_upper_case, true },
	{ "dns_longer_label", dns_longer_label, false },
	{ "dns_other_zone", dns_other_zone, false },
	{ "dns_parent", dns_parent, false },
	{ "dns_255_bytes", dns_255_bytes, true },
	{ "dns_122_labels", dns_122_labels, true },
	{ "dns_dot_inside", dns_dot_inside, false },
	{ "dns_answer", dns_answer, true },
	{ "dns_refused_answer", dns_refused_answer, false },
	{ "dns_other_port", dns_other_port, false },
	{ "dns_compressed", dns_compressed, true },
	{ "dns_points_to_itself", dns_points_to_itself, false },
	{ "dns_cut", dns_cut, false },
	{ "dns_tcp", dns_tcp, true },
	{ "dns_tcp_second", dns_tcp_second, true },
	{ "dns_tcp_cut", dns_tcp_cut, false },
	{ "tls_exact", tls_exact, true },
	{ "tls_below_in_upper_case", tls_below_in_upper_case, true },
	{ "tls_39_before", tls_39_before, true },
	{ "tls_neighbour", tls_neighbour, false },
	{ "tls_name_cut", tls_name_cut, false },
	{ "http_host", http_host, true },
	{ "http_odd_case_and_port", http_odd_case_and_port, true },
	{ "http_final_dot", http_final_dot, true },
	{ "http_absolute", http_absolute, true },
	{ "http_connect", http_connect, true },
	{ "http_neighbour", http_neighbour, false },
	{ "http_body", http_body, false },
	{ "http_700_in", http_700_in, true },
	{ "http_beyond_what_is_read", http_beyond_what_is_read, false },
	{ "no_protocol", no_protocol, false },
};

#define NAME_CASES (sizeof(name_cases) / sizeof(name_cases[0]))

#endif
