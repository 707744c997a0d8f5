/*
 * What readers see: flows newest first, ended ones kept for a while, and the last minute by host
 * and protocol.
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
#include "agent/util/snapshot.h"

#define S      1000000000ULL
#define OFFSET 1700000000000LL

static struct flow_table *begin(unsigned int capacity, unsigned int ended_kept)
{
	struct flow_options options = { .capacity = capacity, .ended_kept = ended_kept };
	struct flow_table *table = NULL;

	assert_int_equal(flow_table_new(&options, &table), 0);
	return table;
}

static struct flow_delta udp(const char *src, const char *dst, uint16_t dst_port, uint64_t at_ns)
{
	struct flow_delta d = {
		.tuple = { .src_port = 50000, .dst_port = dst_port, .proto = IPPROTO_UDP },
		.packets = 2,
		.bytes = 200,
		.first_ns = at_ns,
		.last_ns = at_ns
	};

	assert_int_equal(addr_parse(src, &d.tuple.src), 0);
	assert_int_equal(addr_parse(dst, &d.tuple.dst), 0);
	return d;
}

static void add(struct flow_table *table, struct flow_delta d)
{
	assert_int_equal(flow_table_add(table, &d, OFFSET), 0);
}

static const struct host_total *host(const struct snapshot *snapshot, const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	for (unsigned int i = 0; i < snapshot->host_count; i++)
		if (addr_is_equal(&snapshot->hosts[i].addr, &addr))
			return &snapshot->hosts[i];
	return NULL;
}

static void flows_come_newest_first_with_lately_ended_ones(void **state)
{
	struct flow_table *table = begin(8, 2);
	struct snapshot *snapshot;

	(void)state;
	add(table, udp("192.0.2.1", "192.0.2.9", 53, 1 * S));
	add(table, udp("192.0.2.2", "192.0.2.9", 53, 2 * S));
	add(table, udp("192.0.2.3", "192.0.2.9", 53, 3 * S));
	flow_table_expire(table, 20 * S); /* all three end; the two last are kept */
	add(table, udp("192.0.2.4", "192.0.2.9", 53, 21 * S));
	add(table, udp("192.0.2.5", "192.0.2.9", 53, 20 * S));
	snapshot = flow_table_snapshot(table, OFFSET + 21000);
	assert_non_null(snapshot);
	assert_int_equal(snapshot->flow_count, 4);
	assert_int_equal(snapshot->flow_capacity, 8);
	assert_int_equal(snapshot->unix_ms, OFFSET + 21000);
	assert_int_equal(snapshot->flows[0].tuple.src.bytes[15], 4);
	assert_int_equal(snapshot->flows[1].tuple.src.bytes[15], 5);
	for (unsigned int i = 1; i < snapshot->flow_count; i++)
		assert_true(snapshot->flows[i - 1].last_ns >= snapshot->flows[i].last_ns);
	assert_true(snapshot->flows[2].is_final);
	assert_int_equal(snapshot->flows[2].state, FLOW_EXPIRED);
	assert_false(snapshot->flows[0].is_final);
	snapshot_unref(snapshot);
	flow_table_free(table);
}

