/*
 * What is known of both ends: conditions on country, network and name, and groups by them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/query/query.h"
#include "include/device.h"
#include "include/history.h"

static const struct flow_record record;

static const struct flow_ends *ends_of(void *arg, const struct flow_record *of)
{
	static const struct flow_ends ends = {
		.src = { .name = "kitchen-pi" },
		.dst = { .place = { .country = "DE", .asn = 64500, .owner = "Example Net" } }
	};

	(void)arg;
	(void)of;
	return &ends;
}

static const struct flow_texts texts = { .ends = ends_of };

static const struct flow_texts *texts_of(void *arg, const struct flow_record *of)
{
	(void)arg;
	(void)of;
	return &texts;
}

static struct flow_query *parse(const char *text)
{
	struct flow_query_error error;
	struct flow_query *query = NULL;

	if (flow_query_parse(text, 1795521600000LL, &query, &error))
		fail_msg("\"%s\": %s", text, error.text);
	return query;
}

static bool matches(const char *text)
{
	CLEANUP(flow_query_free) struct flow_query *query = parse(text);

	return flow_query_matches(query, &record, texts_of, NULL);
}

struct match_case {
	const char *text;
	bool matches;
};

static void ends_match_by_country_network_and_name(void **state)
{
	static const struct match_case cases[] = {
		{ "country:DE", true },	   { "country:de,fr", true },
		{ "country:FR", false },   { "country!=DE", false },
		{ "country:\"\"", false }, { "asn:64500", true },
		{ "asn:AS64500", true },   { "asn:64501", false },
		{ "asn:0", true }, /* the other end is of none */
		{ "owner:example", true }, { "owner=example", false },
		{ "name:kitchen", true },  { "name=kitchen-pi", true },
		{ "name:bath*", false },   { "hostname:*-pi", true },
		{ "kitchen", true },	   { "-country:DE", false },
	};
	CLEANUP(flow_query_free) struct flow_query *query = parse("country:DE");
	CLEANUP(flow_query_free) struct flow_query *mixed = parse("asn:7 sni:x");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (matches(cases[i].text) != cases[i].matches)
			fail_msg("\"%s\" should%s match", cases[i].text,
				 cases[i].matches ? "" : " not");
	assert_int_equal(flow_query_plan(query)->needs, FLOW_NEED_ADDRS);
	assert_int_equal(flow_query_plan(mixed)->needs, FLOW_NEED_ADDRS | FLOW_NEED_NAMES);
}

static void ends_group_by_where_the_other_one_is(void **state)
{
	uint8_t key[FLOW_GROUP_KEY_MAX];
	char text[FLOW_GROUP_KEY_MAX + 1];
	size_t len = flow_group_key(FLOW_GROUP_COUNTRY, &record, &texts, key);

	(void)state;
	assert_string_equal(flow_group_format(FLOW_GROUP_COUNTRY, key, len, text), "DE");
	len = flow_group_key(FLOW_GROUP_ASN, &record, &texts, key);
	assert_string_equal(flow_group_format(FLOW_GROUP_ASN, key, len, text),
			    "AS64500 Example Net");
	assert_int_equal(flow_group_key(FLOW_GROUP_ASN, &record, NULL, key), 0);
}

static void what_is_no_network_is_refused(void **state)
{
	struct flow_query_error error;
	struct flow_query *query = NULL;

	(void)state;
	assert_int_equal(flow_query_parse("asn:ASx", 0, &query, &error), -22); /* EINVAL */
	assert_string_equal(error.text, "\"ASx\" is no network (as 64496 or AS64496) (column 5)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_match_by_country_network_and_name),
		cmocka_unit_test(ends_group_by_where_the_other_one_is),
		cmocka_unit_test(what_is_no_network_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
