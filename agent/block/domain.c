/*
 * Names as an order gives them: canonical, or a sentence what is wrong. Nothing here asks anybody.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/block/internal.h"

#define LABEL_MAX 63 /* RFC 1035 2.3.4 */

/* An address holds a colon, a slash, or only digits and dots. */
bool domain_is_meant(const char *text)
{
	return text && !strpbrk(text, ":/") && text[strspn(text, "0123456789. \t\r\n")];
}

bool domain_is_under(const char *name, const char *domain)
{
	size_t name_len = strlen(name), len = strlen(domain);

	if (name_len < len || strcmp(name + name_len - len, domain) != 0)
		return false;
	return name_len == len || name[name_len - len - 1] == '.';
}

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int check_labels(const char *name, struct block_outcome *outcome)
{
	for (const char *label = name;; label++) {
		size_t len = strcspn(label, ".");

		if (len == 0 || len > LABEL_MAX)
			return outcome_fail(outcome, -EINVAL, "value",
					    "each part of a name has 1 to %d characters",
					    LABEL_MAX);
		if (label[0] == '-' || label[len - 1] == '-')
			return outcome_fail(outcome, -EINVAL, "value",
					    "no part of a name begins or ends with a hyphen");
		label += len;
		if (!*label)
			return 0;
	}
}

static int copy_name(const char *text, size_t len, char out[static DOMAIN_TEXT_MAX],
		     struct block_outcome *outcome)
{
	if (len == 0 || len >= DOMAIN_TEXT_MAX)
		return outcome_fail(outcome, -EINVAL, "value", "a name has 1 to %d characters",
				    DOMAIN_TEXT_MAX - 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x80)
			return outcome_fail(outcome, -EINVAL, "value",
					    "write this name as it goes over the wire, in "
					    "punycode: xn--...");
		out[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
		if (out[i] != '.' && !is_label_char(out[i]))
			return outcome_fail(outcome, -EINVAL, "value",
					    "not an address, a prefix or a name: a name holds "
					    "letters, digits, - and _");
	}
	out[len] = '\0';
	return check_labels(out, outcome);
}

int domain_parse(const struct block_service *service, const char *text,
		 char out[static DOMAIN_TEXT_MAX], struct block_outcome *outcome)
{
	return domain_canonical(service->own_name, text, out, outcome);
}

int domain_canonical(const char *own_name, const char *text, char out[static DOMAIN_TEXT_MAX],
		     struct block_outcome *outcome)
{
	size_t len;

	text += strspn(text, " \t\r\n");
	if (text[0] == '*' && text[1] == '.')
		text += 2;
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	if (len > 1 && text[len - 1] == '.')
		len--;
	if (copy_name(text, len, out, outcome) != 0)
		return outcome->error;
	if (domain_is_under(out, "localhost"))
		return outcome_fail(outcome, -EPERM, "value", "%s is this host itself", out);
	if (own_name[0] && domain_is_under(own_name, out))
		return outcome_fail(outcome, -EPERM, "value", "%s %s %s, this host's own name", out,
				    strcmp(out, own_name) == 0 ? "is" : "holds", own_name);
	return 0;
}
