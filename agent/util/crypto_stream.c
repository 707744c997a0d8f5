/*
 * Streams, boxes and digests of libsodium in our error codes.
 */
#include "agent/util/crypto_stream.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* One pass more than a login (crypto.c): nobody waits for it, and a backup is guessed at offline
 * (measured with libsodium 1.0.18: 161 ms). */
#define PASSPHRASE_MEMORY_BYTES (64U << 20)
#define PASSPHRASE_PASSES	3

_Static_assert(CRYPTO_STREAM_HEADER_BYTES == crypto_secretstream_xchacha20poly1305_HEADERBYTES,
	       "header");
_Static_assert(CRYPTO_STREAM_EXTRA_BYTES == crypto_secretstream_xchacha20poly1305_ABYTES, "extra");
_Static_assert(CRYPTO_KEY_BYTES == crypto_secretstream_xchacha20poly1305_KEYBYTES, "key");
_Static_assert(CRYPTO_SALT_BYTES == crypto_pwhash_argon2id_SALTBYTES, "salt");
_Static_assert(CRYPTO_BOX_PUBLIC_BYTES == crypto_box_PUBLICKEYBYTES, "public key");
_Static_assert(CRYPTO_BOX_SECRET_BYTES == crypto_box_SECRETKEYBYTES, "secret key");
_Static_assert(CRYPTO_BOX_EXTRA_BYTES == crypto_box_SEALBYTES, "box");
_Static_assert(sizeof(struct crypto_stream) >= sizeof(crypto_secretstream_xchacha20poly1305_state),
	       "stream state");
_Static_assert(sizeof(struct crypto_digester) >= sizeof(crypto_generichash_state), "hash state");

static crypto_secretstream_xchacha20poly1305_state *stream_state(struct crypto_stream *stream)
{
	return (crypto_secretstream_xchacha20poly1305_state *)(void *)stream->state;
}

static crypto_generichash_state *digest_state(struct crypto_digester *digester)
{
	return (crypto_generichash_state *)(void *)digester->state;
}

int crypto_stream_begin(struct crypto_stream *stream, const uint8_t key[static CRYPTO_KEY_BYTES],
			uint8_t header[static CRYPTO_STREAM_HEADER_BYTES])
{
	return crypto_secretstream_xchacha20poly1305_init_push(stream_state(stream), header, key)
		       ? -EIO
		       : 0;
}

void crypto_stream_seal(struct crypto_stream *stream, const void *plain, size_t len, bool is_last,
			uint8_t *out)
{
	/* Fails only for messages of 256 GiB. */
	(void)crypto_secretstream_xchacha20poly1305_push(
		stream_state(stream), out, NULL, plain, len, NULL, 0,
		is_last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0);
}

int crypto_stream_begin_open(struct crypto_stream *stream,
			     const uint8_t key[static CRYPTO_KEY_BYTES],
			     const uint8_t header[static CRYPTO_STREAM_HEADER_BYTES])
{
	return crypto_secretstream_xchacha20poly1305_init_pull(stream_state(stream), header, key)
		       ? -EBADMSG
		       : 0;
}

int crypto_stream_open(struct crypto_stream *stream, const uint8_t *sealed, size_t len,
		       uint8_t *out)
{
	unsigned char tag;

	if (len < CRYPTO_STREAM_EXTRA_BYTES ||
	    crypto_secretstream_xchacha20poly1305_pull(stream_state(stream), out, NULL, &tag,
						       sealed, len, NULL, 0))
		return -EBADMSG;
	return tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
}

int crypto_key_of_passphrase(const char *passphrase, const uint8_t salt[static CRYPTO_SALT_BYTES],
			     uint8_t key[static CRYPTO_KEY_BYTES])
{
	return crypto_pwhash(key, CRYPTO_KEY_BYTES, passphrase, strlen(passphrase), salt,
			     PASSPHRASE_PASSES, PASSPHRASE_MEMORY_BYTES,
			     crypto_pwhash_ALG_ARGON2ID13)
		       ? -ENOMEM /* the only failure with these parameters */
		       : 0;
}

void crypto_box_new(uint8_t public_key[static CRYPTO_BOX_PUBLIC_BYTES],
		    uint8_t secret[static CRYPTO_BOX_SECRET_BYTES])
{
	(void)crypto_box_keypair(public_key, secret); /* always 0 */
}

int crypto_box_public(const uint8_t secret[static CRYPTO_BOX_SECRET_BYTES],
		      uint8_t public_key[static CRYPTO_BOX_PUBLIC_BYTES])
{
	return crypto_scalarmult_base(public_key, secret) ? -EINVAL : 0;
}

int crypto_box_lock(const uint8_t public_key[static CRYPTO_BOX_PUBLIC_BYTES], const void *plain,
		    size_t len, uint8_t *out)
{
	return crypto_box_seal(out, plain, len, public_key) ? -EINVAL : 0;
}

int crypto_box_unlock(const uint8_t secret[static CRYPTO_BOX_SECRET_BYTES], const uint8_t *locked,
		      size_t len, uint8_t *out)
{
	uint8_t public_key[CRYPTO_BOX_PUBLIC_BYTES];

	if (len < CRYPTO_BOX_EXTRA_BYTES || crypto_box_public(secret, public_key) ||
	    crypto_box_seal_open(out, locked, len, public_key, secret))
		return -EBADMSG;
	return 0;
}

/* None of these fails with constant sizes. */
void crypto_digester_init(struct crypto_digester *digester)
{
	(void)crypto_generichash_init(digest_state(digester), NULL, 0, CRYPTO_HASH_BYTES);
}

void crypto_digester_add(struct crypto_digester *digester, const void *data, size_t len)
{
	(void)crypto_generichash_update(digest_state(digester), data, len);
}

void crypto_digester_end(struct crypto_digester *digester, uint8_t out[static CRYPTO_HASH_BYTES])
{
	(void)crypto_generichash_final(digest_state(digester), out, CRYPTO_HASH_BYTES);
}
