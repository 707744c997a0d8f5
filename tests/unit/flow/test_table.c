/*
 * What the flow table makes of deltas: merging, states, ageing, cuts, and exact sums whatever the
 * order. Timeouts are DESIGN 6's; times are invented.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/flow/flow.h"
#include "agent/util/addr.h"

#define S      1000000000ULL
#define MS     1000000ULL
#define OFFSET 1700000000000LL /* unix minus monotonic, ms */

#define RECORDS_MAX 64

struct seen {
	struct flow_table *table;
	struct flow records[RECORDS_MAX];
	unsigned int record_count;
	struct flow last;
	unsigned int changes, news;
	uint64_t packets, bytes; /* of all records, since their last cut */
};

static void on_change(void *arg, const struct flow *flow, bool is_new)
{
	struct seen *seen = arg;

	seen->last = *flow;
	seen->changes++;
	seen->news += is_new;
}

static void on_record(void *arg, const struct flow *flow)
{
	struct seen *seen = arg;

	seen->packets +=
		flow->packets_out + flow->packets_in - flow->cut_packets_out - flow->cut_packets_in;
	seen->bytes += flow->bytes_out + flow->bytes_in - flow->cut_bytes_out - flow->cut_bytes_in;
	if (seen->record_count < RECORDS_MAX)
		seen->records[seen->record_count] = *flow;
	seen->record_count++;
}

static struct seen *begin(unsigned int capacity, unsigned int ended_kept)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	struct flow_options options = {
		.capacity = capacity,
		.ended_kept = ended_kept,
		.first_id = 41,
		.sink = { .arg = seen, .on_change = on_change, .on_record = on_record },
	};

	assert_non_null(seen);
	assert_int_equal(flow_table_new(&options, &seen->table), 0);
	return seen;
}

static void end(struct seen *seen)
{
	flow_table_free(seen->table);
	free(seen);
}

static struct flow_delta delta(const char *src, uint16_t src_port, const char *dst,
			       uint16_t dst_port)
{
	struct flow_delta d = {
		.tuple = { .src_port = src_port, .dst_port = dst_port, .proto = IPPROTO_UDP },
		.direction = DIRECTION_INGRESS,
		.iface = 3,
		.packets = 1,
		.bytes = 100
	};

	assert_int_equal(addr_parse(src, &d.tuple.src), 0);
	assert_int_equal(addr_parse(dst, &d.tuple.dst), 0);
	return d;
}

static struct flow_delta at(struct flow_delta d, uint64_t first_ns, uint64_t last_ns)
{
	d.first_ns = first_ns;
	d.last_ns = last_ns;
	return d;
}

static struct flow_delta tcp(struct flow_delta d, uint8_t flags)
{
	d.tuple.proto = IPPROTO_TCP;
	d.tcp_flags = flags;
	return d;
}

/* The client's and the server's side of one connection. */
static struct flow_delta client(void)
{
	return delta("198.18.0.2", 40000, "198.18.0.1", 80);
}

static struct flow_delta server(void)
{
	struct flow_delta d = delta("198.18.0.1", 80, "198.18.0.2", 40000);

	d.direction = DIRECTION_EGRESS;
	d.bytes = 1000;
	return d;
}

static void add(struct seen *seen, struct flow_delta d)
{
	assert_int_equal(flow_table_add(seen->table, &d, OFFSET), 0);
}

/* ---- merging ----------------------------------------------------------------------------------
 */

