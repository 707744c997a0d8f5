/* First stop of a request: its head as bytes and fields. The target is in target.c. */
#include "agent/front/guard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/front/peers.h"
#include "agent/util/addr.h"

static const struct guard_refusal refusals[GUARD_RESULT_COUNT] = {
	[GUARD_MALFORMED] = { 400, "malformed", "The request is not well-formed HTTP." },
	[GUARD_HOST_MISSING] = { 400, "host", "Exactly one Host header is needed." },
	[GUARD_HOST_FOREIGN] = { 421, "host",
				 "This host name is not one of ours; see [Web] allowed_hosts." },
	[GUARD_TARGET_BAD] = { 400, "path", "The path is not acceptable." },
	[GUARD_TARGET_LONG] = { 414, "path", "The address is too long." },
	[GUARD_HEAD_LONG] = { 431, "headers", "Too many header fields." },
	[GUARD_BODY_LARGE] = { 413, "too_large", "The body is larger than 64 KiB." },
	[GUARD_TYPE_BAD] = { 415, "content_type", "The body must be application/json." },
	[GUARD_ORIGIN_FOREIGN] = { 403, "origin", "The request comes from another site." },
	[GUARD_METHOD_BAD] = { 405, "method", "The method is not allowed here." },
	[GUARD_NOT_FOUND] = { 404, "not_found", "There is nothing here." },
};

const struct guard_refusal *guard_refusal(enum guard_result result)
{
	return &refusals[result];
}

static bool is_token(const char *text, size_t len)
{
	/* RFC 9110 5.6.2 beside letters and digits */
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c && strchr(marks, c))))
			return false;
	}
	return len > 0;
}

static bool is_value(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* Only the colon, which became a NUL byte, and white space stand between a name and its value. */
static bool is_separator(const char *at, const char *end)
{
	if (at >= end || *at != '\0')
		return false;
	for (at++; at < end; at++)
		if (*at != ' ' && *at != '\t')
			return false;
	return true;
}

static bool has_two_nuls(const char *at, const char *end)
{
	return end - at >= 2 && !at[0] && !at[1];
}

enum guard_result guard_framing(const struct guard_head *head, const struct guard_field *fields,
				size_t count)
{
	const char *end = head->begin + head->len;
	const char *at = head->begin + strnlen(head->begin, head->len) + 1;

	if (at != head->target || head->version != head->target + head->target_len + 1 ||
	    head->version >= end)
		return GUARD_MALFORMED;
	at = head->version + strnlen(head->version, (size_t)(end - head->version));
	for (size_t i = 0; i < count; i++) {
		const struct guard_field *f = &fields[i];

		if (!has_two_nuls(at, end) || f->name != at + 2 || f->value < f->name ||
		    f->value > end || !is_separator(f->name + f->name_len, f->value))
			return GUARD_MALFORMED;
		at = f->value + f->value_len;
	}
	if (!has_two_nuls(at, end) || !has_two_nuls(at + 2, end) || at + 4 != end)
		return GUARD_MALFORMED;
	return GUARD_PASS;
}

struct known_field {
	const char *name;
	size_t offset;	/* of the guard_text in struct guard_headers */
	bool last_wins; /* proxies append; the nearest one wrote the last */
};

#define KNOWN(text, member)                                         \
	{                                                           \
		text, offsetof(struct guard_headers, member), false \
	}
static const struct known_field known[] = {
	KNOWN("Host", host),
	KNOWN("Content-Length", content_length),
	KNOWN("Transfer-Encoding", transfer_encoding),
	KNOWN("Content-Type", content_type),
	KNOWN("Origin", origin),
	KNOWN("Sec-Fetch-Site", site),
	KNOWN("Cookie", cookie),
	KNOWN("Authorization", authorization),
	KNOWN("X-CSRF-Token", csrf),
	KNOWN("Accept-Encoding", accept_encoding),
	KNOWN("If-None-Match", if_none_match),
	KNOWN("If-Match", if_match),
	KNOWN("Idempotency-Key", idempotency_key),
	KNOWN("Last-Event-ID", last_event_id),
	{ "X-Forwarded-For", offsetof(struct guard_headers, forwarded_for), true },
	{ "X-Forwarded-Proto", offsetof(struct guard_headers, forwarded_proto), true },
};
#undef KNOWN

static enum guard_result collect_one(const struct guard_field *field, struct guard_headers *out)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct guard_text *slot;

		if (strlen(known[i].name) != field->name_len ||
		    strncasecmp(known[i].name, field->name, field->name_len) != 0)
			continue;
		slot = (struct guard_text *)(void *)((char *)out + known[i].offset);
		if (slot->text && !known[i].last_wins)
			return slot == &out->host ? GUARD_HOST_MISSING : GUARD_MALFORMED;
		slot->text = field->value;
		slot->len = field->value_len;
		return GUARD_PASS;
	}
	return GUARD_PASS;
}

