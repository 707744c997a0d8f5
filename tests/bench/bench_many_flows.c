/*
 * Many flows through sluice_ingress beside Debian's xdp-filter, run by the kernel: 100,000 flows as
 * often as Zipf says, every packet a new flow; and what a miss in a list of a million entries costs
 * above no list. Rings are drained, every packet is counted. The wrapper that varies the packets is
 * measured with a bare verdict and subtracted.
 * usage: bench_many_flows SLUICE.bpf.o VARY.bpf.o XDPFILT_ALW_ALL.o
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/blocklist.h"
#include "tests/bench/measure.h"
#include "tests/bench/program.h"
#include "tests/bench/row.h"

#define PACKETS	 500000 /* per round and program */
#define ENTRIES	 10000
#define MILLION	 1000000
#define FLOWS	 100000
#define MISS_BAR 15.0 /* ns above no list */

enum who {
	FLOOR,
	OURS,
	PEER,
	EMPTY, /* ours without a list */
	FULL,  /* ours with a million entries */
	WHO_COUNT
};

struct bench {
	struct program who[WHO_COUNT];
	double ns[WHO_COUNT][ROUNDS];
	struct frame frame;
	int cpu;
};

struct figure {
	const char *name;
	enum vary_mode mode;
	enum who from, to;
	uint32_t base;
	double bar;
};

static void build(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 46, 0, 17);
	put16(f, 5000);
	put16(f, 9);
	put16(f, 26);
	put16(f, 0);
	put_zero(f, 60 - f->len);
}

static int load_ours(struct bench *bench, enum who who, const char *file, uint32_t entries)
{
	struct program *ours = &bench->who[who];
	int err = program_load(ours, file, "sluice_ingress");

	if (!err)
		err = program_drain(ours, (uint32_t)bench->cpu);
	if (!err) /* the test run's interface is the loopback device, index 1 */
		err = blocklist_watch(ours, 1);
	return err ? err : blocklist_ours(ours, entries);
}

static int load_all(struct bench *bench, char **files)
{
	int err = program_load(&bench->who[FLOOR], files[1], "bare_drop");

	if (!err)
		err = load_ours(bench, OURS, files[0], ENTRIES);
	if (!err)
		err = program_load(&bench->who[PEER], files[2], "xdpfilt_alw_all");
	if (!err)
		err = blocklist_xdp_filter(&bench->who[PEER], ENTRIES, 0);
	if (!err)
		err = load_ours(bench, EMPTY, files[0], 0);
	if (!err)
		err = load_ours(bench, FULL, files[0], MILLION);
	for (enum who who = 0; who < WHO_COUNT && !err; who++) {
		err = program_wrap(&bench->who[who], files[1]);
		if (!err)
			err = program_order_zipf(&bench->who[who], FLOWS);
	}
	return err;
}

static int measure(struct bench *bench, const struct figure *figure)
{
	for (int round = -1; round < ROUNDS; round++) { /* the first one warms up */
		for (enum who who = 0; who < WHO_COUNT; who++) {
			struct run run = { .frame = &bench->frame,
					   .packets = PACKETS,
					   .mode = figure->mode,
					   .base = figure->base };
			double ns;

			if (who != FLOOR && (who < figure->from || who > figure->to))
				continue;
			ns = program_run(&bench->who[who], &run);
			if (ns < 0 || run.verdict != (who == FLOOR ? XDP_DROP : XDP_PASS))
				return -EIO;
			if (round >= 0)
				bench->ns[who][round] = ns;
		}
	}
	return 0;
}

