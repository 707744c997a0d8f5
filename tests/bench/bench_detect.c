/*
 * The detection stage on one thread: ns of all named detectors and the anomaly model together for
 * each record drained of the datapath (one direction of a flow, and the change of the flow), over a
 * mixture as a busy server has it; memory, and who is told, under a flood of a million made-up
 * sources.
 * Usage: bench_detect. One line per figure: name, value, bar.
 */
#include <math.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detect.h"
#include "agent/model/model.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "tests/bench/measure.h"

#define FLOWS	  100000
#define REPEATS	  4
#define SOURCES	  1000000
#define PAIRS	  16384 /* as the pipeline asks for */
#define BEGIN_NS  (1000 * NS_PER_S)
#define HOSTS	  100000 /* as the pipeline asks for */
#define BAR_NS	  1500	 /* for each flow record, all detectors */
#define BAR_MIB	  128
#define SEED_STEP 0x9e3779b97f4a7c15ULL

struct bench {
	struct detect *detect;
	struct model_watch *watch;
	struct flow *flows;
	uint64_t findings, tellers; /* findings, and (detector, source) of them: incidents */
	struct finding last;
	double elsewhere_ns; /* spent on what another thread does */
};

static void on_finding(void *arg, const struct finding *finding)
{
	struct bench *bench = arg;

	bench->findings++;
	if (finding->detector != bench->last.detector ||
	    !addr_is_equal(&finding->src, &bench->last.src))
		bench->tellers++;
	bench->last = *finding;
}

static void on_alarm(void *arg, const struct model_alarm *alarm)
{
	struct bench *bench = arg;

	(void)alarm;
	bench->tellers++;
}

static uint64_t mix(uint64_t n)
{
	n *= SEED_STEP;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ULL;
	return n ^ n >> 27;
}

static struct addr addr_from(uint32_t host_order)
{
	const uint8_t bytes[4] = { (uint8_t)(host_order >> 24), (uint8_t)(host_order >> 16),
				   (uint8_t)(host_order >> 8), (uint8_t)host_order };

	return addr_from_ipv4(bytes);
}

/* Web, DNS, logins, mail and others, to 64 servers and from some thousand clients. */
static struct flow make_flow(uint32_t n)
{
	static const uint16_t ports[] = { 443, 443, 443, 80, 53, 53, 22, 993, 8443, 5432 };
	uint64_t x = mix(n + 1);
	uint16_t port = ports[x % (sizeof(ports) / sizeof(ports[0]))];
	struct flow flow = {
		.id = n + 1,
		.tuple = { .src = addr_from(0xc6120000U + (uint32_t)(x >> 40) % 4096),
			   .dst = addr_from(0xcb007100U + (uint32_t)(x >> 20) % 64),
			   .src_port = (uint16_t)(32768 + n % 28000),
			   .dst_port = port,
			   .proto = port == 53 ? IPPROTO_UDP : IPPROTO_TCP },
		.state = n % 3 ? FLOW_CLOSED : FLOW_ESTABLISHED,
		.ingress = n % 2,
		.packets_out = 12,
		.packets_in = 14,
		.bytes_out = 900 + x % 3000,
		.bytes_in = 3000 + x % 90000,
		.tcp_flags_out = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_PSH,
		.tcp_flags_in = TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_PSH,
		.first_ns = BEGIN_NS + n * 10000ULL,
		.last_ns = BEGIN_NS + n * 10000ULL + 300 * NS_PER_MS,
	};

	if (n % 20 == 0) { /* nobody answered */
		flow.packets_in = flow.bytes_in = flow.tcp_flags_in = 0;
		flow.packets_out = 1;
		flow.tcp_flags_out = TCP_FLAG_SYN;
		flow.state = FLOW_NEW;
	}
	return flow;
}

static void take_delta(struct bench *bench, const struct flow *flow, bool is_answer)
{
	struct flow_delta delta = {
		.tuple = flow->tuple,
		.tcp_flags = is_answer ? flow->tcp_flags_in : flow->tcp_flags_out,
		.packets = is_answer ? flow->packets_in : flow->packets_out,
		.bytes = is_answer ? flow->bytes_in : flow->bytes_out,
		.first_ns = flow->first_ns,
		.last_ns = flow->last_ns,
	};

	if (is_answer) {
		delta.tuple.src = flow->tuple.dst;
		delta.tuple.dst = flow->tuple.src;
		delta.tuple.src_port = flow->tuple.dst_port;
		delta.tuple.dst_port = flow->tuple.src_port;
	}
	detect_delta(bench->detect, &delta);
	detect_flow(bench->detect, flow, !is_answer, flow->last_ns);
	if (!is_answer)
		model_watch_begin(bench->watch, flow, LEARNING_REMOTE, LEARNING_OWN);
	else
		model_watch_record(bench->watch, flow);
}

