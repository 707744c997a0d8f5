/*
 * The flow table and the detectors at 100,000 flows, on one thread: ns per delta, per second's
 * work, and memory. Usage: bench_flow [FLOWS]. One line per figure: name value unit.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detect.h"
#include "agent/flow/flow.h"
#include "agent/util/clock.h"
#include "agent/util/snapshot.h"
#include "tests/bench/measure.h"

#define REPEATS	 10
#define BEGIN_NS (1000 * NS_PER_S)

struct bench {
	struct flow_table *table;
	struct detect *detect;
	uint64_t records, findings;
	unsigned int flows;
	uint32_t ports; /* flows of each client */
};

static void on_change(void *arg, const struct flow *flow, bool is_new)
{
	struct bench *bench = arg;

	if (bench->detect)
		detect_flow(bench->detect, flow, is_new, flow->last_ns);
}

static void on_record(void *arg, const struct flow *flow)
{
	struct bench *bench = arg;

	(void)flow;
	bench->records++;
}

static void on_finding(void *arg, const struct finding *finding)
{
	struct bench *bench = arg;

	(void)finding;
	bench->findings++;
}

/* Both directions of flow @number: @ports flows of each client, to one of 64 servers. */
static struct flow_delta make_delta(uint32_t number, bool is_answer, uint32_t ports)
{
	struct flow_delta d = { .tuple = { .proto = number % 4 ? IPPROTO_TCP : IPPROTO_UDP },
				.direction = is_answer ? DIRECTION_EGRESS : DIRECTION_INGRESS,
				.tcp_flags = TCP_FLAG_SYN | TCP_FLAG_ACK,
				.packets = 10,
				.bytes = 9000,
				.first_ns = BEGIN_NS + is_answer,
				.last_ns = BEGIN_NS + 1000 };
	uint32_t host = number / ports;
	const uint8_t client[4] = { 10, (uint8_t)(host >> 16), (uint8_t)(host >> 8),
				    (uint8_t)host };
	const uint8_t server[4] = { 192, 0, 2, (uint8_t)(number % 64) };

	memset(d.tuple.src.bytes + 10, 0xff, 2);
	memset(d.tuple.dst.bytes + 10, 0xff, 2);
	memcpy(d.tuple.src.bytes + 12, is_answer ? server : client, 4);
	memcpy(d.tuple.dst.bytes + 12, is_answer ? client : server, 4);
	d.tuple.src.family = d.tuple.dst.family = ADDR_IPV4;
	d.tuple.src_port = (uint16_t)(is_answer ? 443 : 32768 + number % ports);
	d.tuple.dst_port = (uint16_t)(is_answer ? 32768 + number % ports : 443);
	return d;
}

static void print_ns(const char *name, double begin_ns, uint64_t count)
{
	printf("%s %.1f ns\n", name, (cpu_ns() - begin_ns) / (double)count);
}

/* Deltas in the order of a scan: like hash slots, so in no order of the flows. */
static void add_all(struct bench *bench, const struct flow_delta *deltas, uint64_t offset_ns)
{
	for (uint32_t i = 0; i < bench->flows * 2; i++) {
		struct flow_delta d = deltas[i];

		d.last_ns += offset_ns;
		(void)flow_table_add(bench->table, &d, 0);
	}
}

static struct flow_delta *make_deltas(unsigned int flows, uint32_t ports)
{
	uint32_t count = flows * 2;
	uint64_t state = 88172645463325252ULL; /* Marsaglia, "Xorshift RNGs", 2003 */
	struct flow_delta *deltas = calloc(count, sizeof(*deltas));

	if (!deltas)
		exit(1);
	for (uint32_t i = 0; i < count; i++)
		deltas[i] = make_delta(i / 2, i % 2, ports);
	for (uint32_t i = count - 1; i > 0; i--) {
		struct flow_delta swap = deltas[i];
		uint32_t j;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		j = (uint32_t)(state % (i + 1));
		deltas[i] = deltas[j];
		deltas[j] = swap;
	}
	return deltas;
}

static void run(struct bench *bench, const char *label)
{
	const struct flow_options options = {
		.capacity = bench->flows,
		.ended_kept = 4096,
		.first_id = 1,
		.sink = { .arg = bench, .on_change = on_change, .on_record = on_record },
	};
	struct flow_delta *deltas = make_deltas(bench->flows, bench->ports);
	double begin;
	uint64_t deltas_count = 2ULL * bench->flows, now = 1001 * NS_PER_S;
	long before = resident_kib();
	struct snapshot *snapshot;

	if (flow_table_new(&options, &bench->table))
		exit(1);
	printf("-- %s, %u flows of %u clients\n", label, bench->flows,
	       (bench->flows + bench->ports - 1) / bench->ports);
	begin = cpu_ns();
	add_all(bench, deltas, 0);
	print_ns("add_new_flow_delta", begin, deltas_count);
	begin = cpu_ns();
	for (uint64_t round = 1; round <= REPEATS; round++)
		add_all(bench, deltas, round * NS_PER_S);
	print_ns("add_known_flow_delta", begin, deltas_count * REPEATS);
	printf("resident %ld KiB\n", resident_kib() - before);
	begin = cpu_ns();
	for (unsigned int i = 0; i < REPEATS; i++)
		flow_table_expire(bench->table, now += NS_PER_S);
	print_ns("expire_nothing_due", begin, REPEATS);
	begin = cpu_ns();
	snapshot = flow_table_snapshot(bench->table, 0);
	print_ns("snapshot", begin, 1);
	snapshot_unref(snapshot);
	begin = cpu_ns();
	flow_table_expire(bench->table, now + 400 * NS_PER_S);
	print_ns("expire_per_ended_flow", begin, bench->flows);
	if (flow_table_len(bench->table) != 0 || bench->records < bench->flows)
		exit(1);
	flow_table_free(bench->table);
	free(deltas);
}

int main(int argc, char **argv)
{
	struct bench bench = { .flows = 100000 };
	const struct detect_options options = { .on_finding = on_finding,
						.arg = &bench,
						.hosts_max = 16384 };
	double begin;

	if (argc > 1)
		bench.flows = (unsigned int)strtoul(argv[1], NULL, 10);
	if (!bench.flows || bench.flows > 1000000) {
		(void)fprintf(stderr, "usage: bench_flow [1..1000000]\n");
		return 2;
	}
	bench.ports = 1; /* worst case: more addresses than the last minute's table holds */
	run(&bench, "flow table alone");
	bench.ports = 100;
	run(&bench, "flow table alone");
	if (detect_new(&options, &bench.detect))
		return 1;
	run(&bench, "with detectors");
	begin = cpu_ns();
	detect_tick(bench.detect, 1100 * NS_PER_S, 0);
	print_ns("detect_tick_all_pairs", begin, 1);
	printf("findings %llu\n", (unsigned long long)bench.findings);
	detect_free(bench.detect);
	return 0;
}
