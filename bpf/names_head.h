/*
 * What the first bytes of a payload look like: a ClientHello, an HTTP/1 head, an SSH banner, a QUIC
 * Initial. Pure arithmetic over two words, proven once for any bytes.
 */
#ifndef SLUICE_BPF_NAMES_HEAD_H
#define SLUICE_BPF_NAMES_HEAD_H

#include "bpf/env.h"

#define QUIC_LONG 0x80 /* RFC 9000 17.2 */
#define QUIC_HEAD 5    /* first byte and version */
#define QUIC_V1	  0x00000001
#define QUIC_V2	  0x6b3343cf /* RFC 9369 3.1 */
/* What the others begin with: IETF's drafts, Facebook's mvfst. */
#define QUIC_DRAFTS 0xff0000
#define QUIC_MVFST  0xfaceb0
/* Where people log in without encryption: FTP, telnet, SMTP, POP3, IMAP, submission (IANA). */
#define PORT_FTP    21
#define PORT_TELNET 23
#define PORT_SMTP   25
#define PORT_POP3   110
#define PORT_IMAP   143
#define PORT_SUBMIT 587
/* Where devices say what they are called (RFC 2131 4.1, RFC 8415 7.2, RFC 6762 3). */
#define PORT_DHCP_SERVER  HTONS(67)
#define PORT_DHCP_CLIENT  HTONS(68)
#define PORT_DHCP6_CLIENT HTONS(546)
#define PORT_DHCP6_SERVER HTONS(547)
#define PORT_MDNS	  HTONS(5353)

#define HELLO_WINDOW  16389 /* a record and its header (RFC 8446 5.1) */
#define HELLO_MAX     32768 /* over several records */
#define HTTP_WINDOW   16384 /* HTTP_HEAD_MAX of agent/names; of an answer a quarter */
#define SECOND_WINDOW 4096
#define SSH_WINDOW    256   /* RFC 4253 4.2: 255 with CR LF */
#define STREAM_WINDOW 65535 /* DNS over TCP */
#define LOGIN_WINDOW  2048  /* greeting, options and prompts of each side, then the login */

#define HEAD_BYTES 16

/* The first @len bytes of a payload, zeros behind; by words, for it is compared by them. */
struct head {
	__u64 words[HEAD_BYTES / 8];
	__u32 have;  /* bytes that are there */
	__u32 kinds; /* enum head_kind */
};

/*
 * 1 when @x is 0, else 0, by arithmetic: a comparison would be a jump, and each jump two ways on
 * for the verifier.
 */
HOT __u32 is_zero(__u64 x)
{
	FORGET(x);
	x = (x | (0 - x)) >> 63;
	FORGET(x);
	return (__u32)x ^ 1;
}

/* 1 when @have is less than @len, both far below 2^31. */
HOT __u32 is_less(__u32 have, __u32 len)
{
	have -= len;
	FORGET(have);
	return have >> 31;
}

/* Up to 8 characters as the word they are in memory. */
#define WORD8(a, b, c, d, e, f, g, h)                                                            \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/* The low @len bytes of a word, 1 to 8 of them. */
#define WORD_MASK(len) (~0ULL >> (64 - (len)*8))

/* What a head looks like. _PART: as far as it goes, for fewer bytes are there than would be sure.
 */
enum head_kind {
	HEAD_HELLO_PART = 1 << 0,
	HEAD_HELLO = 1 << 1,
	HEAD_HTTP_PART = 1 << 2,
	HEAD_HTTP = 1 << 3,
	HEAD_SSH_PART = 1 << 4,
	HEAD_SSH = 1 << 5,
	HEAD_SECOND =
		1 << 6, /* ChangeCipherSpec, then a hello: after HelloRetryRequest, RFC 8446 D.4 */
	HEAD_INITIAL = 1 << 7,
	HEAD_SECOND_PART = 1 << 8,
};

/* 1: @word begins like @sign; 3: and all @len bytes of it are there. @mask: of those that are. */
HOT __u32 head_is(__u64 word, __u64 mask, __u32 have, __u64 sign, const __u32 len)
{
	__u32 is = is_zero((word ^ sign) & WORD_MASK(len) & mask);

	return is | (is & (is_less(have, len) ^ 1)) << 1;
}

/* The first four letters of a method; one after the other: all at once they would need more stack
 * than a program has. */
