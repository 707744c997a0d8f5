/* libmicrohttpd's side of the web role. Traps and limits: measured on 0.9.75, see each option. */
#include "agent/front/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"

/* With fewer, 10,000 idle clients keep the next one out (it stops accepting at the limit). */
#define CONNECTIONS_MAX 10240U
/* Descriptors beside connections: standard streams, links, epoll, eventfds. */
#define DESCRIPTORS_OWN 64U
/* Memory of one connection: a head of 8 KiB, as usual elsewhere, and what is made of it. Measured
 * with 10,000 streams: 141 MB with 12 KiB, 160 MB with 16. */
#define POOL_BYTES ((size_t)12 << 10)
#define IDLE_S	   15U

struct http {
	struct site *site;
	struct MHD_Daemon *daemon;
	struct connection *connections;
	struct log_limit limit; /* of libmicrohttpd's log */
};

/* 10,000 clients that leave write 10,000 lines (measured), so only the first few of a burst. */
static void on_log(void *cls, const char *format, va_list arguments)
{
	struct http *http = cls;
	char line[256];
	int len = vsnprintf(line, sizeof(line), format, arguments);

	if (len <= 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	log_write_limited(&http->limit, LOG_LEVEL_DEBUG, "http: %s", line);
}

static enum MHD_Result on_accept(void *cls, const struct sockaddr *sockaddr, socklen_t len)
{
	struct http *http = cls;
	struct addr peer = peers_addr(sockaddr);

	(void)len; /* told by the family */
	return peers_may_connect(http->site->peers, &peer) ? MHD_YES : MHD_NO;
}

static void link_connection(struct http *http, struct connection *connection)
{
	connection->link = &http->connections;
	connection->next = http->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	http->connections = connection;
}

static void unlink_connection(struct connection *connection)
{
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
}

static struct connection *open_connection(struct http *http, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *fd, *sockaddr;
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	connection->fd = fd ? fd->connect_fd : -1;
	sockaddr = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	connection->mhd = mhd;
	if (sockaddr)
		connection->peer = peers_addr(sockaddr->client_addr);
	/* which of our addresses was called, only where that is not known from the listener */
	if (http->site->policy.listen_is_any &&
	    !getsockname(connection->fd, (struct sockaddr *)&local, &len))
		connection->local = peers_addr((const struct sockaddr *)&local);
	connection_set_deadline(connection, EXCHANGE_WHOLE_S);
	peers_connected(http->site->peers, &connection->peer);
	link_connection(http, connection);
	return connection;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http *http = cls;
	struct connection *connection = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = open_connection(http, mhd);
		return;
	}
	if (!connection)
		return;
	*socket_context = NULL;
	unlink_connection(connection);
	peers_disconnected(http->site->peers, &connection->peer);
	exchange_free(connection->exchange);
	free(connection);
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* The first line is read. The exchange belongs to the connection, since no completion is told for a
 * request whose head turns out too long. */
static void *on_first_line(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct http *http = cls;
	struct connection *connection = connection_of(mhd);

	if (!connection)
		return NULL;
	exchange_free(connection->exchange);
	connection->exchange = exchange_new(http->site, connection, uri);
	connection_set_deadline(connection, EXCHANGE_WHOLE_S);
	return connection->exchange;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct connection *connection = connection_of(mhd);

	(void)cls;
	(void)code; /* however it ended, it is over */
	*con_cls = NULL;
	if (!connection)
		return;
	exchange_free(connection->exchange);
	connection->exchange = NULL;
	connection_set_deadline(connection, EXCHANGE_IDLE_S);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **con_cls)
{
	struct exchange *exchange = *con_cls;

	(void)cls;
	(void)mhd;
	(void)url; /* the exchange has decoded the target itself */
	return exchange ? exchange_handle(exchange, method, version, upload, upload_len) : MHD_NO;
}

/* Not needed, and libmicrohttpd's own would turn %00 into the end of the path. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

/* Descriptors that may be open. */
static uint64_t read_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) ? 1024 /* the usual soft limit, getrlimit(2) */
						: (uint64_t)limit.rlim_cur;
}

/* As many connections as there may be descriptors. */
static unsigned int connection_limit(uint64_t descriptors)
{
	if (!descriptors)
		descriptors = read_limit();
	if (descriptors >= CONNECTIONS_MAX + DESCRIPTORS_OWN)
		return CONNECTIONS_MAX;
	return descriptors > 2ULL * DESCRIPTORS_OWN ? (unsigned int)descriptors - DESCRIPTORS_OWN
						    : DESCRIPTORS_OWN;
}

static struct MHD_Daemon *start_daemon(struct http *http, const struct http_options *options)
{
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->key_pem },
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->cert_pem },
		/* TLS 1.2 and 1.3 only: RFC 9325 3.1.1 */
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
		  (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_"
			  "PRECEDENCE" },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			     (options->cert_pem ? MHD_USE_TLS : 0U);

	return MHD_start_daemon(
		flags, 0, on_accept, http, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log,
		http, /* first: it logs */
		MHD_OPTION_LISTEN_SOCKET, options->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		connection_limit(options->descriptors), MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_URI_LOG_CALLBACK,
		on_first_line, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, http, MHD_OPTION_ARRAY,
		options->cert_pem ? tls : none, MHD_OPTION_END);
}

int http_start(const struct http_options *options, struct http **out)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return -ENOMEM;
	http->site = options->site;
	http->daemon = start_daemon(http, options);
	if (!http->daemon) {
		http_stop(http);
		return -EINVAL;
	}
	*out = http;
	return 0;
}

int http_fd(const struct http *http)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->epoll_fd : -1;
}

void http_run(struct http *http)
{
	if (MHD_run(http->daemon) != MHD_YES)
		log_write_limited(&http->limit, LOG_LEVEL_WARN, "http: a turn failed");
}

bool http_is_due(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	return MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES && !wait_ms;
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	if (http->daemon) {
		http_run(http); /* what was resumed says its last word */
		MHD_stop_daemon(http->daemon);
	}
	free(http);
}

/* libmicrohttpd counts inactivity, so a byte every 14 s would hold a place for ever. Shutting the
 * socket makes it see the end and clean up; the list holds only descriptors still open. */
void http_sweep(struct http *http, uint64_t now_ns)
{
	for (struct connection *c = http->connections; c; c = c->next) {
		if (c->deadline_ns && now_ns >= c->deadline_ns)
			(void)shutdown(c->fd, SHUT_RDWR); /* ENOTCONN: gone already */
	}
}
