/*
 * Indicators as reports write them, and a record against many of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/query/query.h"
#include "agent/util/addr.h"
#include "include/flow.h"
#include "include/history.h"

static void indicators_are_read_as_reports_write_them(void **state)
{
	static const struct {
		const char *text;
		enum indicator_kind kind;
		const char *plain;
	} cases[] = {
		{ "192.0.2.7", INDICATOR_ADDRESS, "192.0.2.7" },
		{ "192[.]0[.]2[.]7", INDICATOR_ADDRESS, "192.0.2.7" },
		{ "2001:DB8::7", INDICATOR_ADDRESS, "2001:db8::7" },
		{ "192.0.2.0/24", INDICATOR_PREFIX, "192.0.2.0/24" },
		{ "192.0.2.9/24", INDICATOR_PREFIX, "192.0.2.0/24" },
		{ "192.0.2.9/32", INDICATOR_ADDRESS, "192.0.2.9" },
		{ "Bad.Example.", INDICATOR_DOMAIN, "bad.example" },
		{ "bad[.]example", INDICATOR_DOMAIN, "bad.example" },
		{ "*.bad.example", INDICATOR_DOMAIN, "bad.example" },
		{ "hxxps://bad[.]example/a?b", INDICATOR_DOMAIN, "bad.example" },
		{ "http://192.0.2.7/x", INDICATOR_ADDRESS, "192.0.2.7" },
		{ "t13d1516h2_8daaf6152771_b0da82dd1658", INDICATOR_JA4,
		  "t13d1516h2_8daaf6152771_b0da82dd1658" },
	};
	static const char *const refused[] = { "",	"word",		 "192.0.2.256",
					       "a..b",	"bad domain",	 "\x01.example",
					       "1.2.3", "bad.example:80" };
	struct indicator indicator;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (indicator_parse(cases[i].text, &indicator))
			fail_msg("%s is refused", cases[i].text);
		assert_int_equal(indicator.kind, cases[i].kind);
		assert_string_equal(indicator.text, cases[i].plain);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!indicator_parse(refused[i], &indicator))
			fail_msg("\"%s\" is taken for %s", refused[i],
				 indicator_kind_name(indicator.kind));
}

static void count_hit(void *arg, size_t index, const struct flow_record *record)
{
	(void)record;
	((unsigned int *)arg)[index]++;
}

/* 192.0.2.7 > 198.51.100.9 with names. */
static void expect_hits(const char *const *texts, size_t count, const unsigned int *expected)
{
	CLEANUP(free) struct indicator *indicators = calloc(count, sizeof(*indicators));
	CLEANUP(indicator_set_free) struct indicator_set *set = NULL;
	const struct flow_texts names = { .sni = "www.bad.example",
					  .host = "cdn.bad.example",
					  .ja4 = "t13d1516h2_8daaf6152771_b0da82dd1658" };
	struct flow_record record = { .id = 1 };
	unsigned int hits[32] = { 0 };
	size_t sum = 0;

	assert_int_equal(addr_parse("192.0.2.7", &record.tuple.src), 0);
	assert_int_equal(addr_parse("198.51.100.9", &record.tuple.dst), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(indicator_parse(texts[i], &indicators[i]), 0);
	assert_int_equal(indicator_set_new(indicators, count, &set), 0);
	assert_true(indicator_set_match(set, &record, &names, count_hit, hits) <= 32);
	for (size_t i = 0; i < count; i++) {
		if (hits[i] != expected[i])
			fail_msg("%s: %u hits, not %u", texts[i], hits[i], expected[i]);
		sum += hits[i];
	}
	assert_int_equal(indicator_set_match(set, &record, &names, count_hit, hits), sum);
}

static void a_record_hits_each_indicator_it_shows_once(void **state)
{
	static const char *const texts[] = {
		"192.0.2.7",
		"192.0.2.8",
		"198.51.100.9",
		"192.0.2.0/24",
		"192.0.2.0/25",
		"192.0.2.128/25",
		"0.0.0.0/0",
		"::/0",
		"bad.example",
		"www.bad.example",
		"cdn.bad.example",
		"example.bad",
		"ad.example",
		"192.0.2.7",
		"t13d1516h2_8daaf6152771_b0da82dd1658",
		"t13d1516h2_8daaf6152771_b0da82dd1659",
	};
	static const unsigned int expected[] = { 1, 0, 1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0 };

	(void)state;
	expect_hits(texts, sizeof(texts) / sizeof(texts[0]), expected);
}

static void many_indicators_are_found_by_hash(void **state)
{
	const size_t count = 100000;
	CLEANUP(free) struct indicator *indicators = calloc(count, sizeof(*indicators));
	CLEANUP(free) unsigned int *hits = calloc(count, sizeof(*hits));
	CLEANUP(indicator_set_free) struct indicator_set *set = NULL;
	struct flow_record record = { .id = 1 };
	const struct addr *addrs;
	char text[32];

	(void)state;
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(text, sizeof(text), "10.%zu.%zu.%zu", i >> 16, i >> 8 & 255,
			       i & 255);
		assert_int_equal(indicator_parse(text, &indicators[i]), 0);
	}
	assert_int_equal(indicator_set_new(indicators, count, &set), 0);
	assert_int_equal(indicator_set_addrs(set, &addrs), count);
	assert_false(indicator_set_needs_texts(set));
	for (size_t i = 0; i < count; i += 997) {
		record.tuple.src = record.tuple.dst = indicators[i].prefix.addr;
		assert_int_equal(indicator_set_match(set, &record, NULL, count_hit, hits), 1);
		assert_int_equal(hits[i], 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indicators_are_read_as_reports_write_them),
		cmocka_unit_test(a_record_hits_each_indicator_it_shows_once),
		cmocka_unit_test(many_indicators_are_found_by_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
