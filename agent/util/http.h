/*
 * One HTTP request by libcurl, which is loaded when it is needed and only there: the fetch role, no
 * other process, pays for it. Whatever a server does costs a bounded time and a bounded size. One
 * thread.
 */
#ifndef SLUICE_UTIL_HTTP_H
#define SLUICE_UTIL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_TAG_MAX   200
#define HTTP_ERROR_MAX 200

struct http_request {
	const char *url;	    /* http or https */
	const char *const *headers; /* "Name: value", NULL at the end; may be NULL */
	const char *body;	    /* POST, which follows no redirect; NULL: GET */
	size_t body_len;
	const char *user, *password; /* by HTTP Basic; NULL or "": none */
	const char *ca;		     /* PEM file to trust beside the system's; NULL or "": none */
	long timeout_s;		     /* of all of it; 0: 120 */
	uint64_t max_bytes;	     /* of the body, unpacked */
	bool allow_private;	     /* may lead to loopback, private and link-local addresses */
	bool is_secret;		     /* a header holds a key: redirects are not followed */
	/* the body as it comes; false ends it */
	bool (*take)(void *arg, const void *data, size_t len);
	void *arg;
};

struct http_answer {
	long status; /* of the last of at most 5 redirects */
	char etag[HTTP_TAG_MAX], last_modified[HTTP_TAG_MAX];
	int64_t retry_after_s;	    /* 0 = none */
	char error[HTTP_ERROR_MAX]; /* a sentence when it failed */
};

/* http_load - find libcurl, before rights are dropped: any flavour Debian has. -ENOENT. */
int http_load(void);
/*
 * http_fetch - 0 with any status; -EACCES: an address it may not ask; -EFBIG; -ETIMEDOUT: no answer
 * in time, or under 100 bytes a second for 20; -ECONNREFUSED: not reached; -EPROTO: not
 * understood, certificate included. Then answer->error says why.
 */
int http_fetch(const struct http_request *request, struct http_answer *answer);

#endif