static void both_directions_become_one_flow(void **state)
{
	struct seen *seen = begin(8, 8);
	struct flow_delta c = at(client(), 1 * S, 2 * S), s = at(server(), 1100 * MS, 3 * S);

	(void)state;
	s.vlan = 7;
	add(seen, c);
	add(seen, s);
	assert_int_equal(flow_table_len(seen->table), 1);
	assert_int_equal(seen->last.id, 41);
	assert_int_equal(seen->last.packets_out, 1);
	assert_int_equal(seen->last.bytes_out, 100);
	assert_int_equal(seen->last.packets_in, 1);
	assert_int_equal(seen->last.bytes_in, 1000);
	assert_int_equal(seen->last.first_ns, 1 * S);
	assert_int_equal(seen->last.last_ns, 3 * S);
	assert_int_equal(seen->last.start_unix_ms, OFFSET + 1000);
	assert_int_equal(seen->last.end_unix_ms, OFFSET + 3000);
	assert_int_equal(seen->last.state, FLOW_ESTABLISHED);
	assert_int_equal(seen->last.vlan, 7);
	assert_int_equal(seen->last.iface, 3);
	assert_true(seen->last.ingress);
	assert_int_equal(seen->changes, 2);
	assert_int_equal(seen->news, 1);
	end(seen);
}

static void vlan_does_not_part_a_flow_but_iface_and_family_do(void **state)
{
	struct seen *seen = begin(8, 8);
	struct flow_delta d = at(client(), S, S);

	(void)state;
	add(seen, d);
	d.vlan = 9;
	add(seen, d);
	assert_int_equal(flow_table_len(seen->table), 1);
	d.iface = 4;
	add(seen, d);
	assert_int_equal(flow_table_len(seen->table), 2);
	d.tuple.src.family = d.tuple.dst.family = ADDR_IPV6; /* ::ffff:198.18.0.2 on the wire */
	add(seen, d);
	assert_int_equal(flow_table_len(seen->table), 3);
	end(seen);
}

static void first_and_last_come_from_any_order(void **state)
{
	struct seen *seen = begin(8, 8);

	(void)state;
	add(seen, at(client(), 5 * S, 9 * S));
	add(seen, at(client(), 2 * S, 3 * S)); /* an eviction record that came late */
	assert_int_equal(seen->last.first_ns, 2 * S);
	assert_int_equal(seen->last.last_ns, 9 * S);
	assert_int_equal(seen->last.start_unix_ms, OFFSET + 2000);
	assert_int_equal(seen->last.end_unix_ms, OFFSET + 9000);
	end(seen);
}

static void end_is_never_before_start_by_a_reading_of_clocks(void **state)
{
	struct seen *seen = begin(8, 8);
	struct flow_delta d = at(client(), 1 * S, 1 * S);

	(void)state;
	assert_int_equal(flow_table_add(seen->table, &d, OFFSET), 0);
	d.first_ns = d.last_ns = 1 * S - 1;
	assert_int_equal(flow_table_add(seen->table, &d, OFFSET + 2), 0);
	assert_true(seen->last.start_unix_ms <= seen->last.end_unix_ms);
	end(seen);
}

/* ---- who began it -----------------------------------------------------------------------------
 */

static void assert_client_began(const struct seen *seen)
{
	assert_int_equal(seen->last.tuple.src_port, 40000);
	assert_int_equal(seen->last.tuple.dst_port, 80);
	assert_int_equal(seen->last.bytes_out, 100);
	assert_int_equal(seen->last.bytes_in, 1000);
	assert_true(seen->last.ingress);
}

static void earlier_side_is_the_initiator_whatever_comes_first(void **state)
{
	struct seen *seen = begin(8, 8);

	(void)state;
	add(seen, at(server(), 1001 * MS, 2 * S));
	add(seen, at(client(), 1000 * MS, 2 * S));
	assert_client_began(seen);
	end(seen);
}

static void higher_port_is_the_client_within_one_jiffy(void **state)
{
	struct seen *seen = begin(8, 8);

	(void)state;
	add(seen, at(server(), 1 * S, 2 * S));
	add(seen, at(client(), 1 * S, 2 * S));
	assert_client_began(seen);
	end(seen);
}

