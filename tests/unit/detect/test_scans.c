/*
 * When a horizontal scan and password guessing are found, and what must not be taken for them.
 * Floors are those of the measured starting values: 30 hosts in 10 s or 100 in an hour with 70 %
 * failed; 10 connections in 60 s.
 */
#include "fixture.h"

#define SCANNER "198.18.0.2"
#define VICTIM	"198.18.0.1"

static struct addr host(uint32_t n)
{
	return addr_plus("198.18.4.0", n);
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

static void thirty_silent_hosts_are_a_sweep_and_twenty_nine_are_not(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (uint32_t i = 0; i < 29; i++)
		feed(seen, probe(addr_of(SCANNER), host(i), 8443, T0 + i * 100 * MS));
	tick(seen, T0 + 3 * S);
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 0);
	feed(seen, probe(addr_of(SCANNER), host(29), 443, T0 + 3 * S)); /* the same service */
	tick(seen, T0 + 4 * S);
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 1);
	assert_int_equal(seen->last[DETECTOR_HOST_SCAN].count, 30);
	assert_string_equal(
		seen->last[DETECTOR_HOST_SCAN].reason,
		"198.18.0.2 tried TCP port 443 of 30 hosts in 3 s; 30 gave no answer or "
		"refused. Normal is under 30 hosts in 10 s.");
	assert_int_equal(seen->last[DETECTOR_HOST_SCAN].severity, SEVERITY_MEDIUM);
	assert_true(seen->last[DETECTOR_HOST_SCAN].evidence_count > 0);
	assert_int_equal(others(seen, DETECTOR_HOST_SCAN), 0);
	end(seen);
}

static void slow_sweep_is_found_within_the_hour(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 0);
		feed(seen, probe(addr_of(SCANNER), host(i), 8081, T0 + i * 35 * S));
		tick(seen, T0 + i * 35 * S + S);
	}
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 1);
	end(seen);
}

static void worm_at_a_login_port_is_found_by_twenty_hosts(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (uint32_t i = 0; i < 20; i++) /* telnet at 23 and 2323, one host in 2.5 s */
		feed(seen, probe(addr_of(SCANNER), host(i), i % 3 ? 23 : 2323, T0 + i * 2500 * MS));
	tick(seen, T0 + 60 * S);
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 1);
	end(seen);
}

static void sweep_of_thousands_is_counted_and_worse(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (uint32_t i = 0; i < 5000; i++)
		feed(seen, probe(addr_of(SCANNER), host(i), 8081, T0 + i * MS));
	tick(seen, T0 + 5 * S);
	assert_int_equal(seen->last[DETECTOR_HOST_SCAN].count, 5000);
	assert_int_equal(seen->last[DETECTOR_HOST_SCAN].severity, SEVERITY_HIGH);
	end(seen);
}

static void answered_hosts_are_no_sweep(void **state)
{
	struct seen *seen = begin();

	(void)state;
	/* a proxy, a crawler, a NAT with many behind it: most places answer */
	for (uint32_t i = 0; i < 400; i++) {
		struct flow flow = probe(addr_of(SCANNER), host(i), 443, T0 + i * 20 * MS);

		feed(seen, i % 3 ? talked(flow, 3000, 40000, 500) : flow);
	}
	tick(seen, T0 + 9 * S);
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 0);
	end(seen);
}

static void ping_sweep_is_found_and_its_answers_are_none(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		struct flow_delta delta =
			delta_of(addr_of(SCANNER), host(i), 0, IPPROTO_ICMP, T0 + i * 10 * MS);

		delta.asks = true;
		detect_delta(seen->detect, &delta);
		if (i % 6)
			continue;
		delta = delta_of(host(i), addr_of(SCANNER), 0, IPPROTO_ICMP, T0 + i * 10 * MS);
		detect_delta(seen->detect, &delta);
	}
	tick(seen, T0 + S);
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 1);
	assert_non_null(strstr(seen->last[DETECTOR_HOST_SCAN].reason,
			       "198.18.0.2 pinged 60 hosts in 1 s; 50 gave no answer"));
	end(seen);
}

