/* BLAKE2b: Python's hashlib. XChaCha20-Poly1305: draft-irtf-cfrg-xchacha-03 A.3.1. Argon2id: the
 * hash in argon2-cffi's documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/crypto.h"

static int set_up(void **state)
{
	(void)state;
	return crypto_init();
}

static void from_hex(const char *hex, uint8_t *out)
{
	for (size_t i = 0; hex[i * 2] != '\0'; i++) {
		const char pair[3] = { hex[i * 2], hex[i * 2 + 1], '\0' };

		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

static void digest_is_blake2b_256(void **state)
{
	uint8_t expected[CRYPTO_HASH_BYTES], digest[CRYPTO_HASH_BYTES];

	(void)state;
	from_hex("bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319", expected);
	crypto_digest("abc", 3, digest);
	assert_memory_equal(digest, expected, sizeof(expected));
	from_hex("0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8", expected);
	crypto_digest("", 0, digest);
	assert_memory_equal(digest, expected, sizeof(expected));
}

#define SUNSCREEN                                                                  \
	"Ladies and Gentlemen of the class of '99: If I could offer you only one " \
	"tip for the future, sunscreen would be it."

/* nonce, ciphertext, tag */
#define SUNSCREEN_SEALED                                                           \
	"404142434445464748494a4b4c4d4e4f5051525354555657"                         \
	"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b" \
	"0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945" \
	"b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f6" \
	"15c68b13b52ec0875924c1c7987947deafd8780acf49"

static void open_agrees_with_the_published_vector(void **state)
{
	uint8_t key[CRYPTO_KEY_BYTES], aad[12], sealed[200], plain[200];
	struct crypto_binding binding = { key, aad, sizeof(aad) };
	size_t sealed_len = strlen(SUNSCREEN_SEALED) / 2;

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(0x80 + i);
	from_hex("50515253c0c1c2c3c4c5c6c7", aad);
	from_hex(SUNSCREEN_SEALED, sealed);
	assert_int_equal(sealed_len, strlen(SUNSCREEN) + CRYPTO_NONCE_BYTES + CRYPTO_TAG_BYTES);
	assert_int_equal(crypto_open(&binding, sealed, sealed_len, plain), 0);
	assert_memory_equal(plain, SUNSCREEN, strlen(SUNSCREEN));
}

static void sealed_opens_only_unchanged_and_with_the_same_key_and_row(void **state)
{
	uint8_t key[CRYPTO_KEY_BYTES], sealed[CRYPTO_NONCE_BYTES + 6 + CRYPTO_TAG_BYTES], plain[6];
	struct crypto_binding row1 = { key, "row 1", 5 }, row2 = { key, "row 2", 5 };

	(void)state;
	crypto_random(key, sizeof(key));
	assert_int_equal(crypto_seal(&row1, "secret", 6, sealed), 0);
	assert_int_equal(crypto_open(&row1, sealed, sizeof(sealed), plain), 0);
	assert_memory_equal(plain, "secret", 6);
	assert_int_equal(crypto_open(&row2, sealed, sizeof(sealed), plain), -EBADMSG);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		assert_int_equal(crypto_open(&row1, sealed, sizeof(sealed), plain), -EBADMSG);
		sealed[i] ^= 1;
	}
	key[0] ^= 1;
	assert_int_equal(crypto_open(&row1, sealed, sizeof(sealed), plain), -EBADMSG);
	assert_int_equal(crypto_open(&row1, sealed, 39, plain), -EBADMSG);
}