static void who_asks_for_an_echo_began_within_one_jiffy(void **state)
{
	struct seen *seen = begin(8, 8);
	struct flow_delta asks = at(client(), 1 * S, 2 * S), answers = at(server(), 1 * S, 2 * S);

	(void)state;
	asks.tuple.proto = answers.tuple.proto = IPPROTO_ICMP;
	asks.asks = true;
	/* ports would say the opposite, and ICMP has none */
	asks.tuple.src_port = asks.tuple.dst_port = 0;
	answers.tuple.src_port = answers.tuple.dst_port = 0;
	add(seen, answers);
	add(seen, asks);
	assert_true(addr_is_equal(&seen->last.tuple.src, &asks.tuple.src));
	end(seen);
}

static void syn_without_ack_beats_time_and_port(void **state)
{
	struct seen *seen = begin(8, 8);
	struct flow_delta s = tcp(at(server(), 900 * MS, 2 * S), TCP_FLAG_SYN | TCP_FLAG_ACK);
	struct flow_delta c = tcp(at(client(), 950 * MS, 2 * S), TCP_FLAG_SYN);

	(void)state;
	s.tuple.src_port = c.tuple.dst_port = 50000; /* a server on a high port */
	add(seen, s);
	add(seen, c);
	assert_int_equal(seen->last.tuple.dst_port, 50000);
	assert_int_equal(seen->last.tcp_flags_out, TCP_FLAG_SYN);
	assert_int_equal(seen->last.tcp_flags_in, TCP_FLAG_SYN | TCP_FLAG_ACK);
	end(seen);
}

static void initiator_stays_once_settled(void **state)
{
	struct seen *seen = begin(8, 8);

	(void)state;
	add(seen, at(client(), 2000 * MS, 2500 * MS));
	add(seen, at(server(), 2001 * MS, 2500 * MS));
	flow_table_expire(seen->table, 3 * S);
	flow_table_expire(seen->table, 4 * S);
	add(seen, at(server(), 1999 * MS, 4500 * MS)); /* two scans later nothing turns it round */
	assert_int_equal(seen->last.tuple.src_port, 40000);
	end(seen);
}

static void initiator_stays_across_a_cut(void **state)
{
	struct seen *seen = begin(8, 8);

	(void)state;
	add(seen, at(server(), 1 * S, 50 * S));
	flow_table_expire(seen->table, 61 * S);
	assert_int_equal(seen->record_count, 1);
	add(seen, at(client(), 1 * S, 61 * S));
	assert_int_equal(seen->last.tuple.src_port, 80);
	assert_int_equal(seen->last.packets_in, 1);
	end(seen);
}

/* ---- states and ends --------------------------------------------------------------------------
 */

static void whole_connection_in_one_delta_each_way_is_closed(void **state)
{
	struct seen *seen = begin(8, 8);
	uint8_t flags = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_PSH | TCP_FLAG_FIN;

	(void)state;
	add(seen, tcp(at(client(), 1 * S, 1500 * MS), flags));
	assert_int_equal(seen->last.state, FLOW_NEW);
	add(seen, tcp(at(server(), 1001 * MS, 1500 * MS), flags));
	assert_int_equal(seen->last.state, FLOW_CLOSED);
	assert_false(seen->last.is_final);
	flow_table_expire(seen->table, 3499 * MS);
	assert_int_equal(seen->record_count, 0);
	flow_table_expire(seen->table, 3500 * MS);
	assert_int_equal(seen->record_count, 1);
	assert_true(seen->records[0].is_final);
	assert_int_equal(seen->records[0].state, FLOW_CLOSED);
	assert_int_equal(flow_table_len(seen->table), 0);
	end(seen);
}

static void late_packets_join_a_closed_flow(void **state)
{
	struct seen *seen = begin(8, 8);
	uint8_t flags = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_FIN;

	(void)state;
	add(seen, tcp(at(client(), 1 * S, 1500 * MS), flags));
	add(seen, tcp(at(server(), 1001 * MS, 1500 * MS), flags));
	flow_table_expire(seen->table, 2 * S);
	add(seen, tcp(at(client(), 1 * S, 3 * S), flags)); /* the last ACK, same slot */
	assert_int_equal(seen->news, 1);
	assert_int_equal(seen->last.packets_out, 2);
	add(seen, tcp(at(client(), 3100 * MS, 3100 * MS), TCP_FLAG_ACK)); /* a new slot */
	assert_int_equal(seen->news, 1);
	flow_table_expire(seen->table, 6 * S);
	assert_int_equal(seen->record_count, 1);
	add(seen, tcp(at(client(), 7 * S, 7 * S), TCP_FLAG_ACK)); /* after it ended: another flow */
	assert_int_equal(seen->news, 2);
	end(seen);
}

