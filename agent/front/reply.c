/* The last stop of a request that is answered in one piece. */
#include "agent/front/reply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/cache.h"
#include "agent/front/cookie.h"
#include "agent/util/buffer.h"
#include "agent/util/gzip.h"

/* Core is restarted in under 2 s (DESIGN 3). */
#define RETRY_AFTER_S  "2"
#define ERROR_BODY_MAX 1024
/* Below a packet (1,460 bytes of TCP) nothing is won; above, the one thread that serves all would
 * be held for more than some 5 ms (measured: 100 MB/s at level 1). */
#define SQUEEZE_MIN (1U << 10)
#define SQUEEZE_MAX (512U << 10)
/* W/, a version of 32 bits and 96 bits of hash (agent/api/answer.c) have 40 bytes. */
#define ETAG_WEAK_MAX 80

struct header {
	const char *name, *value;
};

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
	return MHD_add_response_header(response, name, value) == MHD_YES;
}

bool reply_add_headers(struct MHD_Response *response, bool is_private)
{
	/* Referrer-Policy: no-referrer would turn the Origin of our own forms into "null" (Fetch
	 * standard, "append a request Origin header"), so same-origin. */
	static const struct header always[] = {
		{ "Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; "
					     "base-uri 'none'; form-action 'self'" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "same-origin" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
	};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (!add(response, always[i].name, always[i].value))
			return false;
	return !is_private || add(response, "Cache-Control", "no-store");
}

enum MHD_Result reply_queue(const struct reply_context *context, unsigned int status,
			    struct MHD_Response *response)
{
	enum MHD_Result result = MHD_NO;

	if (!response)
		return MHD_NO;
	if (!context->must_close || add(response, "Connection", "close"))
		result = MHD_queue_response(context->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* Own answers: private, with the request's id. NULL without memory. */
static struct MHD_Response *make(const struct reply_context *context, const char *type,
				 const char *body, size_t len)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(len, (void *)body, MHD_RESPMEM_MUST_COPY);

	if (response && reply_add_headers(response, true) &&
	    add(response, "X-Request-Id", context->request_id) &&
	    (!type || add(response, "Content-Type", type)))
		return response;
	if (response)
		MHD_destroy_response(response);
	return NULL;
}

/* The error document of docs/api.md; the texts are ours and need no escaping. */
static enum MHD_Result send_error(const struct reply_context *context,
				  const struct guard_refusal *refusal, const struct header *extra)
{
	char body[ERROR_BODY_MAX];
	int len = snprintf(body, sizeof(body),
			   "{\"error\":{\"code\":\"%s\",\"message\":\"%s\",\"field\":null,"
			   "\"request_id\":\"%s\"}}",
			   refusal->code, refusal->message, context->request_id);
	struct MHD_Response *response;

	if (len < 0 || (size_t)len >= sizeof(body))
		return MHD_NO;
	response = make(context, "application/json", body, (size_t)len);
	if (response && extra && !add(response, extra->name, extra->value)) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	return reply_queue(context, (unsigned int)refusal->status, response);
}

enum MHD_Result reply_refusal(const struct reply_context *context, enum guard_result result,
			      const char *allow)
{
	const struct header extra = { "Allow", allow };

	return send_error(context, guard_refusal(result), allow ? &extra : NULL);
}

enum MHD_Result reply_unavailable(const struct reply_context *context, int error)
{
	static const struct guard_refusal away = {
		503, "unavailable", "The service is starting; try again in a moment."
	};
	static const struct guard_refusal busy = { 503, "busy", "Too many requests are waiting." };
	static const struct guard_refusal late = { 504, "timeout",
						   "The service did not answer in time." };
	static const struct header retry = { "Retry-After", RETRY_AFTER_S };

	if (error == -ETIMEDOUT)
		return send_error(context, &late, &retry);
	return send_error(context, error == -EAGAIN ? &busy : &away, &retry);
}

enum MHD_Result reply_busy(const struct reply_context *context)
{
	static const struct guard_refusal refusal = { 429, "too_many_streams",
						      "Too many live views are open." };
	static const struct header retry = { "Retry-After", "15" };

	return send_error(context, &refusal, &retry);
}

enum MHD_Result reply_redirect(const struct reply_context *context, const char *location)
{
	struct MHD_Response *response = make(context, NULL, "", 0);

	if (response && !add(response, "Location", location)) {
		MHD_destroy_response(response);
		response = NULL;
	}
	return reply_queue(context, MHD_HTTP_SEE_OTHER, response);
}

enum MHD_Result reply_text(const struct reply_context *context, const char *text)
{
	return reply_queue(context, MHD_HTTP_OK,
			   make(context, "text/plain; charset=utf-8", text, strlen(text)));
}

static void free_memory(void *memory)
{
	free(memory);
}

/* What response.location means for this status. */
static const char *location_name(int status)
{
	if (status == MHD_HTTP_OK)
		return "Content-Disposition";
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		return "Allow";
	if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE)
		return "Retry-After";
	return "Location";
}

bool reply_add_core_headers(const struct reply_context *context, const struct response *core,
			    struct MHD_Response *response)
{
	char cookie[COOKIE_TEXT_MAX];

	if (!reply_add_headers(response, true) ||
	    !add(response, "X-Request-Id", context->request_id))
		return false;
	if (*core->etag && !add(response, "ETag", core->etag))
		return false;
	if (core->status != MHD_HTTP_NO_CONTENT && core->status != MHD_HTTP_NOT_MODIFIED &&
	    !add(response, "Content-Type",
		 *core->content_type ? core->content_type : "application/json"))
		return false;
	if (*core->location && !add(response, location_name(core->status), core->location))
		return false;
	if (!*core->set_session)
		return true;
	return !cookie_format(context->tls, context->port, core->set_session, cookie) &&
	       add(response, "Set-Cookie", cookie);
}

bool reply_etag_is(const struct guard_text *text, const char *etag)
{
	size_t weak = text->text && text->len > 2 && !strncmp(text->text, "W/", 2) ? 2 : 0;

	return *etag && text->text && text->len - weak == strlen(etag) &&
	       !strncmp(text->text + weak, etag, text->len - weak);
}

static bool is_text(const struct response *core)
{
	return !*core->content_type || !strncmp(core->content_type, "application/json", 16) ||
	       !strncmp(core->content_type, "application/x-ndjson", 20) ||
	       !strncmp(core->content_type, "text/", 5);
}

/* @core compressed, whole with its headers; NULL when it goes out as it is. */
static struct MHD_Response *squeeze(const struct reply_context *context,
				    const struct response *core)
{
	struct response weak = *core;
	struct MHD_Response *response;
	char etag[ETAG_WEAK_MAX];
	size_t len;
	void *bytes;

	if (!context->may_gzip || core->status != MHD_HTTP_OK || core->body_len < SQUEEZE_MIN ||
	    core->body_len > SQUEEZE_MAX || *core->set_session || !is_text(core) ||
	    gzip_deflate(core->body, core->body_len, &bytes, &len))
		return NULL;
	response = MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(bytes);
		return NULL;
	}
	/* other bytes than the plain ones, the same meaning: a weak tag (RFC 9110 8.8.1) */
	if (*core->etag) {
		int used = snprintf(etag, sizeof(etag), "W/%s", core->etag);

		weak.etag = used > 0 && (size_t)used < sizeof(etag) ? etag : "";
	}
	if (reply_add_core_headers(context, &weak, response) &&
	    add(response, "Content-Encoding", "gzip") && add(response, "Vary", "Accept-Encoding"))
		return response;
	MHD_destroy_response(response);
	return NULL;
}

