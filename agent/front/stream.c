/* Joins a stream of the hub (sse.c) with libmicrohttpd's way of sending without end. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "agent/front/exchange.h"

/* What libmicrohttpd sets aside for a stream. Chunks are put together in the connection's own
 * memory, so this one is used by clients of HTTP/1.0 alone. */
#define BLOCK_BYTES 256

/* At most this much in one piece, put together in the connection's memory, of which every page that
 * is written stays: measured with 10,000 streams, 141 MB with 2 or 4 KiB and 157 MB with all there
 * is. A stream begins this way; over TLS it goes on so. */
#define CHUNK_BYTES 4096

static void sleep_stream(void *arg)
{
	const struct connection *connection = arg;

	MHD_suspend_connection(connection->mhd);
}

static void wake_stream(void *arg)
{
	const struct connection *connection = arg;

	MHD_resume_connection(connection->mhd);
}

/* libmicrohttpd asks a stream for bytes when it has sent all it had, and a suspended connection is
 * nobody's: its socket may be written. */
static ssize_t send_stream(void *arg, const struct iovec *parts, int count)
{
	const struct connection *connection = arg;
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, /* only read */
				  .msg_iovlen = (size_t)count };
	ssize_t sent;

	do {
		sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* What libmicrohttpd writes behind the end fails then, and with that it lets the connection go.
 * Told of an error instead it would keep it until none that has waited longer is open (0.9.75: it
 * looks for closed ones from the longest waiting on; measured: 10,000 for 15 s). */
static void cut_stream(void *arg)
{
	const struct connection *connection = arg;

	(void)shutdown(connection->fd, SHUT_RDWR); /* ENOTCONN: gone already */
}

/* Not where TLS is in between, nor where libmicrohttpd sends no chunks: to HTTP/1.0, and to who
 * asks for the connection to end with the answer. */
static bool may_send(const struct exchange *exchange)
{
	const char *wish = MHD_lookup_connection_value(exchange->connection->mhd, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_CONNECTION);

	return !exchange->site->tls && exchange->is_http11 &&
	       (!wish || strcasecmp(wish, "keep-alive") == 0);
}

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
	ssize_t got = sse_read(cls, buf, max < CHUNK_BYTES ? max : CHUNK_BYTES);

	(void)pos; /* a stream is read once, in order */
	return got == -EPIPE ? MHD_CONTENT_READER_END_OF_STREAM : got;
}

static void close_stream(void *cls)
{
	sse_close(cls);
}

static bool add_stream_headers(const struct reply_context *context, struct MHD_Response *response,
			       bool is_gzip)
{
	return reply_add_headers(response, true) &&
	       MHD_add_response_header(response, "X-Request-Id", context->request_id) &&
	       MHD_add_response_header(response, "Content-Type", "text/event-stream") &&
	       MHD_add_response_header(response, "Vary", "Accept-Encoding") &&
	       (!is_gzip || MHD_add_response_header(response, "Content-Encoding", "gzip")) &&
	       /* a proxy that collects the answer would hold events back (nginx's name for it) */
	       MHD_add_response_header(response, "X-Accel-Buffering", "no");
}

/* HEAD: as GET, and no stream is opened (RFC 9110 9.3.2). */
static int open_stream(const struct exchange *exchange, const struct sse_wish *wish,
		       struct sse_stream **out)
{
	const struct response *core = &exchange->reply.response;
	const struct sse_sleeper sleeper = { sleep_stream, wake_stream,
					     may_send(exchange) ? send_stream : NULL, cut_stream,
					     exchange->connection };
	struct sse_owner owner = { .session_tag = core->session_tag,
				   .role = core->role,
				   .tls = exchange->tls,
				   .peer = exchange->client };

	if (exchange->method == METHOD_HEAD)
		return 0;
	memcpy(owner.session, exchange->session, sizeof(owner.session));
	memcpy(owner.bearer, exchange->bearer, sizeof(owner.bearer));
	return sse_open(exchange->site->hub, &owner, &sleeper, wish, out);
}

enum MHD_Result stream_send(struct exchange *exchange, const struct reply_context *context)
{
	CLEANUP(sse_close) struct sse_stream *stream = NULL;
	const struct guard_headers *headers = &exchange->headers;
	const struct sse_wish wish = { headers->last_event_id.text,
				       guard_is_listed(&headers->accept_encoding, "gzip") };
	struct MHD_Response *response;

	if (open_stream(exchange, &wish, &stream))
		return reply_busy(context);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream,
						     stream, close_stream);
	if (!response)
		return MHD_NO;
	stream = NULL; /* closed with the response */
	if (!add_stream_headers(context, response, wish.is_gzip)) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	if (exchange->method == METHOD_GET)
		connection_set_deadline(exchange->connection, 0);
	return reply_queue(context, MHD_HTTP_OK, response);
}
