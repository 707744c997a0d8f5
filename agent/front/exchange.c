/* Guards, then one of: a file, a page, a question to core and its answer, the event stream. */
#include "agent/front/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/json.h"

#define PAGE "/index.html"
/* How much of a body that is too large is still read so that the client hears why; then it is cut.
 */
#define DISCARD_MAX (1U << 20)

struct exchange *exchange_new(struct site *site, struct connection *connection, const char *uri)
{
	size_t len = uri ? strlen(uri) : 0;
	size_t kept = len <= GUARD_TARGET_MAX ? len : 0;
	struct exchange *exchange = calloc(1, sizeof(*exchange) + 2 * kept + 2);

	if (!exchange)
		return NULL;
	exchange->site = site;
	exchange->connection = connection;
	exchange->uri = uri;
	exchange->uri_len = len;
	exchange->path = exchange->raw + kept + 1;
	exchange->query = "";
	if (kept)
		memcpy(exchange->raw, uri, kept);
	exchange->target_result =
		len > kept ? GUARD_TARGET_LONG
			   : guard_target(exchange->raw, kept, exchange->path, &exchange->query);
	(void)snprintf(exchange->request_id, sizeof(exchange->request_id), "%016" PRIx64,
		       site->id_base + site->next_id++);
	buffer_init(&exchange->body, GUARD_BODY_MAX);
	return exchange;
}

void exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return;
	if (exchange->body.data)
		crypto_wipe(exchange->body.data, exchange->body.len);
	buffer_done(&exchange->body);
	ask_reply_done(&exchange->reply);
	crypto_wipe(exchange->session, sizeof(exchange->session));
	crypto_wipe(exchange->bearer, sizeof(exchange->bearer));
	free(exchange);
}

void connection_set_deadline(struct connection *connection, unsigned int seconds)
{
	connection->deadline_ns = seconds ? clock_monotonic_ns() + seconds * NS_PER_S : 0;
}

static struct reply_context context_of(const struct exchange *exchange, bool must_close)
{
	/* what a session or a new secret answers stays as it is: lengths tell (BREACH) */
	bool may_gzip = exchange->method == METHOD_GET &&
			strcmp(exchange->path, "/api/v1/session") != 0 &&
			guard_is_listed(&exchange->headers.accept_encoding, "gzip");

	return (struct reply_context){
		exchange->connection->mhd, exchange->request_id, exchange->tls,
		exchange->site->port,	   must_close,		 may_gzip
	};
}

/* ---- the head -------------------------------------------------------------------------------- */

struct field_list {
	struct guard_field fields[GUARD_FIELDS_MAX + 1]; /* one more, to see that there are more */
	size_t count;
};

static enum MHD_Result add_field(void *cls, enum MHD_ValueKind kind, const char *name,
				 size_t name_len, const char *value, size_t value_len)
{
	struct field_list *list = cls;

	(void)kind; /* only MHD_HEADER_KIND was asked for */
	list->fields[list->count++] =
		(struct guard_field){ name, value ? value : "", name_len, value_len };
	return list->count <= GUARD_FIELDS_MAX ? MHD_YES : MHD_NO;
}

static enum guard_result check_head(struct exchange *exchange, const char *method,
				    const char *version)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		exchange->connection->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct guard_head head = { .begin = method,
				   .target = exchange->uri,
				   .target_len = exchange->uri_len,
				   .version = version };
	struct field_list list = { .count = 0 };
	enum guard_result result;

	if (!info || !exchange->uri)
		return GUARD_MALFORMED;
	head.len = info->header_size;
	(void)MHD_get_connection_values_n(exchange->connection->mhd, MHD_HEADER_KIND, add_field,
					  &list); /* its count is ours */
	result = guard_collect(list.fields, list.count, &exchange->headers);
	if (result != GUARD_PASS)
		return result;
	return guard_framing(&head, list.fields, list.count);
}

