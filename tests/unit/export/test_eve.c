/*
 * EVE lines against what Suricata's userguide (output/eve/eve-json-format.rst) and its schema name,
 * written out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/export/export.h"
#include "agent/export/internal.h"
#include "agent/util/addr.h"

#define MS 1000000LL

struct world {
	struct eve *eve;
	char text[1 << 20];
	size_t len, writes;
	int result; /* of write */
	struct dns_message dns;
	struct hello hello;
	struct http_message http;
};

static int keep(void *arg, const char *text, size_t len)
{
	struct world *world = arg;

	world->writes++;
	if (world->result)
		return world->result;
	assert_true(world->len + len < sizeof(world->text));
	memcpy(world->text + world->len, text, len);
	world->len += len;
	return 0;
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	const struct eve_options options = {
		.unix_ns = 1700000000LL * 1000 * MS, /* 2023-11-14T22:13:20Z: date -u -d @1700000000
						      */
		.arg = world,
		.write = keep,
	};

	*state = world;
	return eve_new(&options, &world->eve);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	eve_free(world->eve);
	free(world);
	return 0;
}

static struct five_tuple tuple_of(const char *src, uint16_t src_port, const char *dst,
				  uint16_t dst_port, uint8_t proto)
{
	struct five_tuple tuple = { .src_port = src_port, .dst_port = dst_port, .proto = proto };

	assert_int_equal(addr_parse(src, &tuple.src), 0);
	assert_int_equal(addr_parse(dst, &tuple.dst), 0);
	return tuple;
}

/* All that was written so far, without its flow_id, which is a hash. */
static const char *said(struct world *world)
{
	static const char key[] = "\"flow_id\":";
	char *at;

	assert_int_equal(eve_flush(world->eve), 0);
	world->text[world->len] = '\0';
	while ((at = strstr(world->text, key)) != NULL) {
		size_t len = strcspn(at, ",") + 1;

		memmove(at, at + len, strlen(at + len) + 1);
	}
	world->len = strlen(world->text);
	return world->text;
}

static void name(struct world *world, enum name_kind kind, struct five_tuple tuple)
{
	struct name_event event = { .kind = kind, .tuple = tuple, .at_ns = 1500 * MS };

	if (kind == NAME_DNS_QUERY || kind == NAME_DNS_ANSWER)
		event.dns = &world->dns;
	else if (kind == NAME_TLS_HELLO || kind == NAME_QUIC_HELLO)
		event.hello = &world->hello;
	else if (kind == NAME_SSH_BANNER)
		event.ssh = "SSH-2.0-OpenSSH_9.2p1 Debian-2";
	else
		event.http = &world->http;
	eve_name(world->eve, &event);
}

/* ---- flows and stats ---- */

static void flow_says_what_it_gained_since_its_last_cut(void **state)
{
	struct world *world = *state;
	const struct flow flow = {
		.tuple = tuple_of("198.18.0.1", 40000, "198.18.0.2", 443, 6),
		.state = FLOW_CLOSED,
		.is_final = true,
		.vlan = 7,
		.tcp_flags_out = 0x1b,
		.tcp_flags_in = 0x12,
		.packets_out = 10,
		.cut_packets_out = 4,
		.bytes_out = 1000,
		.cut_bytes_out = 300,
		.packets_in = 9,
		.bytes_in = 5000,
		.first_ns = 0,
		.last_ns = 2999 * (uint64_t)MS,
		.start_unix_ms = 1700000000250,
		.end_unix_ms = 1700000003249,
	};

	eve_flow(world->eve, &flow);
	assert_string_equal(
		said(world),
		"{\"timestamp\":\"2023-11-14T22:13:23.249000+0000\",\"event_type\":\"flow\","
		"\"vlan\":[7],\"src_ip\":\"198.18.0.1\",\"src_port\":40000,"
		"\"dest_ip\":\"198.18.0.2\",\"dest_port\":443,\"ip_v\":4,\"proto\":\"TCP\","
		"\"flow\":{\"pkts_toserver\":6,\"pkts_toclient\":9,\"bytes_toserver\":700,"
		"\"bytes_toclient\":5000,\"start\":\"2023-11-14T22:13:20.250000+0000\","
		"\"end\":\"2023-11-14T22:13:23.249000+0000\",\"age\":2,\"state\":\"closed\","
		"\"reason\":\"timeout\",\"alerted\":false},\"tcp\":{\"tcp_flags\":\"1b\","
		"\"tcp_flags_ts\":\"1b\",\"tcp_flags_tc\":\"12\",\"syn\":true,\"fin\":true,"
		"\"psh\":true,\"ack\":true,\"state\":\"closed\"}}\n");
}

