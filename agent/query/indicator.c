/*
 * One indicator of compromise as lists and reports write it, defanged or not.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/query/internal.h"
#include "agent/util/addr.h"

const char *indicator_kind_name(enum indicator_kind kind)
{
	static const char *const kinds[] = { [INDICATOR_ADDRESS] = "address",
					     [INDICATOR_PREFIX] = "prefix",
					     [INDICATOR_DOMAIN] = "domain",
					     [INDICATOR_JA4] = "ja4" };

	return kinds[kind];
}

/* Lower case, "[.]" and "(.)" as a dot, "[:]" as a colon, without a scheme and what follows the
 * host. Returns 0 or -EINVAL: too long, or not printable. */
static int refang(const char *text, char out[static INDICATOR_TEXT_MAX])
{
	static const char *const schemes[] = { "http://", "https://", "hxxp://", "hxxps://" };
	bool is_url = false;
	size_t used = 0;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (!strncasecmp(text, schemes[i], strlen(schemes[i]))) {
			text += strlen(schemes[i]);
			is_url = true;
			break;
		}
	for (; *text && !(is_url && strchr("/?#", *text)); text++) {
		if (used + 1 >= INDICATOR_TEXT_MAX || !isgraph((unsigned char)*text))
			return -EINVAL;
		if ((*text == '[' || *text == '(') && (text[1] == '.' || text[1] == ':') &&
		    (text[2] == ']' || text[2] == ')')) {
			out[used++] = text[1];
			text += 2;
		} else {
			out[used++] = (char)tolower((unsigned char)*text);
		}
	}
	if (used > 1 && out[used - 1] == '.')
		used--;
	out[used] = '\0';
	return used ? 0 : -EINVAL;
}

/* t13d1516h2_8daaf6152771_b0da82dd1658: FoxIO's JA4, TLS client fingerprint. */
static bool is_ja4(const char *text)
{
	if (strlen(text) != 36 || text[10] != '_' || text[23] != '_')
		return false;
	if (!strchr("tqd", text[0]) || !strchr("di", text[3]))
		return false;
	return strspn(text + 11, "0123456789abcdef") == 12 &&
	       strspn(text + 24, "0123456789abcdef") == 12 && isdigit((unsigned char)text[4]) &&
	       isdigit((unsigned char)text[7]);
}

/* Two labels at least, of letters, digits, '-' and '_' (RFC 1123 2.1; '_' as names in use have). */
static bool is_domain(const char *text)
{
	size_t len = strlen(text);
	const char *last = strrchr(text, '.');

	if (len > 253 || !last || !last[1] || text[0] == '.' || strstr(text, ".."))
		return false;
	if (strspn(last + 1, "0123456789") == strlen(last + 1))
		return false; /* a wrong address, not a name */
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

int indicator_parse(const char *text, struct indicator *out)
{
	struct indicator found = { 0 };
	const char *name = found.text;

	if (refang(text, found.text))
		return -EINVAL;
	if (!prefix_parse(found.text, true, &found.prefix)) {
		found.kind = prefix_is_exact(&found.prefix) ? INDICATOR_ADDRESS : INDICATOR_PREFIX;
		(void)prefix_format(&found.prefix, found.text); /* one text for one prefix */
	} else if (is_ja4(found.text)) {
		found.kind = INDICATOR_JA4;
	} else {
		if (name[0] == '*' && name[1] == '.')
			memmove(found.text, found.text + 2, strlen(found.text + 2) + 1);
		if (!is_domain(found.text))
			return -EINVAL;
		found.kind = INDICATOR_DOMAIN;
	}
	*out = found;
	return 0;
}
