/*
 * The flow filter's words: which flows match, and how wrong words are named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/util/addr.h"

static struct flow make_flow(const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct flow flow = { .state = FLOW_ESTABLISHED };

	assert_int_equal(addr_parse(src, &flow.tuple.src), 0);
	assert_int_equal(addr_parse(dst, &flow.tuple.dst), 0);
	flow.tuple.src_port = src_port;
	flow.tuple.dst_port = dst_port;
	flow.tuple.proto = IPPROTO_TCP;
	return flow;
}

static bool matches(const char *text, const struct flow *flow)
{
	struct flow_query query;
	char reason[160] = "";

	assert_int_equal(flow_query_parse(text, &query, reason), 0);
	return flow_query_matches(&query, flow, NULL);
}

static void words_match_what_they_name(void **state)
{
	static const struct {
		const char *text;
		bool matches;
	} cases[] = {
		{ "", true },
		{ "src:192.0.2.1", true },
		{ "src:198.51.100.7", false },
		{ "dst:198.51.100.0/24", true },
		{ "dst:198.51.101.0/24", false },
		{ "ip:198.51.100.7 ip:192.0.2.1", true },
		{ "dport:443", true },
		{ "sport:443", false },
		{ "port:40000", true },
		{ "proto:tcp", true },
		{ "proto:UDP", false },
		{ "proto:6", true },
		{ "state:established", true },
		{ "state:closed", false },
		{ "192.0.2", true },
		{ "443", true },
		{ "203.0.113", false },
		{ "dport:443 proto:udp", false },
		{ "  dport:443   proto:tcp ", true },
	};
	const struct flow flow = make_flow("192.0.2.1", 40000, "198.51.100.7", 443);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (matches(cases[i].text, &flow) != cases[i].matches)
			fail_msg("\"%s\" should%s match", cases[i].text,
				 cases[i].matches ? "" : " not");
}

static void an_ipv6_address_is_no_keyed_word(void **state)
{
	const struct flow flow = make_flow("2001:db8::1", 1, "2001:db8::2", 2);

	(void)state;
	assert_true(matches("2001:db8::1", &flow));
	assert_true(matches("src:2001:db8::/32", &flow));
	assert_false(matches("2001:db8::3", &flow));
}

static void wrong_words_are_named_with_their_place(void **state)
{
	static const struct {
		const char *text, *named, *place;
	} cases[] = {
		{ "proto:tcp colour:red", "colour:red", "character 11" },
		{ "src:nowhere", "src:nowhere", "character 1" },
		{ "dport:70000", "dport:70000", "character 1" },
		{ "state:angry", "state:angry", "character 1" },
	};
	struct flow_query query;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char reason[160] = "";

		assert_int_equal(flow_query_parse(cases[i].text, &query, reason), -22);
		assert_non_null(strstr(reason, cases[i].named));
		assert_non_null(strstr(reason, cases[i].place));
	}
}

static void too_many_and_too_long_words_are_refused(void **state)
{
	char text[4096] = "";
	char reason[160];
	struct flow_query query;

	(void)state;
	for (int i = 0; i < FLOW_QUERY_WORDS_MAX + 1; i++)
		strncat(text, "a ", sizeof(text) - strlen(text) - 1);
	assert_int_equal(flow_query_parse(text, &query, reason), -22);
	memset(text, 'a', 400);
	text[400] = '\0';
	assert_int_equal(flow_query_parse(text, &query, reason), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_match_what_they_name),
		cmocka_unit_test(an_ipv6_address_is_no_keyed_word),
		cmocka_unit_test(wrong_words_are_named_with_their_place),
		cmocka_unit_test(too_many_and_too_long_words_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