static void syn_on_a_closed_flow_begins_a_new_one(void **state)
{
	struct seen *seen = begin(8, 8);
	uint8_t flags = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_FIN;

	(void)state;
	add(seen, tcp(at(client(), 1 * S, 1500 * MS), flags));
	add(seen, tcp(at(server(), 1001 * MS, 1500 * MS), flags));
	add(seen, tcp(at(client(), 2 * S, 2 * S), TCP_FLAG_SYN));
	assert_int_equal(seen->news, 2);
	assert_int_equal(seen->record_count, 1);
	assert_int_equal(seen->records[0].packets_out, 1);
	assert_int_equal(seen->last.id, 42);
	assert_int_equal(seen->last.state, FLOW_NEW);
	assert_int_equal(flow_table_len(seen->table), 1);
	end(seen);
}

static void reset_seen_before_its_syn_is_one_flow(void **state)
{
	struct seen *seen = begin(8, 8);

	(void)state;
	add(seen, tcp(at(server(), 1 * S, 1 * S), TCP_FLAG_RST | TCP_FLAG_ACK));
	add(seen, tcp(at(client(), 1 * S, 1 * S), TCP_FLAG_SYN));
	assert_int_equal(seen->news, 1);
	assert_int_equal(seen->last.state, FLOW_CLOSED);
	assert_int_equal(seen->last.tuple.src_port, 40000);
	end(seen);
}

static void second_attempt_after_a_refusal_is_a_new_flow(void **state)
{
	struct seen *seen = begin(8, 8);

	(void)state;
	add(seen, tcp(at(client(), 1 * S, 1 * S), TCP_FLAG_SYN));
	add(seen, tcp(at(server(), 1 * S, 1 * S), TCP_FLAG_RST | TCP_FLAG_ACK));
	add(seen, tcp(at(client(), 1 * S, 2 * S), TCP_FLAG_SYN)); /* same slot, one more SYN */
	add(seen, tcp(at(server(), 1 * S, 2 * S), TCP_FLAG_RST | TCP_FLAG_ACK));
	assert_int_equal(seen->news, 2);
	assert_int_equal(seen->last.first_ns, 2 * S);
	assert_int_equal(seen->last.state, FLOW_CLOSED);
	assert_int_equal(seen->last.packets_in, 1);
	end(seen);
}

/* A slot lives as long as nobody needs its place: its flags and its first time are old. */
static void slot_of_an_ended_connection_does_not_close_the_next(void **state)
{
	struct seen *seen = begin(8, 8);
	uint8_t flags = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_FIN;
	struct flow_delta c = tcp(at(client(), 1 * S, 1500 * MS), flags);
	struct flow_delta s = tcp(at(server(), 1 * S, 1500 * MS), flags);

	(void)state;
	add(seen, c);
	add(seen, s);
	for (uint64_t t = 2; t <= 9; t++)
		flow_table_expire(seen->table, t * S);
	assert_int_equal(seen->record_count, 1);
	c.packets = s.packets = 3;
	add(seen, at(c, 1 * S, 9500 * MS));
	add(seen, at(s, 1 * S, 9500 * MS));
	assert_int_equal(seen->last.state, FLOW_ESTABLISHED);
	assert_int_equal(seen->last.first_ns, 8 * S); /* not the slot's first second */
	end(seen);
}

