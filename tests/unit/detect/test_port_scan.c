/*
 * When a vertical port scan is found, and what must not be taken for one. Floors are those of the
 * measured starting values: 20 ports in 10 s or 60 in an hour, 70 % of them failed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detect.h"
#include "agent/util/addr.h"

#define S    1000000000ULL
#define MS   1000000ULL
#define T0   (1000 * S)
#define UNIX 1700000000000LL /* at T0 */

struct seen {
	struct detect *detect;
	struct finding last;
	unsigned int count;
	uint64_t next_id;
};

static void on_finding(void *arg, const struct finding *finding)
{
	struct seen *seen = arg;

	if (finding->detector != DETECTOR_PORT_SCAN)
		return; /* regular attempts are a beacon, too */
	seen->last = *finding;
	seen->count++;
}

static struct seen *begin(unsigned int hosts_max)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	const struct detect_options options = { .on_finding = on_finding,
						.arg = seen,
						.hosts_max = hosts_max };

	assert_non_null(seen);
	assert_int_equal(detect_new(&options, &seen->detect), 0);
	return seen;
}

static void end(struct seen *seen)
{
	detect_free(seen->detect);
	free(seen);
}

/* A SYN without an answer, at @at_ns. */
static struct flow probe(const char *src, const char *dst, uint16_t port, uint64_t at_ns)
{
	struct flow flow = { .tuple = { .src_port = 45000, .dst_port = port, .proto = IPPROTO_TCP },
			     .packets_out = 1,
			     .bytes_out = 44,
			     .tcp_flags_out = TCP_FLAG_SYN,
			     .first_ns = at_ns,
			     .last_ns = at_ns };

	assert_int_equal(addr_parse(src, &flow.tuple.src), 0);
	assert_int_equal(addr_parse(dst, &flow.tuple.dst), 0);
	return flow;
}

static struct flow refused(struct flow flow)
{
	flow.packets_in = 1;
	flow.bytes_in = 40;
	flow.tcp_flags_in = TCP_FLAG_RST | TCP_FLAG_ACK;
	flow.state = FLOW_CLOSED;
	return flow;
}

static struct flow answered(struct flow flow)
{
	flow.packets_out = 5;
	flow.packets_in = 4;
	flow.bytes_in = 3000;
	flow.tcp_flags_out = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_FIN;
	flow.tcp_flags_in = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_PSH | TCP_FLAG_FIN;
	flow.state = FLOW_CLOSED;
	return flow;
}

static struct flow udp(struct flow flow)
{
	flow.tuple.proto = IPPROTO_UDP;
	flow.tcp_flags_out = flow.tcp_flags_in = 0;
	return flow;
}

static void feed(struct seen *seen, struct flow flow)
{
	flow.id = ++seen->next_id;
	detect_flow(seen->detect, &flow, true, flow.last_ns);
}

static void tick(struct seen *seen, uint64_t now_ns)
{
	detect_tick(seen->detect, now_ns, UNIX + (int64_t)((now_ns - T0) / MS));
}

#define SCANNER "198.18.0.2"
#define VICTIM	"198.18.0.1"

/* ---- what is a scan ---------------------------------------------------------------------------
 */

static void thousand_ports_are_found_at_the_first_tick(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 1000; i++) {
		struct flow flow = probe(SCANNER, VICTIM, (uint16_t)(1 + i), T0 + i * 2 * MS);

		feed(seen, i == 21 || i == 79 ? answered(flow) : refused(flow));
	}
	tick(seen, T0 + 2 * S);
	assert_int_equal(seen->count, 1);
	assert_int_equal(seen->last.detector, DETECTOR_PORT_SCAN);
	assert_int_equal(seen->last.severity, SEVERITY_MEDIUM);
	assert_int_equal(seen->last.count, 1000);
	assert_int_equal(seen->last.proto, IPPROTO_TCP);
	assert_int_equal(seen->last.dst_port, 0);
	assert_int_equal(seen->last.first_unix_ms, UNIX);
	assert_in_range(seen->last.last_unix_ms, UNIX + 1990, UNIX + 2000);
	assert_int_equal(seen->last.evidence_count, FINDING_EVIDENCE_MAX);
	/* 998/1000 failed; 1000 ports against a floor of 20: 0.998 * 1000 / 1020 */
	assert_true(seen->last.score > 0.9779 && seen->last.score < 0.9781);
	assert_string_equal(seen->last.reason,
			    "198.18.0.2 tried 1000 ports of 198.18.0.1 in 2 s; 998 gave no answer "
			    "or were refused. Normal is under 20 ports in 10 s.");
	end(seen);
}

