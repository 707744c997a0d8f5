/*
 * A capture file's way: file -> datapath -> flow table and names -> EVE lines or a summary. Every
 * clock is the file's. One thread, nothing kept.
 */
#include "agent/app/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/app/replay_sum.h"
#include "agent/cli/cli.h"
#include "agent/detect/detect.h"
#include "agent/export/export.h"
#include "agent/flow/flow.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"

#define FLOWS_MAX     (1U << 20) /* at once; when full all are written and begun anew */
#define NAMES_STREAMS 65536
#define NAMES_ADDRS   16384
#define OUT_BYTES     (1U << 20)
#define DETECT_PAIRS  65536
/* The cache is read when a second has gone by, but not for a few packets only, unless for so long
 * that a flow may have ended (15 s, DESIGN 6). */
#define SCAN_NS	       NS_PER_S
#define SCAN_LATEST_NS (5 * NS_PER_S)
#define SCAN_FRAMES    64

struct replay_run {
	const struct cli_replay_options *options;
	struct capture_file *file;
	struct capture *capture;
	struct flow_table *flows;
	struct names *names;
	struct detect *detect;
	struct eve *eve; /* NULL: a summary only */
	struct replay_sum sum;
	uint64_t now_ns, scan_ns; /* since the first packet */
	uint64_t scan_frames;
	int error; /* the first one met in a callback */
};

/* ---- steps ----------------------------------------------------------------------------------- */

static void flow_changed(void *arg, const struct flow *flow, bool is_new)
{
	struct replay_run *run = arg;

	detect_flow(run->detect, flow, is_new, run->now_ns);
	if (!is_new)
		return;
	run->sum.flows++;
	run->sum.protos[flow->tuple.proto]++;
}

static void flow_recorded(void *arg, const struct flow *flow)
{
	struct replay_run *run = arg;

	run->sum.records++;
	if (run->eve)
		eve_flow(run->eve, flow);
}

static int open_flows(struct replay_run *run)
{
	const struct flow_options options = {
		.capacity = FLOWS_MAX,
		.first_id = run->sum.flows + 1,
		.sink = { .arg = run, .on_change = flow_changed, .on_record = flow_recorded },
	};

	return flow_table_new(&options, &run->flows);
}

/* Nothing may be lost: a full table is written out, and its flows go on as new records. */
static void make_room(struct replay_run *run)
{
	int error;

	flow_table_flush(run->flows);
	flow_table_free(TAKE(run->flows));
	error = open_flows(run);
	if (error)
		run->error = error;
}

static void take_delta(void *arg, const struct flow_delta *delta)
{
	struct replay_run *run = arg;

	if (run->error)
		return;
	if (flow_table_len(run->flows) == FLOWS_MAX)
		make_room(run);
	if (run->error)
		return;
	run->sum.flow_packets += delta->packets;
	run->sum.flow_bytes += delta->bytes;
	replay_hosts_add(run->sum.hosts, delta);
	detect_delta(run->detect, delta);
	run->error = flow_table_add(run->flows, delta, run->sum.first_unix_ns / (int64_t)NS_PER_MS);
}

static void take_payload(void *arg, const struct payload *payload)
{
	struct replay_run *run = arg;

	detect_payload(run->detect, payload);
	if (!payload->is_frame)
		names_take(run->names, payload);
}

static void take_name(void *arg, const struct name_event *event)
{
	struct replay_run *run = arg;

	detect_name(run->detect, event);
	if (run->eve)
		eve_name(run->eve, event);
}

static void take_finding(void *arg, const struct finding *finding)
{
	struct replay_run *run = arg;

	if (replay_alerts_add(&run->sum.alerts, finding) && run->eve)
		eve_alert(run->eve, finding);
}

static int drain(struct replay_run *run, bool scan)
{
	const struct capture_sink sink = {
		.arg = run,
		.on_flow = take_delta,
		.on_payload = take_payload,
	};
	int count = capture_drain(run->capture, scan, &sink);

	return count < 0 ? count : run->error;
}

static int scan(struct replay_run *run)
{
	int error = drain(run, true);

	run->scan_ns = run->now_ns;
	run->scan_frames = 0;
	return error;
}