/* Who asks, through which scheme; after this headers of trusted proxies are spent. */
static void find_client(struct exchange *exchange)
{
	const struct site *site = exchange->site;
	const struct guard_headers *headers = &exchange->headers;
	const struct addr *peer = &exchange->connection->peer;
	static const struct guard_text https = { "https", 5 };

	exchange->tls = site->tls;
	exchange->client = *peer;
	if (!peers_is_trusted(site->peers, peer))
		return;
	exchange->client = peers_client(site->peers, peer, headers->forwarded_for.text,
					headers->forwarded_for.len);
	if (headers->forwarded_proto.text && headers->forwarded_proto.len == https.len &&
	    guard_is_listed(&headers->forwarded_proto, https.text))
		exchange->tls = true;
}

static void find_credentials(struct exchange *exchange)
{
	static const char scheme[] = "Bearer ";
	const struct guard_headers *headers = &exchange->headers;
	char name[COOKIE_NAME_MAX];

	cookie_name(exchange->tls, exchange->site->port, name);
	if (!headers->cookie.text ||
	    !cookie_find(headers->cookie.text, headers->cookie.len, name, exchange->session))
		exchange->session[0] = '\0';
	if (headers->authorization.text &&
	    strncasecmp(headers->authorization.text, scheme, sizeof(scheme) - 1) == 0 &&
	    headers->authorization.len - (sizeof(scheme) - 1) < sizeof(exchange->bearer))
		(void)snprintf(exchange->bearer, sizeof(exchange->bearer), "%s",
			       headers->authorization.text + sizeof(scheme) - 1);
}

static enum guard_result check_change(const struct exchange *exchange)
{
	enum guard_result result;

	if (exchange->headers.length > (int64_t)GUARD_BODY_MAX)
		return GUARD_BODY_LARGE;
	if (exchange->method & (METHOD_GET | METHOD_HEAD))
		return GUARD_PASS;
	result = guard_origin(&exchange->headers, exchange->tls);
	if (result != GUARD_PASS || exchange->headers.length == 0)
		return result;
	return guard_type(&exchange->headers, exchange->route.may_be_form);
}

/* A path without a dot in its last part was typed by a person: show them the page, as 404. */
static bool is_page_like(const struct exchange *exchange)
{
	return (exchange->method & (METHOD_GET | METHOD_HEAD)) &&
	       !strchr(strrchr(exchange->path, '/'), '.') &&
	       static_has(exchange->site->files, PAGE);
}

static enum guard_result check_route(struct exchange *exchange, const char *method)
{
	exchange->method = method_parse(method);
	exchange->route = route_find(exchange->path, exchange->method);
	if (exchange->route.kind == ROUTE_ASSET &&
	    !static_has(exchange->site->files, exchange->path) && !is_page_like(exchange))
		return GUARD_NOT_FOUND;
	return exchange->method & exchange->route.methods ? GUARD_PASS : GUARD_METHOD_BAD;
}

static enum guard_result check_all(struct exchange *exchange, const char *method,
				   const char *version)
{
	enum guard_result result = check_head(exchange, method, version);

	if (result != GUARD_PASS)
		return result;
	find_client(exchange);
	result = guard_host(&exchange->site->policy, &exchange->headers,
			    &exchange->connection->local);
	if (result == GUARD_PASS)
		result = exchange->target_result;
	if (result == GUARD_PASS)
		result = check_route(exchange, method);
	if (result == GUARD_PASS)
		result = check_change(exchange);
	return result;
}

static enum MHD_Result begin(struct exchange *exchange, const char *method, const char *version)
{
	enum guard_result result = check_all(exchange, method, version);
	const struct reply_context context = context_of(exchange, true);
	char allow[ROUTE_ALLOW_MAX];

	if (result != GUARD_PASS)
		return reply_refusal(&context, result,
				     result == GUARD_METHOD_BAD
					     ? route_allow(exchange->route.methods, allow)
					     : NULL);
	exchange->is_http11 = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
	find_credentials(exchange);
	exchange->state = EXCHANGE_BODY;
	return MHD_YES;
}

/* ---- the body -------------------------------------------------------------------------------- */

