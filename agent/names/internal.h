/*
 * What the files of names share. Data goes names.c → stream.c or fragment.c (pieces put together) →
 * one parser per protocol → names.c → on_name. Parsers are pure functions of bytes. They all return
 * the bytes they used (> 0), 0 when @data is a beginning that goes on, or -EBADMSG when it is not
 * well formed; what they write to @out counts only when they return > 0.
 */
#ifndef SLUICE_NAMES_INTERNAL_H
#define SLUICE_NAMES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/util/cleanup.h"
#include "include/name.h"
#include "include/payload.h"

/* ---- text.c: bytes from outside as text that is safe to print ---------------------------------
 */

/* A text being written. It always ends with NUL; what does not fit whole is left out. */
struct text {
	char *out;
	size_t size, len;
	bool is_cut;
};

/* text_start - @out becomes "" (@size at least 1). */
void text_start(struct text *text, char *out, size_t size);
/* text_put - our own words, as they are. */
void text_put(struct text *text, const char *words);
/* text_put_number - in decimal. */
void text_put_number(struct text *text, uint32_t number);
/* text_put_bytes - backslashes and bytes outside 0x20..0x7e as \DDD (RFC 1035 5.1). */
void text_put_bytes(struct text *text, const uint8_t *data, size_t len);
/* text_put_label - as text_put_bytes; dots and spaces are escaped too: one label of a name. */
void text_put_label(struct text *text, const uint8_t *data, size_t len);

/* ---- dns.c, http.c, ssh.c: parsers ------------------------------------------------------------
 */

/*
 * dns_parse - one message (RFC 1035 4.1); the header is needed at least. Questions must be well
 * formed; records are taken up to the first that is not, or not there: then out->is_cut.
 * Behind the answers come the addresses of the other sections. Never returns 0: a message has an
 * end.
 */
ssize_t dns_parse(const uint8_t *data, size_t len, struct dns_message *out);

/* What http_guess can say of the first bytes of a segment. */
enum http_start {
	HTTP_NOTHING,
	HTTP_REQUEST,  /* a method and a space, or a beginning of both */
	HTTP_RESPONSE, /* "HTTP/1.", or a beginning of it */
};
enum http_start http_guess(const uint8_t *data, size_t len);

/* The longest head that is read; servers refuse 8 to 16 KiB (Apache LimitRequestFieldSize, nginx
 * large_client_header_buffers). */
#define HTTP_HEAD_MAX 16384

/*
 * http_parse_request - one head (RFC 9112), bare LF taken too. The result counts the body that
 * Content-Length promises, so it may be more than @len.
 * @is_last: nothing follows; a head that breaks off behind its request line is taken as it is
 */
ssize_t http_parse_request(const uint8_t *data, size_t len, bool is_last, struct http_message *out);
/* http_parse_response - the status line only. */
ssize_t http_parse_response(const uint8_t *data, size_t len, struct http_message *out);

/* ssh_parse - the identification line (RFC 4253 4.2: 255 bytes with CR LF). */
ssize_t ssh_parse(const uint8_t *data, size_t len, char out[SSH_TEXT_MAX]);

/* ---- stream.c: TCP segments put together ------------------------------------------------------
 */

struct stream_table;

enum stream_kind {
	STREAM_UNKNOWN, /* its beginning has not come yet */
	STREAM_DNS,
	STREAM_TLS,
	STREAM_HTTP_REQUEST,
	STREAM_HTTP_RESPONSE,
	STREAM_SSH,
};

/* What a stream holds from the beginning of a message on. */
struct stream_bytes {
	enum stream_kind kind;
	const struct payload *payload; /* the packet that came last */
	const uint8_t *data;
	size_t len;
	uint32_t rule_id; /* that dropped one of its packets; 0: none */
	bool is_pieced;	  /* of several packets */
	bool is_last;	  /* nothing will follow: the stream is given up */
};

/*
 * stream_read_fn - reads one message. Returns as parsers do; more than bytes->len says that so
 * much of what follows is of no interest.
 */
typedef ssize_t (*stream_read_fn)(void *arg, const struct stream_bytes *bytes);

struct stream_options {
	unsigned int max; /* directions known at once */
	uint64_t seed;	  /* of the hash */
	void *arg;
	stream_read_fn read;
};

struct stream_counters {
	uint64_t full, malformed, cut;
};

/* stream_table_new - returns 0 or -ENOMEM. */
int stream_table_new(const struct stream_options *options, struct stream_table **out);
void stream_table_free(struct stream_table *table); /* accepts NULL */
DEFINE_CLEANUP(stream_table_free, struct stream_table)
/* stream_take - one TCP segment; calls read for each message that it completes. */
void stream_take(struct stream_table *table, const struct payload *payload);
void stream_expire(struct stream_table *table, uint64_t now_ns);
const struct stream_counters *stream_count(const struct stream_table *table);

/* ---- fragment.c: IP fragments of UDP datagrams and TCP segments -------------------------------
 */

struct fragment_table;

struct fragment_counters {
	uint64_t full, malformed, cut;
};

int fragment_table_new(unsigned int max, struct fragment_table **out);
void fragment_table_free(struct fragment_table *table); /* accepts NULL */
DEFINE_CLEANUP(fragment_table_free, struct fragment_table)
/*
 * fragment_take - one fragment. Returns 1 when it completes TCP, a datagram of port 53 or QUIC, or
 * begins one but is cut in the capture: @out is then the datagram, as one packet would have carried
 * it, its bytes borrowed until the next call; else 0.
 */
int fragment_take(struct fragment_table *table, const struct payload *payload, struct payload *out);
void fragment_expire(struct fragment_table *table, uint64_t now_ns);
const struct fragment_counters *fragment_count(const struct fragment_table *table);

/* ---- addrs.c: which names an address was seen under -------------------------------------------
 */

struct addrs;

int addrs_new(unsigned int max, uint64_t seed, struct addrs **out);
void addrs_free(struct addrs *addrs); /* accepts NULL */
DEFINE_CLEANUP(addrs_free, struct addrs)
/* addrs_learn_answer - the addresses that @client got for the name it asked for. */
void addrs_learn_answer(struct addrs *addrs, const struct addr *client,
			const struct dns_message *message, uint64_t now_ns);
/* addrs_learn_flow - @name was used on a flow to @server (SNI, Host). */
void addrs_learn_flow(struct addrs *addrs, const struct five_tuple *tuple, const char *name,
		      uint64_t now_ns);
/* addrs_find, addrs_list - as names_of_addr and names_addrs_of of names.h. */
const char *addrs_find(struct addrs *addrs, const struct addr *client, const struct addr *addr,
		       uint64_t now_ns);
bool addrs_is_shared(struct addrs *addrs, struct name_addr *about);
size_t addrs_list(struct addrs *addrs, const char *domain, struct name_addr *out, size_t max);
void addrs_expire(struct addrs *addrs, uint64_t now_ns);

/* ---- latency.c: questions that wait for their answers -----------------------------------------
 */

struct latency;

int latency_new(uint64_t seed, struct latency **out);
void latency_free(struct latency *latency); /* accepts NULL */
DEFINE_CLEANUP(latency_free, struct latency)
/* latency_ask - @tuple has the client as its source. */
void latency_ask(struct latency *latency, const struct five_tuple *tuple,
		 const struct dns_message *question, uint64_t now_ns);
/* latency_answer - nanoseconds since the question, at least 1; 0 when none is open. */
uint64_t latency_answer(struct latency *latency, const struct five_tuple *tuple,
			const struct dns_message *answer, uint64_t now_ns);

#endif
