/*
 * The hash of names that the datapath and core agree on (bpf/hash.h): sums worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/hash.h"

static uint64_t hash_of(uint64_t base, const char *text)
{
	return name_hash(base, text, (uint32_t)strlen(text));
}

/* 'a' is 97: (97 + 1) + (98 + 1) * 3 */
static void hash_is_the_polynomial_of_bytes_counted_from_one(void **state)
{
	(void)state;
	assert_int_equal(hash_of(3, "ab"), 395);
	assert_int_equal(hash_of(3, ""), 0);
}

static void upper_case_is_lower_case(void **state)
{
	(void)state;
	assert_int_equal(hash_of(12345, "WWW.Evil.COM"), hash_of(12345, "www.evil.com"));
	assert_int_not_equal(hash_of(12345, "[@"), hash_of(12345, "{`"));
}

static void inverse_undoes_the_base(void **state)
{
	const uint64_t bases[] = { 1, 3, 0x9e3779b97f4a7c15ULL, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		assert_int_equal(bases[i] * name_inverse(bases[i]), 1);
}

/* What stands before "evil.com" in "www.evil.com" is four bytes. */
static void end_of_a_name_hashes_as_by_itself(void **state)
{
	const uint64_t base = 0x9e3779b97f4a7c15ULL, inverse = name_inverse(base);
	uint64_t rest = hash_of(base, "www.evil.com") - hash_of(base, "www.");

	(void)state;
	for (int i = 0; i < 4; i++)
		rest *= inverse;
	assert_int_equal(rest, hash_of(base, "evil.com"));
}

static void bit_lies_in_the_map(void **state)
{
	(void)state;
	assert_int_equal(bits_names_index(0), 0);
	assert_true(bits_names_index(UINT64_MAX) < BITS_NAMES_WORDS * 64);
	assert_true(bits_names_index(hash_of(3, "evil.com")) < BITS_NAMES_WORDS * 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_the_polynomial_of_bytes_counted_from_one),
		cmocka_unit_test(upper_case_is_lower_case),
		cmocka_unit_test(inverse_undoes_the_base),
		cmocka_unit_test(end_of_a_name_hashes_as_by_itself),
		cmocka_unit_test(bit_lies_in_the_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
