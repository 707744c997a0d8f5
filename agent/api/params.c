/*
 * What a request brings: query strings and forms (application/x-www-form-urlencoded, WHATWG URL
 * 5.1) and JSON bodies. Everything is bounded and checked here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* @len bytes of the encoded form; what is too long, a NUL or a broken escape is refused. */
static int decode(const char *text, size_t len, char out[static PARAM_MAX])
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;

			c = high < 0 || low < 0 ? 0 : high * 16 + low;
			i += 2;
		}
		if (!c || used + 1 >= PARAM_MAX) {
			/* Callers go on to read it as a number or a time, which this is not. */
			memcpy(out, PARAM_REFUSED, sizeof(PARAM_REFUSED));
			return -EINVAL;
		}
		out[used++] = (char)c;
	}
	out[used] = '\0';
	return 0;
}

bool param_is_there(const char *query, const char *name)
{
	size_t len = strlen(name);

	for (; *query; query += strcspn(query, "&"), query += *query == '&')
		if (!strncmp(query, name, len) && query[len] == '=')
			return true;
	return false;
}

int param_text(const char *query, const char *name, char out[static PARAM_MAX])
{
	size_t name_len = strlen(name);

	out[0] = '\0';
	while (*query) {
		size_t len = strcspn(query, "&");

		if (len > name_len && query[name_len] == '=' && !strncmp(query, name, name_len))
			return decode(query + name_len + 1, len - name_len - 1, out);
		query += len;
		query += *query == '&';
	}
	return 0;
}

int param_int(struct call *call, const char *name, int64_t min, int64_t max, int64_t *value)
{
	char text[PARAM_MAX], message[160];
	char *end;
	long long number;

	if (!param_text(call->request->query, name, text) && !*text)
		return 0;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max) {
		(void)snprintf(message, sizeof(message),
			       "%s must be a whole number from %lld to %lld.", name, (long long)min,
			       (long long)max);
		answer_error(call, 422, "invalid", name, message);
		return -EINVAL;
	}
	*value = number;
	return 0;
}

int body_json(struct call *call, struct json **out)
{
	char reason[128], message[192];
	int error = json_parse(call->request->body, call->request->body_len, out, reason);

	if (error == -ENOMEM) {
		answer_failure(call, error);
		return error;
	}
	if (error || !json_is_object(*out)) {
		(void)snprintf(message, sizeof(message), "The body is not a JSON object%s%s.",
			       error ? ": " : "", error ? reason : "");
		if (!error)
			json_free(*out);
		*out = NULL;
		answer_error(call, 400, "bad_json", NULL, message);
		return -EINVAL;
	}
	return 0;
}

int body_text(struct call *call, const struct json *body, const char *name, const char **out)
{
	int error = json_get_string(body, name, out);

	if (error == -ENOENT)
		*out = "";
	if (error != -EINVAL)
		return 0;
	answer_error(call, 422, "invalid", name, "This must be text.");
	return -EINVAL;
}

int part_id(struct call *call, int64_t *id)
{
	char *end;

	errno = 0;
	*id = strtoll(call->part, &end, 10);
	if (errno || *end || *id <= 0 || call->part[0] == '+' || call->part[0] == ' ') {
		answer_error(call, 404, "not_found", NULL, "There is no such number here.");
		return -ENOENT;
	}
	return 0;
}