#define METHOD_TRY(is, a, b, c, d)                                              \
	do {                                                                    \
		(is) |= is_zero((word ^ WORD8(a, b, c, d, 0, 0, 0, 0)) & mask); \
		FORGET(is);                                                     \
	} while (0)

/* The methods of agent/names/http.c and what a response begins with; above bit 0 as head_is. */
HOT __u32 head_is_http(__u64 word, __u64 mask, __u32 have)
{
	__u32 is = 0;

	mask &= WORD_MASK(4);
	METHOD_TRY(is, 'G', 'E', 'T', ' ');
	METHOD_TRY(is, 'P', 'O', 'S', 'T');
	METHOD_TRY(is, 'H', 'T', 'T', 'P');
	METHOD_TRY(is, 'H', 'E', 'A', 'D');
	METHOD_TRY(is, 'P', 'U', 'T', ' ');
	METHOD_TRY(is, 'O', 'P', 'T', 'I');
	METHOD_TRY(is, 'C', 'O', 'N', 'N');
	METHOD_TRY(is, 'D', 'E', 'L', 'E');
	METHOD_TRY(is, 'P', 'A', 'T', 'C');
	METHOD_TRY(is, 'T', 'R', 'A', 'C');
	METHOD_TRY(is, 'A', 'C', 'L', ' ');
	METHOD_TRY(is, 'B', 'A', 'S', 'E');
	METHOD_TRY(is, 'B', 'C', 'O', 'P');
	METHOD_TRY(is, 'B', 'D', 'E', 'L');
	METHOD_TRY(is, 'B', 'I', 'N', 'D');
	METHOD_TRY(is, 'B', 'M', 'O', 'V');
	METHOD_TRY(is, 'B', 'P', 'R', 'O');
	METHOD_TRY(is, 'C', 'C', 'M', '_');
	METHOD_TRY(is, 'C', 'H', 'E', 'C');
	METHOD_TRY(is, 'C', 'O', 'P', 'Y');
	METHOD_TRY(is, 'L', 'A', 'B', 'E');
	METHOD_TRY(is, 'L', 'I', 'N', 'K');
	METHOD_TRY(is, 'L', 'O', 'C', 'K');
	METHOD_TRY(is, 'M', 'E', 'R', 'G');
	METHOD_TRY(is, 'M', 'K', 'A', 'C');
	METHOD_TRY(is, 'M', 'K', 'C', 'A');
	METHOD_TRY(is, 'M', 'K', 'C', 'O');
	METHOD_TRY(is, 'M', 'K', 'R', 'E');
	METHOD_TRY(is, 'M', 'K', 'W', 'O');
	METHOD_TRY(is, 'M', 'O', 'V', 'E');
	METHOD_TRY(is, 'M', '-', 'S', 'E');
	METHOD_TRY(is, 'N', 'O', 'T', 'I');
	METHOD_TRY(is, 'O', 'R', 'D', 'E');
	METHOD_TRY(is, 'P', 'O', 'L', 'L');
	METHOD_TRY(is, 'P', 'R', 'O', 'P');
	METHOD_TRY(is, 'Q', 'U', 'E', 'R');
	METHOD_TRY(is, 'R', 'E', 'B', 'I');
	METHOD_TRY(is, 'R', 'E', 'P', 'O');
	METHOD_TRY(is, 'R', 'P', 'C', '_');
	METHOD_TRY(is, 'S', 'E', 'A', 'R');
	METHOD_TRY(is, 'S', 'U', 'B', 'S');
	METHOD_TRY(is, 'U', 'N', 'B', 'I');
	METHOD_TRY(is, 'U', 'N', 'C', 'H');
	METHOD_TRY(is, 'U', 'N', 'L', 'I');
	METHOD_TRY(is, 'U', 'N', 'L', 'O');
	METHOD_TRY(is, 'U', 'N', 'S', 'U');
	METHOD_TRY(is, 'U', 'P', 'D', 'A');
	METHOD_TRY(is, 'V', 'E', 'R', 'S');
	return is | (is & (is_less(have, 4) ^ 1)) << 1;
}

/* Empty lines in front of a request (RFC 9112 2.2): they alone begin none for sure, and one before
 * a method hides it from nobody. */
