/*
 * Digests in hex by GnuTLS: agent/names feeds what a fingerprint is made of.
 */
#include "agent/util/digest.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define DIGEST_BYTES_MAX 32 /* SHA-256 */

_Static_assert(DIGEST_TEXT_MAX == 2 * DIGEST_BYTES_MAX + 1, "two digits a byte, and the end");

struct digest {
	gnutls_hash_hd_t handle;
	size_t len;
	bool has_failed;
};

int digest_new(enum digest_kind kind, struct digest **out)
{
	static const gnutls_digest_algorithm_t algorithms[] = {
		[DIGEST_MD5] = GNUTLS_DIG_MD5,
		[DIGEST_SHA256] = GNUTLS_DIG_SHA256,
	};
	CLEANUP(digest_free) struct digest *digest = NULL;

	if ((size_t)kind >= sizeof(algorithms) / sizeof(algorithms[0]))
		return -EINVAL;
	digest = calloc(1, sizeof(*digest));
	if (!digest)
		return -ENOMEM;
	digest->len = gnutls_hash_get_len(algorithms[kind]);
	if (gnutls_hash_init(&digest->handle, algorithms[kind])) {
		digest->handle = NULL;
		return -EIO;
	}
	*out = TAKE(digest);
	return 0;
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	if (digest->handle)
		gnutls_hash_deinit(digest->handle, NULL);
	free(digest);
}

void digest_add(struct digest *digest, const void *data, size_t len)
{
	if (len && gnutls_hash(digest->handle, data, len))
		digest->has_failed = true;
}

int digest_finish(struct digest *digest, char text[static DIGEST_TEXT_MAX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[DIGEST_BYTES_MAX];
	size_t i;

	gnutls_hash_output(digest->handle, bytes);
	if (digest->has_failed)
		return -EIO;
	for (i = 0; i < digest->len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 0xf];
	}
	text[2 * i] = '\0';
	return 0;
}