/* What was read until now is judged. */
static void judge(struct replay_run *run, uint64_t now_ns)
{
	detect_tick(run->detect, now_ns,
		    (run->sum.first_unix_ns + (int64_t)now_ns) / (int64_t)NS_PER_MS);
}

/* Flows and pieces that are too old at @now_ns, once the cache was read up to before it. */
static void expire(struct replay_run *run, uint64_t now_ns)
{
	flow_table_expire(run->flows, now_ns);
	names_expire(run->names, now_ns);
}

static bool is_scan_due(const struct replay_run *run, uint64_t now_ns)
{
	uint64_t gone_ns = now_ns - run->scan_ns;

	return gone_ns >= SCAN_LATEST_NS || (gone_ns >= SCAN_NS && run->scan_frames >= SCAN_FRAMES);
}

/* Before the packet of @now_ns: what came until then is read at its own time. */
static int advance(struct replay_run *run, uint64_t now_ns)
{
	int error = 0;

	if (is_scan_due(run, now_ns)) {
		error = scan(run);
		judge(run, run->now_ns);
		expire(run, now_ns);
		run->scan_ns = now_ns;
	} else if (capture_replay_is_full(run->capture)) {
		error = drain(run, false);
	}
	run->now_ns = now_ns;
	run->scan_frames++;
	return error;
}

static int write_text(void *arg, const char *text, size_t len)
{
	(void)arg;
	return fwrite(text, 1, len, stdout) == len ? 0 : -EIO;
}

static int open_eve(struct replay_run *run)
{
	const struct eve_options options = {
		.unix_ns = run->sum.first_unix_ns,
		.write = write_text,
	};

	return run->options->output == CLI_REPLAY_EVE ? eve_new(&options, &run->eve) : 0;
}

static int take_packet(struct replay_run *run, const struct capture_packet *packet)
{
	uint64_t now_ns = (uint64_t)(packet->unix_ns - run->sum.first_unix_ns);
	const struct capture_frame frame = {
		.data = packet->data,
		.len = packet->len,
		.at_ns = now_ns,
		.direction = DIRECTION_INGRESS,
	};
	int error = advance(run, now_ns);

	if (error)
		return error;
	run->sum.packets++;
	run->sum.cut += packet->wire_len > packet->len;
	run->sum.refused += capture_replay_feed(run->capture, &frame) < 0;
	run->sum.last_unix_ns = packet->unix_ns;
	return 0;
}

static void write_stats(struct replay_run *run)
{
	const struct coverage_direction *seen = &run->sum.coverage.ifaces[0].dir[DIRECTION_INGRESS];
	const struct eve_stats stats = {
		.unix_ns = run->sum.last_unix_ns,
		.uptime_s = (uint64_t)(run->sum.last_unix_ns - run->sum.first_unix_ns) / NS_PER_S,
		.packets = seen->seen,
		.bytes = seen->wire_bytes,
		.dropped = seen->unattributed,
		.invalid = seen->not_flow[NOT_FLOW_SHORT] + seen->not_flow[NOT_FLOW_IPV4_HEADER] +
			   seen->not_flow[NOT_FLOW_IPV6_HEADER] + seen->not_flow[NOT_FLOW_IPV6_EXT],
		.flows = run->sum.flows,
	};

	if (run->eve)
		eve_stats(run->eve, &stats);
}

static int read_all(struct replay_run *run)
{
	struct capture_packet packet;
	int more = capture_file_read(run->file, &packet);
	int error = 0;

	if (more == 1)
		run->sum.first_unix_ns = packet.unix_ns;
	error = open_eve(run);
	while (!error && more == 1) {
		error = take_packet(run, &packet);
		if (!error)
			more = capture_file_read(run->file, &packet);
	}
	if (!error)
		error = more < 0 ? more : scan(run);
	if (error)
		return error;
	judge(run, run->now_ns);
	flow_table_flush(run->flows);
	names_count(run->names, &run->sum.names);
	run->sum.losses = *capture_file_losses(run->file);
	error = capture_coverage(run->capture, &run->sum.coverage);
	if (!error)
		write_stats(run);
	return error ? error : run->eve ? eve_flush(run->eve) : 0;
}

