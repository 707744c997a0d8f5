/*
 * The language: what is accepted, what is refused with which word and place, what matches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent/query/query.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/flow.h"
#include "include/history.h"

/* 2026-11-24T12:00:00Z (date -u -d @1795521600) */
#define NOW_MS 1795521600000LL

static const struct flow_texts texts = { .sni = "www.Example.com",
					 .host = "cdn.example.net",
					 .ja4 = "t13d1516h2_8daaf6152771_b0da82dd1658",
					 .iface = "eth0" };

static const struct flow_texts *texts_of(void *arg, const struct flow_record *record)
{
	(void)record;
	++*(int *)arg;
	return &texts;
}

/* 192.0.2.1:40000 > 198.51.100.7:443, TCP, 3 s until a minute ago. */
static struct flow_record make_record(void)
{
	struct flow_record record = { .id = 7,
				      .start_unix_ms = NOW_MS - 63000,
				      .end_unix_ms = NOW_MS - 60000,
				      .state = FLOW_CLOSED,
				      .ingress = true,
				      .vlan = 12,
				      .tcp_flags_out = TCP_FLAG_SYN | TCP_FLAG_ACK,
				      .tcp_flags_in = TCP_FLAG_RST,
				      .rule_id = 0,
				      .packets_out = 10,
				      .bytes_out = 1000,
				      .packets_in = 20,
				      .bytes_in = 2000000 };

	assert_int_equal(addr_parse("192.0.2.1", &record.tuple.src), 0);
	assert_int_equal(addr_parse("198.51.100.7", &record.tuple.dst), 0);
	record.tuple.src_port = 40000;
	record.tuple.dst_port = 443;
	record.tuple.proto = IPPROTO_TCP;
	return record;
}

static struct flow_query *parse(const char *text)
{
	struct flow_query_error error;
	struct flow_query *query = NULL;

	if (flow_query_parse(text, NOW_MS, &query, &error))
		fail_msg("\"%s\": %s", text, error.text);
	return query;
}

static bool matches(const char *text, const struct flow_record *record)
{
	CLEANUP(flow_query_free) struct flow_query *query = parse(text);
	int asked = 0;
	bool result = flow_query_matches(query, record, texts_of, &asked);

	assert_in_range(asked, 0, 1);
	return result;
}

struct match_case {
	const char *text;
	bool matches;
};

static void check_cases(const struct match_case *cases, size_t count)
{
	const struct flow_record record = make_record();

	for (size_t i = 0; i < count; i++)
		if (matches(cases[i].text, &record) != cases[i].matches)
			fail_msg("\"%s\" should%s match", cases[i].text,
				 cases[i].matches ? "" : " not");
}
#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void addresses_match_by_prefix_range_and_part(void **state)
{
	static const struct match_case cases[] = {
		{ "", true },
		{ "   ", true },
		{ "src:192.0.2.1", true },
		{ "src:198.51.100.7", false },
		{ "dst:198.51.100.0/24", true },
		{ "dst:198.51.100.9/24", true },
		{ "dst:198.51.101.0/24", false },
		{ "ip:198.51.100.7 ip:192.0.2.1", true },
		{ "host:192.0.2.1", true },
		{ "host:203.0.113.1", false },
		{ "src:192.0.2.*", true },
		{ "src:192.0.*", true },
		{ "src:192.0.3.*", false },
		{ "192.0.2", true },
		{ "192.0", true },
		{ "203.0.113", false },
		{ "src:192.0.2.0..192.0.2.1", true },
		{ "src:192.0.2.2..192.0.2.9", false },
		{ "src:203.0.113.1,192.0.2.1", true },
		{ "src=192.0.2.1", true },
		{ "src!=192.0.2.1", false },
		{ "src:2001:db8::/32", false },
		{ "ip:0.0.0.0/0", true },
		{ "ip:::/0", false },
		{ "2001:db8::1", false },
		{ "198.51.100.7", true },
	};

	(void)state;
	CHECK(cases);
}