static enum MHD_Result take_body(struct exchange *exchange, const char *upload, size_t *len)
{
	if (exchange->body.len + *len > GUARD_BODY_MAX)
		exchange->is_too_large = true; /* chunked: nobody said so before */
	if (exchange->is_too_large) {
		exchange->discarded += *len;
		*len = 0;
		return exchange->discarded <= DISCARD_MAX ? MHD_YES : MHD_NO;
	}
	buffer_append(&exchange->body, upload, *len);
	*len = 0;
	return exchange->body.error ? MHD_NO : MHD_YES;
}

/* ---- core ------------------------------------------------------------------------------------ */

/* The answer is here, or will not come. */
static void on_reply(void *arg, struct ask_reply *reply)
{
	struct exchange *exchange = arg;
	struct MHD_Connection *mhd = exchange->connection->mhd;

	/* here, in the order core said things: the end of a session comes after its answers */
	if (!reply->error && reply->response.keep_ms && exchange->route.kind == ROUTE_CORE &&
	    exchange->method == METHOD_GET) {
		const struct request request = exchange_request(exchange);

		cache_put(exchange->site->cache, &request, &reply->response, clock_monotonic_ns());
	}
	exchange->reply = *reply;
	memset(reply, 0, sizeof(*reply));
	exchange->state = EXCHANGE_ANSWERED;
	MHD_resume_connection(mhd);
}

static const char *text_of(const struct guard_text *text)
{
	return text->text ? text->text : "";
}

/* Core knows its tags as strong ones; what was compressed has them weak (reply.c). */
static const char *tag_of(const struct guard_text *text)
{
	return text_of(text) + (!strncmp(text_of(text), "W/", 2) ? 2 : 0);
}

static const char *method_name(enum method method)
{
	switch (method) {
	case METHOD_POST:
		return "POST";
	case METHOD_PUT:
		return "PUT";
	case METHOD_DELETE:
		return "DELETE";
	default:
		return "GET"; /* HEAD is GET without the body (RFC 9110 9.3.2) */
	}
}

struct request exchange_request(const struct exchange *exchange)
{
	const struct guard_headers *headers = &exchange->headers;

	return (struct request){
		.method = method_name(exchange->method),
		.path = exchange->path,
		.query = exchange->query,
		.content_type = text_of(&headers->content_type),
		.session = exchange->session,
		.csrf = text_of(&headers->csrf),
		.bearer = exchange->bearer,
		.request_id = exchange->request_id,
		.if_none_match = tag_of(&headers->if_none_match),
		.if_match = text_of(&headers->if_match),
		.idempotency_key = text_of(&headers->idempotency_key),
		.peer = exchange->client,
		.port = exchange->site->port,
		.tls = exchange->tls,
		.body = exchange->body.data ? (const char *)exchange->body.data : "",
		.body_len = exchange->body.len,
	};
}

static enum MHD_Result ask_core(struct exchange *exchange, bool about_session)
{
	struct request request = exchange_request(exchange);
	int error;

	if (about_session) {
		request.method = "GET";
		request.path = "/api/v1/session";
		request.query = "";
	}
	exchange->state = EXCHANGE_ASKED;
	MHD_suspend_connection(exchange->connection->mhd);
	error = ask_send(exchange->site->ask, &request, on_reply, exchange);
	if (error) {
		struct ask_reply reply = { .error = error };

		on_reply(exchange, &reply);
	}
	return MHD_YES;
}

static bool is_logged_in(const struct ask_reply *reply)
{
	CLEANUP(json_free) struct json *session = NULL;
	char error[128];

	return !reply->error && reply->response.status == MHD_HTTP_OK &&
	       !json_parse(reply->response.body, reply->response.body_len, &session, error) &&
	       json_is_object(json_get(session, "user"));
}

/* A filter longer than this is typed again: a header has to fit beside the others (http.c). */
#define LOCATION_MAX 2048

/*
 * The login page comes back to where the person wanted to go; the script checks it again. Paths of
 * pages are plain words and digits, and a query is visible ASCII (guard_target): what a value may
 * not hold are the three escaped here (RFC 3986 3.4, and + is a blank).
 */
static enum MHD_Result send_to_login(struct exchange *exchange, const struct reply_context *context)
{
	CLEANUP(buffer_done) struct buffer location;

