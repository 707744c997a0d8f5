/* Streams and boxes open for the right key, whole and in order, and for nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agent/util/crypto_stream.h"

#define MESSAGES 3
#define LEN	 100
#define SEALED	 (LEN + CRYPTO_STREAM_EXTRA_BYTES)

struct sealed {
	uint8_t key[CRYPTO_KEY_BYTES];
	uint8_t header[CRYPTO_STREAM_HEADER_BYTES];
	uint8_t messages[MESSAGES][SEALED];
};

static void seal(struct sealed *s)
{
	struct crypto_stream stream;
	uint8_t plain[LEN];

	crypto_random(s->key, sizeof(s->key));
	assert_int_equal(crypto_stream_begin(&stream, s->key, s->header), 0);
	for (int i = 0; i < MESSAGES; i++) {
		memset(plain, 'a' + i, sizeof(plain));
		crypto_stream_seal(&stream, plain, sizeof(plain), i == MESSAGES - 1,
				   s->messages[i]);
	}
}

static void stream_opens_in_order_and_tells_its_end(void **state)
{
	struct crypto_stream stream;
	struct sealed s;
	uint8_t out[LEN];

	(void)state;
	seal(&s);
	assert_int_equal(crypto_stream_begin_open(&stream, s.key, s.header), 0);
	for (int i = 0; i < MESSAGES; i++) {
		assert_int_equal(crypto_stream_open(&stream, s.messages[i], SEALED, out),
				 i == MESSAGES - 1);
		assert_int_equal(out[0], 'a' + i);
		assert_int_equal(out[LEN - 1], 'a' + i);
	}
}

static void stream_refuses_another_order_key_or_byte(void **state)
{
	struct crypto_stream stream;
	struct sealed s;
	uint8_t out[LEN];

	(void)state;
	seal(&s);
	assert_int_equal(crypto_stream_begin_open(&stream, s.key, s.header), 0);
	assert_int_equal(crypto_stream_open(&stream, s.messages[1], SEALED, out), -EBADMSG);
	for (size_t at = 0; at < SEALED; at++) {
		s.messages[0][at] ^= 1;
		assert_int_equal(crypto_stream_begin_open(&stream, s.key, s.header), 0);
		assert_int_equal(crypto_stream_open(&stream, s.messages[0], SEALED, out), -EBADMSG);
		s.messages[0][at] ^= 1;
	}
	assert_int_equal(crypto_stream_open(&stream, s.messages[0], 16, out), -EBADMSG);
	s.key[0] ^= 1;
	assert_int_equal(crypto_stream_begin_open(&stream, s.key, s.header), 0);
	assert_int_equal(crypto_stream_open(&stream, s.messages[0], SEALED, out), -EBADMSG);
}

static void box_opens_for_its_secret_only(void **state)
{
	uint8_t public_key[CRYPTO_BOX_PUBLIC_BYTES], again[CRYPTO_BOX_PUBLIC_BYTES];
	uint8_t secret[CRYPTO_BOX_SECRET_BYTES], other[CRYPTO_BOX_SECRET_BYTES];
	uint8_t locked[4 + CRYPTO_BOX_EXTRA_BYTES], out[4];

	(void)state;
	crypto_box_new(again, other);
	crypto_box_new(public_key, secret);
	assert_int_equal(crypto_box_public(secret, again), 0);
	assert_memory_equal(public_key, again, sizeof(again));
	assert_int_equal(crypto_box_lock(public_key, "ring", 4, locked), 0);
	assert_int_equal(crypto_box_unlock(secret, locked, sizeof(locked), out), 0);
	assert_memory_equal(out, "ring", 4);
	assert_int_equal(crypto_box_unlock(other, locked, sizeof(locked), out), -EBADMSG);
	locked[sizeof(locked) - 1] ^= 1;
	assert_int_equal(crypto_box_unlock(secret, locked, sizeof(locked), out), -EBADMSG);
	assert_int_equal(crypto_box_unlock(secret, locked, 47, out), -EBADMSG);
}

static void passphrase_and_salt_make_the_key(void **state)
{
	uint8_t salt[CRYPTO_SALT_BYTES] = { 1 };
	uint8_t first[CRYPTO_KEY_BYTES], second[CRYPTO_KEY_BYTES];

	(void)state;
	assert_int_equal(crypto_key_of_passphrase("horse", salt, first), 0);
	assert_int_equal(crypto_key_of_passphrase("horse", salt, second), 0);
	assert_memory_equal(first, second, sizeof(first));
	salt[0] = 2;
	assert_int_equal(crypto_key_of_passphrase("horse", salt, second), 0);
	assert_memory_not_equal(first, second, sizeof(first));
}

static void digest_of_pieces_is_the_digest_of_the_whole(void **state)
{
	static const char text[] = "one text in several pieces";
	uint8_t whole[CRYPTO_HASH_BYTES], pieces[CRYPTO_HASH_BYTES];
	struct crypto_digester digester;

	(void)state;
	crypto_digest(text, sizeof(text), whole);
	crypto_digester_init(&digester);
	for (size_t i = 0; i < sizeof(text); i++)
		crypto_digester_add(&digester, text + i, 1);
	crypto_digester_end(&digester, pieces);
	assert_memory_equal(whole, pieces, sizeof(whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream_opens_in_order_and_tells_its_end),
		cmocka_unit_test(stream_refuses_another_order_key_or_byte),
		cmocka_unit_test(box_opens_for_its_secret_only),
		cmocka_unit_test(passphrase_and_salt_make_the_key),
		cmocka_unit_test(digest_of_pieces_is_the_digest_of_the_whole),
	};

	assert_int_equal(crypto_init(), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
