/*
 * When a flood is found, whom it names, and what must not be taken for one. Floors are those of the
 * measured starting values: 500 half-open connections a second, 20000 UDP packets a second.
 */
#include "fixture.h"

#define ATTACKER "198.18.0.2"
#define VICTIM	 "198.18.0.1"

static void send_syn(struct seen *seen, struct addr src, uint16_t port, uint64_t at_ns)
{
	struct flow_delta delta = delta_of(src, addr_of(VICTIM), port, IPPROTO_TCP, at_ns);

	delta.tcp_flags = TCP_FLAG_SYN;
	detect_delta(seen->detect, &delta);
}

static void send_many(struct seen *seen, const char *src, const char *dst, uint8_t proto,
		      uint64_t packets)
{
	struct flow_delta delta = delta_of(addr_of(src), addr_of(dst), 9, proto, T0);

	delta.packets = packets;
	delta.bytes = packets * (proto == IPPROTO_UDP ? 1200 : 60);
	delta.asks = proto == IPPROTO_ICMP;
	detect_delta(seen->detect, &delta);
}

/* ---- SYN --------------------------------------------------------------------------------------
 */

static void five_hundred_half_open_a_second_are_a_flood_and_one_less_is_not(void **state)
{
	struct seen *seen = begin();

	(void)state;
	tick(seen, T0);
	for (unsigned int i = 0; i < 499; i++)
		send_syn(seen, addr_of(ATTACKER), 80, T0 + i * MS);
	tick(seen, T0 + S);
	assert_int_equal(seen->count[DETECTOR_SYN_FLOOD], 0);
	for (unsigned int i = 0; i < 500; i++)
		send_syn(seen, addr_of(ATTACKER), 80, T0 + S + i * MS);
	tick(seen, T0 + 2 * S);
	assert_int_equal(seen->count[DETECTOR_SYN_FLOOD], 1);
	assert_string_equal(seen->last[DETECTOR_SYN_FLOOD].reason,
			    "500 half-open connections a second from 198.18.0.2 to 198.18.0.1 port "
			    "80; 0 of 500 were answered. Normal is under 500 a second.");
	assert_int_equal(seen->last[DETECTOR_SYN_FLOOD].severity, SEVERITY_HIGH);
	assert_int_equal(others(seen, DETECTOR_SYN_FLOOD), 0);
	end(seen);
}

static void what_is_clear_in_half_a_second_is_told_then_and_once(void **state)
{
	struct seen *seen = begin();

	(void)state;
	tick(seen, T0);
	for (unsigned int i = 0; i < 499; i++)
		send_syn(seen, addr_of(ATTACKER), 80, T0 + i * MS);
	detect_glance(seen->detect, T0 + S / 2, 0);
	assert_int_equal(seen->count[DETECTOR_SYN_FLOOD], 0);
	send_syn(seen, addr_of(ATTACKER), 80, T0 + 499 * MS);
	detect_glance(seen->detect, T0 + S / 2, 0);
	assert_int_equal(seen->count[DETECTOR_SYN_FLOOD], 1);
	assert_int_equal(seen->last[DETECTOR_SYN_FLOOD].count, 500);
	tick(seen, T0 + S);
	assert_int_equal(seen->count[DETECTOR_SYN_FLOOD], 1);
	assert_int_equal(others(seen, DETECTOR_SYN_FLOOD), 0);
	end(seen);
}

static void million_made_up_sources_are_one_incident_of_the_victim(void **state)
{
	struct seen *seen = begin();

	(void)state;
	tick(seen, T0);
	for (uint32_t i = 0; i < 1000000; i++)
		send_syn(seen, addr_plus("10.0.0.0", i * 7), 443, T0 + i * 1000);
	tick(seen, T0 + S);
	assert_int_equal(seen->count[DETECTOR_SYN_FLOOD], 1);
	assert_memory_equal(seen->last[DETECTOR_SYN_FLOOD].src.bytes + 12, "\0\0\0\0", 4);
	assert_memory_equal(seen->last[DETECTOR_SYN_FLOOD].dst.bytes + 12, "\xc6\x12\0\1", 4);
	assert_int_equal(seen->last[DETECTOR_SYN_FLOOD].dst_port, 443);
	assert_non_null(strstr(seen->last[DETECTOR_SYN_FLOOD].reason, "from about 1500 sources"));
	assert_int_equal(others(seen, DETECTOR_SYN_FLOOD), 0);
	end(seen);
}

