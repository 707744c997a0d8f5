/*
 * Frame bodies: a fixed sequence of fields per message, each u32 length and bytes; texts and
 * bodies carry a NUL behind them so that the reader may use them in place. Host order.
 */
#include "agent/util/message.h"

#include <errno.h>
#include <string.h>

/* What is left of a body being read; the first failure sticks and empties every later field. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool is_broken;
};

static void put_field(struct buffer *out, const void *data, size_t len)
{
	uint32_t prefix = (uint32_t)len;

	if (len > UINT32_MAX) {
		out->error = out->error ? out->error : -E2BIG;
		return;
	}
	buffer_append(out, &prefix, sizeof(prefix));
	buffer_append(out, data, len);
}

static void put_number(struct buffer *out, uint64_t value)
{
	put_field(out, &value, sizeof(value));
}

/* The length says nothing of the NUL behind. */
static void put_bytes(struct buffer *out, const void *data, size_t len)
{
	put_field(out, data, len);
	buffer_append(out, "", 1);
}

static void put_text(struct buffer *out, const char *text)
{
	put_bytes(out, text ? text : "", text ? strlen(text) : 0);
}

/* The next field and @behind bytes that follow it. Returns NULL once broken. */
static const uint8_t *get_field(struct cursor *in, size_t behind, size_t *len)
{
	const uint8_t *data;
	uint32_t prefix;

	*len = 0;
	if (in->is_broken || in->left < sizeof(prefix)) {
		in->is_broken = true;
		return NULL;
	}
	memcpy(&prefix, in->at, sizeof(prefix));
	if (in->left - sizeof(prefix) < behind || in->left - sizeof(prefix) - behind < prefix) {
		in->is_broken = true;
		return NULL;
	}
	data = in->at + sizeof(prefix);
	in->at = data + prefix + behind;
	in->left -= sizeof(prefix) + prefix + behind;
	*len = prefix;
	return data;
}

static uint64_t get_number(struct cursor *in, uint64_t max)
{
	size_t len;
	const uint8_t *data = get_field(in, 0, &len);
	uint64_t value = 0;

	if (!data || len != sizeof(value)) {
		in->is_broken = true;
		return 0;
	}
	memcpy(&value, data, sizeof(value));
	if (value > max) {
		in->is_broken = true;
		return 0;
	}
	return value;
}

static const char *get_bytes(struct cursor *in, size_t *len)
{
	const uint8_t *data = get_field(in, 1, len);

	if (data && data[*len] == '\0')
		return (const char *)data;
	in->is_broken = true;
	*len = 0;
	return "";
}

/* As get_bytes, and without a NUL inside: strlen sees what the length said. */
static const char *get_text(struct cursor *in)
{
	size_t len;
	const char *text = get_bytes(in, &len);

	if (!memchr(text, '\0', len))
		return text;
	in->is_broken = true;
	return "";
}

static struct addr get_addr(struct cursor *in)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct addr addr = { .family = ADDR_NONE };
	size_t len;
	const uint8_t *data = get_field(in, 0, &len);
	bool is_valid = data && len == sizeof(addr.bytes) + 1;

	if (is_valid) {
		memcpy(addr.bytes, data, sizeof(addr.bytes));
		addr.family = data[sizeof(addr.bytes)];
		is_valid = addr.family == ADDR_NONE || addr.family == ADDR_IPV6 ||
			   (addr.family == ADDR_IPV4 &&
			    memcmp(addr.bytes, mapped, sizeof(mapped)) == 0);
	}
	if (!is_valid) {
		in->is_broken = true;
		addr = (struct addr){ .family = ADDR_NONE };
	}
	return addr;
}

static void put_addr(struct buffer *out, const struct addr *addr)
{
	uint8_t field[sizeof(addr->bytes) + 1];

	memcpy(field, addr->bytes, sizeof(addr->bytes));
	field[sizeof(addr->bytes)] = addr->family;
	put_field(out, field, sizeof(field));
}