enum MHD_Result reply_core(const struct reply_context *context, struct ask_reply *reply)
{
	const struct response *core = &reply->response;
	struct MHD_Response *response;

	if (core->status < 200 || core->status > 599)
		return reply_unavailable(context, -EPROTO);
	response = squeeze(context, core);
	if (response)
		return reply_queue(context, (unsigned int)core->status, response);
	/* the frame's memory holds the body and outlives the sending of it */
	response = MHD_create_response_from_buffer_with_free_callback_cls(
		core->body_len, (void *)core->body, free_memory, reply->memory);
	if (!response)
		return MHD_NO;
	reply->memory = NULL;
	if (!reply_add_core_headers(context, core, response)) {
		MHD_destroy_response(response);
		return reply_unavailable(context, -EPROTO);
	}
	return reply_queue(context, (unsigned int)core->status, response);
}

enum MHD_Result reply_cached(const struct reply_context *context,
			     const struct guard_text *if_none_match, struct cached *cached)
{
	bool is_known = reply_etag_is(if_none_match, cached->etag);
	const struct response answer = { .status = is_known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK,
					 .content_type = "",
					 .location = "",
					 .etag = cached->etag,
					 .set_session = "",
					 .body = cached->body,
					 .body_len = is_known ? 0 : cached->len };
	struct MHD_Response *response = squeeze(context, &answer);

	if (response) {
		cached_unref(cached);
		return reply_queue(context, (unsigned int)answer.status, response);
	}
	response = MHD_create_response_from_buffer_with_free_callback_cls(
		is_known ? 0 : cached->len, cached->body, cached_unref, cached);

	if (!response) {
		cached_unref(cached);
		return MHD_NO;
	}
	if (!reply_add_core_headers(context, &answer, response)) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	return reply_queue(context, (unsigned int)answer.status, response);
}