static void flood_of_all_ports_from_many_is_found_and_a_scan_from_one_is_not(void **state)
{
	struct seen *seen = begin();

	(void)state;
	tick(seen, T0);
	for (uint32_t i = 0; i < 5000; i++) /* a fast scan: many ports, one source */
		send_syn(seen, addr_of(ATTACKER), (uint16_t)(1 + i), T0 + i * 1000);
	tick(seen, T0 + S);
	assert_int_equal(seen->count[DETECTOR_SYN_FLOOD], 0);
	for (uint32_t i = 0; i < 5000; i++) /* a scan with 100 decoys */
		send_syn(seen, addr_plus("10.1.0.0", i % 100), (uint16_t)(1 + i), T0 + S);
	tick(seen, T0 + 2 * S);
	assert_int_equal(seen->count[DETECTOR_SYN_FLOOD], 0);
	for (uint32_t i = 0; i < 5000; i++)
		send_syn(seen, addr_plus("10.0.0.0", i * 7), (uint16_t)(1 + i), T0 + 2 * S);
	tick(seen, T0 + 3 * S);
	assert_int_equal(seen->count[DETECTOR_SYN_FLOOD], 1);
	assert_int_equal(seen->last[DETECTOR_SYN_FLOOD].dst_port, 0);
	end(seen);
}

static void busy_server_is_not_flooded(void **state)
{
	struct seen *seen = begin();

	(void)state;
	tick(seen, T0);
	for (unsigned int i = 0; i < 6000; i++) { /* one of nine is in its handshake */
		struct flow_delta delta = delta_of(addr_plus("10.0.0.0", i), addr_of(VICTIM), 443,
						   IPPROTO_TCP, T0 + i * 100000);

		delta.tcp_flags = i % 9 ? TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_PSH : TCP_FLAG_SYN;
		delta.packets = i % 9 ? 8 : 1;
		detect_delta(seen->detect, &delta);
	}
	tick(seen, T0 + S);
	assert_int_equal(others(seen, DETECTOR_COUNT), 0);
	end(seen);
}

/* ---- UDP and ICMP -----------------------------------------------------------------------------
 */

static void unanswered_udp_is_a_flood_and_a_download_is_not(void **state)
{
	struct seen *seen = begin();

	(void)state;
	tick(seen, T0);
	send_many(seen, ATTACKER, VICTIM, IPPROTO_UDP, 19999);
	tick(seen, T0 + S);
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 0);
	/* QUIC at a gigabit: one acknowledgement for ten packets */
	for (int i = 2; i < 10; i++) {
		send_many(seen, "203.0.113.9", VICTIM, IPPROTO_UDP, 80000);
		send_many(seen, VICTIM, "203.0.113.9", IPPROTO_UDP, 8000);
		tick(seen, T0 + i * S);
	}
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 0);
	send_many(seen, ATTACKER, VICTIM, IPPROTO_UDP, 20000);
	tick(seen, T0 + 10 * S);
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 1);
	assert_memory_equal(seen->last[DETECTOR_UDP_FLOOD].src.bytes + 12, "\xc6\x12\0\2", 4);
	end(seen);
}

static void small_packets_need_fewer(void **state)
{
	struct seen *seen = begin();
	struct flow_delta delta = delta_of(addr_of(ATTACKER), addr_of(VICTIM), 9, IPPROTO_UDP, T0);

	(void)state;
	tick(seen, T0);
	delta.packets = 4999;
	delta.bytes = 4999 * 60;
	detect_delta(seen->detect, &delta);
	tick(seen, T0 + S);
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 0);
	delta.packets = 5000;
	detect_delta(seen->detect, &delta);
	tick(seen, T0 + 2 * S);
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 1);
	delta.tuple.dst = addr_of("239.1.2.3"); /* television for whoever wants it */
	delta.packets = 100000;
	detect_delta(seen->detect, &delta);
	tick(seen, T0 + 20 * S);
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 1);
	end(seen);
}