static void same_text_seals_differently_each_time(void **state)
{
	uint8_t key[CRYPTO_KEY_BYTES] = { 0 };
	struct crypto_binding binding = { key, NULL, 0 };
	uint8_t a[CRYPTO_NONCE_BYTES + 1 + CRYPTO_TAG_BYTES], b[sizeof(a)];

	(void)state;
	assert_int_equal(crypto_seal(&binding, "x", 1, a), 0);
	assert_int_equal(crypto_seal(&binding, "x", 1, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void password_hash_names_its_parameters_and_verifies(void **state)
{
	char hash[CRYPTO_PASSWORD_HASH_MAX], again[CRYPTO_PASSWORD_HASH_MAX];

	(void)state;
	assert_int_equal(crypto_password_hash("correct horse", hash), 0);
	assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31);
	assert_int_equal(crypto_password_verify("correct horse", hash), 0);
	assert_int_equal(crypto_password_verify("correct horsf", hash), -EACCES);
	assert_int_equal(crypto_password_hash("correct horse", again), 0);
	assert_string_not_equal(hash, again); /* salted */
}

static void password_hash_of_another_program_verifies(void **state)
{
	static const char hash[] = "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA"
				   "$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg";

	(void)state;
	assert_int_equal(crypto_password_verify("correct horse battery staple", hash), 0);
	assert_int_equal(crypto_password_verify("", hash), -EACCES);
}

static void hash_of_nobody_is_like_any_other_and_fits_nothing(void **state)
{
	char real[CRYPTO_PASSWORD_HASH_MAX], one[CRYPTO_PASSWORD_HASH_MAX];
	char other[CRYPTO_PASSWORD_HASH_MAX];
	const char *salt;

	(void)state;
	assert_int_equal(crypto_password_hash("correct horse", real), 0);
	crypto_password_hash_of_nobody(one);
	crypto_password_hash_of_nobody(other);
	assert_int_equal(strlen(one), strlen(real));
	salt = strstr(real, "p=1$");
	assert_non_null(salt);
	assert_memory_equal(one, real, (size_t)(salt - real) + 4); /* the same work */
	assert_string_not_equal(one, other);
	/* -EINVAL would be told at once, and so would be who does not exist */
	assert_int_equal(crypto_password_verify("correct horse", one), -EACCES);
}

static void malformed_password_hashes_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(crypto_password_verify("x", ""), -EINVAL);
	assert_int_equal(crypto_password_verify("x", "scrypt:32768:8:1$a$b"), -EINVAL);
	assert_int_equal(crypto_password_verify("x", "$argon2id$v=19$m=65536,t=2,p=1$"), -EINVAL);
}

static void base64url_has_no_padding_and_comes_back(void **state)
{
	uint8_t all_ones[32], back[32];
	char text[CRYPTO_TOKEN_TEXT_MAX];

	(void)state;
	crypto_base64url("\xfb\xff\xfe", 3, text);
	assert_string_equal(text, "-__-");
	memset(all_ones, 0xff, sizeof(all_ones));
	crypto_base64url(all_ones, sizeof(all_ones), text);
	assert_string_equal(text, "__________________________________________8");
	assert_int_equal(crypto_base64url_decode(text, back, sizeof(back)), 32);
	assert_memory_equal(back, all_ones, 32);
	assert_int_equal(crypto_base64url_decode("", back, sizeof(back)), 0);
}

static void base64url_decode_refuses_other_text(void **state)
{
	static const char *const wrong[] = { "a", "+/+/", "ab==", "ab c", "-__-\n", "_9" };
	uint8_t back[3];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(crypto_base64url_decode(wrong[i], back, sizeof(back)), -EINVAL);
	assert_int_equal(crypto_base64url_decode("AAAAAA", back, sizeof(back)),
			 -EINVAL); /* 4 bytes */
}

static void comparison_and_wiping_do_what_they_say(void **state)
{
	char secret[] = "secret";

	(void)state;
	assert_true(crypto_is_equal(secret, "secret", 6));
	assert_false(crypto_is_equal(secret, "secreT", 6));
	crypto_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, "\0\0\0\0\0\0", 7);
}

/* RFC 4231 4.3 */
static void hmac_of_the_standard(void **state)
{
	static const uint8_t expected[CRYPTO_HASH_BYTES] = {
		0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
		0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
		0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43
	};
	uint8_t digest[CRYPTO_HASH_BYTES];

	(void)state;
	crypto_hmac_sha256("Jefe", "what do ya want for nothing?", 28, digest);
	assert_memory_equal(digest, expected, sizeof(expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hmac_of_the_standard),
		cmocka_unit_test(digest_is_blake2b_256),
		cmocka_unit_test(open_agrees_with_the_published_vector),
		cmocka_unit_test(sealed_opens_only_unchanged_and_with_the_same_key_and_row),
		cmocka_unit_test(same_text_seals_differently_each_time),
		cmocka_unit_test(password_hash_names_its_parameters_and_verifies),
		cmocka_unit_test(password_hash_of_another_program_verifies),
		cmocka_unit_test(hash_of_nobody_is_like_any_other_and_fits_nothing),
		cmocka_unit_test(malformed_password_hashes_are_told_apart),
		cmocka_unit_test(base64url_has_no_padding_and_comes_back),
		cmocka_unit_test(base64url_decode_refuses_other_text),
		cmocka_unit_test(comparison_and_wiping_do_what_they_say),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