static void ping(struct seen *seen, uint32_t number, bool is_answered)
{
	uint64_t at_ns = T0 + number * 100 * MS;
	struct flow_delta delta = delta_of(addr_of(SCANNER), host(number), 0, IPPROTO_ICMP, at_ns);

	delta.asks = true;
	detect_delta(seen->detect, &delta);
	delta = delta_of(host(number), addr_of(SCANNER), 0, IPPROTO_ICMP, at_ns);
	if (is_answered)
		detect_delta(seen->detect, &delta);
}

static void twenty_pings_that_nobody_answers_are_a_sweep(void **state)
{
	(void)state;
	for (int answered = 0; answered < 2; answered++) {
		struct seen *seen = begin();

		for (uint32_t i = 0; i < 19; i++)
			ping(seen, i, i == 0 && answered);
		detect_glance(seen->detect, T0 + 2 * S, 0);
		assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 0);
		ping(seen, 19, false);
		detect_glance(seen->detect, T0 + 2 * S, 0);
		assert_int_equal(seen->count[DETECTOR_HOST_SCAN], !answered);
		end(seen);
	}
}

static void backscatter_does_not_blame_the_victim(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (uint32_t i = 0; i < 500; i++) { /* answers to made-up sources */
		struct flow flow = probe(addr_of(VICTIM), host(i), 1024, T0 + i * MS);

		flow.tcp_flags_out = TCP_FLAG_SYN | TCP_FLAG_ACK;
		feed(seen, flow);
	}
	tick(seen, T0 + S);
	assert_int_equal(others(seen, DETECTOR_COUNT), 0);
	end(seen);
}

static void busy_host_gets_a_limit_of_its_own(void **state)
{
	struct seen *seen = begin();
	uint64_t now = T0;

	(void)state;
	/* a monitor: 24 hosts that are often down, every 20 s, for six hours */
	for (int round = 0; round < 1100; round++, now += 20 * S) {
		for (uint32_t i = 0; i < 24; i++)
			feed(seen, probe(addr_of(SCANNER), host(i), 8081, now));
		tick(seen, now + S);
	}
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 0);
	for (uint32_t i = 0; i < 40; i++) /* above 30, below twice its own */
		feed(seen, probe(addr_of(SCANNER), host(i), 8081, now + 3700 * S));
	tick(seen, now + 3701 * S);
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 0);
	for (uint32_t i = 0; i < 40; i++) /* another host has no such history */
		feed(seen, probe(addr_of("198.18.0.9"), host(i), 8081, now + 3700 * S));
	tick(seen, now + 3702 * S);
	assert_int_equal(seen->count[DETECTOR_HOST_SCAN], 1);
	end(seen);
}

static void a_million_sources_take_no_more_room_and_blame_nobody(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++)
		feed(seen, probe(addr_plus("10.0.0.0", i), addr_of(VICTIM), 80, T0 + i * 1000));
	tick(seen, T0 + S);
	assert_int_equal(others(seen, DETECTOR_COUNT), 0);
	assert_true(detect_full_count(seen->detect) > 900000);
	end(seen);
}

/* ---- logins -----------------------------------------------------------------------------------
 */

static struct flow attempt(uint16_t port, unsigned int n, uint64_t bytes)
{
	struct flow flow = probe(addr_of(SCANNER), addr_of(VICTIM), port, T0 + n * 900 * MS);

	return talked(flow, bytes, bytes + n % 7 * 20, 800);
}

static void say_banner(struct seen *seen, uint16_t port)
{
	const struct name_event event = { .kind = NAME_SSH_BANNER,
					  .tuple = { .src = addr_of(VICTIM),
						     .dst = addr_of(SCANNER),
						     .src_port = port,
						     .dst_port = 45000,
						     .proto = IPPROTO_TCP },
					  .at_ns = T0,
					  .ssh = "SSH-2.0-OpenSSH_9.2" };

	detect_name(seen->detect, &event);
}