/* A row against xdp-filter; true when its bar is missed. */
static bool report_peer(const struct bench *bench, const struct figure *figure)
{
	double ours[ROUNDS], peer[ROUNDS], ratio[ROUNDS];
	struct row row = { .is_judged = true };

	for (int i = 0; i < ROUNDS; i++) {
		ours[i] = bench->ns[OURS][i] - bench->ns[FLOOR][i];
		peer[i] = bench->ns[PEER][i] - bench->ns[FLOOR][i];
		ratio[i] = ours[i] / peer[i];
	}
	row.is_missed = median_of(ratio) > figure->bar;
	(void)snprintf(row.what, sizeof(row.what), "%s", figure->name);
	(void)snprintf(row.figure, sizeof(row.figure), "%.1f ns (least %.1f); none uncounted",
		       median_of(ours), least_of(ours));
	(void)snprintf(row.peer, sizeof(row.peer), "xdpfilt_alw_all %.1f ns", median_of(peer));
	(void)snprintf(row.ratio, sizeof(row.ratio), "%.3f [%.3f %.3f]", median_of(ratio),
		       part_of(ratio, 0.25), part_of(ratio, 0.75));
	(void)snprintf(row.bar, sizeof(row.bar), "<= %.2f", figure->bar);
	return row_print(&row);
}

/* A row of the million against no list. */
static bool report_million(const struct bench *bench, const struct figure *figure)
{
	struct row row = { .is_judged = true };
	double above[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		above[i] = bench->ns[FULL][i] - bench->ns[EMPTY][i];
	row.is_missed = median_of(above) > figure->bar;
	(void)snprintf(row.what, sizeof(row.what), "%s", figure->name);
	(void)snprintf(row.figure, sizeof(row.figure), "%.1f ns above none [%.1f %.1f]",
		       median_of(above), part_of(above, 0.25), part_of(above, 0.75));
	(void)snprintf(row.peer, sizeof(row.peer), "ours, no list: %.1f ns",
		       median_of(bench->ns[EMPTY]) - median_of(bench->ns[FLOOR]));
	(void)snprintf(row.bar, sizeof(row.bar), "<= %.0f ns above", figure->bar);
	return row_print(&row);
}

/* Speed counts only if every packet was counted. */
static int check_counts(const struct bench *bench)
{
	for (enum who who = OURS; who < WHO_COUNT; who++)
		if (who != PEER && !blocklist_counted(&bench->who[who], (uint32_t)bench->cpu,
						      bench->who[who].packets, 0))
			return -EIO;
	return 0;
}

static int figures(struct bench *bench, bool *is_missed)
{
	static const struct figure all[] = {
		{ "100,000 flows, Zipf", VARY_ORDER, OURS, PEER, FLOWS_AT, 0.60 },
		{ "every packet a new flow", VARY_FRESH, OURS, PEER, FLOWS_AT, 1.00 },
		{ "list of 1M entries, miss, one source", VARY_NONE, EMPTY, FULL, 0, MISS_BAR },
		{ "list of 1M entries, miss, 100,000 flows, Zipf", VARY_ORDER, EMPTY, FULL,
		  FLOWS_AT, MISS_BAR },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int err = measure(bench, &all[i]);
		bool missed;

		if (err)
			return err;
		missed = all[i].to == FULL ? report_million(bench, &all[i])
					   : report_peer(bench, &all[i]);
		*is_missed = missed || *is_missed;
	}
	return check_counts(bench);
}

int main(int argc, char **argv)
{
	static struct bench bench;
	bool is_missed = false;
	int err;

	if (argc != 4) {
		(void)fprintf(
			stderr,
			"usage: bench_many_flows SLUICE.bpf.o VARY.bpf.o XDPFILT_ALW_ALL.o\n");
		return 2;
	}
	build(&bench.frame);
	bench.cpu = pin_to_cpu();
	err = bench.cpu < 0 ? bench.cpu : load_all(&bench, argv + 1);
	if (!err)
		err = figures(&bench, &is_missed);
	if (err)
		(void)fprintf(stderr, "bench_many_flows: %s\n", strerror(-err));
	for (enum who who = 0; who < WHO_COUNT; who++)
		program_close(&bench.who[who]);
	return err || is_missed;
}
