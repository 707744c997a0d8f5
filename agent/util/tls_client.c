/*
 * TLS as a client, on a socket that never blocks: every wait is for that socket and ends in time.
 */
#include "agent/util/tls_client.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/addr.h"
#include "agent/util/clock.h"

#define DISCARD_BYTES 1024
#define DISCARDS_MAX  16 /* what a server says is not asked for; more is left for the next look */

struct tls_client {
	gnutls_certificate_credentials_t trust;
	gnutls_session_t session;
	struct tls_client_options options;
	bool is_connected;
};

static int translate(ssize_t result)
{
	switch (result) {
	case GNUTLS_E_MEMORY_ERROR:
		return -ENOMEM;
	case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
	case GNUTLS_E_CERTIFICATE_ERROR:
		return -EKEYREJECTED;
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PUSH_ERROR:
	case GNUTLS_E_PULL_ERROR:
		return -ECONNRESET;
	default:
		return -EPROTO;
	}
}

/* Until the socket is ready for what TLS waits for, or @until_ns. */
static int wait_socket(const struct tls_client *client, uint64_t until_ns)
{
	struct pollfd watched = { .fd = client->options.fd,
				  .events = gnutls_record_get_direction(client->session) ? POLLOUT
											 : POLLIN };
	uint64_t now_ns = clock_monotonic_ns();

	if (now_ns >= until_ns)
		return -ETIMEDOUT;
	(void)poll(&watched, 1, (int)((until_ns - now_ns) / NS_PER_MS + 1)); /* judged above */
	return 0;
}

static uint64_t deadline_ns(const struct tls_client *client)
{
	return clock_monotonic_ns() + (uint64_t)client->options.patience_ms * NS_PER_MS;
}

static int set_trust(struct tls_client *client)
{
	const char *ca = client->options.ca;

	if (gnutls_certificate_allocate_credentials(&client->trust) < 0)
		return -ENOMEM;
	/* without any of them nobody is trusted, which the handshake says */
	(void)gnutls_certificate_set_x509_system_trust(client->trust);
	if (*ca &&
	    gnutls_certificate_set_x509_trust_file(client->trust, ca, GNUTLS_X509_FMT_PEM) <= 0)
		return -ENOKEY;
	return 0;
}

static int set_session(struct tls_client *client)
{
	const char *host = client->options.host;
	struct addr addr;

	if (gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
	    gnutls_priority_set_direct(client->session,
				       "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL) < 0 ||
	    gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->trust) < 0)
		return -ENOMEM;
	/* RFC 6066 3: an address is no server name */
	if (addr_parse(host, &addr) &&
	    gnutls_server_name_set(client->session, GNUTLS_NAME_DNS, host, strlen(host)) < 0)
		return -ENOMEM;
	gnutls_session_set_verify_cert(client->session, host, 0);
	gnutls_transport_set_int(client->session, client->options.fd);
	return 0;
}

static int shake_hands(struct tls_client *client)
{
	uint64_t until_ns = deadline_ns(client);
	int result, error;

	while ((result = gnutls_handshake(client->session)) < 0) {
		if (result != GNUTLS_E_AGAIN && gnutls_error_is_fatal(result))
			return translate(result);
		error = wait_socket(client, until_ns);
		if (error)
			return error;
	}
	client->is_connected = true;
	return 0;
}

int tls_client_new(const struct tls_client_options *options, struct tls_client **out)
{
	CLEANUP(tls_client_free) struct tls_client *client = calloc(1, sizeof(*client));
	int error = client ? 0 : -ENOMEM;

	if (error)
		return error;
	client->options = *options;
	error = set_trust(client);
	if (!error)
		error = set_session(client);
	if (!error)
		error = shake_hands(client);
	if (error)
		return error;
	*out = TAKE(client);
	return 0;
}

void tls_client_free(struct tls_client *client)
{
	if (!client)
		return;
	if (client->is_connected) /* a server that does not read misses it */
		(void)gnutls_bye(client->session, GNUTLS_SHUT_WR);
	if (client->session)
		gnutls_deinit(client->session);
	if (client->trust)
		gnutls_certificate_free_credentials(client->trust);
	free(client);
}

int tls_client_write(struct tls_client *client, const void *data, size_t len)
{
	uint64_t until_ns = deadline_ns(client);
	const char *at = data;
	int error;

	while (len) {
		ssize_t sent = gnutls_record_send(client->session, at, len);

		if (sent >= 0) {
			at += sent;
			len -= (size_t)sent;
			continue;
		}
		if (gnutls_error_is_fatal((int)sent))
			return translate(sent);
		error = wait_socket(client, until_ns);
		if (error)
			return error;
	}
	return 0;
}

int tls_client_watch(struct tls_client *client)
{
	char bytes[DISCARD_BYTES];

	for (int i = 0; i < DISCARDS_MAX; i++) {
		ssize_t got = gnutls_record_recv(client->session, bytes, sizeof(bytes));

		if (got == 0)
			return -ECONNRESET;
		if (got == GNUTLS_E_AGAIN)
			return 0;
		if (got < 0 && gnutls_error_is_fatal((int)got))
			return translate(got);
	}
	return 0;
}
