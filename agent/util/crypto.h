/*
 * What is used of libsodium, in our error codes; the one place that knows it. Secrets are wiped by
 * whoever holds them with crypto_wipe. Any thread after crypto_init.
 */
#ifndef SLUICE_UTIL_CRYPTO_H
#define SLUICE_UTIL_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_KEY_BYTES	 32
#define CRYPTO_NONCE_BYTES	 24 /* XChaCha20-Poly1305 */
#define CRYPTO_TAG_BYTES	 16
#define CRYPTO_HASH_BYTES	 32
#define CRYPTO_PASSWORD_HASH_MAX 129
/* 32 bytes as base64url without padding, and the end. */
#define CRYPTO_TOKEN_TEXT_MAX 44

int crypto_init(void);
void crypto_random(void *out, size_t len);
void crypto_wipe(void *memory, size_t len);
bool crypto_is_equal(const void *a, const void *b, size_t len); /* constant time */

/* BLAKE2b-256. Not "crypto_hash": libsodium exports a function of that name. */
void crypto_digest(const void *data, size_t len, uint8_t out[static CRYPTO_HASH_BYTES]);

/*
 * crypto_password_hash - Argon2id, 64 MiB, 2 passes (facts: 114 ms). Call it on a worker thread.
 * Returns 0, -ENOMEM.
 */
int crypto_password_hash(const char *password, char out[static CRYPTO_PASSWORD_HASH_MAX]);
/* crypto_password_hash_of_nobody - random bytes in the shape of a hash: no password is known to
 * fit, and to find that out takes crypto_password_verify as long as with any other. */
void crypto_password_hash_of_nobody(char out[static CRYPTO_PASSWORD_HASH_MAX]);
/* Returns 0 when it matches, -EACCES when not, -EINVAL for a malformed hash. */
int crypto_password_verify(const char *password, const char *hash);

/* What a record is sealed with: the key, and the place it is bound to (not secret, not stored). */
struct crypto_binding {
	const uint8_t *key; /* CRYPTO_KEY_BYTES */
	const void *aad;
	size_t aad_len;
};

/*
 * crypto_seal - XChaCha20-Poly1305-IETF with a fresh random nonce.
 * @out: CRYPTO_NONCE_BYTES + len + CRYPTO_TAG_BYTES bytes: nonce, ciphertext, tag.
 */
int crypto_seal(const struct crypto_binding *binding, const void *plain, size_t len, uint8_t *out);
/* crypto_open - @out: len - nonce - tag bytes. Returns 0 or -EBADMSG (wrong key or place, or
 * changed). */
int crypto_open(const struct crypto_binding *binding, const uint8_t *sealed, size_t len,
		uint8_t *out);

/* crypto_hmac_sha256 - RFC 2104 with FIPS 180-4, for signatures that others check. */
void crypto_hmac_sha256(const char *key, const void *data, size_t len,
			uint8_t out[static CRYPTO_HASH_BYTES]);

/* base64url without padding; @text holds (len * 4 + 2) / 3 + 1 bytes. */
void crypto_base64url(const void *data, size_t len, char *text);
/* Returns the number of bytes, or -EINVAL. */
int crypto_base64url_decode(const char *text, void *out, size_t max);

#endif
