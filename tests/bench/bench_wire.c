/*
 * Programs in the real receive path of a veth pair, in turns within a round.
 * cost: what the kernel says a run of sluice_ingress takes (bpf_stats) with 1, 1,000 and 10,000
 *       flows, above a bare PASS, beside a reference prototype of the same work where there is one.
 * drop: CPU of the whole way of a packet that is dropped, above a bare DROP: sluice_ingress and
 *       xdp-filter with 10,000 entries and the senders', and whatever in0 meets without a program:
 *       tests/bench/run.sh puts an nftables ingress set there.
 * usage: bench_wire cost INSIDE OUTSIDE VARY.bpf.o SLUICE.bpf.o [PROTOTYPE.bpf.o]
 *        bench_wire drop INSIDE OUTSIDE VARY.bpf.o SLUICE.bpf.o XDPFILT_ALW_IP.o
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/blocklist.h"
#include "tests/bench/measure.h"
#include "tests/bench/row.h"
#include "tests/bench/wire.h"

#define PACKETS	   200000
#define ENTRIES	   10000
#define DROP_FLOWS 1000
#define PROTO_BAR  1.10
#define DROP_BAR   0.20

enum who {
	FLOOR,
	OURS,
	PEER, /* prototype or xdp-filter; may be absent */
	NONE, /* no program: nftables */
	WHO_COUNT
};

struct bench {
	struct wire wire;
	struct program who[WHO_COUNT];
	bool has_peer, is_drop;
	double ns[WHO_COUNT][ROUNDS];
};

static int drain_ours(void *arg)
{
	struct ring_buffer *evict = arg;

	return ring_buffer__consume(evict) < 0 ? -EIO : 0;
}

/* What the kernel counted of a program: nanoseconds and runs. */
static int stats_of(int fd, double *ns, double *runs)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	*ns = (double)info.run_time_ns;
	*runs = (double)info.run_cnt;
	return 0;
}

static int load_ours(struct bench *bench, const char *file, int cpu)
{
	struct program *ours = &bench->who[OURS];
	int err = program_load(ours, file, "sluice_ingress");

	if (!err)
		err = program_drain(ours, (uint32_t)cpu);
	if (!err)
		err = blocklist_watch(ours, bench->wire.inside_index);
	if (!err)
		err = blocklist_ours(ours, ENTRIES);
	return !err && bench->is_drop ? blocklist_add_flows(ours, DROP_FLOWS) : err;
}

static int load_peer(struct bench *bench, const char *file)
{
	struct program *peer = &bench->who[PEER];
	int err = program_load(peer, file, bench->is_drop ? "xdpfilt_alw_ip" : "proto");

	bench->has_peer = true;
	if (err)
		return err;
	if (bench->is_drop)
		/* its map holds 10,000 in all */
		return blocklist_xdp_filter(peer, ENTRIES - DROP_FLOWS, DROP_FLOWS);
	err = program_drain_shared(peer);
	return err ? err : blocklist_prototype(peer, ENTRIES);
}

/* One program's turn; what is asked for of it in @ns. */
static int turn(struct bench *bench, enum who who, uint32_t flows, double *ns)
{
	struct program *program = &bench->who[who];
	struct flood flood = { .flows = flows,
			       .packets = PACKETS,
			       .between = program->evict ? drain_ours : NULL,
			       .arg = program->evict };
	double before_ns = 0, before = 0, after_ns = 0, after = 0;
	int fd = who == NONE ? -1 : program->fd;
	int err = wire_attach(&bench->wire, fd);

	if (!err && fd >= 0)
		err = stats_of(fd, &before_ns, &before);
	if (err)
		return err;
	*ns = wire_flood(&bench->wire, &flood);
	if (*ns < 0)
		return -EIO;
	if (fd >= 0)
		err = stats_of(fd, &after_ns, &after);
	if (err || fd < 0)
		return err;
	if (after - before < 0.99 * PACKETS)
		return -ENODATA; /* most of it never came to the program */
	if (!bench->is_drop)
		*ns = (after_ns - before_ns) / (after - before);
	return 0;
}

static int rounds(struct bench *bench, uint32_t flows)
{
	for (int round = -1; round < ROUNDS; round++) { /* the first one warms up */
		for (enum who who = 0; who < WHO_COUNT; who++) {
			double ns = 0;
			int err;

			if ((who == PEER && !bench->has_peer) || (who == NONE && !bench->is_drop))
				continue;
			err = turn(bench, who, flows, &ns);
			if (err)
				return err;
			if (round >= 0)
				bench->ns[who][round] = ns;
		}
	}
	return 0;
}

/* Rounds of @who above the floor's. */
static void above(const struct bench *bench, enum who who, double net[ROUNDS])
{
	for (int i = 0; i < ROUNDS; i++)
		net[i] = bench->ns[who][i] - bench->ns[FLOOR][i];
}