/* Suricata has no ports where the protocol has none, and three digits where it knows no name. */
static void protocols_without_ports_say_none(void **state)
{
	struct world *world = *state;
	struct flow flow = { .tuple = tuple_of("2001:db8::1", 0, "2001:db8::2", 0, 58),
			     .packets_out = 1 };
	const char *text;

	eve_flow(world->eve, &flow);
	flow.tuple.proto = 47;
	eve_flow(world->eve, &flow);
	text = said(world);
	assert_null(strstr(text, "_port"));
	assert_null(strstr(text, "\"tcp\""));
	assert_non_null(strstr(text, "\"ip_v\":6,\"proto\":\"IPv6-ICMP\""));
	assert_non_null(strstr(text, "\"proto\":\"047\""));
	assert_non_null(strstr(text, "\"state\":\"new\",\"reason\":\"forced\""));
}

static void flow_id_is_of_both_ways_and_fits_a_double(void **state)
{
	const struct five_tuple there = tuple_of("198.18.0.1", 1, "198.18.0.2", 2, 6);
	const struct five_tuple back = tuple_of("198.18.0.2", 2, "198.18.0.1", 1, 6);
	const struct five_tuple udp = tuple_of("198.18.0.1", 1, "198.18.0.2", 2, 17);

	(void)state;
	assert_true(eve_flow_id(&there) == eve_flow_id(&back));
	assert_true(eve_flow_id(&there) != eve_flow_id(&udp));
	assert_true(eve_flow_id(&there) < 1ULL << 53);
}

static void stats_are_a_line(void **state)
{
	struct world *world = *state;
	const struct eve_stats stats = { .unix_ns = 1700000000LL * 1000 * MS + 1000,
					 .uptime_s = 5,
					 .packets = UINT64_MAX,
					 .bytes = 9,
					 .dropped = 1,
					 .invalid = 2,
					 .flows = 3 };

	eve_stats(world->eve, &stats);
	assert_string_equal(said(world),
			    "{\"timestamp\":\"2023-11-14T22:13:20.000001+0000\","
			    "\"event_type\":\"stats\",\"stats\":{\"uptime\":5,\"capture\":"
			    "{\"kernel_packets\":18446744073709551615,\"kernel_drops\":1},"
			    "\"decoder\":{\"pkts\":18446744073709551615,\"bytes\":9,"
			    "\"invalid\":2},\"flow\":{\"total\":3}}}\n");
}

/* ---- names ---- */

static void dns_answer_has_questions_and_records(void **state)
{
	struct world *world = *state;
	struct dns_message *dns = &world->dns;

	dns->id = 4660;
	dns->flags = 0x8183;
	dns->rcode = 3;
	dns->is_answer = true;
	dns->question_count = 1;
	(void)snprintf(dns->questions[0].name, sizeof(dns->questions[0].name), "a\\\".example");
	dns->questions[0].type = 65;
	dns->answer_count = 2;
	(void)snprintf(dns->answers[0].name, sizeof(dns->answers[0].name), "b.example");
	dns->answers[0].type = 1;
	dns->answers[0].ttl_s = 60;
	assert_int_equal(addr_parse("192.0.2.1", &dns->answers[0].addr), 0);
	dns->answers[1].type = 4711;
	name(world, NAME_DNS_ANSWER, tuple_of("198.18.0.1", 5353, "198.18.0.2", 53, 17));
	assert_string_equal(
		said(world),
		"{\"timestamp\":\"2023-11-14T22:13:21.500000+0000\",\"event_type\":\"dns\","
		"\"src_ip\":\"198.18.0.1\",\"src_port\":5353,\"dest_ip\":\"198.18.0.2\","
		"\"dest_port\":53,\"ip_v\":4,\"proto\":\"UDP\",\"dns\":{\"version\":3,"
		"\"type\":\"response\",\"id\":4660,\"flags\":\"8183\",\"qr\":true,\"rd\":true,"
		"\"ra\":true,\"opcode\":0,\"rcode\":\"NXDOMAIN\",\"queries\":[{\"rrname\":"
		"\"a\\\\\\\".example\",\"rrtype\":\"HTTPS\"}],\"answers\":[{\"rrname\":"
		"\"b.example\",\"rrtype\":\"A\",\"ttl\":60,\"rdata\":\"192.0.2.1\"},"
		"{\"rrname\":\"\",\"rrtype\":\"TYPE4711\",\"ttl\":0}]}}\n");
}

