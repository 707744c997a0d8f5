/*
 * One API request and its answer, the same from the web (front) and from the command line
 * (control socket). util/message turns them into frames and back.
 */
#ifndef SLUICE_INCLUDE_REQUEST_H
#define SLUICE_INCLUDE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/addr.h"

/* Strings are NUL-terminated and never NULL after decoding; empty = absent. */
struct request {
	const char *method; /* GET POST PUT DELETE */
	const char *path;   /* decoded, begins with '/' */
	const char *query;  /* raw, without '?' */
	const char *content_type;
	const char *session;	     /* session id from the cookie, base64url */
	const char *csrf;	     /* X-CSRF-Token header */
	const char *bearer;	     /* API token */
	const char *request_id;	     /* echoed in errors */
	const char *if_none_match;   /* header as it came */
	const char *if_match;	     /* header as it came */
	const char *idempotency_key; /* header as it came */
	struct addr peer;	     /* ADDR_NONE through the control socket */
	uint16_t port;		     /* of the listener; names the cookie on loopback */
	bool tls;
	const char *body;
	size_t body_len;
};

struct response {
	int status;
	const char *content_type;
	/* 200: Content-Disposition; 303: Location; 405: Allow; 429, 503: Retry-After; else empty */
	const char *location;
	/* More of this body follows: ask the same again with this as "after" in the query,
	 * once this part is out. Letters, digits, '-' and '_'; empty = it is whole. */
	const char *next;
	uint32_t keep_ms; /* front may give it again to the same person for so long; 0 = no */
	const char *etag; /* of the body, with its quotes; empty = none */
	const char *set_session; /* new session id for the cookie; "-" = clear it; empty = leave */
	bool stream;		 /* the request may open the event stream */
	uint8_t role;		 /* enum role of who asked, for event fan-out */
	uint64_t session_tag;	 /* names the session in FRAME_SESSION_END; 0 = none */
	const char *body;
	size_t body_len;
};

/* One live event on its way from core to browsers. */
struct event {
	uint64_t id;	  /* grows by one; resumes by Last-Event-ID */
	uint8_t min_role; /* enum role that may see it */
	uint8_t max_role; /* the highest that gets it, where others get more; 0 = no bound */
	bool is_sticky;	  /* the last of its name is sent to every new stream */
	const char *name; /* analyzer_status, new_incident, ... */
	const char *data; /* one JSON document, no line break */
};

#endif