static void ten_logins_a_minute_are_guessing_and_nine_are_not(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 9; i++)
		feed(seen, attempt(22, i, 2500));
	tick(seen, T0 + 9 * S);
	assert_int_equal(seen->count[DETECTOR_BRUTE_FORCE], 0);
	feed(seen, attempt(22, 9, 2500));
	tick(seen, T0 + 10 * S);
	assert_int_equal(seen->count[DETECTOR_BRUTE_FORCE], 1);
	assert_int_equal(seen->last[DETECTOR_BRUTE_FORCE].count, 10);
	assert_int_equal(seen->last[DETECTOR_BRUTE_FORCE].dst_port, 22);
	assert_non_null(strstr(seen->last[DETECTOR_BRUTE_FORCE].reason,
			       "connected 10 times in 9 s to 198.18.0.1 port 22 (SSH)"));
	assert_int_equal(others(seen, DETECTOR_BRUTE_FORCE), 0);
	end(seen);
}

static void service_at_another_port_is_known_by_its_banner(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		feed(seen, attempt(902, i, 2500));
	tick(seen, T0 + 20 * S);
	assert_int_equal(seen->count[DETECTOR_BRUTE_FORCE], 0);
	say_banner(seen, 902);
	for (unsigned int i = 20; i < 40; i++)
		feed(seen, attempt(902, i, 2500));
	tick(seen, T0 + 40 * S);
	assert_int_equal(seen->count[DETECTOR_BRUTE_FORCE], 1);
	end(seen);
}

static void hundred_attempts_are_worse(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		feed(seen, attempt(22, i, 2500));
		tick(seen, T0 + i * 900 * MS + S);
	}
	tick(seen, T0 + 110 * S);
	assert_int_equal(seen->last[DETECTOR_BRUTE_FORCE].severity, SEVERITY_HIGH);
	assert_in_range(seen->count[DETECTOR_BRUTE_FORCE], 8, 11); /* every 10 s */
	end(seen);
}

static void work_over_ssh_is_no_guessing(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 40; i++) /* copies of files: large */
		feed(seen, attempt(22, i, 200000));
	for (unsigned int i = 0; i < 30; i++) /* commands: of any size */
		feed(seen, attempt(22, i, 600 + i * i * 12));
	tick(seen, T0 + 40 * S);
	assert_int_equal(seen->count[DETECTOR_BRUTE_FORCE], 0);
	end(seen);
}

static void web_and_mail_relays_are_no_login_services(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 60; i++) {
		feed(seen, attempt(443, i, 2500));
		feed(seen, attempt(25, i, 2500));
	}
	tick(seen, T0 + 55 * S);
	assert_int_equal(seen->count[DETECTOR_BRUTE_FORCE], 0);
	end(seen);
}

static void program_within_the_network_may_ask_its_database(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int i = 0; i < 60; i++) {
		struct flow flow = attempt(5432, i, 1800);

		flow.tuple.src = addr_of("192.168.7.3");
		feed(seen, flow);
	}
	tick(seen, T0 + 55 * S);
	assert_int_equal(seen->count[DETECTOR_BRUTE_FORCE], 0);
	for (unsigned int i = 0; i < 60; i++)
		feed(seen, attempt(5432, i, 1800));
	tick(seen, T0 + 56 * S);
	assert_int_equal(seen->count[DETECTOR_BRUTE_FORCE], 1);
	end(seen);
}

/* ---- port scans of other kinds ----------------------------------------------------------------
 */

static struct flow refused(struct flow flow, uint8_t flags)
{
	flow.tcp_flags_out = flags;
	flow.tcp_flags_in = TCP_FLAG_RST;
	flow.packets_in = 1;
	flow.bytes_in = 40;
	return flow;
}