static void hosts_and_protocols_count_the_last_minute(void **state)
{
	struct flow_table *table = begin(64, 64);
	struct flow_delta tcp = udp("192.0.2.2", "192.0.2.9", 443, 31 * S);
	struct snapshot *snapshot;

	(void)state;
	for (uint16_t port = 100; port < 110; port++)
		add(table, udp("192.0.2.1", "192.0.2.9", port, 30 * S));
	add(table, udp("192.0.2.1", "192.0.2.9", 100, 31 * S));
	tcp.tuple.proto = IPPROTO_TCP;
	tcp.bytes = 5000;
	add(table, tcp);
	snapshot = flow_table_snapshot(table, OFFSET + 31000);
	assert_int_equal(snapshot->host_count, 3);
	assert_int_equal(snapshot->hosts[0].bytes, 5000 + 11 * 200); /* 192.0.2.9 has both */
	assert_int_equal(host(snapshot, "192.0.2.1")->bytes, 11 * 200);
	assert_int_equal(host(snapshot, "192.0.2.1")->packets, 22);
	assert_int_equal(host(snapshot, "192.0.2.1")->flows, 10);
	assert_int_equal(host(snapshot, "192.0.2.1")->ports, 10);
	assert_int_equal(host(snapshot, "192.0.2.1")->last_unix_ms, OFFSET + 31000);
	assert_int_equal(host(snapshot, "192.0.2.9")->flows, 11);
	assert_int_equal(host(snapshot, "192.0.2.9")->ports, 0); /* it opened none */
	assert_int_equal(snapshot->proto_count, 2);
	assert_int_equal(snapshot->protos[0].proto, IPPROTO_TCP);
	assert_int_equal(snapshot->protos[0].flows, 1);
	assert_int_equal(snapshot->protos[1].bytes, 11 * 200);
	assert_int_equal(snapshot->protos[1].flows, 10);
	snapshot_unref(snapshot);
	flow_table_expire(table, 100 * S); /* a minute of silence */
	snapshot = flow_table_snapshot(table, OFFSET + 100000);
	assert_int_equal(snapshot->host_count, 0);
	assert_int_equal(snapshot->proto_count, 0);
	snapshot_unref(snapshot);
	flow_table_free(table);
}

static void flood_of_sources_does_not_push_out_a_busy_host(void **state)
{
	struct flow_table *table = begin(16, 16);
	struct flow_delta busy = udp("198.51.100.1", "192.0.2.9", 443, 30 * S);
	struct snapshot *snapshot;

	(void)state;
	busy.bytes = 1000000;
	add(table, busy);
	for (uint32_t i = 0; i < 100000; i++) {
		struct flow_delta d = udp("10.0.0.0", "192.0.2.9", 53, 31 * S);
		int error;

		d.tuple.src.bytes[13] = (uint8_t)(i >> 16);
		d.tuple.src.bytes[14] = (uint8_t)(i >> 8);
		d.tuple.src.bytes[15] = (uint8_t)i;
		error = flow_table_add(table, &d, OFFSET);
		assert_true(!error || error == -ENOSPC);
	}
	snapshot = flow_table_snapshot(table, OFFSET + 31000);
	assert_int_equal(snapshot->host_count, SNAPSHOT_HOSTS_MAX);
	assert_int_equal(host(snapshot, "198.51.100.1")->bytes, 1000000);
	assert_int_equal(host(snapshot, "192.0.2.9")->bytes, 1000000 + 100000 * 200);
	assert_int_equal(snapshot->flows_full, 100001 - 16);
	assert_int_equal(snapshot->flow_count, 16);
	snapshot_unref(snapshot);
	flow_table_free(table);
}

static void empty_table_gives_an_empty_snapshot(void **state)
{
	struct flow_table *table = begin(8, 0);
	struct snapshot *snapshot = flow_table_snapshot(table, 1);

	(void)state;
	assert_non_null(snapshot);
	assert_int_equal(snapshot->flow_count, 0);
	assert_int_equal(snapshot->host_count, 0);
	assert_int_equal(atomic_load(&snapshot->refs), 1);
	snapshot_unref(snapshot);
	flow_table_free(table);
}

static void impossible_sizes_are_refused(void **state)
{
	struct flow_options options = { .capacity = 0 };
	struct flow_table *table = NULL;

	(void)state;
	assert_int_equal(flow_table_new(&options, &table), -EINVAL);
	options.capacity = UINT32_MAX;
	assert_int_equal(flow_table_new(&options, &table), -EINVAL);
	assert_null(table);
	flow_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_come_newest_first_with_lately_ended_ones),
		cmocka_unit_test(hosts_and_protocols_count_the_last_minute),
		cmocka_unit_test(flood_of_sources_does_not_push_out_a_busy_host),
		cmocka_unit_test(empty_table_gives_an_empty_snapshot),
		cmocka_unit_test(impossible_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