static void expire_keeps_flow_seen_within_timeout(void **state)
{
	struct seen *seen = begin(8, 8);
	uint8_t flags = TCP_FLAG_SYN | TCP_FLAG_ACK;
	struct flow_delta half = tcp(at(client(), 1 * S, 1 * S), TCP_FLAG_SYN);

	(void)state;
	half.tuple.src_port = 40001;
	add(seen, half);
	add(seen, tcp(at(client(), 1 * S, 1 * S), flags));
	add(seen, tcp(at(server(), 1 * S, 1 * S), flags));
	flow_table_expire(seen->table, 16 * S - 1);
	assert_int_equal(flow_table_len(seen->table), 2);
	flow_table_expire(seen->table, 16 * S);
	assert_int_equal(flow_table_len(seen->table), 1);
	assert_int_equal(seen->records[0].state, FLOW_EXPIRED);
	flow_table_expire(seen->table, 301 * S - 1);
	assert_int_equal(flow_table_len(seen->table), 1);
	flow_table_expire(seen->table, 301 * S);
	assert_int_equal(flow_table_len(seen->table), 0);
	end(seen);
}

static void answered_syn_stays_half_open_until_acknowledged(void **state)
{
	struct seen *seen = begin(8, 8);

	(void)state;
	add(seen, tcp(at(client(), 1 * S, 1 * S), TCP_FLAG_SYN));
	add(seen, tcp(at(server(), 1 * S, 1 * S), TCP_FLAG_SYN | TCP_FLAG_ACK));
	assert_int_equal(seen->last.state, FLOW_NEW);
	add(seen, tcp(at(client(), 1 * S, 2 * S), TCP_FLAG_SYN | TCP_FLAG_ACK));
	assert_int_equal(seen->last.state, FLOW_ESTABLISHED);
	end(seen);
}

static void traffic_keeps_a_flow_and_cuts_it_every_minute(void **state)
{
	struct seen *seen = begin(8, 8);

	(void)state;
	for (uint64_t t = 0; t <= 185; t++) {
		add(seen, at(client(), 1 * S, (t + 1) * S));
		flow_table_expire(seen->table, (t + 1) * S + MS);
	}
	assert_int_equal(seen->record_count, 3);
	assert_int_equal(seen->news, 1);
	assert_int_equal(seen->records[0].cut_packets_out, 0);
	assert_int_equal(seen->records[0].packets_out, 61);
	assert_int_equal(seen->records[1].cut_packets_out, 61);
	assert_false(seen->records[1].is_final);
	flow_table_flush(seen->table);
	assert_int_equal(seen->record_count, 4);
	assert_int_equal(seen->packets, 186);
	flow_table_flush(seen->table); /* nothing uncut is left */
	assert_int_equal(seen->record_count, 4);
	end(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_become_one_flow),
		cmocka_unit_test(vlan_does_not_part_a_flow_but_iface_and_family_do),
		cmocka_unit_test(first_and_last_come_from_any_order),
		cmocka_unit_test(end_is_never_before_start_by_a_reading_of_clocks),
		cmocka_unit_test(earlier_side_is_the_initiator_whatever_comes_first),
		cmocka_unit_test(higher_port_is_the_client_within_one_jiffy),
		cmocka_unit_test(who_asks_for_an_echo_began_within_one_jiffy),
		cmocka_unit_test(syn_without_ack_beats_time_and_port),
		cmocka_unit_test(initiator_stays_once_settled),
		cmocka_unit_test(initiator_stays_across_a_cut),
		cmocka_unit_test(whole_connection_in_one_delta_each_way_is_closed),
		cmocka_unit_test(late_packets_join_a_closed_flow),
		cmocka_unit_test(syn_on_a_closed_flow_begins_a_new_one),
		cmocka_unit_test(reset_seen_before_its_syn_is_one_flow),
		cmocka_unit_test(second_attempt_after_a_refusal_is_a_new_flow),
		cmocka_unit_test(slot_of_an_ended_connection_does_not_close_the_next),
		cmocka_unit_test(expire_keeps_flow_seen_within_timeout),
		cmocka_unit_test(answered_syn_stays_half_open_until_acknowledged),
		cmocka_unit_test(traffic_keeps_a_flow_and_cuts_it_every_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
