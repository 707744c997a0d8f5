/* ClientHellos as real clients send them, whole, cut, spread over records, and wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/ja.h"
#include "agent/names/tls.h"
#include "tests/unit/names/hello_vectors.h"

#define VECTOR_COUNT (sizeof(hello_vectors) / sizeof(hello_vectors[0]))
#define BYTES_MAX    4096

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t len = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		unsigned int byte;

		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		assert_true(len < BYTES_MAX);
		out[len++] = (uint8_t)byte;
	}
	return len;
}

static void assert_hello(const struct hello *hello, const struct hello_vector *vector)
{
	assert_string_equal(hello->sni, vector->sni);
	assert_int_equal(hello->version, vector->version);
	assert_int_equal(hello->has_ech, vector->has_ech);
	assert_int_equal(hello->alpn_count > 0, vector->first_alpn != NULL);
	if (vector->first_alpn)
		assert_string_equal(hello->alpn[0], vector->first_alpn);
	assert_string_equal(hello->ja3_text, vector->ja3_text);
	assert_string_equal(hello->ja3, vector->ja3);
	assert_string_equal(hello->ja4, vector->ja4);
}

static void hello_of_a_client_reads_as_tshark_reads_it(void **state)
{
	uint8_t data[BYTES_MAX];
	struct hello hello;
	size_t i, len;

	(void)state;
	for (i = 0; i < VECTOR_COUNT; i++) {
		len = from_hex(hello_vectors[i].hex, data);
		assert_int_equal(tls_records_parse(data, len, &hello), (int)len);
		assert_hello(&hello, &hello_vectors[i]);
		assert_int_equal(hello.quic_version, 0);
	}
}

static void hello_cut_anywhere_asks_for_more(void **state)
{
	uint8_t data[BYTES_MAX];
	struct hello hello;
	size_t i, cut, len;

	(void)state;
	for (i = 0; i < VECTOR_COUNT; i++) {
		len = from_hex(hello_vectors[i].hex, data);
		for (cut = 0; cut < len; cut++)
			assert_int_equal(tls_records_parse(data, cut, &hello), 0);
	}
}

/* The hello's record as two: @cut bytes of the message in the first. */
static size_t split(const uint8_t *data, size_t len, size_t cut, uint8_t *out)
{
	const size_t rest = len - 5 - cut;
	const uint8_t second[] = { 22, 3, 3, (uint8_t)(rest >> 8), (uint8_t)rest };

	memcpy(out, data, 5 + cut);
	out[3] = (uint8_t)(cut >> 8);
	out[4] = (uint8_t)cut;
	memcpy(out + 5 + cut, second, sizeof(second));
	memcpy(out + 10 + cut, data + 5 + cut, rest);
	return len + 5;
}

static void hello_in_two_records_reads_the_same_wherever_it_is_cut(void **state)
{
	uint8_t data[BYTES_MAX], records[BYTES_MAX + 5];
	struct hello hello;
	size_t i, cut, len, all;

	(void)state;
	for (i = 0; i < VECTOR_COUNT; i++) {
		len = from_hex(hello_vectors[i].hex, data);
		for (cut = 1; cut < len - 5; cut++) {
			all = split(data, len, cut, records);
			assert_int_equal(tls_records_parse(records, all - 1, &hello), 0);
			assert_int_equal(tls_records_parse(records, all, &hello), (int)all);
			assert_hello(&hello, &hello_vectors[i]);
		}
	}
}

static void hello_of_one_byte_records_reads_the_same(void **state)
{
	static uint8_t records[6 * BYTES_MAX];
	uint8_t data[BYTES_MAX];
	struct hello hello;
	size_t len = from_hex(hello_vectors[0].hex, data), i;

	(void)state;
	for (i = 0; i < len - 5; i++) {
		const uint8_t record[] = { 22, 3, 1, 0, 1, data[5 + i] };

		memcpy(records + 6 * i, record, sizeof(record));
	}
	assert_int_equal(tls_records_parse(records, 6 * i, &hello), (int)(6 * i));
	assert_hello(&hello, &hello_vectors[0]);
}