static void numbers_match_by_order_range_and_unit(void **state)
{
	static const struct match_case cases[] = {
		{ "dport:443", true },
		{ "sport:443", false },
		{ "port:40000", true },
		{ "443", true },
		{ "444", false },
		{ "dport:80,443,8443", true },
		{ "dport:400..500", true },
		{ "dport:444..500", false },
		{ "dport:..443", true },
		{ "dport:444..", false },
		{ "dport<1024", true },
		{ "dport>=443", true },
		{ "dport>443", false },
		{ "dport<=443", true },
		{ "dport!=443", false },
		{ "dport!=80,8443", true },
		{ "bytes>1M", true },
		{ "bytes:>2M", true },
		{ "bytes>2.1M", false },
		{ "bytes>=1.9MiB", true },
		{ "bytes>1GiB", false },
		{ "bytes_out:1000", true },
		{ "bytes_out:1k", true },
		{ "bytes_out:1KiB", false },
		{ "bytes_in=2000000", true },
		{ "packets:30", true },
		{ "packets_out<10", false },
		{ "packets_in:15..25", true },
		{ "duration:3s", true },
		{ "duration>2999ms", true },
		{ "duration>3", false },
		{ "duration<1m", true },
		{ "vlan:12", true },
		{ "vlan:0", false },
		{ "ipv:4", true },
		{ "id:7", true },
		{ "rule:0", true },
	};

	(void)state;
	CHECK(cases);
}

static void words_match_what_they_name(void **state)
{
	static const struct match_case cases[] = {
		{ "proto:tcp", true },
		{ "proto:UDP", false },
		{ "proto:6", true },
		{ "proto:udp,tcp", true },
		{ "tcp", true },
		{ "udp", false },
		{ "state:closed", true },
		{ "state:new,established", false },
		{ "verdict:pass", true },
		{ "verdict:drop", false },
		{ "dir:in", true },
		{ "dir:out", false },
		{ "iface:eth0", true },
		{ "iface:eth", false },
		{ "iface:eth*", true },
		{ "flags:S", true },
		{ "flags:sr", true },
		{ "flags:F", false },
		{ "flags=SAR", true },
		{ "flags=SA", false },
		{ "flags:none", false },
		{ "sni:example", true },
		{ "sni=example", false },
		{ "sni=WWW.EXAMPLE.COM", true },
		{ "sni:www.example.com.", true },
		{ "sni:*.example.com", true },
		{ "sni:*.example.org", false },
		{ "sni:w?w.example.com", true },
		{ "sni:w?.example.com", false },
		{ "sni:*", true },
		{ "sni:\"\"", false },
		{ "sni:\"*\"", false },
		{ "host:cdn", true },
		{ "dns:cdn", true },
		{ "host:www", false },
		{ "domain:example.com", true },
		{ "domain:example.net", true },
		{ "domain:ample.com", false },
		{ "domain=example.com", false },
		{ "ja4:t13d1516h2*", true },
		{ "ja4:8daaf6152771", true },
		{ "example.net", true },
		{ "\"example.net\"", true },
		{ "nowhere.example", false },
		{ "proc:nginx", false },
		{ "proc:\"\"", true },
	};

	(void)state;
	CHECK(cases);
}

static void joined_words_match_as_written(void **state)
{
	static const struct match_case cases[] = {
		{ "dport:443 proto:udp", false },
		{ "dport:443 AND proto:tcp", true },
		{ "  dport:443   proto:tcp ", true },
		{ "proto:udp OR dport:443", true },
		{ "proto:udp or dport:443", true },
		{ "proto:udp || dport:80", false },
		{ "-proto:udp", true },
		{ "-proto:tcp", false },
		{ "!proto:tcp", false },
		{ "NOT proto:tcp", false },
		{ "not not proto:tcp", true },
		{ "-(proto:udp OR dport:80)", true },
		{ "-(proto:udp OR dport:443)", false },
		{ "proto:udp dport:443 OR src:192.0.2.1", true }, /* AND binds closer */
		{ "proto:udp (dport:443 OR src:192.0.2.1)", false },
		{ "(((dport:443)))", true },
		{ "dport:443(proto:tcp)", true },
		{ "(sni:nothing OR bytes>1M) -sni:other", true },
		{ "-sni:www -host:x", false },
	};

	(void)state;
	CHECK(cases);
}

static void times_bound_the_end_of_a_record(void **state)
{
	static const struct match_case cases[] = {
		{ "since:1h", true },
		{ "since:30s", false },
		{ "until:30s", true },
		{ "until:1h", false },
		{ "since:2m until:30s", true },
		{ "since:2026-11-24", true },
		{ "since:2026-11-25", false },
		{ "since:today", true },
		{ "until:yesterday", false },
		{ "since:2026-11-24T11:59:00Z", true }, /* exactly then */
		{ "until:2026-11-24T11:59:00Z", false },
		{ "until:2026-11-24T12:59:00.001+01:00", true },
		{ "since:2026-11-24T11:59", true },
		{ "since:now", false },
	};

	(void)state;
	CHECK(cases);
}

