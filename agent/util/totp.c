/* One-time passwords: HMAC, truncation, digits. */
#include "agent/util/totp.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>

#define SECRET_BYTES 20
#define SHA1_BYTES   20

int totp_code(const uint8_t secret[static 20], int64_t step, char code[static TOTP_CODE_MAX])
{
	uint8_t counter[8], mac[SHA1_BYTES];
	uint32_t number;
	size_t offset;

	for (size_t i = 0; i < sizeof(counter); i++)
		counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
	if (gnutls_hmac_fast(GNUTLS_MAC_SHA1, secret, SECRET_BYTES, counter, sizeof(counter), mac))
		return -EIO;
	offset = mac[SHA1_BYTES - 1] & 0x0f;
	number = (uint32_t)(mac[offset] & 0x7f) << 24 | (uint32_t)mac[offset + 1] << 16 |
		 (uint32_t)mac[offset + 2] << 8 | mac[offset + 3];
	(void)snprintf(code, TOTP_CODE_MAX, "%06u", number % 1000000);
	return 0;
}

void totp_base32(const void *data, size_t len, char *text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	const uint8_t *bytes = data;
	uint32_t held = 0;
	unsigned int bits = 0;

	for (size_t i = 0; i < len; i++) {
		held = held << 8 | bytes[i];
		for (bits += 8; bits >= 5; bits -= 5)
			*text++ = alphabet[(held >> (bits - 5)) & 31];
	}
	if (bits)
		*text++ = alphabet[(held << (5 - bits)) & 31];
	*text = '\0';
}
