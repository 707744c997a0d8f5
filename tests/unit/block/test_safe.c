/* The safe list: both directions of overlap, whoever asks, entries by hand, what the datapath gets.
 */
#include "tests/unit/block/fixture.h"

static void restart_with_config(struct fixture *f, const char *safe)
{
	char reason[256];

	assert_int_equal(config_set(f->config, CONFIG_BLOCK_SAFE, safe, reason), 0);
	fixture_restart(f, false);
}

static void overlap_is_refused_in_both_directions(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	restart_with_config(f, "203.0.113.0/28, 2001:db8:5afe::1");
	assert_int_equal(add(f, "203.0.113.0/24", 0, &outcome), -EPERM);
	assert_string_equal(outcome.message,
			    "203.0.113.0/24 holds 203.0.113.0/28, on the safe list "
			    "of the configuration ([Block] safe)");
	assert_int_equal(add(f, "203.0.113.15", 0, &outcome), -EPERM);
	assert_non_null(strstr(outcome.message, "is inside 203.0.113.0/28"));
	assert_int_equal(add(f, "::ffff:203.0.113.15", 0, &outcome), -EPERM);
	assert_int_equal(add(f, "2001:db8:5afe::/48", 0, &outcome), -EPERM);
	assert_int_equal(add(f, "203.0.113.16", 0, &outcome), 0);
	assert_int_equal(add(f, "2001:db8:5aff::/48", 0, &outcome), 0);
}

static void address_of_who_asks_is_safe_at_once(void **state)
{
	struct fixture *f = *state;
	struct principal who = admin;
	struct block_request request = { .value = "192.0.2.0/24" };
	struct block_outcome outcome;

	assert_int_equal(addr_parse("192.0.2.44", &who.peer), 0);
	assert_int_equal(block_add(f->service, &who, &request, &outcome), -EPERM);
	assert_string_equal(
		outcome.message,
		"192.0.2.0/24 holds 192.0.2.44, the address admin root is logged in from");
}

static void addresses_of_admins_reach_the_datapath_and_leave_it(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct addr peer;

	assert_int_equal(addr_parse("192.0.2.44", &peer), 0);
	block_set_admin_peers(f->service, &peer, 1);
	assert_int_equal(f->safe_count, 1);
	assert_int_equal(add(f, "192.0.2.44", 0, &outcome), -EPERM);
	block_set_admin_peers(f->service, NULL, 0);
	assert_int_equal(f->safe_count, 0);
	assert_int_equal(add(f, "192.0.2.44", 0, &outcome), 0);
}

static void entry_by_hand_protects_until_removed(void **state)
{
	struct fixture *f = *state;
	struct safe_entry entries[32];
	struct block_outcome outcome;

	assert_int_equal(
		block_safe_add(f->service, &admin, "198.51.100.0/25", "the office", &outcome), 0);
	assert_int_equal(f->safe_count, 1);
	assert_int_equal(add(f, "198.51.100.5", 0, &outcome), -EPERM);
	assert_non_null(strstr(outcome.message, "on the safe list (the office)"));
	assert_int_equal(block_safe_list(f->service, entries, 32), 11);
	assert_string_equal(entries[0].note, "the office");
	fixture_restart(f, true);
	assert_int_equal(f->safe_count, 1);
	assert_int_equal(block_safe_remove(f->service, &admin, entries[0].id, &outcome), 0);
	assert_int_equal(f->safe_count, 0);
	assert_int_equal(add(f, "198.51.100.5", 0, &outcome), 0);
}

static void entry_that_overlaps_a_block_is_busy(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add(f, "198.51.100.5", 0, &outcome), 0);
	assert_int_equal(block_safe_add(f->service, &admin, "198.51.100.0/24", "", &outcome),
			 -EBUSY);
	assert_non_null(strstr(outcome.message, "block 1 of 198.51.100.5"));
	assert_int_equal(block_safe_add(f->service, &admin, "0.0.0.0/0", "", &outcome), -EINVAL);
	assert_int_equal(block_safe_add(f->service, &admin, "192.0.2.0/24", "", &outcome), 0);
	assert_int_equal(block_safe_add(f->service, &admin, "192.0.2.0/24", "", &outcome), -EEXIST);
}

/* ---- property ---------------------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *seed)
{
	/* xorshift64: Marsaglia, "Xorshift RNGs", 2003 */
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Bit by bit, on purpose unlike the code under test. */
static bool share_leading_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	for (unsigned int i = 0; i < bits; i++) {
		if ((a[i / 8] >> (7 - i % 8) & 1) != (b[i / 8] >> (7 - i % 8) & 1))
			return false;
	}
	return true;
}

static bool overlaps(const struct prefix *a, const struct prefix *b)
{
	unsigned int skip = a->addr.family == ADDR_IPV4 ? 12 : 0;
	unsigned int bits = a->len < b->len ? a->len : b->len;

	return a->addr.family == b->addr.family &&
	       share_leading_bits(a->addr.bytes + skip, b->addr.bytes + skip, bits);
}

/* A prefix of any length near @center: a few bits of it turned, host bits cleared. */
static struct prefix random_near(const struct prefix *center, uint64_t *seed)
{
	struct prefix prefix = *center;
	unsigned int skip = center->addr.family == ADDR_IPV4 ? 12 : 0;
	unsigned int width = center->addr.family == ADDR_IPV4 ? 32 : 128;
	unsigned int turns = next_random(seed) % 3;

	for (unsigned int i = 0; i < turns; i++) {
		unsigned int bit = next_random(seed) % width;

		prefix.addr.bytes[skip + bit / 8] ^= 0x80 >> bit % 8;
	}
	prefix.len = (uint8_t)(next_random(seed) % (width + 1));
	for (unsigned int bit = prefix.len; bit < width; bit++)
		prefix.addr.bytes[skip + bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return prefix;
}

static void no_prefix_that_overlaps_a_safe_one_is_ever_accepted(void **state)
{
	enum {
		TRIALS = 200000
	};
	struct fixture *f = *state;
	struct principal nobody = { .name = "" };
	struct safe_entry safe[64];
	uint64_t seed = 0x5a17ce;
	int accepted = 0;
	int count;

	restart_with_config(f, "203.0.113.7,198.51.100.0/24,10.0.0.0/9,2001:db8::1,"
			       "2001:db8:1::/48,fd00::/8");
	count = block_safe_list(f->service, safe, 64);
	assert_int_equal(count, 16);
	for (int i = 0; i < TRIALS; i++) {
		struct prefix prefix = random_near(&safe[next_random(&seed) % 16].prefix, &seed);
		struct block_outcome outcome;
		bool is_bad = false;

		for (int j = 0; j < count; j++)
			is_bad = is_bad || overlaps(&prefix, &safe[j].prefix);
		if (safe_check(f->service, &nobody, &prefix, &outcome) == 0) {
			accepted++;
			assert_false(is_bad);
		} else {
			assert_true(is_bad);
		}
	}
	assert_in_range(accepted, TRIALS / 20, TRIALS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(overlap_is_refused_in_both_directions),
		TEST(address_of_who_asks_is_safe_at_once),
		TEST(addresses_of_admins_reach_the_datapath_and_leave_it),
		TEST(entry_by_hand_protects_until_removed),
		TEST(entry_that_overlaps_a_block_is_busy),
		TEST(no_prefix_that_overlaps_a_safe_one_is_ever_accepted),
	};

	return cmocka_run_group_tests_name("block_safe", tests, NULL, NULL);
}