/* As the pipeline's second is closed; fits are another thread's. */
static void tick(struct bench *bench, uint64_t now_ns)
{
	struct model_job *job;

	detect_tick(bench->detect, now_ns, (int64_t)(now_ns / NS_PER_MS));
	model_watch_tick(bench->watch, now_ns);
	job = model_watch_job(bench->watch);
	if (!job)
		return;
	double began = cpu_ns();
	model_job_run(job);
	bench->elsewhere_ns += cpu_ns() - began;
	(void)model_watch_take(bench->watch, job, 0);
}

/* Both directions of each flow, and the share of the ticks: ten seconds, so that every window of a
 * host is closed once; the best of a few. */
static double measure_records(struct bench *bench)
{
	double best = INFINITY;

	for (int round = 0; round < REPEATS; round++) {
		double began = cpu_ns() - bench->elsewhere_ns, took;

		for (int second = 0; second < 10; second++) {
			for (uint32_t i = 0; i < FLOWS; i++) {
				struct flow *flow = &bench->flows[i];

				flow->id += FLOWS;
				flow->first_ns += NS_PER_S;
				flow->last_ns += NS_PER_S;
				take_delta(bench, flow, false);
				take_delta(bench, flow, true);
			}
			tick(bench, BEGIN_NS + (uint64_t)(10 * round + second + 2) * NS_PER_S);
		}
		took = (cpu_ns() - bench->elsewhere_ns - began) / (2 * 10 * FLOWS);
		if (took < best)
			best = took;
	}
	return best;
}

static double measure_flood(struct bench *bench)
{
	double began = cpu_ns();

	for (uint32_t i = 0; i < SOURCES; i++) {
		struct flow flow = make_flow(20); /* unanswered */

		flow.id = 10 * FLOWS + i;
		flow.tuple.src = addr_from(0x0a000000U + i * 13);
		flow.tuple.dst = addr_from(0xcb007101U);
		flow.first_ns = flow.last_ns = BEGIN_NS + 60 * NS_PER_S + i * 1000ULL;
		take_delta(bench, &flow, false);
	}
	for (uint64_t second = 61; second < 75; second++)
		tick(bench, BEGIN_NS + second * NS_PER_S);
	return (cpu_ns() - began) / SOURCES;
}

static int row(const char *what, double value, const char *unit, double bar)
{
	printf("%s\t%.1f %s\t-\t-\t<= %.0f %s\t%s\n", what, value, unit, bar, unit,
	       value <= bar ? "ok" : "MISS");
	return value > bar;
}

static void close_stage(struct bench *bench)
{
	detect_free(bench->detect);
	model_watch_free(bench->watch);
	bench->detect = NULL;
	bench->watch = NULL;
}

static int open_stage(struct bench *bench)
{
	const struct detect_options detect = {
		.on_finding = on_finding, .arg = bench, .hosts_max = PAIRS, .start_ns = BEGIN_NS
	};
	const struct model_watch_options watch = { .hosts_max = HOSTS,
						   .alerts_per_day = 5,
						   .settle_s = 1,
						   .on_alarm = on_alarm,
						   .arg = bench };

	return detect_new(&detect, &bench->detect) || model_watch_new(&watch, &bench->watch);
}

int main(void)
{
	long before_kib = resident_kib();
	struct bench bench = { 0 };
	int missed;

	bench.flows = calloc(FLOWS, sizeof(*bench.flows));
	if (!bench.flows || open_stage(&bench))
		return 1;
	for (uint32_t i = 0; i < FLOWS; i++)
		bench.flows[i] = make_flow(i);
	before_kib += (long)(FLOWS * sizeof(*bench.flows) / 1024);
	missed = row("detection stage: one flow record", measure_records(&bench), "ns", BAR_NS);
	close_stage(&bench);
	if (open_stage(&bench))
		return 1;
	bench.tellers = 0;
	missed += row("detection stage: one record of 1 M made-up sources", measure_flood(&bench),
		      "ns", BAR_NS);
	missed += row("detection stage: memory with 1 M made-up sources",
		      (double)(resident_kib() - before_kib) / 1024, "MiB", BAR_MIB);
	missed += row("detection stage: incidents of 1 M made-up sources", (double)bench.tellers,
		      "", 1);
	close_stage(&bench);
	free(bench.flows);
	return missed ? 1 : 0;
}