static void twenty_silent_ports_are_found_and_nineteen_are_not(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 19; i++)
		feed(seen, probe(SCANNER, VICTIM, (uint16_t)(100 + i), T0 + i * 100 * MS));
	tick(seen, T0 + 2 * S);
	assert_int_equal(seen->count, 0);
	feed(seen, probe(SCANNER, VICTIM, 119, T0 + 2 * S));
	tick(seen, T0 + 3 * S);
	assert_int_equal(seen->count, 1);
	assert_int_equal(seen->last.count, 20);
	end(seen);
}

static void answer_read_before_its_probe_does_not_blame_the_victim(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	/* A connect scan: another source port each; the resets are read first, then turned. */
	for (uint16_t i = 0; i < 100; i++) {
		struct flow flow = probe(SCANNER, VICTIM, (uint16_t)(1 + i), T0 + i * MS);
		struct flow back = probe(VICTIM, SCANNER, (uint16_t)(40000 + i), T0 + i * MS);

		back.tuple.src_port = (uint16_t)(1 + i);
		back.tcp_flags_out = TCP_FLAG_RST | TCP_FLAG_ACK;
		feed(seen, back);
		flow.tuple.src_port = (uint16_t)(40000 + i);
		seen->next_id--;
		feed(seen, refused(flow));
	}
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 1);
	assert_true(addr_is_equal(&seen->last.src, &seen->last.evidence[0].tuple.src));
	assert_memory_equal(seen->last.src.bytes + 12, "\xc6\x12\x00\x02", 4);
	end(seen);
}

static void slow_scan_is_found_within_the_hour(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 60; i++) {
		assert_int_equal(seen->count, 0);
		feed(seen, probe(SCANNER, VICTIM, (uint16_t)(1 + i), T0 + i * 30 * S));
		tick(seen, T0 + i * 30 * S + S);
	}
	assert_int_equal(seen->count, 1);
	assert_int_equal(seen->last.count, 60);
	assert_non_null(strstr(seen->last.reason, "in 30 min;"));
	assert_non_null(strstr(seen->last.reason, "under 60 ports in 1 h."));
	end(seen);
}

static void one_port_a_minute_and_a_half_stays_below(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 400; i++) { /* 40 an hour, ten hours */
		feed(seen, probe(SCANNER, VICTIM, (uint16_t)(1 + i), T0 + i * 90 * S));
		tick(seen, T0 + i * 90 * S + S);
	}
	assert_int_equal(seen->count, 0);
	end(seen);
}

static void udp_scan_names_its_protocol(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 30; i++)
		feed(seen, udp(probe(SCANNER, VICTIM, (uint16_t)(1 + i), T0 + i * MS)));
	tick(seen, T0 + S); /* it may be a flood over many ports */
	assert_int_equal(seen->count, 0);
	tick(seen, T0 + 2200 * MS);
	assert_int_equal(seen->count, 1);
	assert_int_equal(seen->last.proto, IPPROTO_UDP);
	assert_non_null(strstr(seen->last.reason, "tried 30 UDP ports of"));
	end(seen);
}

static void fin_scan_is_found(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 30; i++) {
		struct flow flow = probe(SCANNER, VICTIM, (uint16_t)(1 + i), T0 + i * MS);

		flow.tcp_flags_out = TCP_FLAG_FIN;
		feed(seen, flow);
	}
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 1);
	end(seen);
}

