/*
 * HTTP/1 heads (RFC 9112): method, target, Host and User-Agent of requests, the status of
 * responses. Tolerant where servers are: bare LF, empty lines in front.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent/names/internal.h"

/* A piece of a head. */
struct span {
	const uint8_t *data;
	size_t len;
};

/* IANA "HTTP Method Registry", UPnP's and Microsoft's WebDAV and RPC methods; with the space. */
static const char *const methods[] = {
	"GET ",
	"POST ",
	"HEAD ",
	"PUT ",
	"OPTIONS ",
	"CONNECT ",
	"DELETE ",
	"PATCH ",
	"TRACE ",
	"ACL ",
	"BASELINE-CONTROL ",
	"BCOPY ",
	"BDELETE ",
	"BIND ",
	"BMOVE ",
	"BPROPFIND ",
	"BPROPPATCH ",
	"CCM_POST ",
	"CHECKIN ",
	"CHECKOUT ",
	"COPY ",
	"LABEL ",
	"LINK ",
	"LOCK ",
	"MERGE ",
	"MKACTIVITY ",
	"MKCALENDAR ",
	"MKCOL ",
	"MKREDIRECTREF ",
	"MKWORKSPACE ",
	"MOVE ",
	"M-SEARCH ",
	"NOTIFY ",
	"ORDERPATCH ",
	"POLL ",
	"PROPFIND ",
	"PROPPATCH ",
	"QUERY ",
	"REBIND ",
	"REPORT ",
	"RPC_CONNECT ",
	"RPC_IN_DATA ",
	"RPC_OUT_DATA ",
	"SEARCH ",
	"SUBSCRIBE ",
	"UNBIND ",
	"UNCHECKOUT ",
	"UNLINK ",
	"UNLOCK ",
	"UNSUBSCRIBE ",
	"UPDATE ",
	"UPDATEREDIRECTREF ",
	"VERSION-CONTROL ",
};

static const char version[] = "HTTP/1.";
#define VERSION_BYTES	  (sizeof(version) - 1)
#define ANY_VERSION_BYTES 5 /* of it: what some servers take in a request */

/* @data begins with @words, or is itself a beginning of them. */
static bool is_start(const uint8_t *data, size_t len, const char *words)
{
	size_t words_len = strlen(words);

	return len > 0 && memcmp(data, words, len < words_len ? len : words_len) == 0;
}

/* Bytes of empty lines in front of a request line (RFC 9112 2.2). */
static size_t skip_empty_lines(const uint8_t *data, size_t len)
{
	size_t at = 0;

	while (at < len && (data[at] == '\r' || data[at] == '\n'))
		at++;
	return at;
}

enum http_start http_guess(const uint8_t *data, size_t len)
{
	size_t skipped = skip_empty_lines(data, len);

	if (is_start(data, len, version))
		return HTTP_RESPONSE;
	data += skipped;
	len -= skipped;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (is_start(data, len, methods[i]))
			return HTTP_REQUEST;
	}
	return HTTP_NOTHING;
}

/* The line at @head, which moves behind it; false when its end is not there. */
static bool next_line(struct span *head, struct span *line)
{
	const uint8_t *end = head->len ? memchr(head->data, '\n', head->len) : NULL;

	if (!end)
		return false;
	line->data = head->data;
	line->len = (size_t)(end - head->data);
	head->data += line->len + 1;
	head->len -= line->len + 1;
	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->len--;
	return true;
}

static void put(char *out, size_t size, struct span from)
{
	struct text text;

	text_start(&text, out, size);
	text_put_bytes(&text, from.data, from.len);
}

/* Digits only, at most @max; -1 otherwise. */
static int64_t read_number(struct span digits, int64_t max)
{
	int64_t number = 0;

	if (digits.len == 0)
		return -1;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return -1;
		number = number * 10 + (digits.data[i] - '0');
		if (number > max)
			return -1;
	}
	return number;
}

/* uri-host [ ":" port ] (RFC 9110 7.2); what stands before an "@" is never a host. Returns the
 * port, 0 when there is none. */
static uint16_t read_host(struct span value, char host[NAME_TEXT_MAX])
{
	const uint8_t *at = memrchr(value.data, '@', value.len);
	const uint8_t *colon;
	int64_t port = 0;

	if (at) {
		value.len -= (size_t)(at + 1 - value.data);
		value.data = at + 1;
	}
	colon = memrchr(value.data, ':', value.len);
	at = memrchr(value.data, ']', value.len);
	if (colon && (!at || at < colon)) {
		struct span digits = { colon + 1, (size_t)(value.data + value.len - (colon + 1)) };

		port = read_number(digits, UINT16_MAX);
		value.len = (size_t)(colon - value.data);
	}
	put(host, NAME_TEXT_MAX, value);
	return port > 0 ? (uint16_t)port : 0;
}