static void ratio_say(struct row *row, const double ours[ROUNDS], const double peer[ROUNDS],
		      double *median)
{
	double ratio[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		ratio[i] = ours[i] / peer[i];
	*median = median_of(ratio);
	(void)snprintf(row->ratio, sizeof(row->ratio), "%.3f [%.3f %.3f]", *median,
		       part_of(ratio, 0.25), part_of(ratio, 0.75));
}

static bool report_cost(const struct bench *bench, uint32_t flows, double bar)
{
	double ours[ROUNDS], peer[ROUNDS], ratio = 9;
	struct row row = { .is_judged = true };

	above(bench, OURS, ours);
	(void)snprintf(row.what, sizeof(row.what), "in situ on veth, %u flow%s", flows,
		       flows == 1 ? "" : "s");
	(void)snprintf(row.figure, sizeof(row.figure), "%.1f ns above PASS (least %.1f)",
		       median_of(ours), least_of(ours));
	(void)snprintf(row.peer, sizeof(row.peer), "no prototype here");
	if (bench->has_peer) {
		above(bench, PEER, peer);
		(void)snprintf(row.peer, sizeof(row.peer), "prototype %.1f ns", median_of(peer));
		ratio_say(&row, ours, peer, &ratio);
	}
	(void)snprintf(row.bar, sizeof(row.bar), "<= %.0f ns or <= %.1f", bar, PROTO_BAR);
	row.is_missed = least_of(ours) > bar && ratio > PROTO_BAR;
	return row_print(&row);
}

static int cost(struct bench *bench, bool *is_missed)
{
	static const struct {
		uint32_t flows;
		double bar;
	} all[] = { { 1, 30 }, { 1000, 110 }, { 10000, 230 } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int err = rounds(bench, all[i].flows);

		if (err)
			return err;
		*is_missed = report_cost(bench, all[i].flows, all[i].bar) || *is_missed;
	}
	return 0;
}

static int drop(struct bench *bench, bool *is_missed)
{
	double ours[ROUNDS], filter[ROUNDS], nft[ROUNDS], ratio;
	struct row row = { .is_judged = true };
	int err = rounds(bench, DROP_FLOWS);

	if (err)
		return err;
	above(bench, OURS, ours);
	above(bench, PEER, filter);
	above(bench, NONE, nft);
	(void)snprintf(row.what, sizeof(row.what), "drop end to end, 10k entries, 1,000 sources");
	(void)snprintf(row.figure, sizeof(row.figure), "%.0f ns above a bare DROP of %.0f ns",
		       median_of(ours), median_of(bench->ns[FLOOR]));
	(void)snprintf(row.peer, sizeof(row.peer), "nftables ingress set %.0f ns", median_of(nft));
	ratio_say(&row, ours, nft, &ratio);
	(void)snprintf(row.bar, sizeof(row.bar), "<= %.1f", DROP_BAR);
	row.is_missed = ratio > DROP_BAR;
	*is_missed = row_print(&row);
	row = (struct row){ .is_judged = false };
	(void)snprintf(row.what, sizeof(row.what), "the same against xdp-filter");
	(void)snprintf(row.figure, sizeof(row.figure), "%.0f ns", median_of(ours));
	(void)snprintf(row.peer, sizeof(row.peer), "xdpfilt_alw_ip %.0f ns", median_of(filter));
	ratio_say(&row, ours, filter, &ratio);
	(void)row_print(&row);
	return 0;
}

static int run(struct bench *bench, int argc, char **argv, bool *is_missed)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME), cpu = pin_to_cpu();
	int err = wire_open(&bench->wire, argv[2], argv[3], argv[4]);

	if (stats < 0 || cpu < 0)
		err = stats < 0 ? -errno : cpu;
	bench->is_drop = !strcmp(argv[1], "drop");
	if (!err)
		err = program_load(&bench->who[FLOOR], argv[4],
				   bench->is_drop ? "bare_drop" : "bare_pass");
	if (!err)
		err = load_ours(bench, argv[5], cpu);
	if (!err && argc > 6)
		err = load_peer(bench, argv[6]);
	if (!err)
		err = bench->is_drop ? drop(bench, is_missed) : cost(bench, is_missed);
	if (stats >= 0)
		(void)close(stats); /* ends the counting */
	return err;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	bool is_missed = false;
	int err;

	if (argc < 6 || argc > 7 || (argc == 6 && !strcmp(argv[1], "drop"))) {
		(void)fprintf(stderr, "usage: bench_wire cost|drop INSIDE OUTSIDE VARY.bpf.o "
				      "SLUICE.bpf.o [PEER.o]\n");
		return 2;
	}
	err = run(&bench, argc, argv, &is_missed);
	if (err)
		(void)fprintf(stderr, "bench_wire: %s\n", strerror(-err));
	wire_close(&bench.wire);
	for (enum who who = 0; who < WHO_COUNT; who++)
		program_close(&bench.who[who]);
	return err || is_missed;
}