static void ipv6_scan_is_found(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 30; i++)
		feed(seen, probe("2001:db8::2", "2001:db8::1", (uint16_t)(1 + i), T0 + i * MS));
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 1);
	assert_non_null(strstr(seen->last.reason, "2001:db8::2 tried 30 ports of 2001:db8::1"));
	end(seen);
}

/* ---- repeating --------------------------------------------------------------------------------
 */

static void finding_repeats_every_ten_seconds_while_it_goes_on(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t second = 0; second < 25; second++) {
		for (uint16_t i = 0; i < 50; i++)
			feed(seen, probe(SCANNER, VICTIM, (uint16_t)(1 + second * 50 + i),
					 T0 + second * S + i * MS));
		tick(seen, T0 + second * S + 500 * MS);
	}
	assert_int_equal(seen->count, 3);
	for (uint16_t second = 25; second < 60; second++)
		tick(seen, T0 + second * S + 500 * MS);
	assert_int_equal(seen->count, 4); /* the ports since the third */
	assert_int_equal(seen->last.count, 1250);
	end(seen);
}

static void scan_after_a_pause_is_counted_anew(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 200; i++)
		feed(seen, probe(SCANNER, VICTIM, (uint16_t)(1 + i), T0 + i * MS));
	tick(seen, T0 + S);
	for (uint16_t i = 0; i < 100; i++)
		feed(seen, probe(SCANNER, VICTIM, (uint16_t)(1 + i), T0 + 600 * S + i * MS));
	tick(seen, T0 + 601 * S);
	assert_int_equal(seen->count, 2);
	assert_int_equal(seen->last.count, 100);
	end(seen);
}

static void connections_to_a_known_port_after_a_scan_are_no_news(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 62; i++)
		feed(seen, probe(SCANNER, VICTIM, (uint16_t)(1 + i), T0 + i * MS));
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 1);
	for (uint64_t minute = 1; minute < 50; minute++) {
		feed(seen, probe(SCANNER, VICTIM, 1, T0 + minute * 60 * S));
		tick(seen, T0 + minute * 60 * S + S);
	}
	assert_int_equal(seen->count, 1);
	end(seen);
}

/* ---- what is not a scan -----------------------------------------------------------------------
 */

static void busy_client_of_one_port_is_quiet(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 5000; i++) {
		struct flow flow = probe("192.0.2.7", VICTIM, 443, T0 + i * MS);

		flow.tuple.src_port = (uint16_t)(1024 + i); /* a NAT has many */
		feed(seen, i % 2 ? answered(flow) : flow);
	}
	tick(seen, T0 + 5 * S);
	assert_int_equal(seen->count, 0);
	end(seen);
}

static void client_whose_many_ports_answer_is_quiet(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 500; i++) /* passive FTP: a port per file */
		feed(seen,
		     answered(probe("192.0.2.7", VICTIM, (uint16_t)(20000 + i), T0 + i * MS)));
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 0);
	end(seen);
}

static void less_than_seventy_percent_failed_is_quiet(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 100; i++) {
		struct flow flow = probe("192.0.2.7", VICTIM, (uint16_t)(20000 + i), T0 + i * MS);

		feed(seen, i < 69 ? refused(flow) : answered(flow));
	}
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 0);
	end(seen);
}

static void late_answer_takes_a_failure_back(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 40; i++)
		feed(seen, probe("192.0.2.7", VICTIM, (uint16_t)(20000 + i), T0 + i * MS));
	for (uint16_t i = 0; i < 40; i++)
		feed(seen,
		     answered(probe("192.0.2.7", VICTIM, (uint16_t)(20000 + i), T0 + i * MS)));
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 0);
	end(seen);
}

static void server_answering_many_client_ports_is_quiet(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 200; i++) {
		struct flow flow = probe(VICTIM, "192.0.2.7", (uint16_t)(40000 + i), T0 + i * MS);

		flow.tuple.src_port = 443; /* only the server's side is seen */
		flow.tcp_flags_out = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_PSH;
		feed(seen, flow);
		flow = udp(probe("192.0.2.53", "192.0.2.7", (uint16_t)(40000 + i), T0 + i * MS));
		flow.tuple.src_port = 53;
		feed(seen, flow);
	}
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 0);
	end(seen);
}

