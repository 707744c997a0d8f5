/* Dropped packets as records: who, which block, how many were sampled; bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/app/hits.h"
#include "agent/capture/capture.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/block.h"

struct written {
	unsigned int count;
	struct flow flow; /* the last one */
	struct flow_extra extra;
	uint64_t packets, bytes; /* of all */
	uint64_t next_id;
};

static uint64_t take_id(void *arg)
{
	struct written *written = arg;

	return ++written->next_id;
}

static void on_record(void *arg, const struct flow *flow, const struct flow_extra *extra)
{
	struct written *written = arg;

	written->count++;
	written->flow = *flow;
	written->extra = *extra;
	written->packets += flow->packets_out;
	written->bytes += flow->bytes_out;
}

static struct hits *made(struct written *written)
{
	const struct hits_sink sink = { written, take_id, on_record };
	const struct block_rule rules[] = { { .rule_id = 3, .block_id = 70 },
					    { .rule_id = 4, .block_id = 71, .incident_id = 9 } };
	struct hits *hits = NULL;

	*written = (struct written){ 0 };
	assert_int_equal(hits_new(&sink, &hits), 0);
	hits_know(hits, rules, 2);
	return hits;
}

static struct capture_hit hit_of(uint16_t port, uint32_t rule_id, uint64_t at_s)
{
	struct capture_hit hit = { .direction = DIRECTION_INGRESS,
				   .iface = 2,
				   .rule_id = rule_id,
				   .ip_bytes = 40,
				   .at_ns = at_s * NS_PER_S };

	assert_int_equal(addr_parse("198.18.0.1", &hit.tuple.src), 0);
	assert_int_equal(addr_parse("198.18.0.2", &hit.tuple.dst), 0);
	hit.tuple.src_port = 40000;
	hit.tuple.dst_port = port;
	hit.tuple.proto = 6;
	return hit;
}

static void take(struct hits *hits, uint16_t port, uint32_t rule_id, uint64_t at_s)
{
	const struct capture_hit hit = hit_of(port, rule_id, at_s);

	hits_take(hits, &hit, 1000000);
}

static void packets_of_a_five_tuple_are_one_record_with_block_and_incident(void **state)
{
	struct written written = { .count = 0 };
	CLEANUP(hits_free) struct hits *hits = made(&written);

	(void)state;
	take(hits, 22, 4, 100);
	take(hits, 22, 4, 101);
	take(hits, 22, 4, 102);
	hits_expire(hits, 104 * NS_PER_S);
	assert_int_equal(written.count, 0);
	hits_expire(hits, 105 * NS_PER_S);
	assert_int_equal(written.count, 1);
	assert_int_equal(written.flow.packets_out, 3);
	assert_int_equal(written.flow.bytes_out, 120);
	assert_int_equal(written.flow.start_unix_ms, 1100000);
	assert_int_equal(written.flow.end_unix_ms, 1102000);
	assert_int_equal(written.flow.tuple.dst_port, 22);
	assert_int_equal(written.flow.iface, 2);
	assert_true(written.flow.ingress);
	assert_int_equal(written.extra.verdict, FLOW_DROPPED);
	assert_int_equal(written.extra.rule_id, 71);
	assert_int_equal(written.extra.incident_id, 9);
}

static void what_goes_on_has_a_record_a_minute_and_what_ends_is_forgotten(void **state)
{
	struct written written = { .count = 0 };
	CLEANUP(hits_free) struct hits *hits = made(&written);

	(void)state;
	for (uint64_t second = 100; second < 230; second++) {
		take(hits, 22, 3, second);
		hits_expire(hits, second * NS_PER_S);
	}
	assert_int_equal(written.count, 3); /* at 105, 165, 225 */
	assert_int_equal(written.packets, 126);
	uint64_t id = written.flow.id;
	hits_expire(hits, 290 * NS_PER_S);
	assert_int_equal(written.packets, 130);
	hits_expire(hits, 360 * NS_PER_S); /* nothing came: forgotten */
	take(hits, 22, 3, 361);
	hits_expire(hits, 366 * NS_PER_S);
	assert_int_equal(written.count, 5);
	assert_int_not_equal(written.flow.id, id);
}

static void five_tuples_and_blocks_are_told_apart(void **state)
{
	struct written written = { .count = 0 };
	CLEANUP(hits_free) struct hits *hits = made(&written);

	(void)state;
	for (uint16_t port = 1; port <= 500; port++)
		take(hits, port, 3, 100);
	take(hits, 1, 4, 100);
	hits_expire(hits, 110 * NS_PER_S);
	assert_int_equal(written.count, 501);
	assert_int_equal(written.next_id, 501);
	/* found again after others went */
	take(hits, 77, 3, 111);
	hits_expire(hits, 170 * NS_PER_S);
	assert_int_equal(written.count, 502);
	hits_expire(hits, 300 * NS_PER_S);
	take(hits, 77, 3, 301);
	take(hits, 77, 3, 302);
	hits_flush(hits);
	assert_int_equal(written.count, 503);
	assert_int_equal(written.flow.packets_out, 2);
}

static void what_does_not_fit_is_counted_and_the_rest_stays(void **state)
{
	struct written written = { .count = 0 };
	CLEANUP(hits_free) struct hits *hits = made(&written);

	(void)state;
	for (unsigned int port = 0; port < HITS_MAX + 100; port++)
		take(hits, (uint16_t)port, 3, 100);
	take(hits, 0, 3, 100);
	assert_int_equal(hits_full(hits), 100);
	hits_flush(hits);
	assert_int_equal(written.count, HITS_MAX);
	assert_int_equal(written.packets, HITS_MAX + 1);
}

static void a_rule_stands_for_what_it_was_told_last(void **state)
{
	const struct block_rule rule = { .rule_id = 4, .block_id = 80 };
	struct written written = { .count = 0 };
	CLEANUP(hits_free) struct hits *hits = made(&written);

	(void)state;
	take(hits, 22, 4, 100);
	hits_know(hits, &rule, 1);
	take(hits, 22, 4, 101);
	take(hits, 22, BLOCK_RULES_MAX + 7, 101); /* no rule of ours: without a number */
	hits_flush(hits);
	assert_int_equal(written.count, 3);
	assert_int_equal(written.extra.rule_id, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_a_five_tuple_are_one_record_with_block_and_incident),
		cmocka_unit_test(what_goes_on_has_a_record_a_minute_and_what_ends_is_forgotten),
		cmocka_unit_test(five_tuples_and_blocks_are_told_apart),
		cmocka_unit_test(what_does_not_fit_is_counted_and_the_rest_stays),
		cmocka_unit_test(a_rule_stands_for_what_it_was_told_last),
	};

	return cmocka_run_group_tests_name("app_hits", tests, NULL, NULL);
}
