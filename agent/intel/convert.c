/*
 * Lines of feeds. What the reader of lists knows by itself (plain values, ranges, hosts files,
 * comments) passes; other formats are brought to it. Formats: the publishers' own, as of 2026-08.
 */
#include <ctype.h>
#include <string.h>

#include "agent/intel/internal.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"

static char *trim(char *text)
{
	size_t len;

	if (!strncmp(text, "\xef\xbb\xbf", 3)) /* a byte order mark */
		text += 3;
	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* {"cidr":"192.0.2.0/24",...}; an object without a value, as Spamhaus's last line, is none. */
static const char *read_object(char *line)
{
	static const char *const keys[] = { "cidr", "ip", "ip_address", "domain", "host" };
	CLEANUP(json_free) struct json *object = NULL;
	char reason[128];
	const char *text;

	if (json_parse(line, strlen(line), &object, reason))
		return line; /* the reader refuses it, with its text */
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_get_string(object, keys[i], &text) && strlen(text) < strlen(line)) {
			memmove(line, text, strlen(text) + 1); /* never longer than its object */
			return line;
		}
	return NULL;
}

/* The host of an URL; of one with a port or a user, too. */
static const char *read_url(char *line)
{
	char *host = strstr(line, "://") + 3, *at;

	host[strcspn(host, "/?#")] = '\0';
	at = strrchr(host, '@');
	host = at ? at + 1 : host;
	if (*host == '[') { /* RFC 3986 3.2.2 */
		host[strcspn(host, "]")] = '\0';
		return host + 1;
	}
	host[strcspn(host, ":")] = '\0';
	return host;
}

static bool is_value(const char *text)
{
	struct prefix prefix;

	return !prefix_parse(text, true, &prefix);
}

static char *unquote(char *cell)
{
	size_t len;

	cell = trim(cell);
	len = strlen(cell);
	if (len >= 2 && cell[0] == '"' && cell[len - 1] == '"') {
		cell[len - 1] = '\0';
		cell++;
	}
	return cell;
}

/* The first of the first four cells that is an address or a prefix; a header has none. */
static const char *read_cells(char *line)
{
	for (int i = 0; i < 4 && line; i++) {
		char *comma = strchr(line, ',');
		char *cell;

		if (comma)
			*comma = '\0';
		cell = unquote(line);
		if (is_value(cell))
			return cell;
		line = comma ? comma + 1 : NULL;
	}
	return NULL;
}

/* "||ads.example^" and "*.ads.example" are the name; other filters stay and are refused. */
static const char *read_filter(char *line)
{
	size_t len = strlen(line);

	if (len > 3 && line[len - 1] == '^' && !strpbrk(line + 2, "/*$|")) {
		line[len - 1] = '\0';
		return line + 2;
	}
	return line;
}

/* The end of a cell: its separator, or the line's end. Quotes are taken out of it. */
static char *end_cell(char *cell)
{
	bool is_quoted = false;
	char *to = cell;

	for (; *cell && (is_quoted || !strchr(",;\t", *cell)); cell++) {
		if (*cell == '"')
			is_quoted = !is_quoted;
		else
			*to++ = *cell;
	}
	if (to == cell)
		return cell;
	*to = '\0';
	return cell;
}

const char *convert_column(char *line, unsigned int column)
{
	char *cell = trim(line);

	if (!*cell || *cell == '#')
		return NULL;
	while (--column) {
		cell = end_cell(cell);
		if (!*cell)
			return NULL;
		cell++;
	}
	*end_cell(cell) = '\0';
	return convert_line(cell);
}

const char *convert_line(char *line)
{
	line = trim(line);
	if (!*line || strchr("#;!", *line) || !strncmp(line, "//", 2))
		return NULL;
	if (*line == '{')
		return read_object(line);
	if (strstr(line, "://"))
		return read_url(line);
	if (!strncmp(line, "||", 2))
		return read_filter(line);
	if (strchr(line, ','))
		return read_cells(line);
	return line;
}