static bool is_text(const struct guard_text *value, const char *text)
{
	return value->text && value->len == strlen(text) &&
	       strncasecmp(value->text, text, value->len) == 0;
}

/* The length of the body, from fields that must not contradict each other. */
static enum guard_result collect_length(struct guard_headers *out)
{
	const struct guard_text *text = &out->content_length;

	out->length = 0;
	if (out->transfer_encoding.text) {
		if (text->text || !is_text(&out->transfer_encoding, "chunked"))
			return GUARD_MALFORMED;
		out->length = -1;
		return GUARD_PASS;
	}
	if (!text->text)
		return GUARD_PASS;
	if (!text->len)
		return GUARD_MALFORMED;
	for (size_t i = 0; i < text->len; i++) {
		if (text->text[i] < '0' || text->text[i] > '9')
			return GUARD_MALFORMED;
		if (out->length <= (int64_t)GUARD_BODY_MAX) /* further digits only grow it */
			out->length = out->length * 10 + (text->text[i] - '0');
	}
	return GUARD_PASS;
}

enum guard_result guard_collect(const struct guard_field *fields, size_t count,
				struct guard_headers *out)
{
	memset(out, 0, sizeof(*out));
	if (count > GUARD_FIELDS_MAX)
		return GUARD_HEAD_LONG;
	for (size_t i = 0; i < count; i++) {
		enum guard_result result;

		if (!is_token(fields[i].name, fields[i].name_len) ||
		    !is_value(fields[i].value, fields[i].value_len))
			return GUARD_MALFORMED;
		result = collect_one(&fields[i], out);
		if (result != GUARD_PASS)
			return result;
	}
	return collect_length(out);
}

/* Host field apart: the name, lower case and without brackets, and the port's digits. */
struct authority {
	char name[GUARD_NAME_MAX];
	bool is_bracketed;
	const char *port;
	size_t port_len;
};

static bool is_port(const char *text, size_t len)
{
	unsigned long value = 0;

	if (len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (unsigned long)(text[i] - '0');
	}
	return value <= 65535;
}

static bool is_name_byte(char c, bool is_bracketed)
{
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.')
		return true;
	return is_bracketed ? c == ':' : c == '-' || c == '_';
}

/* Source: RFC 3986 3.2.2, 3.2.3, without user information, escapes and zones. */
static bool parse_authority(const char *text, size_t len, struct authority *out)
{
	const char *end, *at = text;
	size_t name_len;

	out->is_bracketed = len && text[0] == '[';
	if (out->is_bracketed) {
		at++;
		end = memchr(at, ']', len - 1);
		if (!end)
			return false;
	} else {
		end = memchr(at, ':', len);
		if (!end)
			end = text + len;
	}
	name_len = (size_t)(end - at);
	if (!name_len || name_len >= sizeof(out->name))
		return false;
	for (size_t i = 0; i < name_len; i++) {
		char c = at[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!is_name_byte(c, out->is_bracketed))
			return false;
		out->name[i] = c;
	}
	out->name[name_len] = '\0';
	end += out->is_bracketed;
	out->port = end;
	out->port_len = 0;
	if (end == text + len)
		return true;
	if (*end != ':')
		return false;
	out->port = end + 1;
	out->port_len = (size_t)(text + len - out->port);
	return is_port(out->port, out->port_len);
}

