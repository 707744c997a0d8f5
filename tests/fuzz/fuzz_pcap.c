/*
 * A hostile capture file, pcap or pcapng, all the way that `sluice replay -o eve` takes it: file ->
 * link layer -> datapath -> flows and names -> EVE lines. Every packet read is counted in one
 * place, and every line is whole, printable text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/capture/capture.h"
#include "agent/export/export.h"
#include "agent/flow/flow.h"
#include "agent/names/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECOND_NS 1000000000ull

struct run {
	struct capture *replay;
	struct flow_table *flows;
	struct names *names;
	struct eve *eve;
	struct coverage coverage;
	uint64_t fed, now_ns;
	uint64_t flow_packets;	/* handed up by the datapath */
	int64_t record_packets; /* written as records */
};

static void on_record(void *arg, const struct flow *flow)
{
	struct run *run = arg;

	run->record_packets += (int64_t)(flow->packets_out - flow->cut_packets_out +
					 flow->packets_in - flow->cut_packets_in);
	eve_flow(run->eve, flow);
}

static void on_flow(void *arg, const struct flow_delta *delta)
{
	struct run *run = arg;

	run->flow_packets += delta->packets;
	if (flow_table_add(run->flows, delta, 1700000000000))
		abort();
}

static void on_payload(void *arg, const struct payload *payload)
{
	struct run *run = arg;

	names_take(run->names, payload);
}

static void on_name(void *arg, const struct name_event *event)
{
	struct run *run = arg;

	eve_name(run->eve, event);
}

/* JSON lines of our own making: nothing below a space, no byte that is no UTF-8 on its own. */
static int check_lines(void *arg, const char *text, size_t len)
{
	(void)arg;
	if (len == 0 || text[0] != '{' || text[len - 1] != '\n')
		abort();
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' ? text[i - 1] != '}' : (unsigned char)text[i] < 0x20)
			abort();
	}
	return 0;
}

/* Made once: tables cost more than an input. Time goes on from one file to the next. */
static struct run *run_of_all(void)
{
	static struct run run;
	const struct flow_options flows = { .capacity = 1U << 16,
					    .sink = { .arg = &run, .on_record = on_record } };
	const struct names_options names = {
		.streams = 64, .addrs = 64, .arg = &run, .on_name = on_name
	};
	const struct eve_options eve = { .unix_ns = 1700000000000000000, .write = check_lines };
	char error[256];

	if (run.replay)
		return &run;
	if (capture_replay_new(false, &run.replay, error) || flow_table_new(&flows, &run.flows) ||
	    names_new(&names, &run.names) || eve_new(&eve, &run.eve))
		abort();
	return &run;
}

static void drain(struct run *run, bool scan)
{
	const struct capture_sink sink = { .arg = run,
					   .on_flow = on_flow,
					   .on_payload = on_payload };

	if (capture_drain(run->replay, scan, &sink) < 0)
		abort();
	if (!scan)
		return;
	flow_table_expire(run->flows, run->now_ns);
	names_expire(run->names, run->now_ns);
}

static void read_all(struct run *run, struct capture_file *file)
{
	const uint64_t base_ns = run->now_ns + SECOND_NS;
	struct capture_packet packet;
	int64_t first_ns = 0;
	bool is_first = true;

	while (capture_file_read(file, &packet) == 1) {
		struct capture_frame frame = { .data = packet.data, .len = packet.len };

		if (packet.wire_len < packet.len || packet.len < 14)
			abort();
		first_ns = is_first ? packet.unix_ns : first_ns;
		is_first = false;
		if (packet.unix_ns < first_ns)
			abort();
		/* at most an hour a packet: the clock of all inputs must last */
		frame.at_ns = base_ns + (uint64_t)(packet.unix_ns - first_ns) % (3600 * SECOND_NS);
		frame.at_ns = frame.at_ns > run->now_ns ? frame.at_ns : run->now_ns;
		if (capture_replay_is_full(run->replay))
			drain(run, false);
		run->now_ns = frame.at_ns;
		if (capture_replay_feed(run->replay, &frame) < 0)
			abort();
		run->fed++;
	}
}

static void check_sums(struct run *run)
{
	const struct coverage_direction *seen = &run->coverage.ifaces[0].dir[0];
	uint64_t sum = 0;

	drain(run, true);
	flow_table_flush(run->flows);
	if (capture_coverage(run->replay, &run->coverage) || eve_flush(run->eve))
		abort();
	for (int i = 0; i < NOT_FLOW_COUNT; i++)
		sum += seen->not_flow[i];
	if (seen->seen != run->fed || sum + seen->in_flows != run->fed ||
	    seen->in_flows != run->flow_packets || run->coverage.events_lost ||
	    run->record_packets != (int64_t)run->flow_packets)
		abort();
	/* all flows end before the next file begins */
	run->now_ns += 600 * SECOND_NS;
	flow_table_expire(run->flows, run->now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run *run = run_of_all();
	CLEANUP(capture_file_close) struct capture_file *file = NULL;
	int fd = memfd_create("capture", 0);
	char path[32], error[256];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (capture_file_open(path, &file, error) == 0) {
		read_all(run, file);
		check_sums(run);
	}
	(void)close(fd);
	return 0;
}
