/*
 * Keyed maps and rings of the user-space datapath against the plainest model of each.
 */
#include "agent/capture/usermaps.h"
#include "tests/unit/capture/user_fixture.h"

#define KEYS 512U

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void hash_agrees_with_an_array(void **state)
{
	struct usermap map;
	uint32_t model[KEYS] = { 0 }, random = 1, count = 0;

	(void)state;
	assert_int_equal(usermap_init(&map, 4, 4, KEYS, false), 0);
	for (int i = 0; i < 100000; i++) {
		uint32_t key = next_random(&random) % KEYS, value = next_random(&random) | 1;
		const uint32_t *found = usermap_lookup(&map, &key);

		assert_int_equal(found ? *found : 0, model[key]);
		if (value % 3) {
			count += !model[key];
			assert_int_equal(usermap_update(&map, &key, &value), 0);
			model[key] = value;
		} else {
			assert_int_equal(usermap_remove(&map, &key), model[key] ? 0 : -ENOENT);
			count -= model[key] != 0;
			model[key] = 0;
		}
		assert_int_equal(map.count, count);
	}
	usermap_done(&map);
}

static void value_stays_where_it_is_while_others_come_and_go(void **state)
{
	struct usermap map;
	uint32_t key = 7, value = 42, *held;

	(void)state;
	assert_int_equal(usermap_init(&map, 4, 4, 100000, false), 0);
	assert_int_equal(usermap_update(&map, &key, &value), 0);
	held = usermap_lookup(&map, &key);
	for (uint32_t other = 100; other < 50000; other++)
		assert_int_equal(usermap_update(&map, &other, &value), 0);
	assert_ptr_equal(usermap_lookup(&map, &key), held);
	usermap_done(&map);
}

static void full_map_says_so_and_still_overwrites(void **state)
{
	struct usermap map;
	uint32_t key = 1, value = 1;

	(void)state;
	assert_int_equal(usermap_init(&map, 4, 4, 1, false), 0);
	assert_int_equal(usermap_update(&map, &key, &value), 0);
	assert_int_equal(usermap_update(&map, &key, &value), 0);
	key = 2;
	assert_int_equal(usermap_update(&map, &key, &value), -E2BIG);
	usermap_done(&map);
}

/* The longest of at most @len bits by trying every entry. */
static uint32_t model_longest(const struct lpm4_key *keys, const bool *held, uint32_t addr,
			      uint32_t len)
{
	uint32_t best = 0, best_len = 0;

	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t mask = keys[i].len ? ~0U << (32 - keys[i].len) : 0;

		if (!held[i] || keys[i].len > len || keys[i].len + 1 <= best_len ||
		    (addr & mask) != __builtin_bswap32(keys[i].addr))
			continue;
		best = i + 1;
		best_len = keys[i].len + 1;
	}
	return best;
}

static void prefix_map_answers_with_the_longest(void **state)
{
	struct usermap map;
	static struct lpm4_key keys[KEYS];
	static bool held[KEYS];
	uint32_t random = 5;

	(void)state;
	assert_int_equal(usermap_init(&map, sizeof(struct lpm4_key), 4, KEYS, true), 0);
	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t len = next_random(&random) % 33, value = i + 1;
		/* few different bits, so that prefixes hold one another */
		uint32_t addr = next_random(&random) & 0x80c0a003;

		keys[i].len = len;
		keys[i].addr = __builtin_bswap32(len ? addr & ~0U << (32 - len) : 0);
		held[i] = !usermap_lookup(&map, &keys[i]) ||
			  *(uint32_t *)usermap_lookup(&map, &keys[i]) == 0 ||
			  keys[*(uint32_t *)usermap_lookup(&map, &keys[i]) - 1].len != len;
		if (held[i])
			assert_int_equal(usermap_update(&map, &keys[i], &value), 0);
	}
	for (int i = 0; i < 20000; i++) {
		uint32_t addr = next_random(&random) & 0x80c0a003, len = next_random(&random) % 33;
		struct lpm4_key key = { len, __builtin_bswap32(addr) };
		const uint32_t *found = usermap_lookup(&map, &key);

		assert_int_equal(found ? *found : 0, model_longest(keys, held, addr, len));
	}
	usermap_done(&map);
}

static void keys_longer_than_the_address_are_refused(void **state)
{
	struct usermap map;
	struct lpm4_key key = { 33, 0 };
	uint32_t value = 1;

	(void)state;
	assert_int_equal(usermap_init(&map, sizeof(key), 4, 4, true), 0);
	assert_int_equal(usermap_update(&map, &key, &value), -EINVAL);
	assert_null(usermap_lookup(&map, &key));
	usermap_done(&map);
}

static void next_key_visits_each_once(void **state)
{
	struct usermap map;
	uint32_t value = 1, key, next;
	bool seen[100] = { false };

	(void)state;
	assert_int_equal(usermap_init(&map, 4, 4, 100, false), 0);
	assert_int_equal(usermap_next_key(&map, NULL, &next), -ENOENT);
	for (key = 0; key < 100; key++)
		assert_int_equal(usermap_update(&map, &key, &value), 0);
	assert_int_equal(usermap_next_key(&map, NULL, &key), 0);
	for (int i = 0; i < 100; i++) {
		assert_false(seen[key]);
		seen[key] = true;
		assert_int_equal(usermap_next_key(&map, &key, &next), i < 99 ? 0 : -ENOENT);
		key = next;
	}
	usermap_done(&map);
}

static void count_record(void *arg, const void *record, size_t len)
{
	uint64_t *sum = arg;

	*sum += *(const uint8_t *)record * len;
}

static void ring_keeps_records_whole_until_it_is_full(void **state)
{
	uint8_t memory[64] __attribute__((aligned(8)));
	struct userring ring = { .at = memory, .size = sizeof(memory) };
	uint64_t sum = 0;
	uint8_t *record;

	(void)state;
	record = userring_reserve(&ring, 13); /* 8 of length, 16 of room */
	assert_non_null(record);
	memset(record, 1, 13);
	record = userring_reserve(&ring, 24);
	assert_non_null(record);
	memset(record, 2, 24);
	assert_null(userring_reserve(&ring, 1));
	userring_consume(&ring, count_record, &sum);
	assert_int_equal(sum, 13 + 2 * 24);
	assert_non_null(userring_reserve(&ring, 56));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_agrees_with_an_array),
		cmocka_unit_test(value_stays_where_it_is_while_others_come_and_go),
		cmocka_unit_test(full_map_says_so_and_still_overwrites),
		cmocka_unit_test(prefix_map_answers_with_the_longest),
		cmocka_unit_test(keys_longer_than_the_address_are_refused),
		cmocka_unit_test(next_key_visits_each_once),
		cmocka_unit_test(ring_keeps_records_whole_until_it_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