/* What agent/names wrote as \DDD: beyond ASCII it is U+FFFD, else it stays. */
static void bytes_of_an_alpn_beyond_ascii_are_replaced(void **state)
{
	static const char *const offered[] = { "\\201\\255x", "h2",   "\\010\\127",
					       "a\\092b",     "\\12", "\\300" };
	struct world *world = *state;

	world->hello.version = 0x0304;
	for (size_t i = 0; i < 6; i++)
		(void)snprintf(world->hello.alpn[i], ALPN_TEXT_MAX, "%s", offered[i]);
	world->hello.alpn_count = 6;
	name(world, NAME_TLS_HELLO, tuple_of("198.18.0.1", 1, "198.18.0.2", 443, 6));
	assert_non_null(strstr(said(world), "\"tls\":{\"version\":\"TLS 1.3\",\"client_alpns\":"
					    "[\"\\ufffd\\ufffdx\",\"h2\",\"\\\\010\\\\127\","
					    "\"a\\\\092b\",\"\\\\12\",\"\\\\300\"]}}"));
}

static void hello_without_alpn_has_an_empty_list(void **state)
{
	struct world *world = *state;

	world->hello.version = 0x1234;
	(void)snprintf(world->hello.ja3, sizeof(world->hello.ja3), "abc");
	name(world, NAME_TLS_HELLO, tuple_of("198.18.0.1", 1, "198.18.0.2", 443, 6));
	assert_non_null(strstr(said(world), "\"tls\":{\"version\":\"0x1234\",\"ja3\":{\"hash\":"
					    "\"abc\",\"string\":\"\"},\"client_alpns\":[]}}"));
}

static void quic_says_its_version(void **state)
{
	static const struct {
		uint32_t version;
		const char *text;
	} cases[] = { { 1, "\"1\"" },
		      { 0x6b3343cf, "\"2\"" },
		      { 0xff00001d, "\"draft-29\"" },
		      { 0xbabababa, "\"0xbabababa\"" } };
	struct world *world = *state;
	char want[64];

	(void)snprintf(world->hello.sni, sizeof(world->hello.sni), "q.example");
	(void)snprintf(world->hello.alpn[0], ALPN_TEXT_MAX, "h3");
	world->hello.alpn_count = 1;
	for (size_t i = 0; i < 4; i++) {
		world->hello.quic_version = cases[i].version;
		name(world, NAME_QUIC_HELLO, tuple_of("198.18.0.1", 1, "198.18.0.2", 443, 17));
		(void)snprintf(want, sizeof(want),
			       "\"quic\":{\"version\":%s,\"sni\":\"q.example\"}", cases[i].text);
		assert_non_null(strstr(said(world), want));
	}
	assert_non_null(
		strstr(world->text, "\"metadata\":{\"flowvars\":[{\"quic_alpn\":\"h3\"}]}"));
}

