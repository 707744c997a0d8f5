/* A million prefixes of every length, half built around safe addresses: one by one and as a file,
 * nothing safe ever reaches the datapath. The judge is bit by bit, apart from the code's own. */
#include "tests/unit/block/fixture.h"

#define OFFERED	  1000000
#define LINE_ROOM 52

static const char *const safe_texts[] = { "192.0.2.1",	   "10.20.0.0/16",    "203.0.113.128/25",
					  "2001:db8:1::1", "2001:db8:2::/48", "100.64.7.9",
					  "2600:aaaa::/33" };
#define SAFE_COUNT (sizeof(safe_texts) / sizeof(safe_texts[0]))

static uint64_t random_state;

/* xorshift64: Marsaglia, "Xorshift RNGs", 2003 */
static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static unsigned int bit_of(const struct prefix *prefix, unsigned int bit)
{
	unsigned int at = bit + (prefix->addr.family == ADDR_IPV4 ? 96 : 0);

	return prefix->addr.bytes[at / 8] >> (7 - at % 8) & 1;
}

static bool overlaps(const struct prefix *a, const struct prefix *b)
{
	unsigned int shorter = a->len < b->len ? a->len : b->len;

	if (a->addr.family != b->addr.family)
		return false;
	for (unsigned int i = 0; i < shorter; i++) {
		if (bit_of(a, i) != bit_of(b, i))
			return false;
	}
	return true;
}

static bool is_safe(const struct prefix *safe, const struct prefix *prefix)
{
	for (size_t i = 0; i < SAFE_COUNT; i++) {
		if (overlaps(&safe[i], prefix))
			return true;
	}
	return false;
}

/* Any length, host bits cleared; every second one shares its first bits with a safe address. */
static struct prefix make_prefix(const struct prefix *safe, size_t index)
{
	struct prefix prefix = { .addr = safe[random64() % SAFE_COUNT].addr };
	bool is_ipv4 = prefix.addr.family == ADDR_IPV4;
	unsigned int bits = is_ipv4 ? 32 : 128, first = is_ipv4 ? 96 : 0;

	prefix.len = (uint8_t)(random64() % (bits + 1));
	for (unsigned int i = 0; i < bits; i++) {
		unsigned int at = first + i;
		uint8_t mask = (uint8_t)(0x80 >> at % 8);

		if (index % 2 && random64() & 1)
			prefix.addr.bytes[at / 8] ^= mask;
		if (i >= prefix.len)
			prefix.addr.bytes[at / 8] &= (uint8_t)~mask;
	}
	return prefix;
}

static void read_safe(struct fixture *f, struct prefix *safe)
{
	struct block_outcome outcome;

	random_state = 0x9e3779b97f4a7c15;
	for (size_t i = 0; i < SAFE_COUNT; i++) {
		assert_int_equal(prefix_parse(safe_texts[i], false, &safe[i]), 0);
		assert_int_equal(block_safe_add(f->service, &admin, safe_texts[i], "", &outcome),
				 0);
	}
}

static const struct prefix *offered_safe;
static size_t passed;

static int judge_block(void *arg, const struct block_rule *rule)
{
	(void)arg;
	assert_false(is_safe(offered_safe, &rule->target));
	passed++;
	return -EIO; /* so that the table stays empty and each offer is looked at anew */
}

static void one_by_one_no_safe_address_reaches_the_datapath(void **state)
{
	struct fixture *f = *state;
	struct prefix safe[SAFE_COUNT];
	char text[PREFIX_TEXT_MAX];

	read_safe(f, safe);
	offered_safe = safe;
	passed = 0;
	f->service->options.datapath.block = judge_block;
	for (size_t i = 0; i < OFFERED; i++) {
		struct prefix prefix = make_prefix(safe, i);
		struct block_outcome outcome;
		bool may_pass = !is_safe(safe, &prefix);

		if (may_pass && passed >= 2000)
			continue; /* each writes two rows */
		assert_int_not_equal(add(f, prefix_format(&prefix, text), 0, &outcome), 0);
	}
	assert_true(passed >= 2000);
}

static void count_applied(void *arg, const struct block_outcome *outcome,
			  const struct block_list_report *report)
{
	(void)outcome;
	*(bool *)arg = report->is_applied;
}

static void as_a_file_no_safe_address_reaches_the_datapath(void **state)
{
	struct fixture *f = *state;
	struct prefix safe[SAFE_COUNT];
	char *file = malloc((size_t)OFFERED * LINE_ROOM), text[PREFIX_TEXT_MAX];
	bool is_applied = false;
	const struct block_list_order order = { .request.list = "million",
						.done = count_applied,
						.arg = &is_applied };
	struct block_list_part part = { .name = "million", .data = file };
	struct block_outcome outcome;
	size_t expected = 0;

	assert_non_null(file);
	read_safe(f, safe);
	for (size_t i = 0; i < OFFERED; i++) {
		struct prefix prefix = make_prefix(safe, i);

		expected += !is_safe(safe, &prefix);
		part.len += (size_t)snprintf(file + part.len, LINE_ROOM, "%s\n",
					     prefix_format(&prefix, text));
	}
	assert_int_equal(block_list_part(f->service, &admin, &part, &outcome), 0);
	block_list_apply(f->service, &admin, &order);
	assert_true(is_applied);
	assert_int_equal(f->set_count, 1);
	assert_true(prefix_set_len(f->sets[0]) > expected / 10);
	for (size_t i = 0; i < prefix_set_len(f->sets[0]); i++) {
		struct prefix prefix = prefix_set_at(f->sets[0], i);

		assert_false(is_safe(safe, &prefix));
	}
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_by_one_no_safe_address_reaches_the_datapath),
		TEST(as_a_file_no_safe_address_reaches_the_datapath),
	};

	return cmocka_run_group_tests_name("block_million", tests, NULL, NULL);
}
