/*
 * Nothing counted is lost: whatever order deltas come in, and also when the table is full, the
 * sums of records and seconds equal what went in. Sequences come from a fixed seed.
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

#define S  1000000000ULL
#define MS 1000000ULL

struct sums {
	uint64_t packets[2], bytes[2]; /* as enum direction */
};

struct seen {
	struct sums records; /* by the flow's own notion of ingress */
	uint64_t last_id;
	uint64_t final, news;
};

/* The flow remembers which way its initiator's packets went, so directions can be told again. */
static void on_record(void *arg, const struct flow *flow)
{
	struct seen *seen = arg;
	int out = flow->ingress ? DIRECTION_INGRESS : DIRECTION_EGRESS;

	seen->records.packets[out] += flow->packets_out - flow->cut_packets_out;
	seen->records.bytes[out] += flow->bytes_out - flow->cut_bytes_out;
	seen->records.packets[!out] += flow->packets_in - flow->cut_packets_in;
	seen->records.bytes[!out] += flow->bytes_in - flow->cut_bytes_in;
	seen->final += flow->is_final;
}

static void on_change(void *arg, const struct flow *flow, bool is_new)
{
	struct seen *seen = arg;

	seen->news += is_new;
	if (is_new) {
		assert_true(flow->id > seen->last_id); /* never reused, always growing */
		seen->last_id = flow->id;
	}
	assert_true(flow->first_ns <= flow->last_ns);
}

/* xorshift64* (Vigna 2016): the same numbers on every machine. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717ULL;
}

/* One side of one of @flows five-tuples; some are shared by both families and several ifaces. */
static struct flow_delta random_delta(uint64_t *state, uint32_t flows, uint64_t now_ns)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };
	uint32_t number = (uint32_t)(next(state) % flows);
	struct flow_delta d = { .iface = (uint8_t)(number % 3),
				.direction = (uint8_t)(next(state) % 2),
				.packets = 1 + next(state) % 50,
				.vlan = (uint16_t)(next(state) % 3) };
	struct addr local = { .family = number % 5 ? ADDR_IPV4 : ADDR_IPV6, .bytes = { 0 } };
	struct addr remote = local;
	uint64_t life = next(state) % (3 * S), late = next(state) % (2 * S);

	local.bytes[15] = 1;
	remote.bytes[14] = (uint8_t)(number >> 8);
	remote.bytes[15] = (uint8_t)number;
	remote.bytes[13] = 9;
	d.tuple.proto = protos[number % 4];
	d.tuple.src = d.direction == DIRECTION_INGRESS ? remote : local;
	d.tuple.dst = d.direction == DIRECTION_INGRESS ? local : remote;
	if (d.tuple.proto != IPPROTO_ICMP) {
		d.tuple.src_port = d.direction == DIRECTION_INGRESS ? 40000 : 443;
		d.tuple.dst_port = d.direction == DIRECTION_INGRESS ? 443 : 40000;
	}
	if (d.tuple.proto == IPPROTO_TCP)
		d.tcp_flags = (uint8_t)(next(state) & 0x1f);
	d.bytes = d.packets * (40 + next(state) % 1460);
	d.last_ns = now_ns - late;
	d.first_ns = d.last_ns - life;
	return d;
}

struct run {
	unsigned int capacity;
	uint32_t flows;
	uint64_t seed;
};

static void run(const struct run *run)
{
	struct seen seen = { 0 };
	struct sums given = { 0 }, refused = { 0 }, seconds = { 0 };
	const struct flow_options options = {
		.capacity = run->capacity,
		.ended_kept = 16,
		.first_id = 1,
		.sink = { .arg = &seen, .on_change = on_change, .on_record = on_record },
	};
	struct flow_table *table = NULL;
	uint64_t state = run->seed, now = 100 * S, new_flows = 0;

	assert_int_equal(flow_table_new(&options, &table), 0);
	for (unsigned int step = 0; step < 200000; step++) {
		struct flow_delta d = random_delta(&state, run->flows, now);
		int error = flow_table_add(table, &d, 0);

		given.packets[d.direction] += d.packets;
		given.bytes[d.direction] += d.bytes;
		if (error) {
			assert_int_equal(error, -ENOSPC);
			refused.packets[d.direction] += d.packets;
			refused.bytes[d.direction] += d.bytes;
		}
		assert_true(flow_table_len(table) <= run->capacity);
		if (step % 100 == 0) {
			struct totals t;

			now += next(&state) % (4 * S);
			flow_table_expire(table, now);
			flow_table_second(table, 0, &t);
			seconds.packets[DIRECTION_INGRESS] += t.packets_in;
			seconds.packets[DIRECTION_EGRESS] += t.packets_out;
			seconds.bytes[DIRECTION_INGRESS] += t.bytes_in;
			seconds.bytes[DIRECTION_EGRESS] += t.bytes_out;
			new_flows += t.new_flows;
		}
	}
	struct totals t;
	flow_table_second(table, 0, &t);
	seconds.packets[DIRECTION_INGRESS] += t.packets_in;
	seconds.packets[DIRECTION_EGRESS] += t.packets_out;
	seconds.bytes[DIRECTION_INGRESS] += t.bytes_in;
	seconds.bytes[DIRECTION_EGRESS] += t.bytes_out;
	new_flows += t.new_flows;
	assert_memory_equal(&seconds, &given, sizeof(given));
	assert_int_equal(new_flows, seen.news);
	assert_int_equal(seen.news - seen.final, flow_table_len(table));
	flow_table_flush(table);
	for (int direction = 0; direction < 2; direction++) {
		assert_int_equal(seen.records.packets[direction] + refused.packets[direction],
				 given.packets[direction]);
		assert_int_equal(seen.records.bytes[direction] + refused.bytes[direction],
				 given.bytes[direction]);
	}
	flow_table_free(table);
}

static void records_and_seconds_add_up_in_any_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		run(&(struct run){ .capacity = 4096, .flows = 3000, .seed = seed });
}

static void few_busy_flows_add_up(void **state)
{
	(void)state;
	run(&(struct run){ .capacity = 16, .flows = 8, .seed = 11 });
}

static void full_table_still_counts_everything(void **state)
{
	(void)state;
	run(&(struct run){ .capacity = 50, .flows = 3000, .seed = 7 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_and_seconds_add_up_in_any_order),
		cmocka_unit_test(few_busy_flows_add_up),
		cmocka_unit_test(full_table_still_counts_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
