/*
 * One message by SMTP, with libcurl. Whatever a server does costs a bounded time. One thread.
 */
#ifndef SLUICE_UTIL_SMTP_H
#define SLUICE_UTIL_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMTP_ERROR_MAX 120

struct smtp_request {
	const char *url;	     /* smtp://HOST[:PORT] or smtps://HOST[:PORT] */
	const char *user, *password; /* "" = none; never sent without TLS */
	const char *ca;		     /* certificates to trust, PEM; "" = the system's */
	bool needs_tls;		     /* smtp: STARTTLS, or nothing is sent */
	const char *from;	     /* addresses, bare */
	const char *const *to;	     /* NULL at the end */
	const char *data;	     /* the message, lines ended by CR LF */
	size_t len;
	void (*moved)(void *arg); /* about once a second while bytes go; may be NULL */
	void *arg;
};

struct smtp_answer {
	long status;		    /* the server's last; 0 = none */
	char error[SMTP_ERROR_MAX]; /* a sentence when it failed */
};

/* smtp_load - as http_load: before rights are dropped. -ENOENT. */
int smtp_load(void);
/*
 * smtp_send - 0: the server took it. -EREMOTEIO: it refused the message for good (RFC 5321 4.2.1,
 * 5yz), so the same again would be refused, too; all others may pass: -EACCES: user and password;
 * -ETIMEDOUT: nothing moved for 50 s, or 10 minutes in all; -ECONNREFUSED: not reached; -EPROTO:
 * no TLS, its certificate, or not understood; -EAGAIN: refused for now.
 */
int smtp_send(const struct smtp_request *request, struct smtp_answer *answer);

#endif
