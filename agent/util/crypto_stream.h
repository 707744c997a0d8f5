/*
 * What long things are sealed with: streams (secretstream), keys from passphrases, boxes for the
 * owner of a key pair, and a digest fed piece by piece. Beside crypto.c the only file that knows
 * libsodium. Each struct belongs to one thread at a time; wipe what holds a key.
 */
#ifndef SLUICE_UTIL_CRYPTO_STREAM_H
#define SLUICE_UTIL_CRYPTO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/crypto.h"

#define CRYPTO_STREAM_HEADER_BYTES 24
#define CRYPTO_STREAM_EXTRA_BYTES  17 /* a message grows by this */
#define CRYPTO_SALT_BYTES	   16
#define CRYPTO_BOX_PUBLIC_BYTES	   32
#define CRYPTO_BOX_SECRET_BYTES	   32
#define CRYPTO_BOX_EXTRA_BYTES	   48

/* Memory for libsodium's own state, checked against its size in crypto_stream.c. */
struct crypto_stream {
	_Alignas(64) uint8_t state[64];
};
struct crypto_digester {
	_Alignas(64) uint8_t state[384];
};

/* XChaCha20-Poly1305 in a stream: messages open only in order, and the last one is marked. */
int crypto_stream_begin(struct crypto_stream *stream, const uint8_t key[static CRYPTO_KEY_BYTES],
			uint8_t header[static CRYPTO_STREAM_HEADER_BYTES]);
/* crypto_stream_seal - @out: len + CRYPTO_STREAM_EXTRA_BYTES. @is_last: nothing may follow. */
void crypto_stream_seal(struct crypto_stream *stream, const void *plain, size_t len, bool is_last,
			uint8_t *out);
int crypto_stream_begin_open(struct crypto_stream *stream,
			     const uint8_t key[static CRYPTO_KEY_BYTES],
			     const uint8_t header[static CRYPTO_STREAM_HEADER_BYTES]);
/* crypto_stream_open - @out: len - CRYPTO_STREAM_EXTRA_BYTES. Returns 1 for the last message, 0
 * for another, -EBADMSG when changed, moved or sealed with another key. */
int crypto_stream_open(struct crypto_stream *stream, const uint8_t *sealed, size_t len,
		       uint8_t *out);

/* crypto_key_of_passphrase - Argon2id, 64 MiB, 3 passes: about 0.2 s. Returns 0 or -ENOMEM. */
int crypto_key_of_passphrase(const char *passphrase, const uint8_t salt[static CRYPTO_SALT_BYTES],
			     uint8_t key[static CRYPTO_KEY_BYTES]);

/* crypto_box_new - an X25519 key pair; crypto_box_public - the public half of @secret. */
void crypto_box_new(uint8_t public_key[static CRYPTO_BOX_PUBLIC_BYTES],
		    uint8_t secret[static CRYPTO_BOX_SECRET_BYTES]);
int crypto_box_public(const uint8_t secret[static CRYPTO_BOX_SECRET_BYTES],
		      uint8_t public_key[static CRYPTO_BOX_PUBLIC_BYTES]);
/* crypto_box_lock - for whoever has the secret; @out: len + CRYPTO_BOX_EXTRA_BYTES. -EINVAL for a
 * public key that is none. */
int crypto_box_lock(const uint8_t public_key[static CRYPTO_BOX_PUBLIC_BYTES], const void *plain,
		    size_t len, uint8_t *out);
/* crypto_box_unlock - @out: len - CRYPTO_BOX_EXTRA_BYTES. -EBADMSG. */
int crypto_box_unlock(const uint8_t secret[static CRYPTO_BOX_SECRET_BYTES], const uint8_t *locked,
		      size_t len, uint8_t *out);

/* BLAKE2b-256, as crypto_digest of all pieces. */
void crypto_digester_init(struct crypto_digester *digester);
void crypto_digester_add(struct crypto_digester *digester, const void *data, size_t len);
void crypto_digester_end(struct crypto_digester *digester, uint8_t out[static CRYPTO_HASH_BYTES]);

#endif
