/*
 * What may stand in [Mail]: whatever reaches a header or the server's command line is checked here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/mail/internal.h"

/* RFC 5321's dot-string at a domain or an address literal; quoted local parts are nobody's. */
static bool is_address(const char *text, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789!#$%&'*+-/=?^_`{|}~.";
	const char *at = memchr(text, '@', len);
	size_t local = at ? (size_t)(at - text) : 0;

	if (!at || len >= MAIL_ADDRESS_MAX || local == 0 || local > 64 || local + 1 == len)
		return false;
	return strspn(text, letters) == local && *text != '-' &&
	       strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "0123456789.-:[]") >= len - local - 1;
}

static const char *next_address(const char *text, size_t *len)
{
	text += strspn(text, ", \t");
	*len = strcspn(text, ", \t");
	return *len ? text : NULL;
}

bool mail_address(const char *list, size_t index, char out[static MAIL_ADDRESS_MAX])
{
	size_t len = 0;
	const char *at = next_address(list, &len);

	while (at && index--)
		at = next_address(at + len, &len);
	if (!at || len >= MAIL_ADDRESS_MAX)
		return false;
	(void)snprintf(out, MAIL_ADDRESS_MAX, "%.*s", (int)len, at);
	return true;
}

int mail_check_addresses(const char *list)
{
	size_t count = 0, len = 0;

	for (const char *at = list; (at = next_address(at, &len)); at += len)
		if (!is_address(at, len) || ++count > MAIL_TO_MAX)
			return -EINVAL;
	return count > 0 ? 0 : -EINVAL;
}

static bool is_url(const char *url)
{
	const char *host = !strncmp(url, "smtp://", 7)	  ? url + 7
			   : !strncmp(url, "smtps://", 8) ? url + 8
							  : "";

	/* no user, no path: what is not host and port is curl's to read otherwise */
	return *host && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789.-:[]") == strlen(host);
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

int mail_settings_check(const struct mail_settings *settings, char *reason)
{
	reason[0] = '\0';
	if (!*settings->url)
		return 0;
	if (!is_url(settings->url))
		(void)snprintf(reason, 256, "url is smtp://HOST[:PORT] or smtps://HOST[:PORT]");
	else if (!is_address(settings->from, strlen(settings->from)))
		(void)snprintf(reason, 256, "from is one address, like sluice@example.org");
	else if (mail_check_addresses(settings->to))
		(void)snprintf(reason, 256, "to is 1 to %d addresses, comma separated",
			       MAIL_TO_MAX);
	else if (has_control(settings->user) || has_control(settings->password))
		(void)snprintf(reason, 256, "user and password hold no control characters");
	else if (*settings->ca && *settings->ca != '/')
		(void)snprintf(reason, 256, "ca is an absolute path");
	return *reason ? -EINVAL : 0;
}