static void maimons_scan_is_found_and_late_ends_are_none(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (uint16_t i = 0; i < 100; i++) { /* a service ends what its clients have forgotten */
		struct flow flow = probe(addr_of("198.18.0.9"), addr_of("198.18.0.2"),
					 (uint16_t)(20000 + i), T0 + i * MS);

		flow.tuple.src_port = 443;
		feed(seen, refused(flow, TCP_FLAG_FIN | TCP_FLAG_ACK));
	}
	tick(seen, T0 + S);
	assert_int_equal(others(seen, DETECTOR_COUNT), 0);
	for (uint16_t i = 0; i < 30; i++)
		feed(seen, refused(probe(addr_of("198.18.0.2"), addr_of("198.18.0.1"),
					 (uint16_t)(1 + i), T0 + 2 * S + i * MS),
				   TCP_FLAG_FIN | TCP_FLAG_ACK));
	tick(seen, T0 + 3 * S);
	assert_int_equal(seen->count[DETECTOR_PORT_SCAN], 1);
	assert_int_equal(others(seen, DETECTOR_PORT_SCAN), 0);
	end(seen);
}

static void udp(struct seen *seen, uint16_t from, uint16_t to, uint64_t at_ns)
{
	struct flow flow = probe(addr_of("198.18.0.2"), addr_of("198.18.0.1"), to, at_ns);
	struct flow_delta delta = delta_of(flow.tuple.src, flow.tuple.dst, to, IPPROTO_UDP, at_ns);

	flow.tuple.proto = IPPROTO_UDP;
	flow.tuple.src_port = from;
	flow.tcp_flags_out = 0;
	detect_delta(seen->detect, &delta);
	feed(seen, flow);
}

static void a_flood_over_many_ports_is_no_scan(void **state)
{
	struct seen *seen = begin();

	(void)state;
	tick(seen, T0);
	for (uint64_t ms = 0; ms < 3000; ms++) {
		for (unsigned int i = 0; i < 10; i++)
			udp(seen, 40000, (uint16_t)(1 + (ms * 10 + i) * 7919 % 65535),
			    T0 + ms * MS);
		if (ms % 1000 == 499)
			detect_glance(seen->detect, T0 + ms * MS, UNIX + (int64_t)ms);
		if (ms % 1000 == 999)
			tick(seen, T0 + (ms + 1) * MS);
	}
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 1);
	assert_int_equal(others(seen, DETECTOR_UDP_FLOOD), 0);
	end(seen);
}

/* Answers of resolvers that somebody asked in the victim's name. */
static void reflected_answers_are_no_scan(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (uint16_t i = 0; i < 100; i++)
		udp(seen, 53, (uint16_t)(1024 + 97 * i), T0 + i * 10 * MS);
	tick(seen, T0 + 4 * S);
	assert_int_equal(others(seen, DETECTOR_COUNT), 0);
	end(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maimons_scan_is_found_and_late_ends_are_none),
		cmocka_unit_test(a_flood_over_many_ports_is_no_scan),
		cmocka_unit_test(reflected_answers_are_no_scan),
		cmocka_unit_test(thirty_silent_hosts_are_a_sweep_and_twenty_nine_are_not),
		cmocka_unit_test(slow_sweep_is_found_within_the_hour),
		cmocka_unit_test(worm_at_a_login_port_is_found_by_twenty_hosts),
		cmocka_unit_test(sweep_of_thousands_is_counted_and_worse),
		cmocka_unit_test(answered_hosts_are_no_sweep),
		cmocka_unit_test(ping_sweep_is_found_and_its_answers_are_none),
		cmocka_unit_test(twenty_pings_that_nobody_answers_are_a_sweep),
		cmocka_unit_test(backscatter_does_not_blame_the_victim),
		cmocka_unit_test(busy_host_gets_a_limit_of_its_own),
		cmocka_unit_test(a_million_sources_take_no_more_room_and_blame_nobody),
		cmocka_unit_test(ten_logins_a_minute_are_guessing_and_nine_are_not),
		cmocka_unit_test(service_at_another_port_is_known_by_its_banner),
		cmocka_unit_test(hundred_attempts_are_worse),
		cmocka_unit_test(work_over_ssh_is_no_guessing),
		cmocka_unit_test(web_and_mail_relays_are_no_login_services),
		cmocka_unit_test(program_within_the_network_may_ask_its_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
