/* The guard of the request target: one decoding, and nothing ambiguous passes. Also lists. */
#include <string.h>
#include <strings.h>

#include "agent/front/guard.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte at *@at, decoded; *@at moves past it. -1 for a broken escape. */
static int decode_byte(const char **at)
{
	int high, low;

	if (**at != '%')
		return (unsigned char)*(*at)++;
	high = hex_value((*at)[1]);
	low = high < 0 ? -1 : hex_value((*at)[2]);
	if (low < 0)
		return -1;
	*at += 3;
	return high * 16 + low;
}

/* What may stand on the wire: visible ASCII without '#', which no client sends (RFC 9112 3.2). */
static bool is_wire_text(const char *raw, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (raw[i] <= ' ' || raw[i] >= 0x7f || raw[i] == '#')
			return false;
	return true;
}

static bool has_bad_segment(const char *path)
{
	size_t len = strlen(path);

	return strstr(path, "//") || strstr(path, "..") || strstr(path, "/./") ||
	       (len >= 2 && strcmp(path + len - 2, "/.") == 0);
}

/* Escapes of the query stay for core to decode; a NUL must not reach it. */
static bool is_query_bad(const char *query)
{
	while (*query) {
		int c = decode_byte(&query);

		if (c <= 0)
			return true;
	}
	return false;
}

enum guard_result guard_target(const char *raw, size_t len, char *path, const char **query)
{
	const char *at = raw;
	size_t out = 0;

	if (len > GUARD_TARGET_MAX)
		return GUARD_TARGET_LONG;
	if (!len || raw[0] != '/' || !is_wire_text(raw, len))
		return GUARD_TARGET_BAD;
	while (*at && *at != '?') {
		bool is_escaped = *at == '%';
		int c = decode_byte(&at);

		if (c < 0x20 || c == 0x7f || c == '\\' || (is_escaped && c == '/'))
			return GUARD_TARGET_BAD;
		path[out++] = (char)c;
	}
	path[out] = '\0';
	if (has_bad_segment(path))
		return GUARD_TARGET_BAD;
	*query = *at == '?' ? at + 1 : at;
	return is_query_bad(*query) ? GUARD_TARGET_BAD : GUARD_PASS;
}

static const char *skip_blank(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* ";q=0", ";q=0.0" and so on: the element is refused by the client (RFC 9110 12.4.2). */
static bool is_weight_zero(const char *at, const char *end)
{
	at = skip_blank(at, end);
	if (at >= end || *at != ';')
		return false;
	at = skip_blank(at + 1, end);
	if (end - at < 3 || strncasecmp(at, "q=", 2) != 0)
		return false;
	for (at += 2; at < end; at++)
		if (*at >= '1' && *at <= '9')
			return false;
	return true;
}

bool guard_is_listed(const struct guard_text *list, const char *word)
{
	size_t word_len = strlen(word);
	const char *at = list->text, *end = at ? at + list->len : at;

	while (at < end) {
		const char *stop = memchr(at, ',', (size_t)(end - at));

		if (!stop)
			stop = end;
		at = skip_blank(at, stop);
		if ((size_t)(stop - at) >= word_len && strncasecmp(at, word, word_len) == 0) {
			const char *rest = skip_blank(at + word_len, stop);

			if (rest == stop || *rest == ';')
				return !is_weight_zero(rest, stop);
		}
		at = stop + 1;
	}
	return false;
}
