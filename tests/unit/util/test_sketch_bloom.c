#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "agent/util/sketch_bloom.h"
#include "agent/util/sketch_hash.h"

#define KEYS 20000

static uint32_t *make_filled(unsigned int bits, size_t *blocks)
{
	uint32_t *words;

	*blocks = bloom_blocks(KEYS, bits);
	words = calloc(*blocks, BLOOM_BLOCK_BYTES);
	assert_non_null(words);
	for (uint64_t i = 0; i < KEYS; i++)
		(void)bloom_add(words, *blocks, hash_mix(i));
	return words;
}

static void never_denies_what_was_added(void **state)
{
	size_t blocks;
	uint32_t *words = make_filled(8, &blocks);

	(void)state;
	for (uint64_t i = 0; i < KEYS; i++)
		assert_true(bloom_has(words, blocks, hash_mix(i)));
	free(words);
}

/* Shares of a false yes that the header promises, over 200,000 keys never added. */
static void says_a_false_yes_no_more_often_than_promised(void **state)
{
	static const struct {
		unsigned int bits;
		double promised;
	} rows[] = { { 8, 0.034 }, { 10, 0.013 }, { 12, 0.0054 }, { 16, 0.0013 } };

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		unsigned int wrong = 0;
		size_t blocks;
		uint32_t *words = make_filled(rows[r].bits, &blocks);

		for (uint64_t i = KEYS; i < KEYS + 200000; i++)
			wrong += bloom_has(words, blocks, hash_mix(i));
		assert_true(wrong / 200000.0 < rows[r].promised * 1.3);
		assert_true(wrong / 200000.0 > rows[r].promised * 0.7);
		free(words);
	}
}

static void second_add_of_a_key_says_so(void **state)
{
	uint32_t words[BLOOM_WORDS] = { 0 };

	(void)state;
	assert_false(bloom_add(words, 1, hash_mix(1)));
	assert_true(bloom_add(words, 1, hash_mix(1)));
}

static void fill_counts_bits(void **state)
{
	uint32_t words[2 * BLOOM_WORDS] = { 0 };

	(void)state;
	assert_true(bloom_fill(words, 2) == 0);
	(void)bloom_add(words, 2, hash_mix(7));
	assert_true(bloom_fill(words, 2) == 8.0 / 512);
}

static void no_items_need_one_block(void **state)
{
	(void)state;
	assert_int_equal(bloom_blocks(0, 10), 1);
	assert_int_equal(bloom_blocks(25, 10), 1);
	assert_int_equal(bloom_blocks(26, 10), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_denies_what_was_added),
		cmocka_unit_test(says_a_false_yes_no_more_often_than_promised),
		cmocka_unit_test(second_add_of_a_key_says_so),
		cmocka_unit_test(fill_counts_bits),
		cmocka_unit_test(no_items_need_one_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