	buffer_init(&location, LOCATION_MAX);
	if (exchange->route.kind == ROUTE_ROOT || strcmp(exchange->path, "/dashboard") == 0)
		return reply_redirect(context, "/login");
	buffer_append_format(&location, "/login?next=%s%s", exchange->path,
			     *exchange->query ? "?" : "");
	for (const char *c = exchange->query; *c; c++)
		buffer_append_format(&location, strchr("%&+", *c) ? "%%%02X" : "%c",
				     (unsigned char)*c);
	return reply_redirect(context, location.error ? "/login" : (const char *)location.data);
}

static enum MHD_Result send_page(struct exchange *exchange, const struct reply_context *context,
				 unsigned int status)
{
	return static_send(exchange->site->files, context, &exchange->headers, PAGE, status);
}

/* A page for who is logged in. Without core the page comes as 503 and waits for it by itself. */
static enum MHD_Result answer_page(struct exchange *exchange, const struct reply_context *context)
{
	if (exchange->reply.error)
		return send_page(exchange, context, MHD_HTTP_SERVICE_UNAVAILABLE);
	if (!is_logged_in(&exchange->reply))
		return send_to_login(exchange, context);
	if (exchange->route.kind == ROUTE_ROOT)
		return reply_redirect(context, "/dashboard");
	return send_page(exchange, context, MHD_HTTP_OK);
}

static enum MHD_Result answer(struct exchange *exchange)
{
	const struct reply_context context = context_of(exchange, false);
	const struct response *core = &exchange->reply.response;

	if (exchange->route.kind != ROUTE_CORE)
		return answer_page(exchange, &context);
	if (exchange->reply.error)
		return reply_unavailable(&context, exchange->reply.error);
	if (core->stream && core->status == MHD_HTTP_OK)
		return stream_send(exchange, &context);
	if (*core->next && core->status == MHD_HTTP_OK && exchange->method == METHOD_GET)
		return parts_send(exchange, &context);
	return reply_core(&context, &exchange->reply);
}

/* A live answer of a moment ago, or another from core. */
static enum MHD_Result answer_core(struct exchange *exchange, const struct reply_context *context)
{
	struct cached *cached = NULL;

	if (exchange->method == METHOD_GET) {
		const struct request request = exchange_request(exchange);

		cached = cache_find(exchange->site->cache, &request, clock_monotonic_ns());
	}
	return cached ? reply_cached(context, &exchange->headers.if_none_match, cached)
		      : ask_core(exchange, false);
}

static enum MHD_Result whole(struct exchange *exchange)
{
	const struct reply_context context = context_of(exchange, exchange->is_too_large);

	connection_set_deadline(exchange->connection, EXCHANGE_SEND_S);
	if (exchange->is_too_large)
		return reply_refusal(&context, GUARD_BODY_LARGE, NULL);
	switch (exchange->route.kind) {
	case ROUTE_CORE:
		return answer_core(exchange, &context);
	case ROUTE_ROOT:
	case ROUTE_INSIDE:
		/* nobody without credentials is logged in: core need not say so */
		return *exchange->session || *exchange->bearer ? ask_core(exchange, true)
							       : send_to_login(exchange, &context);
	case ROUTE_PAGE:
		return send_page(exchange, &context, MHD_HTTP_OK);
	case ROUTE_HEALTH:
		return reply_text(&context, "ok");
	case ROUTE_ASSET:
		break;
	}
	if (!static_has(exchange->site->files, exchange->path))
		return send_page(exchange, &context, MHD_HTTP_NOT_FOUND);
	return static_send(exchange->site->files, &context, &exchange->headers, exchange->path,
			   MHD_HTTP_OK);
}

enum MHD_Result exchange_handle(struct exchange *exchange, const char *method, const char *version,
				const char *upload, size_t *upload_len)
{
	switch (exchange->state) {
	case EXCHANGE_NEW:
		return begin(exchange, method, version);
	case EXCHANGE_BODY:
		return *upload_len ? take_body(exchange, upload, upload_len) : whole(exchange);
	case EXCHANGE_ANSWERED:
		return answer(exchange);
	case EXCHANGE_ASKED:
		break; /* suspended: cannot be called */
	}
	return MHD_NO;
}