enum guard_result guard_host(const struct guard_policy *policy, const struct guard_headers *headers,
			     const struct addr *local)
{
	struct authority host;
	struct addr addr;

	if (!headers->host.text || !headers->host.len)
		return GUARD_HOST_MISSING;
	if (!parse_authority(headers->host.text, headers->host.len, &host))
		return GUARD_MALFORMED;
	for (size_t i = 0; i < policy->name_count; i++)
		if (strcmp(host.name, policy->names[i]) == 0)
			return GUARD_PASS;
	if (!host.is_bracketed && strcmp(host.name, "localhost") == 0)
		return GUARD_PASS;
	if (addr_parse(host.name, &addr))
		return host.is_bracketed ? GUARD_MALFORMED : GUARD_HOST_FOREIGN;
	if ((addr.family == ADDR_IPV6) != host.is_bracketed)
		return GUARD_MALFORMED;
	if (peers_is_loopback(&addr) || addr_is_equal(&addr, &policy->listen))
		return GUARD_PASS;
	if (policy->listen_is_any && addr_is_equal(&addr, local))
		return GUARD_PASS;
	return GUARD_HOST_FOREIGN;
}

static bool is_same_port(const struct authority *a, const struct authority *b, bool tls)
{
	const char *standard = tls ? "443" : "80";
	size_t a_len = a->port_len ? a->port_len : strlen(standard);
	size_t b_len = b->port_len ? b->port_len : strlen(standard);

	return a_len == b_len && memcmp(a->port_len ? a->port : standard,
					b->port_len ? b->port : standard, a_len) == 0;
}

enum guard_result guard_origin(const struct guard_headers *headers, bool tls)
{
	const char *scheme = tls ? "https://" : "http://";
	size_t scheme_len = strlen(scheme);
	const struct guard_text *origin = &headers->origin;
	struct authority ours, theirs;

	if (headers->site.text && !is_text(&headers->site, "same-origin") &&
	    !is_text(&headers->site, "none"))
		return GUARD_ORIGIN_FOREIGN;
	if (!origin->text)
		return GUARD_PASS;
	if (origin->len < scheme_len || strncasecmp(origin->text, scheme, scheme_len) != 0 ||
	    !parse_authority(origin->text + scheme_len, origin->len - scheme_len, &theirs) ||
	    !headers->host.text || !parse_authority(headers->host.text, headers->host.len, &ours))
		return GUARD_ORIGIN_FOREIGN;
	if (ours.is_bracketed != theirs.is_bracketed || strcmp(ours.name, theirs.name) != 0 ||
	    !is_same_port(&ours, &theirs, tls))
		return GUARD_ORIGIN_FOREIGN;
	return GUARD_PASS;
}

enum guard_result guard_type(const struct guard_headers *headers, bool may_be_form)
{
	struct guard_text type = headers->content_type;
	const char *semicolon;

	if (!type.text)
		return GUARD_TYPE_BAD;
	semicolon = memchr(type.text, ';', type.len);
	if (semicolon)
		type.len = (size_t)(semicolon - type.text);
	while (type.len && (type.text[type.len - 1] == ' ' || type.text[type.len - 1] == '\t'))
		type.len--;
	if (is_text(&type, "application/json") ||
	    (may_be_form && is_text(&type, "application/x-www-form-urlencoded")))
		return GUARD_PASS;
	return GUARD_TYPE_BAD;
}
