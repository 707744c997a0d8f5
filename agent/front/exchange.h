/*
 * One connection and the request it carries, from its first line to its answer. While its request
 * is with core a connection is suspended; the reply is put in before it is resumed.
 */
#ifndef SLUICE_FRONT_EXCHANGE_H
#define SLUICE_FRONT_EXCHANGE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/front/ask.h"
#include "agent/front/cache.h"
#include "agent/front/cookie.h"
#include "agent/front/guard.h"
#include "agent/front/peers.h"
#include "agent/front/reply.h"
#include "agent/front/route.h"
#include "agent/front/sse.h"
#include "agent/front/static.h"
#include "agent/util/buffer.h"

/* What all exchanges share. */
struct site {
	struct guard_policy policy;
	struct peers *peers;
	struct static_files *files;
	struct ask *ask;
	struct sse_hub *hub;
	struct cache *cache;
	bool tls;
	uint16_t port;	  /* of the listener */
	uint64_t id_base; /* random: request ids of two runs do not meet */
	uint64_t next_id;
};

struct connection;

enum exchange_state {
	EXCHANGE_NEW,	/* its first line was read */
	EXCHANGE_BODY,	/* guards passed, body coming */
	EXCHANGE_ASKED, /* with core, suspended */
	EXCHANGE_ANSWERED,
};

struct exchange {
	struct site *site;
	struct connection *connection;
	enum exchange_state state;
	enum guard_result target_result;
	enum method method;
	struct route route;
	struct guard_headers headers; /* borrow from the request head, which stays until the end */
	const char *uri;	      /* libmicrohttpd's own, for guard_framing */
	size_t uri_len;
	bool tls; /* as the browser sees it */
	bool is_http11;
	struct addr client;
	bool is_too_large;
	size_t discarded; /* of a body that is too large */
	struct buffer body;
	struct ask_reply reply;
	size_t reply_sent; /* of a body in parts: how much of this one is out */
	char session[COOKIE_VALUE_MAX];
	char bearer[SSE_BEARER_MAX];
	char request_id[17];
	const char *query;
	char *path;  /* decoded, behind @raw */
	char raw[1]; /* the target as it came */
};

/* One TCP connection. */
struct connection {
	struct connection *next, **link; /* of http.c's list */
	struct MHD_Connection *mhd;
	int fd;
	struct addr peer, local;
	uint64_t deadline_ns;	   /* past it the sweeper shuts the socket; 0 = none */
	struct exchange *exchange; /* the request under way */
};

/* A request must be whole within this long: docs/api.md. */
#define EXCHANGE_WHOLE_S 15
/* Between two requests: libmicrohttpd's own 15 s without a byte, then as above. */
#define EXCHANGE_IDLE_S 30
/* The answer must be taken: 8 MiB (FRAME_BODY_MAX) at 28 kB/s, a slow phone. */
#define EXCHANGE_SEND_S 300

/* exchange_new - at the first line; @uri may be NULL when there is none. NULL without memory. */
struct exchange *exchange_new(struct site *site, struct connection *connection, const char *uri);
void exchange_free(struct exchange *exchange);

/* exchange_handle - libmicrohttpd's access handler, one step. */
enum MHD_Result exchange_handle(struct exchange *exchange, const char *method, const char *version,
				const char *upload, size_t *upload_len);

void connection_set_deadline(struct connection *connection, unsigned int seconds);

/* parts_send - answer with a body that core hands out part by part (parts.c). */
enum MHD_Result parts_send(struct exchange *exchange, const struct reply_context *context);
/* exchange_request - what core is asked; borrows from @exchange. */
struct request exchange_request(const struct exchange *exchange);

/* stream_send - answer with the event stream of @exchange's session (stream.c). */
enum MHD_Result stream_send(struct exchange *exchange, const struct reply_context *context);

#endif