/* Everything was there, and nothing was left over. */
static int finish(const struct cursor *in)
{
	return in->is_broken || in->left > 0 ? -EPROTO : 0;
}

void message_encode_request(struct buffer *out, const struct request *request)
{
	put_text(out, request->method);
	put_text(out, request->path);
	put_text(out, request->query);
	put_text(out, request->content_type);
	put_text(out, request->session);
	put_text(out, request->csrf);
	put_text(out, request->bearer);
	put_text(out, request->request_id);
	put_text(out, request->if_none_match);
	put_text(out, request->if_match);
	put_text(out, request->idempotency_key);
	put_addr(out, &request->peer);
	put_number(out, request->port);
	put_number(out, request->tls);
	put_bytes(out, request->body, request->body_len);
}

int message_decode_request(const uint8_t *body, size_t len, struct request *request)
{
	struct cursor in = { .at = body, .left = len };
	struct request decoded;
	int err;

	decoded.method = get_text(&in);
	decoded.path = get_text(&in);
	decoded.query = get_text(&in);
	decoded.content_type = get_text(&in);
	decoded.session = get_text(&in);
	decoded.csrf = get_text(&in);
	decoded.bearer = get_text(&in);
	decoded.request_id = get_text(&in);
	decoded.if_none_match = get_text(&in);
	decoded.if_match = get_text(&in);
	decoded.idempotency_key = get_text(&in);
	decoded.peer = get_addr(&in);
	decoded.port = (uint16_t)get_number(&in, UINT16_MAX);
	decoded.tls = get_number(&in, 1) != 0;
	decoded.body = get_bytes(&in, &decoded.body_len);
	err = finish(&in);
	if (err)
		return err;
	*request = decoded;
	return 0;
}

void message_encode_response(struct buffer *out, const struct response *response)
{
	put_number(out, (uint64_t)response->status);
	put_text(out, response->content_type);
	put_text(out, response->location);
	put_text(out, response->next);
	put_number(out, response->keep_ms);
	put_text(out, response->etag);
	put_text(out, response->set_session);
	put_number(out, response->stream);
	put_number(out, response->role);
	put_number(out, response->session_tag);
	put_bytes(out, response->body, response->body_len);
}

int message_decode_response(const uint8_t *body, size_t len, struct response *response)
{
	struct cursor in = { .at = body, .left = len };
	struct response decoded;
	int err;

	decoded.status = (int)get_number(&in, 999); /* three digits (RFC 9110 15) */
	decoded.content_type = get_text(&in);
	decoded.location = get_text(&in);
	decoded.next = get_text(&in);
	decoded.keep_ms = (uint32_t)get_number(&in, UINT32_MAX);
	decoded.etag = get_text(&in);
	decoded.set_session = get_text(&in);
	decoded.stream = get_number(&in, 1) != 0;
	decoded.role = (uint8_t)get_number(&in, UINT8_MAX);
	decoded.session_tag = get_number(&in, UINT64_MAX);
	decoded.body = get_bytes(&in, &decoded.body_len);
	err = finish(&in);
	if (err)
		return err;
	*response = decoded;
	return 0;
}

void message_encode_event(struct buffer *out, const struct event *event)
{
	put_number(out, event->id);
	put_number(out, event->min_role);
	put_number(out, event->max_role);
	put_number(out, event->is_sticky);
	put_text(out, event->name);
	put_text(out, event->data);
}

int message_decode_event(const uint8_t *body, size_t len, struct event *event)
{
	struct cursor in = { .at = body, .left = len };
	struct event decoded;
	int err;

	decoded.id = get_number(&in, UINT64_MAX);
	decoded.min_role = (uint8_t)get_number(&in, UINT8_MAX);
	decoded.max_role = (uint8_t)get_number(&in, UINT8_MAX);
	decoded.is_sticky = get_number(&in, 1) != 0;
	decoded.name = get_text(&in);
	decoded.data = get_text(&in);
	err = finish(&in);
	if (err)
		return err;
	*event = decoded;
	return 0;
}
