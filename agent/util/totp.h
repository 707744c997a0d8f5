/*
 * Time-based one-time passwords and their secret as text, by GnuTLS's HMAC. Pure; any thread.
 */
#ifndef SLUICE_UTIL_TOTP_H
#define SLUICE_UTIL_TOTP_H

#include <stddef.h>
#include <stdint.h>

#define TOTP_STEP_S	 30 /* RFC 6238 4.1, and what every app takes for granted */
#define TOTP_DIGITS	 6
#define TOTP_CODE_MAX	 (TOTP_DIGITS + 1)
#define TOTP_SECRET_TEXT 33 /* 20 bytes in base32, and the end */

/*
 * totp_code - the code of one step.
 * @secret: 20 bytes (RFC 4226 4, R6: 160 bits recommended)
 * @step:   unix seconds / TOTP_STEP_S
 * @code:   out; TOTP_DIGITS digits
 * Returns 0, or -EIO when the library fails. Source: RFC 6238 4.2, RFC 4226 5.3, with HMAC-SHA-1.
 */
int totp_code(const uint8_t secret[static 20], int64_t step, char code[static TOTP_CODE_MAX]);

/* totp_base32 - RFC 4648 6 without padding; @text holds (len * 8 + 4) / 5 + 1 bytes. */
void totp_base32(const void *data, size_t len, char *text);

#endif
