/*
 * Nouns of what flows are called: DNS questions and answers, ClientHellos, HTTP requests, banners,
 * as the parsers of agent/names find them. Texts are as on the wire, bounded, and end with NUL;
 * bytes outside printable ASCII, dots inside labels and backslashes are written \\DDD (RFC
 * 1035 5.1), so a text is safe to print and never more than it says.
 */
#ifndef SLUICE_INCLUDE_NAME_H
#define SLUICE_INCLUDE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/addr.h"
#include "include/flow.h"

enum name_kind {
	NAME_DNS_QUERY,
	NAME_DNS_ANSWER,
	NAME_TLS_HELLO,
	NAME_QUIC_HELLO,
	NAME_HTTP_REQUEST,
	NAME_HTTP_RESPONSE,
	NAME_SSH_BANNER,
	NAME_KIND_COUNT
};

/* 253 characters (RFC 1035 2.3.4), each of which may need four when escaped, and the end. */
#define NAME_TEXT_MAX 1024

/* ---- DNS ---- */

#define DNS_QUESTIONS_MAX 4
#define DNS_ANSWERS_MAX	  64
#define DNS_RDATA_MAX	  512

struct dns_question {
	char name[NAME_TEXT_MAX]; /* "" = the root; as it came, not lower-cased */
	uint16_t type;
};

struct dns_record {
	char name[NAME_TEXT_MAX];
	uint16_t type;
	uint32_t ttl_s;
	struct addr addr; /* A, AAAA; else ADDR_NONE */
	/* CNAME, NS, PTR: the name; HTTPS, SVCB: priority, target, parameters; else empty */
	char rdata[DNS_RDATA_MAX];
};

struct dns_message {
	uint16_t id;
	uint16_t flags; /* the header's second word */
	bool is_answer;
	bool is_cut;	     /* not all of it was there */
	uint8_t rcode;	     /* RFC 1035 4.1.1 */
	uint64_t latency_ns; /* answer: since its question; 0 = the question was not seen */
	unsigned int question_count, answer_count; /* of the arrays */
	struct dns_question questions[DNS_QUESTIONS_MAX];
	struct dns_record answers[DNS_ANSWERS_MAX];
};

/* ---- TLS and QUIC ---- */

#define ALPN_MAX      16
#define ALPN_TEXT_MAX 64
#define JA4_TEXT_MAX  37 /* "t13d1516h2_" and two hashes of 12, with the end */
#define JA3_TEXT_MAX  4096
#define SSH_TEXT_MAX  256
#define HTTP_TEXT_MAX 1024

struct hello {
	char sni[NAME_TEXT_MAX]; /* "" = none */
	uint16_t version;	 /* highest offered, 0x0304 = TLS 1.3 */
	unsigned int alpn_count;
	char alpn[ALPN_MAX][ALPN_TEXT_MAX];
	char ja3[33]; /* MD5, lower case hex */
	char ja3_text[JA3_TEXT_MAX];
	char ja4[JA4_TEXT_MAX];
	bool has_ech;	       /* encrypted_client_hello, outer or GREASE */
	uint32_t quic_version; /* 0 = over TCP */
};

/* ---- HTTP/1 and SSH ---- */

struct http_message {
	char method[32];	  /* request */
	char host[NAME_TEXT_MAX]; /* request: Host without its port; "" = none */
	uint16_t port;		  /* in Host; 0 = none there */
	/* request: the host in its target, as proxies get it; "" = none. It goes before Host (RFC
	 * 9112 3.2.2). */
	char authority[NAME_TEXT_MAX];
	char path[HTTP_TEXT_MAX]; /* request target, cut at this length */
	uint16_t status;	  /* response */
	char agent[256];	  /* request: User-Agent; "" = none */
};

/* What else lives on an address that a name was seen on: for the shared-address guard. */
struct name_addr {
	struct addr addr;
	bool is_shared;	 /* another name, not at or below the one asked for, was seen on it */
	char other[256]; /* one such name */
};

/* ---- what goes up ---- */

struct name_event {
	enum name_kind kind;
	struct five_tuple tuple; /* src is the client */
	uint8_t iface;
	bool ingress;	  /* the client's packets come in */
	bool is_pieced;	  /* took more than one packet: the kernel could not decide */
	uint32_t rule_id; /* the datapath dropped it already by this rule; 0 = not */
	uint64_t at_ns;	  /* monotonic: of the packet that completed it */
	union {		  /* borrowed for the call */
		const struct dns_message *dns;
		const struct hello *hello;
		const struct http_message *http;
		const char *ssh; /* "SSH-2.0-..." without CR LF; src is who sent it */
	};
};

#endif
