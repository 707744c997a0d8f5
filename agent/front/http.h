/*
 * The HTTP daemon: libmicrohttpd on the listening socket, its limits, and the sweeper that ends
 * connections whose request does not become whole. It has no thread: front's loop runs it, beside
 * the link to core, so that a request changes hands without a wake-up and without a lock.
 */
#ifndef SLUICE_FRONT_HTTP_H
#define SLUICE_FRONT_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/front/exchange.h"
#include "agent/util/cleanup.h"

struct http;

struct http_options {
	int listen_fd;			/* borrowed */
	const char *cert_pem, *key_pem; /* NULL without TLS; not needed after the start */
	struct site *site;		/* borrowed until http_stop */
	uint64_t descriptors;		/* that may be open; 0: ask now */
};

/* http_start - Returns 0, -ENOMEM, or -EINVAL when libmicrohttpd refuses (logged: a bad key). */
int http_start(const struct http_options *options, struct http **out);
/* http_stop - after ask_fail_all and sse_end_all, so that nothing stays suspended. Accepts NULL. */
void http_stop(struct http *http);
DEFINE_CLEANUP(http_stop, struct http)

/* http_fd - readable when http_run has work. */
int http_fd(const struct http *http);
/* http_run - everything that can be done now without waiting: handlers run in it. */
void http_run(struct http *http);
/* http_is_due - is there work that http_fd does not tell of: resumed connections, pending bytes? */
bool http_is_due(const struct http *http);

/* http_sweep - shut down what is past its deadline. */
void http_sweep(struct http *http, uint64_t now_ns);

#endif