/* Of CONNECT the target is a host and port; of a proxy it begins with a scheme (RFC 9112 3.2). */
static void read_authority(struct span target, struct http_message *out)
{
	static const char *const schemes[] = { "http://", "https://" };

	out->authority[0] = '\0';
	if (strcmp(out->method, "CONNECT") == 0) {
		(void)read_host(target, out->authority);
		return;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]);
		struct span rest = { target.data + len, 0 };

		if (target.len < len ||
		    strncasecmp((const char *)target.data, schemes[i], len) != 0)
			continue;
		while (rest.len < target.len - len && !strchr("/?#", rest.data[rest.len]))
			rest.len++;
		(void)read_host(rest, out->authority);
		return;
	}
}

/* method SP target SP HTTP/x */
static bool read_request_line(struct span line, struct http_message *out)
{
	const uint8_t *space = memchr(line.data, ' ', line.len);
	struct span target;
	size_t method_len;

	if (!space || http_guess(line.data, line.len) != HTTP_REQUEST)
		return false;
	method_len = (size_t)(space - line.data);
	target.data = space + 1;
	target.len = line.len - method_len - 1;
	space = memrchr(target.data, ' ', target.len);
	if (!space || (size_t)(target.data + target.len - (space + 1)) < VERSION_BYTES ||
	    memcmp(space + 1, version, ANY_VERSION_BYTES) != 0)
		return false;
	target.len = (size_t)(space - target.data);
	put(out->method, sizeof(out->method), (struct span){ line.data, method_len });
	put(out->path, sizeof(out->path), target);
	read_authority(target, out);
	return true;
}

static struct span trim(struct span value)
{
	while (value.len > 0 && (value.data[0] == ' ' || value.data[0] == '\t')) {
		value.data++;
		value.len--;
	}
	while (value.len > 0 &&
	       (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
		value.len--;
	return value;
}

/* @line is the field @name: its value goes to @value. */
static bool is_field(struct span line, const char *name, struct span *value)
{
	size_t len = strlen(name);

	if (line.len <= len || line.data[len] != ':' ||
	    strncasecmp((const char *)line.data, name, len) != 0)
		return false;
	*value = trim((struct span){ line.data + len + 1, line.len - len - 1 });
	return true;
}

/* The first of several equal fields counts. */
static void read_field(struct span line, struct http_message *out, int64_t *body)
{
	struct span value;

	if (out->host[0] == '\0' && is_field(line, "Host", &value))
		out->port = read_host(value, out->host);
	else if (out->agent[0] == '\0' && is_field(line, "User-Agent", &value))
		put(out->agent, sizeof(out->agent), value);
	else if (*body < 0 && is_field(line, "Content-Length", &value))
		*body = read_number(value, INT32_MAX / 2);
}

static bool is_head_whole(const uint8_t *data, size_t len)
{
	return memmem(data, len, "\n\r\n", 3) || memmem(data, len, "\n\n", 2);
}

ssize_t http_parse_request(const uint8_t *data, size_t len, bool is_last, struct http_message *out)
{
	size_t skipped = skip_empty_lines(data, len);
	struct span head = { data + skipped, len - skipped };
	struct span line;
	int64_t body = -1;

	if (http_guess(head.data, head.len) != HTTP_REQUEST && head.len > 0)
		return -EBADMSG;
	if (!is_last && len < HTTP_HEAD_MAX && !is_head_whole(head.data, head.len))
		return 0;
	out->host[0] = out->agent[0] = '\0';
	out->port = out->status = 0;
	if (!next_line(&head, &line) || !read_request_line(line, out))
		return -EBADMSG;
	while (next_line(&head, &line) && line.len > 0)
		read_field(line, out, &body);
	return (ssize_t)(len - head.len) + (body > 0 ? body : 0);
}

/* HTTP/1.x SP three digits */
ssize_t http_parse_response(const uint8_t *data, size_t len, struct http_message *out)
{
	struct span rest = { data, len };
	struct span line;
	int64_t status;

	if (!is_start(data, len, version) && len > 0)
		return -EBADMSG;
	if (!next_line(&rest, &line))
		return len < HTTP_HEAD_MAX ? 0 : -EBADMSG;
	if (line.len < VERSION_BYTES + 5 || line.data[VERSION_BYTES + 1] != ' ')
		return -EBADMSG;
	status = read_number((struct span){ line.data + VERSION_BYTES + 2, 3 }, 999);
	if (status < 100)
		return -EBADMSG;
	*out->method = *out->host = *out->authority = *out->path = *out->agent = '\0';
	out->port = 0;
	out->status = (uint16_t)status;
	return (ssize_t)(len - rest.len);
}