static void host_with_a_history_is_judged_by_it(void **state)
{
	struct seen *seen = begin();

	(void)state;
	tick(seen, T0);
	for (unsigned int i = 1; i <= 400; i++) { /* telephony: 50 packets a second, steadily */
		send_many(seen, "203.0.113.9", VICTIM, IPPROTO_UDP, 50 + i % 3);
		tick(seen, T0 + i * S);
	}
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 0);
	send_many(seen, ATTACKER, VICTIM, IPPROTO_UDP, 3000);
	tick(seen, T0 + 401 * S);
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 1);
	assert_non_null(strstr(seen->last[DETECTOR_UDP_FLOOD].reason, "Normal is about 5"));
	end(seen);
}

static void ping_flood_names_who_asks(void **state)
{
	struct seen *seen = begin();
	struct flow_delta back = delta_of(addr_of(VICTIM), addr_of(ATTACKER), 0, IPPROTO_ICMP, T0);

	(void)state;
	tick(seen, T0);
	back.packets = 5000;
	detect_delta(seen->detect, &back); /* the answers may be read first */
	send_many(seen, ATTACKER, VICTIM, IPPROTO_ICMP, 5000);
	tick(seen, T0 + S);
	assert_int_equal(seen->count[DETECTOR_ICMP_FLOOD], 1);
	assert_memory_equal(seen->last[DETECTOR_ICMP_FLOOD].dst.bytes + 12, "\xc6\x12\0\1", 4);
	assert_int_equal(others(seen, DETECTOR_ICMP_FLOOD), 0);
	end(seen);
}

static void flood_repeats_every_ten_seconds_and_adds_up(void **state)
{
	struct seen *seen = begin();

	(void)state;
	tick(seen, T0);
	for (unsigned int i = 1; i <= 25; i++) {
		send_many(seen, ATTACKER, VICTIM, IPPROTO_UDP, 30000);
		tick(seen, T0 + i * S);
	}
	assert_int_equal(seen->count[DETECTOR_UDP_FLOOD], 3);
	assert_int_equal(seen->last[DETECTOR_UDP_FLOOD].count, 21 * 30000);
	end(seen);
}

static void send_answers(struct seen *seen, const char *to, uint64_t at_ns)
{
	for (unsigned int i = 0; i < 250; i++) {
		struct flow_delta delta =
			delta_of(addr_plus("198.18.7.1", i), addr_of(to), 0, IPPROTO_ICMP, at_ns);

		delta.packets = 5;
		detect_delta(seen->detect, &delta);
	}
}

/* "Smurf": a network was pinged in the victim's name. Who pinged it is answered. */
static void answers_nobody_asked_for_are_a_flood(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int second = 0; second < 5; second++) {
		uint64_t at = T0 + second * S;

		send_answers(seen, VICTIM, at);
		for (unsigned int i = 0; i < 250; i++) { /* a sweep, answered before it is read */
			struct flow_delta delta = delta_of(
				addr_of(VICTIM), addr_plus("198.18.7.1", i), 0, IPPROTO_ICMP, at);

			delta.packets = 5;
			delta.asks = true;
			detect_delta(seen->detect, &delta);
		}
		tick(seen, at + S);
	}
	assert_int_equal(seen->count[DETECTOR_ICMP_FLOOD], 0);
	for (unsigned int second = 5; second < 7; second++) {
		send_answers(seen, "198.18.0.8", T0 + second * S);
		tick(seen, T0 + (second + 1) * S);
	}
	assert_int_equal(seen->count[DETECTOR_ICMP_FLOOD], 1);
	assert_int_equal(seen->last[DETECTOR_ICMP_FLOOD].dst_port, 0);
	assert_non_null(strstr(seen->last[DETECTOR_ICMP_FLOOD].reason,
			       "1250 ICMP packets it did not ask for a second from about"));
	end(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_nobody_asked_for_are_a_flood),
		cmocka_unit_test(five_hundred_half_open_a_second_are_a_flood_and_one_less_is_not),
		cmocka_unit_test(what_is_clear_in_half_a_second_is_told_then_and_once),
		cmocka_unit_test(million_made_up_sources_are_one_incident_of_the_victim),
		cmocka_unit_test(flood_of_all_ports_from_many_is_found_and_a_scan_from_one_is_not),
		cmocka_unit_test(busy_server_is_not_flooded),
		cmocka_unit_test(unanswered_udp_is_a_flood_and_a_download_is_not),
		cmocka_unit_test(small_packets_need_fewer),
		cmocka_unit_test(host_with_a_history_is_judged_by_it),
		cmocka_unit_test(ping_flood_names_who_asks),
		cmocka_unit_test(flood_repeats_every_ten_seconds_and_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
