/*
 * The session cookie: its name, reading it, writing it. Pure functions; any thread.
 */
#ifndef SLUICE_FRONT_COOKIE_H
#define SLUICE_FRONT_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "sluice_65535" or "__Host-sluice", and the end. */
#define COOKIE_NAME_MAX 16
/* The session id is 32 bytes in base64url (util/crypto.h: 43 characters); room for longer ones. */
#define COOKIE_VALUE_MAX 65
/* The longest Set-Cookie value cookie_format makes. */
#define COOKIE_TEXT_MAX 192

/*
 * cookie_name - "__Host-sluice" over TLS, where the browser itself insists on Secure, Path=/ and no
 * Domain; on plain loopback "sluice_PORT", since cookies do not tell ports apart.
 * Source: draft-ietf-httpbis-rfc6265bis 4.1.3.2. Returns @name.
 */
const char *cookie_name(bool tls, uint16_t port, char name[static COOKIE_NAME_MAX]);

/*
 * cookie_find - the value of cookie @name in a Cookie field of @len bytes.
 * Returns true with @value, false when absent, not base64url, too long, or there twice (somebody
 * else may have set one of them). Source: RFC 6265 4.2.1.
 */
bool cookie_find(const char *field, size_t len, const char *name,
		 char value[static COOKIE_VALUE_MAX]);

/*
 * cookie_format - the Set-Cookie value for @session, or one that clears the cookie for "-".
 * Returns 0, or -EINVAL when @session is not base64url of a length we read back.
 */
int cookie_format(bool tls, uint16_t port, const char *session, char text[static COOKIE_TEXT_MAX]);

#endif
