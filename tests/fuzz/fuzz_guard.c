/*
 * Every guard of the web role on one hostile request head, laid out as libmicrohttpd leaves it.
 * What passes is checked for what no later stage may ever see.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/cookie.h"
#include "agent/front/guard.h"
#include "agent/front/route.h"
#include "agent/front/static.h"
#include "agent/util/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS_MAX 120

struct parsed {
	struct guard_head head;
	struct guard_field fields[FIELDS_MAX];
	size_t count;
};

/* A line's end: NUL bytes in place of CRLF or LF. Returns the start of the next line, or NULL. */
static char *end_line(char *at, const char *end, char **stop)
{
	char *lf = memchr(at, '\n', (size_t)(end - at));

	if (!lf)
		return NULL;
	*stop = lf;
	if (lf > at && lf[-1] == '\r')
		*--*stop = '\0';
	*lf = '\0';
	return lf + 1;
}

static char *parse_first_line(char *text, const char *end, struct parsed *out)
{
	char *stop, *space, *next = end_line(text, end, &stop);

	if (!next)
		return NULL;
	space = memchr(text, ' ', (size_t)(stop - text));
	if (!space)
		return NULL;
	*space = '\0';
	out->head.begin = text;
	out->head.target = space + 1;
	space = memrchr(space + 1, ' ', (size_t)(stop - space - 1));
	if (!space)
		return NULL;
	*space = '\0';
	out->head.target_len = strlen(out->head.target);
	out->head.version = space + 1;
	return next;
}

/* As libmicrohttpd 0.9.75 does it. Returns false when it would refuse the head itself. */
static bool parse(char *text, size_t len, struct parsed *out)
{
	const char *end = text + len;
	char *stop, *at = parse_first_line(text, end, out);

	while (at) {
		char *line = at, *value;

		at = end_line(line, end, &stop);
		if (!at)
			return false;
		if (stop == line) {
			out->head.len = (size_t)(at - text);
			return true;
		}
		value = strchr(line, ':');
		if (!value || out->count == FIELDS_MAX)
			return false;
		*value++ = '\0';
		value += strspn(value, " \t");
		out->fields[out->count++] =
			(struct guard_field){ line, value, strlen(line), strlen(value) };
	}
	return false;
}

static void check_target(const struct guard_head *head)
{
	char *path = malloc(GUARD_TARGET_MAX + 1);
	const char *query = NULL;

	if (path && guard_target(head->target, head->target_len, path, &query) == GUARD_PASS) {
		if (path[0] != '/' || strstr(path, "..") || strstr(path, "//") ||
		    strchr(path, '\\') || !query)
			abort();
		(void)route_find(path, METHOD_GET);
		(void)static_type(path);
	}
	free(path);
}

static void check_fields(const struct guard_headers *headers)
{
	static char names[1][GUARD_NAME_MAX] = { "sluice.example" };
	struct guard_policy policy = { .names = names, .name_count = 1, .listen_is_any = true };
	const struct addr local = { .family = ADDR_NONE };
	char value[COOKIE_VALUE_MAX];

	if (headers->length < -1 || (headers->length >= 0 && headers->transfer_encoding.text))
		abort();
	(void)guard_host(&policy, headers, &local);
	(void)guard_origin(headers, true);
	(void)guard_type(headers, true);
	(void)guard_is_listed(&headers->accept_encoding, "gzip");
	(void)static_is_match(&headers->if_none_match, "\"a\"");
	if (headers->cookie.text &&
	    cookie_find(headers->cookie.text, headers->cookie.len, "sluice_5000", value) &&
	    strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") !=
		    strlen(value))
		abort();
}

/*
 * The oracle for framing: in a head that passed, an LF without CR has a raw NUL byte beside it that
 * fills the CR's place (the last four bytes are two line ends), the one thing framing cannot see.
 */
static void check_framing(const struct parsed *parsed, const char *original)
{
	const size_t len = parsed->head.len;

	if (guard_framing(&parsed->head, parsed->fields, parsed->count) != GUARD_PASS)
		return;
	for (size_t i = 1; i < len; i++) {
		bool is_end = i + 4 > len;
		const char *near = is_end ? original + len - 4 : original + i - 1;

		if (original[i] == '\n' && original[i - 1] != '\r' &&
		    !memchr(near, '\0', is_end ? 4 : 1))
			abort();
		if (!original[i] && !memchr(original + i, '\n', is_end ? len - i : 3))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parsed parsed = { .count = 0 };
	struct guard_headers headers;
	char *text = malloc(size + 1), *original = malloc(size + 1);

	if (text && original) {
		memcpy(text, data, size);
		text[size] = '\0';
		memcpy(original, text, size + 1);
		if (parse(text, size, &parsed)) {
			check_framing(&parsed, original);
			check_target(&parsed.head);
			if (guard_collect(parsed.fields, parsed.count, &headers) == GUARD_PASS)
				check_fields(&headers);
		}
	}
	free(text);
	free(original);
	return 0;
}
