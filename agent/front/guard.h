/*
 * The HTTP guards: every decision about a request that needs no more than the request itself,
 * before anything else sees it. Pure functions over what libmicrohttpd parsed and over the bytes it
 * parsed it from; any thread. docs/api.md has the table they follow.
 */
#ifndef SLUICE_FRONT_GUARD_H
#define SLUICE_FRONT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/addr.h"

enum guard_result {
	GUARD_PASS,
	GUARD_MALFORMED,      /* 400: head, framing or field that HTTP does not allow */
	GUARD_HOST_MISSING,   /* 400 */
	GUARD_HOST_FOREIGN,   /* 421 */
	GUARD_TARGET_BAD,     /* 400 */
	GUARD_TARGET_LONG,    /* 414 */
	GUARD_HEAD_LONG,      /* 431 */
	GUARD_BODY_LARGE,     /* 413 */
	GUARD_TYPE_BAD,	      /* 415 */
	GUARD_ORIGIN_FOREIGN, /* 403 */
	GUARD_METHOD_BAD,     /* 405 */
	GUARD_NOT_FOUND,      /* 404 */
	GUARD_RESULT_COUNT
};

struct guard_refusal {
	int status;
	const char *code; /* of the error document */
	const char *message;
};

/* guard_refusal - what is answered for @result, which is not GUARD_PASS. */
const struct guard_refusal *guard_refusal(enum guard_result result);

/* Bounds: docs/api.md. A search query is the longest target there is. */
#define GUARD_BODY_MAX	 (64U << 10)
#define GUARD_TARGET_MAX 4096U
#define GUARD_FIELDS_MAX 100U
#define GUARD_NAME_MAX	 254U /* a host name, RFC 1035 2.3.4, and the end */

/* One header field, borrowed from the request head. */
struct guard_field {
	const char *name, *value;
	size_t name_len, value_len;
};

/* The head as libmicrohttpd leaves it in its buffer: line ends and separators became NUL bytes. */
struct guard_head {
	const char *begin; /* the method */
	size_t len;	   /* to the end of the blank line */
	const char *target;
	size_t target_len; /* before it was cut at '?' */
	const char *version;
};

/*
 * guard_framing - every line of the head ends with CRLF and nothing hides between the parts.
 * A bare LF leaves one NUL where CRLF leaves two, so the fields must tile the head exactly; that
 * also refuses folded lines and raw NUL bytes. What cannot be seen is a raw NUL in the place of
 * a CR: it leaves the same bytes, and whoever takes the bare LF behind it reads the same line.
 * Proven on the wire by tests/unit/front/test_hostile.c. Source: RFC 9112 2.2, 5.1, 5.2.
 */
enum guard_result guard_framing(const struct guard_head *head, const struct guard_field *fields,
				size_t count);

/* A field's value; NULL text when absent. */
struct guard_text {
	const char *text;
	size_t len;
};

/* The fields front knows. */
struct guard_headers {
	struct guard_text host, content_length, transfer_encoding, content_type, origin, site,
		cookie, authorization, csrf, accept_encoding, if_none_match, if_match,
		idempotency_key, last_event_id, forwarded_for, forwarded_proto;
	int64_t length; /* of the body, -1 = chunked */
};

/*
 * guard_collect - find the known fields; a field that may stand once and stands twice, a name that
 * is no token, a value with control bytes, or lengths that contradict each other are refused.
 * Source: RFC 9110 5.5, 5.6.2, 8.6; RFC 9112 6.1, 6.3.
 */
enum guard_result guard_collect(const struct guard_field *fields, size_t count,
				struct guard_headers *out);

/* Which names a Host field may carry; see guard_host. */
struct guard_policy {
	struct addr listen;	       /* the listener's own address */
	bool listen_is_any;	       /* wildcard: the connection's local address counts */
	char (*names)[GUARD_NAME_MAX]; /* [Web] allowed_hosts, lower case */
	size_t name_count;
};

/*
 * guard_host - the Host field against DNS rebinding: an address of the listener, localhost (also as
 * the loopback addresses, which no name server can forge), or an allowed name; any port.
 * @local: the connection's own end
 */
enum guard_result guard_host(const struct guard_policy *policy, const struct guard_headers *headers,
			     const struct addr *local);

/*
 * guard_origin - on a request that changes something: Origin must be this site itself, and
 * Sec-Fetch-Site, when sent, must not say otherwise. @tls: as the browser sees it.
 */
enum guard_result guard_origin(const struct guard_headers *headers, bool tls);

/* guard_type - of a body: JSON, or a form where @may_be_form. */
enum guard_result guard_type(const struct guard_headers *headers, bool may_be_form);

/*
 * guard_target - decode the path once and refuse what is ambiguous: NUL or other control bytes,
 * "..", "//", "/./", a backslash, an escaped slash, a broken escape, anything but origin form.
 * @raw:  NUL-terminated, @len bytes
 * @path: GUARD_TARGET_MAX + 1 bytes; decoded, NUL-terminated
 * @query: the part after '?', borrowed from @raw; "" when there is none
 */
enum guard_result guard_target(const char *raw, size_t len, char *path, const char **query);

/* guard_is_listed - is @word an element of a comma-separated field, with a weight above 0? */
bool guard_is_listed(const struct guard_text *list, const char *word);

#endif