static void traceroute_is_quiet(void **state)
{
	struct seen *seen = begin(64);

	(void)state;
	for (uint16_t i = 0; i < 90; i++) /* 30 hops, 3 probes each; answers are ICMP */
		feed(seen, udp(probe("192.0.2.7", VICTIM, (uint16_t)(33434 + i), T0 + i * MS)));
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 0);
	end(seen);
}

static void many_destinations_with_one_port_each_are_quiet(void **state)
{
	struct seen *seen = begin(1024);

	(void)state;
	for (uint16_t i = 0; i < 250; i++) {
		char dst[32];

		(void)snprintf(dst, sizeof(dst), "198.18.1.%u", i);
		feed(seen, probe("192.0.2.7", dst, (uint16_t)(1 + i), T0 + i * MS));
	}
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 0);
	end(seen);
}

/* ---- bounds -----------------------------------------------------------------------------------
 */

static void flood_of_made_up_sources_does_not_hide_a_scan(void **state)
{
	struct seen *seen = begin(1024);

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		char src[32];

		(void)snprintf(src, sizeof(src), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		feed(seen, probe(src, VICTIM, (uint16_t)(1 + i % 65535), T0 + i * MS / 10));
		if (i % 100 == 0)
			feed(seen,
			     probe(SCANNER, VICTIM, (uint16_t)(1 + i / 100), T0 + i * MS / 10));
	}
	tick(seen, T0 + 2 * S);
	assert_int_equal(seen->count, 1);
	assert_int_equal(seen->last.count, 200);
	assert_true(detect_full_count(seen->detect) > 18000);
	end(seen);
}

static void more_scans_at_once_than_cases_are_still_found(void **state)
{
	struct seen *seen = begin(4096);

	(void)state;
	for (uint16_t source = 0; source < 400; source++) {
		char src[32];

		(void)snprintf(src, sizeof(src), "10.0.%d.%d", source >> 8, source & 255);
		for (uint16_t i = 0; i < 100; i++)
			feed(seen, probe(src, VICTIM, (uint16_t)(1 + i), T0 + i * MS));
	}
	tick(seen, T0 + S);
	assert_int_equal(seen->count, 400);
	assert_true(detect_full_count(seen->detect) >= 144);
	end(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousand_ports_are_found_at_the_first_tick),
		cmocka_unit_test(twenty_silent_ports_are_found_and_nineteen_are_not),
		cmocka_unit_test(answer_read_before_its_probe_does_not_blame_the_victim),
		cmocka_unit_test(slow_scan_is_found_within_the_hour),
		cmocka_unit_test(one_port_a_minute_and_a_half_stays_below),
		cmocka_unit_test(udp_scan_names_its_protocol),
		cmocka_unit_test(fin_scan_is_found),
		cmocka_unit_test(ipv6_scan_is_found),
		cmocka_unit_test(finding_repeats_every_ten_seconds_while_it_goes_on),
		cmocka_unit_test(scan_after_a_pause_is_counted_anew),
		cmocka_unit_test(connections_to_a_known_port_after_a_scan_are_no_news),
		cmocka_unit_test(busy_client_of_one_port_is_quiet),
		cmocka_unit_test(client_whose_many_ports_answer_is_quiet),
		cmocka_unit_test(less_than_seventy_percent_failed_is_quiet),
		cmocka_unit_test(late_answer_takes_a_failure_back),
		cmocka_unit_test(server_answering_many_client_ports_is_quiet),
		cmocka_unit_test(traceroute_is_quiet),
		cmocka_unit_test(many_destinations_with_one_port_each_are_quiet),
		cmocka_unit_test(flood_of_made_up_sources_does_not_hide_a_scan),
		cmocka_unit_test(more_scans_at_once_than_cases_are_still_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
