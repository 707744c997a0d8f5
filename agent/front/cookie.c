/* Between the Cookie field of a request and the session id core knows. */
#include "agent/front/cookie.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *cookie_name(bool tls, uint16_t port, char name[static COOKIE_NAME_MAX])
{
	if (tls)
		(void)snprintf(name, COOKIE_NAME_MAX, "__Host-sluice");
	else
		(void)snprintf(name, COOKIE_NAME_MAX, "sluice_%u", (unsigned int)port);
	return name;
}

static bool is_session(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_'))
			return false;
	}
	return len > 1 && len < COOKIE_VALUE_MAX;
}

bool cookie_find(const char *field, size_t len, const char *name,
		 char value[static COOKIE_VALUE_MAX])
{
	const char *end = field + len, *at = field, *found = NULL;
	size_t name_len = strlen(name), found_len = 0;

	while (at < end) {
		const char *stop = memchr(at, ';', (size_t)(end - at));

		if (!stop)
			stop = end;
		while (at < stop && (*at == ' ' || *at == '\t'))
			at++;
		if ((size_t)(stop - at) > name_len && memcmp(at, name, name_len) == 0 &&
		    at[name_len] == '=') {
			if (found)
				return false;
			found = at + name_len + 1;
			found_len = (size_t)(stop - found);
		}
		at = stop + 1;
	}
	while (found_len && (found[found_len - 1] == ' ' || found[found_len - 1] == '\t'))
		found_len--;
	if (!found || !is_session(found, found_len))
		return false;
	memcpy(value, found, found_len);
	value[found_len] = '\0';
	return true;
}

int cookie_format(bool tls, uint16_t port, const char *session, char text[static COOKIE_TEXT_MAX])
{
	char name[COOKIE_NAME_MAX];
	bool is_end = strcmp(session, "-") == 0;

	if (!is_end && !is_session(session, strlen(session)))
		return -EINVAL;
	(void)snprintf(text, COOKIE_TEXT_MAX, "%s=%s; Path=/; HttpOnly; SameSite=Lax%s%s",
		       cookie_name(tls, port, name), is_end ? "" : session, tls ? "; Secure" : "",
		       is_end ? "; Max-Age=0" : "");
	return 0;
}
