/*
 * The view filter: pcap expressions over flows, by pcap-filter(7), and where a wrong one is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/capture/capture.h"
#include "agent/util/addr.h"

static struct five_tuple tuple_of(const char *src, uint16_t sport, const char *dst, uint16_t dport,
				  uint8_t proto)
{
	struct five_tuple tuple = { .src_port = sport, .dst_port = dport, .proto = proto };

	assert_int_equal(addr_parse(src, &tuple.src), 0);
	assert_int_equal(addr_parse(dst, &tuple.dst), 0);
	return tuple;
}

static bool shows(const char *text, const struct five_tuple *tuple, uint16_t vlan)
{
	CLEANUP(capture_view_free) struct capture_view *view = NULL;

	assert_int_equal(capture_view_new(text, &view), 0);
	assert_non_null(view);
	return capture_view_has(view, tuple, vlan);
}

static void expressions_show_the_flows_of_their_packets(void **state)
{
	static const struct {
		const char *text;
		bool web, dns, six, ping;
	} cases[] = {
		/* the original's own default */
		{ "tcp port 80 or udp port 53 or tcp port 443", true, true, false, false },
		{ "tcp", true, false, true, false },
		{ "udp", false, true, false, false },
		{ "ip", true, true, false, true },
		{ "ip6", false, false, true, false },
		{ "icmp", false, false, false, true },
		{ "port 443", true, false, false, false },
		{ "src port 443", true, false, false, false }, /* the way back */
		{ "host 192.0.2.1", true, true, false, true },
		{ "src host 198.51.100.7", true, false, false, false },
		{ "net 198.51.100.0/24", true, false, false, false },
		{ "net 2001:db8::/32", false, false, true, false },
		{ "not tcp", false, true, false, true },
		{ "portrange 440-450", true, false, false, false },
		{ "tcp and not port 443", false, false, true, false },
	};
	const struct five_tuple web = tuple_of("192.0.2.1", 40000, "198.51.100.7", 443, 6);
	const struct five_tuple dns = tuple_of("192.0.2.1", 40001, "203.0.113.53", 53, 17);
	const struct five_tuple six = tuple_of("2001:db8::1", 40002, "2001:db8::2", 22, 6);
	const struct five_tuple ping = tuple_of("192.0.2.1", 0, "203.0.113.53", 0, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (shows(cases[i].text, &web, 0) != cases[i].web ||
		    shows(cases[i].text, &dns, 0) != cases[i].dns ||
		    shows(cases[i].text, &six, 0) != cases[i].six ||
		    shows(cases[i].text, &ping, 0) != cases[i].ping)
			fail_msg("%s", cases[i].text);
}

static void a_tag_is_seen_and_looked_through(void **state)
{
	const struct five_tuple web = tuple_of("192.0.2.1", 40000, "198.51.100.7", 443, 6);

	(void)state;
	assert_true(shows("vlan 12", &web, 12));
	assert_false(shows("vlan 12", &web, 13));
	assert_false(shows("vlan 12", &web, 0));
	assert_true(shows("vlan 12 and tcp port 443", &web, 12));
	assert_true(shows("tcp port 443", &web, 12));
}

static void a_wrong_expression_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *near, *column;
	} cases[] = {
		{ "tcp prot 80", "near \"prot 80\"", "(column 5)" },
		{ "tcp port 80 or udp port fiftythree-x", "near \"port fiftythree-x\"",
		  "(column 20)" },
		{ "nonsense!!", "near \"nonsense!!\"", "(column 1)" },
		{ "tcp port 80 and", "near \"the end\"", "(column 16)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char reason[CAPTURE_REASON_MAX] = "";
		struct capture_view *view;

		assert_int_equal(capture_view_check(cases[i].text, reason), -22);
		if (!strstr(reason, cases[i].near) || !strstr(reason, cases[i].column))
			fail_msg("\"%s\": %s", cases[i].text, reason);
		assert_int_equal(capture_view_new(cases[i].text, &view), -22);
	}
}

static void no_expression_is_no_filter(void **state)
{
	char reason[CAPTURE_REASON_MAX] = "";
	struct capture_view *view;

	(void)state;
	assert_int_equal(capture_view_check("", reason), 0);
	assert_int_equal(capture_view_new("", &view), 0);
	assert_null(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_show_the_flows_of_their_packets),
		cmocka_unit_test(a_tag_is_seen_and_looked_through),
		cmocka_unit_test(a_wrong_expression_is_refused_with_its_place),
		cmocka_unit_test(no_expression_is_no_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