static void what_follows_the_hello_is_left(void **state)
{
	uint8_t data[BYTES_MAX + 8];
	struct hello hello;
	size_t len = from_hex(hello_vectors[0].hex, data);
	const size_t content = ((size_t)data[3] << 8 | data[4]) + 4;

	(void)state;
	memcpy(data + len, "\x0b\x00\x00\x00", 4); /* another message in the same record */
	data[3] = (uint8_t)(content >> 8);
	data[4] = (uint8_t)content;
	assert_int_equal(tls_records_parse(data, len + 4, &hello), (int)len);
	assert_hello(&hello, &hello_vectors[0]);
}

static void second_hello_behind_a_change_of_cipher_is_read(void **state)
{
	uint8_t data[BYTES_MAX + 6] = { 20, 3, 3, 0, 1, 1 };
	struct hello hello;
	size_t len = from_hex(hello_vectors[0].hex, data + 6) + 6, cut;

	(void)state;
	for (cut = 0; cut < len; cut++)
		assert_int_equal(tls_records_parse(data, cut, &hello), 0);
	assert_int_equal(tls_records_parse(data, len, &hello), (int)len);
	assert_hello(&hello, &hello_vectors[0]);
}

static void what_is_no_hello_is_refused(void **state)
{
	static const struct {
		const char *what;
		const char *hex;
	} cases[] = {
		{ "SSLv2-compatible hello", "802e0100020015000000100100800300800700c0" },
		{ "HTTP", "474554202f20485454502f312e310d0a" },
		{ "server hello", "160303003102" },
		{ "alert record", "15030300020228" },
		{ "empty record", "1603010000" },
		{ "record above 2^14", "1603014001" },
		{ "message above 16 KiB", "160301400001004001" },
		{ "alert between the hello's records", "1603010004010000641503030002" },
		{ "body too short", "1603010006010000020303" },
	};
	uint8_t data[BYTES_MAX];
	struct hello hello;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = from_hex(cases[i].hex, data);
		if (tls_records_parse(data, len, &hello) != -EBADMSG)
			fail_msg("%s", cases[i].what);
	}
}

static void grease_is_the_sixteen_values_of_the_standard(void **state)
{
	unsigned int value, count = 0;

	(void)state;
	for (value = 0; value <= UINT16_MAX; value++)
		count += ja_is_grease((uint16_t)value);
	assert_int_equal(count, 16);
	assert_true(ja_is_grease(0x0a0a) && ja_is_grease(0xfafa));
	assert_false(ja_is_grease(0x0a1a) || ja_is_grease(0x1301));
}

/* The two characters of the JA4 specification's section "ALPN Extension Value". */
static void alpn_characters_follow_the_specification(void **state)
{
	static const struct {
		const char *alpn, *expected;
	} cases[] = {
		{ "h2", "h2" }, { "http/1.1", "h1" }, { "x", "xx" },	    { "", "00" },
		{ "-a", "21" }, { "a-", "6d" },	      { "\xba\xba", "99" }, { "h\xff", "h9" },
	};
	char ja4[JA4_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ja_parts parts = {
			.version = 0x0304,
			.alpn = cursor_over((const uint8_t *)cases[i].alpn, strlen(cases[i].alpn)),
		};

		assert_int_equal(ja4_write(&parts, ja4), 0);
		assert_memory_equal(ja4, "t13i0000", 8);
		assert_memory_equal(ja4 + 8, cases[i].expected, 2);
		assert_string_equal(ja4 + 10, "_000000000000_000000000000");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_of_a_client_reads_as_tshark_reads_it),
		cmocka_unit_test(hello_cut_anywhere_asks_for_more),
		cmocka_unit_test(hello_in_two_records_reads_the_same_wherever_it_is_cut),
		cmocka_unit_test(hello_of_one_byte_records_reads_the_same),
		cmocka_unit_test(what_follows_the_hello_is_left),
		cmocka_unit_test(second_hello_behind_a_change_of_cipher_is_read),
		cmocka_unit_test(what_is_no_hello_is_refused),
		cmocka_unit_test(grease_is_the_sixteen_values_of_the_standard),
		cmocka_unit_test(alpn_characters_follow_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