static void http_says_the_host_field_not_the_target(void **state)
{
	struct world *world = *state;

	world->http = (struct http_message){ .method = "GET",
					     .host = "h\\255.example",
					     .authority = "other.example",
					     .path = "/<\x01>",
					     .port = 8080,
					     .agent = "curl \"8\"" };
	name(world, NAME_HTTP_REQUEST, tuple_of("198.18.0.1", 1, "198.18.0.2", 80, 6));
	assert_non_null(strstr(said(world),
			       "\"http\":{\"hostname\":\"h\\ufffd.example\",\"http_port\":8080,"
			       "\"http_method\":\"GET\",\"url\":\"/<\\u0001>\","
			       "\"http_user_agent\":\"curl \\\"8\\\"\"}}"));
	world->http = (struct http_message){ .status = 404 };
	name(world, NAME_HTTP_RESPONSE, tuple_of("198.18.0.1", 1, "198.18.0.2", 80, 6));
	assert_non_null(strstr(said(world), "\"http\":{\"status\":404}}"));
}

/* Of a banner the sender is the source; in EVE it is always the client. */
static void ssh_servers_banner_has_the_client_as_source(void **state)
{
	struct world *world = *state;

	name(world, NAME_SSH_BANNER, tuple_of("198.18.0.2", 22, "198.18.0.1", 40000, 6));
	assert_non_null(strstr(said(world),
			       "\"src_ip\":\"198.18.0.1\",\"src_port\":40000,\"dest_ip\":"
			       "\"198.18.0.2\",\"dest_port\":22,\"ip_v\":4,\"proto\":\"TCP\","
			       "\"ssh\":{\"server\":{\"proto_version\":\"2.0\","
			       "\"software_version\":\"OpenSSH_9.2p1\"}}}"));
	name(world, NAME_SSH_BANNER, tuple_of("198.18.0.1", 40000, "198.18.0.2", 22, 6));
	assert_non_null(strstr(said(world), "\"ssh\":{\"client\":{"));
}

/* ---- writing ---- */

static void lines_go_on_whole_before_the_end(void **state)
{
	struct world *world = *state;
	const struct flow flow = { .tuple = tuple_of("198.18.0.1", 1, "198.18.0.2", 2, 17) };

	for (int i = 0; i < 1000; i++)
		eve_flow(world->eve, &flow);
	assert_true(world->writes >= 1);
	assert_int_equal(world->text[0], '{');
	assert_int_equal(world->text[world->len - 1], '\n');
}

static void first_error_of_writing_stays(void **state)
{
	struct world *world = *state;
	const struct eve_stats stats = { 0 };

	world->result = -ENOSPC;
	eve_stats(world->eve, &stats);
	assert_int_equal(eve_flush(world->eve), -ENOSPC);
	world->result = 0;
	eve_stats(world->eve, &stats);
	assert_int_equal(eve_flush(world->eve), -ENOSPC);
}

/* Against the C library's calendar: leap years, centuries, before 1970; 64 bits of ns end in 2262.
 */
static void times_are_those_of_the_calendar(void **state)
{
	(void)state;
	for (int64_t second = -3000000000; second < 9000000000; second += 7654321) {
		char expected[64], date[32];
		time_t at = (time_t)second;
		struct buffer out;
		struct tm tm;

		assert_non_null(gmtime_r(&at, &tm));
		assert_true(strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) > 0);
		(void)snprintf(expected, sizeof(expected), "\"t\":\"%s.000007+0000\"", date);
		buffer_init(&out, 1024);
		text_time(&out, "t", second * 1000000000 + 7000);
		assert_string_equal((const char *)out.data, expected);
		buffer_done(&out);
	}
}

#define EVE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EVE_TEST(flow_says_what_it_gained_since_its_last_cut),
		EVE_TEST(protocols_without_ports_say_none),
		EVE_TEST(flow_id_is_of_both_ways_and_fits_a_double),
		EVE_TEST(stats_are_a_line),
		EVE_TEST(dns_answer_has_questions_and_records),
		EVE_TEST(bytes_of_an_alpn_beyond_ascii_are_replaced),
		EVE_TEST(hello_without_alpn_has_an_empty_list),
		EVE_TEST(quic_says_its_version),
		EVE_TEST(http_says_the_host_field_not_the_target),
		EVE_TEST(ssh_servers_banner_has_the_client_as_source),
		EVE_TEST(lines_go_on_whole_before_the_end),
		EVE_TEST(first_error_of_writing_stays),
		EVE_TEST(times_are_those_of_the_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
