/*
 * A body of any size in parts: each is asked of core when the one before it has gone out, so that
 * the browser's pace is core's pace and one part at a time is in memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/exchange.h"

/* What libmicrohttpd asks for at once: half of what a connection may use (http.c). */
#define BLOCK_BYTES 4096

static void on_part(void *arg, struct ask_reply *reply)
{
	struct exchange *exchange = arg;

	ask_reply_done(&exchange->reply);
	exchange->reply = *reply;
	exchange->reply_sent = 0;
	memset(reply, 0, sizeof(*reply));
	MHD_resume_connection(exchange->connection->mhd);
}

/* The query with @next as its "after". False when it does not fit. */
static bool next_query(const char *query, const char *next, char out[static GUARD_TARGET_MAX])
{
	size_t used = 0;

	for (const char *at = query; *at;) {
		size_t len = strcspn(at, "&");

		if (strncmp(at, "after=", 6) != 0 && used + len + 1 < GUARD_TARGET_MAX) {
			memcpy(out + used, at, len);
			out[used + len] = '&';
			used += len + 1;
		}
		at += len;
		at += *at == '&';
	}
	return (size_t)snprintf(out + used, GUARD_TARGET_MAX - used, "after=%s", next) <
	       GUARD_TARGET_MAX - used;
}

static ssize_t ask_next(struct exchange *exchange)
{
	struct request request = exchange_request(exchange);
	char query[GUARD_TARGET_MAX];
	int error;

	if (!next_query(exchange->query, exchange->reply.response.next, query))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	request.query = query;
	/* each part has as long as a whole answer has */
	connection_set_deadline(exchange->connection, EXCHANGE_SEND_S);
	MHD_suspend_connection(exchange->connection->mhd);
	error = ask_send(exchange->site->ask, &request, on_part, exchange);
	if (error) {
		struct ask_reply reply = { .error = error };

		on_part(exchange, &reply);
	}
	return 0;
}

/* A part that cannot be had breaks the connection off: the client sees that the body is cut. */
static ssize_t read_parts(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct exchange *exchange = cls;
	const struct response *part = &exchange->reply.response;
	size_t left;

	(void)pos; /* read once, in order */
	if (exchange->reply.error || part->status != MHD_HTTP_OK)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	left = part->body_len - exchange->reply_sent;
	if (!left)
		return *part->next ? ask_next(exchange) : MHD_CONTENT_READER_END_OF_STREAM;
	if (left > max)
		left = max;
	memcpy(buf, part->body + exchange->reply_sent, left);
	exchange->reply_sent += left;
	return (ssize_t)left;
}

enum MHD_Result parts_send(struct exchange *exchange, const struct reply_context *context)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_parts, exchange, NULL);

	if (!response)
		return MHD_NO;
	if (!reply_add_core_headers(context, &exchange->reply.response, response)) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	return reply_queue(context, MHD_HTTP_OK, response);
}
