/*
 * Answers and errors in the one shape that docs/api.md promises.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/util/buffer.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"

/* Half a snapshot's age: what is shown is never older than a second and a half. */
#define LIVE_MS	  500
#define TAG_BYTES 12 /* 96 bits: two answers never share one by chance */
#define TAG_MAX	  (CALL_VERSION_MAX + 2 * TAG_BYTES + 4)

static struct response plain_response(const struct call *call, int status)
{
	return (struct response){ .status = status,
				  .content_type = "",
				  .location = "",
				  .next = "",
				  .etag = "",
				  .set_session = "",
				  .role = call->who.role,
				  .session_tag = call->session_tag,
				  .keep_ms = call->is_live && status == 200 ? LIVE_MS : 0,
				  .body = "" };
}

/*
 * A reader that has the same already gets no second copy: 304. Source: RFC 9110 13.1.2; a list of
 * tags is not looked into, it only gets the whole answer.
 */
static void send_tagged(struct call *call, struct response *response)
{
	const char *known = call->request->if_none_match;
	const char *method = call->request->method;
	uint8_t hash[CRYPTO_HASH_BYTES];
	char tag[TAG_MAX];
	size_t len;

	if (response->status != 200 || !method || strcmp(method, "GET") != 0) {
		call->reply(call->reply_arg, response);
		return;
	}
	crypto_digest(response->body, response->body_len, hash);
	len = (size_t)snprintf(tag, sizeof(tag), "\"%s%s", call->version,
			       *call->version ? "-" : "");
	for (size_t i = 0; i < TAG_BYTES; i++)
		len += (size_t)snprintf(tag + len, 3, "%02x", hash[i]);
	(void)snprintf(tag + len, 2, "\"");
	response->etag = tag;
	if (known && !strcmp(known, tag)) {
		response->status = 304;
		response->body = "";
		response->body_len = 0;
	}
	call->reply(call->reply_arg, response);
}

int tag_version(const struct call *call, int64_t *version)
{
	const char *tag = call->request->if_match;
	unsigned long number;
	char *end;

	if (!tag || !*tag || !strcmp(tag, "*"))
		return -ENOENT;
	/* a compressed answer's tag is weak, but the version in it is as good; of a list the first
	 * counts */
	tag += strncmp(tag, "W/", 2) == 0 ? 2 : 0;
	if (strncmp(tag, "\"v", 2) != 0 || !isdigit((unsigned char)tag[2]))
		return -ESTALE;
	number = strtoul(tag + 2, &end, 10);
	if (*end != '-' || number > UINT32_MAX)
		return -ESTALE;
	*version = (int64_t)number;
	return 0;
}

static void send_json(struct call *call, struct response *response, struct json *body)
{
	CLEANUP(free) char *text = body ? json_print(body, &response->body_len) : NULL;

	json_free(body);
	if (!text) {
		log_error("no memory for an answer path=%s", call->request->path);
		response->status = 500;
		response->body_len = 0;
	} else {
		response->body = text;
	}
	response->content_type = "application/json";
	send_tagged(call, response);
}

void answer_json(struct call *call, int status, struct json *body)
{
	struct response response = plain_response(call, status);

	send_json(call, &response, body);
}

void answer_text(struct call *call, int status, const char *text, size_t len)
{
	struct response response = plain_response(call, status);

	response.content_type = "application/json";
	response.body = text;
	response.body_len = len;
	send_tagged(call, &response);
}

void answer_part(struct call *call, const struct part *part)
{
	struct response response = plain_response(call, 200);

	response.content_type = part->type;
	response.location = part->disposition;
	response.next = part->next;
	response.body = part->body->data ? (const char *)part->body->data : "";
	response.body_len = part->body->len;
	call->reply(call->reply_arg, &response);
}

void answer_empty(struct call *call, int status)
{
	struct response response = plain_response(call, status);

	call->reply(call->reply_arg, &response);
}

static struct json *error_body(const struct call *call, const char *code, const char *field,
			       const char *message, struct json *more)
{
	struct json *body = json_new_object();
	struct json *error = more ? more : json_new_object();

	json_set_string(error, "code", code);
	json_set_string(error, "message", message);
	json_set_string(error, "field", field && *field ? field : NULL);
	json_set_string(error, "request_id",
			*call->request->request_id ? call->request->request_id : NULL);
	json_set(body, "error", error);
	return body;
}

void answer_error(struct call *call, int status, const char *code, const char *field,
		  const char *message)
{
	answer_json(call, status, error_body(call, code, field, message, NULL));
}

void answer_overtaken(struct call *call, int status, const char *field, const char *message,
		      struct json *more)
{
	answer_json(call, status, error_body(call, "changed_meanwhile", field, message, more));
}

void answer_throttled(struct call *call, int64_t retry_after_s, const char *message)
{
	struct response response = plain_response(call, 429);
	char seconds[24];

	(void)snprintf(seconds, sizeof(seconds), "%lld", (long long)retry_after_s);
	response.location = seconds; /* front turns it into the Retry-After header */
	send_json(call, &response, error_body(call, "throttled", NULL, message, NULL));
}

void answer_not_allowed(struct call *call, const char *allow)
{
	struct response response = plain_response(call, 405);

	response.location = allow; /* front turns it into the Allow header */
	send_json(call, &response,
		  error_body(call, "method_not_allowed", NULL, "This address does not take that.",
			     NULL));
}

void answer_failure(struct call *call, int error)
{
	switch (error) {
	case -ENOENT:
		answer_error(call, 404, "not_found", NULL, "There is no such thing here any more.");
		return;
	case -EACCES:
		answer_error(call, 403, "forbidden", NULL, "You may not do this.");
		return;
	case -EINVAL:
		answer_error(call, 422, "invalid", NULL, "The value is not valid.");
		return;
	case -ETIMEDOUT:
		answer_error(call, 503, "too_slow", NULL,
			     "The history did not answer in time. Ask for a shorter range.");
		return;
	case -ENOSPC:
		answer_error(call, 507, "disk_full", NULL,
			     "The disk is full. Free some space; nothing was changed.");
		return;
	default:
		log_error("a request failed path=%s error=%s", call->request->path,
			  strerror(-error));
		answer_error(call, 500, "internal", NULL,
			     "Something went wrong here. The log has the details.");
	}
}

void answer_redirect(struct call *call, const char *location, const char *set_session)
{
	struct response response = plain_response(call, 303);

	response.location = location;
	response.set_session = set_session;
	call->reply(call->reply_arg, &response);
}

void answer_login(struct call *call, const struct principal *who, const char *session)
{
	struct response response = plain_response(call, 200);
	struct json *body = json_new_object();

	json_set(body, "user", encode_principal(who));
	json_set_string(body, "csrf", *call->csrf ? call->csrf : NULL);
	response.set_session = session;
	response.role = who->role;
	send_json(call, &response, body);
}

void answer_stream(struct call *call)
{
	struct response response = plain_response(call, 200);

	response.stream = true;
	call->reply(call->reply_arg, &response);
}

void answer_list(struct call *call, struct json *items, int64_t next)
{
	struct json *body = json_new_object();

	json_set(body, "items", items);
	if (next)
		json_set_int(body, "next", next);
	else
		json_set_null(body, "next");
	answer_json(call, 200, body);
}
