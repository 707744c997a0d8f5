/*
 * The calls of libsodium that the product uses, and no others.
 */
#include "agent/util/crypto.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* 64 MiB and 2 passes (DESIGN 6, facts/server.md 4.3: measured 114 ms), written out so that a
 * newer libsodium's idea of "interactive" does not change them. */
#define PASSWORD_MEMORY_BYTES (64U << 20)
#define PASSWORD_PASSES	      2U
/* How crypto_pwhash_argon2id_str(3) writes it: libsodium, argon2-encoding.c. */
#define PASSWORD_HASH_BYTES 32
#define BASE64_OF_HASHES    sodium_base64_VARIANT_ORIGINAL_NO_PADDING

_Static_assert(CRYPTO_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(CRYPTO_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(CRYPTO_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(CRYPTO_PASSWORD_HASH_MAX > crypto_pwhash_argon2id_STRBYTES, "hash and its end");

#define BASE64URL sodium_base64_VARIANT_URLSAFE_NO_PADDING

int crypto_init(void)
{
	return sodium_init() < 0 ? -EIO : 0; /* 1: was done before */
}

void crypto_random(void *out, size_t len)
{
	randombytes_buf(out, len);
}

void crypto_wipe(void *memory, size_t len)
{
	sodium_memzero(memory, len);
}

bool crypto_is_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void crypto_digest(const void *data, size_t len, uint8_t out[static CRYPTO_HASH_BYTES])
{
	/* Fails only for sizes that are constants here. */
	(void)crypto_generichash(out, CRYPTO_HASH_BYTES, data, len, NULL, 0);
}

int crypto_password_hash(const char *password, char out[static CRYPTO_PASSWORD_HASH_MAX])
{
	char hash[crypto_pwhash_argon2id_STRBYTES] = { 0 };

	if (crypto_pwhash_argon2id_str(hash, password, strlen(password), PASSWORD_PASSES,
				       PASSWORD_MEMORY_BYTES))
		return -ENOMEM; /* the only failure with these parameters */
	memset(out, 0, CRYPTO_PASSWORD_HASH_MAX);
	memcpy(out, hash, sizeof(hash));
	return 0;
}

void crypto_password_hash_of_nobody(char out[static CRYPTO_PASSWORD_HASH_MAX])
{
	enum {
		SALT_TEXT = sodium_base64_ENCODED_LEN(crypto_pwhash_argon2id_SALTBYTES,
						      BASE64_OF_HASHES),
		HASH_TEXT = sodium_base64_ENCODED_LEN(PASSWORD_HASH_BYTES, BASE64_OF_HASHES)
	};
	uint8_t bytes[crypto_pwhash_argon2id_SALTBYTES + PASSWORD_HASH_BYTES];
	char salt[SALT_TEXT], hash[HASH_TEXT];

	crypto_random(bytes, sizeof(bytes));
	sodium_bin2base64(salt, sizeof(salt), bytes, crypto_pwhash_argon2id_SALTBYTES,
			  BASE64_OF_HASHES);
	sodium_bin2base64(hash, sizeof(hash), bytes + crypto_pwhash_argon2id_SALTBYTES,
			  PASSWORD_HASH_BYTES, BASE64_OF_HASHES);
	memset(out, 0, CRYPTO_PASSWORD_HASH_MAX);
	(void)snprintf(out, CRYPTO_PASSWORD_HASH_MAX, "$argon2id$v=19$m=%u,t=%u,p=1$%s$%s",
		       PASSWORD_MEMORY_BYTES >> 10, PASSWORD_PASSES, salt, hash);
}

int crypto_password_verify(const char *password, const char *hash)
{
	/* Tells a malformed hash (-1) from one that only has other parameters (1). */
	int shape = crypto_pwhash_argon2id_str_needs_rehash(hash, PASSWORD_PASSES,
							    PASSWORD_MEMORY_BYTES);

	if (shape < 0)
		return -EINVAL;
	return crypto_pwhash_argon2id_str_verify(hash, password, strlen(password)) ? -EACCES : 0;
}

int crypto_seal(const struct crypto_binding *binding, const void *plain, size_t len, uint8_t *out)
{
	/* 24 random bytes never repeat in practice (draft-irtf-cfrg-xchacha-03 2.1). */
	randombytes_buf(out, CRYPTO_NONCE_BYTES);
	if (crypto_aead_xchacha20poly1305_ietf_encrypt(out + CRYPTO_NONCE_BYTES, NULL, plain, len,
						       binding->aad, binding->aad_len, NULL, out,
						       binding->key))
		return -EIO;
	return 0;
}

int crypto_open(const struct crypto_binding *binding, const uint8_t *sealed, size_t len,
		uint8_t *out)
{
	if (len < CRYPTO_NONCE_BYTES + CRYPTO_TAG_BYTES)
		return -EBADMSG;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed + CRYPTO_NONCE_BYTES,
						       len - CRYPTO_NONCE_BYTES, binding->aad,
						       binding->aad_len, sealed, binding->key))
		return -EBADMSG;
	return 0;
}

void crypto_base64url(const void *data, size_t len, char *text)
{
	(void)sodium_bin2base64(text, sodium_base64_ENCODED_LEN(len, BASE64URL), data, len,
				BASE64URL); /* returns @text; the size is its own formula */
}

int crypto_base64url_decode(const char *text, void *out, size_t max)
{
	size_t len = 0;

	/* Without an end pointer the whole text has to be read, and trailing bits be zero. */
	if (sodium_base642bin(out, max, text, strlen(text), NULL, &len, NULL, BASE64URL) ||
	    len > INT32_MAX)
		return -EINVAL;
	return (int)len;
}

void crypto_hmac_sha256(const char *key, const void *data, size_t len,
			uint8_t out[static CRYPTO_HASH_BYTES])
{
	crypto_auth_hmacsha256_state state;

	/* none of the three can fail */
	(void)crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
	(void)crypto_auth_hmacsha256_update(&state, data, len);
	(void)crypto_auth_hmacsha256_final(&state, out);
	crypto_wipe(&state, sizeof(state));
}