static void wrong_words_are_named_with_their_place(void **state)
{
	static const struct {
		const char *text, *named;
		unsigned int column;
	} cases[] = {
		{ "proto:tcp colour:red", "\"colour\"", 11 },
		{ "prot:tcp", "did you mean \"proto\"", 1 },
		{ "dprot:5", "did you mean \"dport\"", 1 },
		{ "scr:192.0.2.1", "did you mean \"src\"", 1 },
		{ "protocl:tcp", "did you mean \"proto\"", 1 },
		{ "src:nowhere", "\"nowhere\" is no address", 5 },
		{ "src:192.0.2.1,nowhere", "\"nowhere\" is no address", 15 },
		{ "dport:70000", "\"70000\" is no port", 7 },
		{ "dport:9..5", "ends before it begins", 7 },
		{ "src:192.0.2.9..192.0.2.1", "ends before it begins", 5 },
		{ "dport>5..9", "\"5..9\" is no port", 7 },
		{ "dport>5,9", "takes one value", 7 },
		{ "bytes<0", "Nothing is beyond", 7 },
		{ "state:angry", "\"angry\" is no state", 7 },
		{ "state>new", "has no larger or smaller", 7 },
		{ "flags:XY", "\"XY\" is no set of TCP flags", 7 },
		{ "since:soon", "\"soon\" is no time", 7 },
		{ "since:5", "\"5\" is no time", 7 },
		{ "since:\"\"", "\"\" is no time", 7 },
		{ "duration:fast", "\"fast\" is no duration", 10 },
		{ "bytes>1X", "\"1X\" is no size", 7 },
		{ "bytes > 1M", "without blanks", 7 },
		{ "bytes:", "missing behind \"bytes\"", 7 },
		{ "sni:", "missing behind \"sni\"", 5 },
		{ "sni:a,", "value is missing", 7 },
		{ "(proto:tcp", "not closed", 1 },
		{ "proto:tcp)", "Nothing is open", 10 },
		{ "proto:tcp OR", "condition is missing", 13 },
		{ "OR proto:tcp", "condition is missing", 1 },
		{ "()", "Nothing is open", 2 },
		{ "NOT", "condition is missing", 4 },
		{ "sni:\"a b", "quote has no end", 5 },
		{ "a,b", "needs its field", 2 },
		/* columns count characters, not bytes */
		{ "sni:\xc3\xa4\xc3\xb6 x:1", "\"x\"", 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow_query_error error;
		struct flow_query *query = NULL;
		char place[32];

		if (flow_query_parse(cases[i].text, NOW_MS, &query, &error) != -22)
			fail_msg("\"%s\" was accepted", cases[i].text);
		(void)snprintf(place, sizeof(place), "(column %u)", cases[i].column);
		if (error.column != cases[i].column || !strstr(error.text, cases[i].named) ||
		    !strstr(error.text, place))
			fail_msg("\"%s\": %s", cases[i].text, error.text);
	}
}

static void expect_refused(const char *text, const char *named)
{
	struct flow_query_error error;
	struct flow_query *query = NULL;

	assert_int_equal(flow_query_parse(text, NOW_MS, &query, &error), -22);
	if (!strstr(error.text, named))
		fail_msg("\"%s\": %s", named, error.text);
}

static void repeat(char *out, const char *text, unsigned int times)
{
	for (*out = '\0'; times; times--)
		strcat(out, text);
}

static void length_depth_and_number_are_bounded(void **state)
{
	char text[3 * FLOW_QUERY_TEXT_MAX];
	struct flow_query *query;

	(void)state;
	repeat(text, "a ", FLOW_QUERY_TERMS_MAX);
	query = parse(text);
	flow_query_free(query);
	strcat(text, "a");
	expect_refused(text, "Too many conditions");
	repeat(text, "a", FLOW_QUERY_TEXT_MAX);
	query = parse(text);
	flow_query_free(query);
	strcat(text, "a");
	expect_refused(text, "too long");
	repeat(text, "(", FLOW_QUERY_DEPTH_MAX + 1);
	expect_refused(text, "too deep");
	repeat(text, "-", FLOW_QUERY_DEPTH_MAX + 1);
	strcat(text, "a");
	expect_refused(text, "too deep");
	strcpy(text, "dport:1");
	for (int i = 0; i < FLOW_QUERY_VALUES_MAX; i++)
		strcat(text, ",2");
	expect_refused(text, "Too many values");
}

static void expect_plan(const char *text, int64_t from, int64_t to, size_t addrs)
{
	CLEANUP(flow_query_free) struct flow_query *query = parse(text);
	const struct flow_query_plan *plan = flow_query_plan(query);

	if (plan->from_unix_ms != from || plan->to_unix_ms != to || plan->addr_count != addrs)
		fail_msg("\"%s\": from %lld to %lld, %zu addresses", text,
			 (long long)plan->from_unix_ms, (long long)plan->to_unix_ms,
			 plan->addr_count);
}

static void plans_hold_every_match_and_little_else(void **state)
{
	const int64_t hour = NOW_MS - 3600000;

	(void)state;
	expect_plan("", 0, INT64_MAX, 0);
	expect_plan("since:1h", hour, INT64_MAX, 0);
	expect_plan("since:1h until:now", hour, NOW_MS, 0);
	expect_plan("since:1h OR proto:tcp", 0, INT64_MAX, 0);
	expect_plan("since:1h OR since:2h", NOW_MS - 7200000, INT64_MAX, 0);
	expect_plan("-since:1h", 0, INT64_MAX, 0);
	expect_plan("until:1h since:now", NOW_MS, NOW_MS, 0); /* nothing can match */
	expect_plan("src:192.0.2.1", 0, INT64_MAX, 1);
	expect_plan("192.0.2.1 dst:192.0.2.2,192.0.2.3", 0, INT64_MAX, 1);
	expect_plan("src:192.0.2.1 OR dst:192.0.2.2", 0, INT64_MAX, 2);
	expect_plan("src:192.0.2.1 OR proto:tcp", 0, INT64_MAX, 0);
	expect_plan("-src:192.0.2.1", 0, INT64_MAX, 0);
	expect_plan("src:192.0.2.0/24", 0, INT64_MAX, 0);
	expect_plan("src:192.0.2.1,192.0.3.0/24", 0, INT64_MAX, 0);
	expect_plan("(src:192.0.2.1 since:1h) OR (dst:192.0.2.2 since:2h)", NOW_MS - 7200000,
		    INT64_MAX, 2);
}

static void plans_name_what_conditions_look_at(void **state)
{
	static const struct {
		const char *text;
		unsigned int needs;
	} cases[] = {
		{ "", 0 },
		{ "since:1h verdict:drop", 0 },
		{ "src:192.0.2.1", FLOW_NEED_ADDRS },
		{ "dport:443 -proto:tcp", FLOW_NEED_PORTS | FLOW_NEED_PROTO },
		{ "iface:eth0", FLOW_NEED_STATE },
		{ "sni:a OR rule:5", FLOW_NEED_NAMES },
		{ "bytes>1 packets>1 duration>1",
		  FLOW_NEED_BYTES | FLOW_NEED_PACKETS | FLOW_NEED_START },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP(flow_query_free) struct flow_query *query = parse(cases[i].text);

		assert_int_equal(flow_query_plan(query)->needs, cases[i].needs);
	}
}

static void what_only_the_history_has_asks_for_it(void **state)
{
	static const struct {
		const char *text;
		bool has_verdict;
	} cases[] = {
		{ "dport:443", false },
		{ "verdict:drop", true },
		{ "src:192.0.2.1 rule:5", true },
		{ "incident>0", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP(flow_query_free) struct flow_query *query = parse(cases[i].text);

		assert_int_equal(flow_query_plan(query)->has_verdict, cases[i].has_verdict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_match_by_prefix_range_and_part),
		cmocka_unit_test(numbers_match_by_order_range_and_unit),
		cmocka_unit_test(words_match_what_they_name),
		cmocka_unit_test(joined_words_match_as_written),
		cmocka_unit_test(times_bound_the_end_of_a_record),
		cmocka_unit_test(wrong_words_are_named_with_their_place),
		cmocka_unit_test(length_depth_and_number_are_bounded),
		cmocka_unit_test(plans_hold_every_match_and_little_else),
		cmocka_unit_test(plans_name_what_conditions_look_at),
		cmocka_unit_test(what_only_the_history_has_asks_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