/* ---- opening, telling ------------------------------------------------------------------------ */

static int refused(const char *what, const char *reason, int error)
{
	fprintf(stderr, "sluice: %s: %s\n", what, *reason ? reason : strerror(-error));
	if (error == -EPERM)
		return CLI_NO_PERMISSION;
	return error == -EOPNOTSUPP || error == -ENOSYS ? CLI_NO_KERNEL : CLI_FAILED;
}

static int open_tables(struct replay_run *run)
{
	const struct names_options names = {
		.streams = NAMES_STREAMS,
		.addrs = NAMES_ADDRS,
		.arg = run,
		.on_name = take_name,
	};
	const struct detect_options detect = { .on_finding = take_finding,
					       .arg = run,
					       .hosts_max = DETECT_PAIRS };
	int error = open_flows(run);

	if (!error)
		error = names_new(&names, &run->names);
	if (!error)
		error = detect_new(&detect, &run->detect);
	return error ? error : replay_hosts_new(&run->sum.hosts);
}

static int open_all(struct replay_run *run)
{
	char reason[256] = "";
	const char *path = run->options->file;
	int error = capture_file_open(path, &run->file, reason);

	if (error) {
		/* libpcap's reason may begin with the path itself */
		bool has_path = !strncmp(reason, path, strlen(path));

		fprintf(stderr, "sluice: %s%s%s\n", has_path ? "" : path, has_path ? "" : ": ",
			*reason ? reason : strerror(-error));
		return CLI_FAILED;
	}
	error = capture_replay_new(run->options->is_kernel, &run->capture, reason);
	if (error)
		return refused("replay", reason, error);
	error = open_tables(run);
	return error ? refused("replay", "", error) : CLI_OK;
}

/* What could not be used is said, and is no failure. */
static void say_losses(const struct replay_sum *sum)
{
	const struct capture_file_losses *losses = &sum->losses;
	uint64_t unused = losses->too_short + losses->too_long + losses->no_ip + sum->refused;

	if (*losses->note)
		fprintf(stderr, "sluice: %s: %s\n", sum->file, losses->note);
	if (unused)
		fprintf(stderr,
			"sluice: %s: %llu packets could not be used (%llu too short, %llu too "
			"long, %llu not IP, %llu refused)\n",
			sum->file, (unsigned long long)unused,
			(unsigned long long)losses->too_short, (unsigned long long)losses->too_long,
			(unsigned long long)losses->no_ip, (unsigned long long)sum->refused);
}

static int tell(struct replay_run *run)
{
	int error = 0;

	say_losses(&run->sum);
	if (run->options->output == CLI_REPLAY_JSON)
		error = replay_sum_json(&run->sum);
	else if (run->options->output == CLI_REPLAY_HUMAN)
		replay_sum_print(&run->sum);
	if (!error && (fflush(stdout) || ferror(stdout)))
		error = -EIO;
	return error ? refused("standard output", "", error) : CLI_OK;
}

static void close_all(struct replay_run *run)
{
	eve_free(run->eve);
	detect_free(run->detect);
	replay_hosts_free(run->sum.hosts);
	names_free(run->names);
	flow_table_free(run->flows);
	capture_close(run->capture);
	capture_file_close(run->file);
}

int app_replay(const struct cli_replay_options *options)
{
	struct replay_run run = {
		.options = options,
		.sum = { .file = options->file,
			 .datapath = options->is_kernel ? "kernel" : "user" },
	};
	uint64_t began_ns = clock_monotonic_ns();
	int status = CLI_FAILED, error;

	if (crypto_init())
		return refused("replay", "no source of random numbers", -EIO);
	(void)setvbuf(stdout, NULL, _IOFBF, OUT_BYTES); /* smaller pieces would do, too */
	status = open_all(&run);
	if (!status) {
		error = read_all(&run);
		run.sum.seconds = (double)(clock_monotonic_ns() - began_ns) / (double)NS_PER_S;
		status = error ? refused("replay", "", error) : tell(&run);
	}
	close_all(&run);
	return status;
}
