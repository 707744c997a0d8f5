/*
 * Names and wildcards; case-blind over ASCII, as DNS names are (RFC 4343).
 */
#include <string.h>
#include <strings.h>

#include "agent/query/internal.h"

char text_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool text_has_part(const char *text, const char *part)
{
	size_t len = strlen(part);

	if (!len)
		return true;
	for (; *text; text++)
		if (text_lower(*text) == *part && !strncasecmp(text, part, len))
			return true;
	return false;
}

/* Only the last '*' need be tried again: what an earlier one took can be given to it. */
static bool is_wild_match(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == '?' || *pattern == text_lower(*text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool is_below(const char *name, const char *text)
{
	size_t name_len = strlen(name), len = strlen(text);

	return len >= name_len && !strcasecmp(text + len - name_len, name) &&
	       (len == name_len || text[len - name_len - 1] == '.');
}

bool text_matches(const struct pattern *pattern, const char *text)
{
	if (!*text) /* unknown: only "" asks for it */
		return !*pattern->text && pattern->how != PATTERN_WILD;
	switch (pattern->how) {
	case PATTERN_PART:
		return *pattern->text && text_has_part(text, pattern->text);
	case PATTERN_WHOLE:
		return !strcasecmp(text, pattern->text);
	case PATTERN_BELOW:
		return *pattern->text && is_below(pattern->text, text);
	case PATTERN_WILD:
		return is_wild_match(pattern->text, text);
	}
	return false;
}