HOT __u32 head_is_http_late(__u64 word, __u64 mask, __u32 have)
{
	__u32 line = is_zero((word ^ WORD8('\r', '\n', 0, 0, 0, 0, 0, 0)) & WORD_MASK(2)) * 2;
	__u32 first = word & 0xff;
	__u32 is_line = is_zero(first ^ '\r') | is_zero(first ^ '\n');

	line &= 2; /* said again, for 6.1: 0 or 2 */
	line &= (is_less(have, 3) ^ 1) * 2;
	return head_is_http(word >> line * 8, mask >> line * 8, have - line) | is_line;
}

/* 1 when a side of a connection, by its port, is such a service. */
HOT __u32 is_login_port(__u32 port)
{
	return is_zero(port ^ PORT_FTP) | is_zero(port ^ PORT_TELNET) | is_zero(port ^ PORT_SMTP) |
	       is_zero(port ^ PORT_POP3) | is_zero(port ^ PORT_IMAP) | is_zero(port ^ PORT_SUBMIT);
}

/* A handshake record (22, version 3.x) that begins with a ClientHello (1): RFC 8446 5.1, 4. */
HOT __u32 head_is_hello(__u64 word, __u64 mask, __u32 have)
{
	const __u64 cared = WORD8(0xff, 0xff, 0, 0, 0, 0xff, 0, 0);
	__u32 is = is_zero((word ^ WORD8(0x16, 3, 0, 0, 0, 1, 0, 0)) & cared & mask);

	return is | (is & (is_less(have, 6) ^ 1)) << 1;
}

/* 1: HEAD_SECOND; 4: its _PART. */
HOT __u32 head_is_second(__u64 word, __u64 mask, __u64 rest, __u32 have)
{
	const __u64 cared = ~WORD8(0, 0, 0xff, 0, 0, 0, 0, 0);
	__u64 differs = (word ^ WORD8(0x14, 3, 0, 0, 1, 1, 0x16, 3)) & cared & mask;
	__u32 is_cut = is_less(have, 12);

	return (is_zero(differs) & (is_cut | is_zero((rest >> 24 & 0xff) ^ 1))) << (is_cut << 1);
}

/* RFC 9000 17.2.2, RFC 9369 3.2: long header, type and version */
HOT __u32 head_is_initial(__u64 word, __u32 have)
{
	__u32 version = NTOHL((__u32)(word >> 8)), first = word & 0xb0;

	return (is_less(have, QUIC_HEAD) ^ 1) &
	       ((is_zero(first ^ 0x90) & is_zero(version ^ QUIC_V2)) |
		(is_zero(first ^ 0x80) &
		 (is_zero(version ^ QUIC_V1) | is_zero(version >> 8 ^ QUIC_DRAFTS) |
		  is_zero(version >> 8 ^ QUIC_MVFST))));
}

/* enum head_kind of the first @have bytes, 1 to HEAD_BYTES. Apart: proven once, for any bytes. */
APART __u32 head_kinds(__u64 word, __u64 rest, __u32 have)
{
	__u32 bits, kinds;
	__u64 mask;

	have &= 31;
	bits = have * 8;
	if (bits > 64)
		bits = 64;
	mask = ~0ULL >> ((64 - bits) & 63);
	kinds = head_is_http_late(word, mask, have) << 2;
	FORGET(kinds);
	kinds |= head_is_hello(word, mask, have);
	FORGET(kinds);
	kinds |= head_is(word, mask, have, WORD8('S', 'S', 'H', '-', 0, 0, 0, 0), 4) << 4;
	FORGET(kinds);
	kinds |= head_is_second(word, mask, rest, have) << 6;
	FORGET(kinds);
	return kinds | head_is_initial(word, have) << 7;
}

/* Bytes from the record's first on that hold the hello, which may go on in further records. */
APART __u32 hello_window(__u64 word, __u64 rest, __u32 have)
{
	__u32 record = (word >> 24 & 0xff) << 8 | (word >> 32 & 0xff);
	__u32 hello = ((word >> 48 & 0xff) << 16 | (word >> 56) << 8 | (rest & 0xff)) + 4;
	__u32 bytes;

	if (have < 9)
		return HELLO_WINDOW;
	if (hello <= record)
		return record + 5 < HELLO_WINDOW ? record + 5 : HELLO_WINDOW;
	if (record < 16 || hello > HELLO_MAX)
		return HELLO_MAX;
	bytes = hello + (hello / record + 1) * 5;
	return bytes < HELLO_MAX ? bytes : HELLO_MAX;
}

#endif
