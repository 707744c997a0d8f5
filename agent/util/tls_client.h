/*
 * The client's side of a TLS stream over a connected socket: messages out, nothing of interest
 * back. Whatever the server does costs a bounded time. One thread. GnuTLS.
 */
#ifndef SLUICE_UTIL_TLS_CLIENT_H
#define SLUICE_UTIL_TLS_CLIENT_H

#include <stddef.h>

#include "agent/util/cleanup.h"

struct tls_client;

struct tls_client_options {
	int fd;		  /* non-blocking; stays the caller's, and open as long as the client */
	const char *host; /* whom the certificate has to name; a host name or an address */
	const char *ca;	  /* PEM file to trust beside the system's; "": none */
	int patience_ms;  /* for the handshake, and for each write */
};

/*
 * tls_client_new - shake hands, TLS 1.2 at least. Returns 0; -EKEYREJECTED: the certificate is not
 * trusted, ended, or another's; -ENOKEY: @ca cannot be read; -EPROTO: no TLS there; -ETIMEDOUT;
 * -ECONNRESET: the server hung up; -ENOMEM.
 */
int tls_client_new(const struct tls_client_options *options, struct tls_client **out);
void tls_client_free(struct tls_client *client); /* says goodbye without waiting; accepts NULL */
DEFINE_CLEANUP(tls_client_free, struct tls_client)
/* tls_client_write - all of it. -ETIMEDOUT, -ECONNRESET, -EPROTO. */
int tls_client_write(struct tls_client *client, const void *data, size_t len);
/* tls_client_watch - take and forget what came, without waiting. -ECONNRESET: the server left. */
int tls_client_watch(struct tls_client *client);

#endif
