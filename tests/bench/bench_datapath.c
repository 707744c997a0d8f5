/*
 * What one packet of a known flow costs in sluice_ingress beside Debian's xdp-filter, run by the
 * kernel on the same frames: parse, 10,000-entry blocklist, names hook, count. CPU time of this
 * thread; programs take turns within a round; a bare verdict is subtracted from both. What the
 * least of such programs take in the same rounds is said in rows of its own.
 * usage: bench_datapath SLUICE.bpf.o VARY.bpf.o XDPFILT_ALW_ALL.o XDPFILT_ALW_IP.o
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

#define PACKETS	  500000 /* per round and program */
#define ENTRIES	  10000
#define FRAME_MIN 60 /* 64 bytes with the checksum */

enum who {
	FLOOR,
	OURS,
	PASS,  /* a bare verdict, the other one */
	COUNT, /* parses and counts a flow, nothing else */
	ALL,   /* xdpfilt_alw_all: reads addresses and ports */
	IP,    /* xdpfilt_alw_ip: addresses only */
	WHO_COUNT
};

struct bench {
	struct program who[WHO_COUNT];
	double ns[WHO_COUNT][ROUNDS];
	uint64_t drops;
};

struct template
{
	const char *name;
	void (*build)(struct frame * frame);
	uint32_t verdict; /* what sluice_ingress must say */
	enum who peer;
	double bar; /* share of the peer; 0: none */
};

/* ---- frames ---- */

static void pad(struct frame *f)
{
	if (f->len < FRAME_MIN)
		put_zero(f, FRAME_MIN - f->len);
}

/* 5000 to @port, 18 bytes within */
static void put_datagram(struct frame *f, unsigned int port)
{
	put16(f, 5000);
	put16(f, port);
	put16(f, 8 + 18);
	put16(f, 0);
	pad(f);
}

static void build_udp64(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, FRAME_MIN - 14, 0, 17);
	put_datagram(f, 9);
}

static void build_dns64(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, FRAME_MIN - 14, 0, 17);
	put_datagram(f, 53);
}

static void build_syn(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 60, 0, 6);
	put_tcp(f, 0x02);
	f->data[f->len - 8] = 0xa0; /* ten words: 20 bytes of options */
	put_zero(f, 20);
}

static void build_tcp6(struct frame *f)
{
	put_ether(f, 0x86dd);
	put_ipv6(f, 32, 6);
	put_tcp(f, 0x18);
	put_zero(f, 12);
}

static void build_vlan(struct frame *f)
{
	put_ether(f, 0x8100);
	put_tag(f, 42, 0x0800);
	put_ipv4(f, 5, FRAME_MIN - 14, 0, 17);
	put_datagram(f, 9);
	put_zero(f, 4); /* the tag's: else the datagram would be cut */
}

static void set_source(struct frame *f, uint32_t source)
{
	size_t len = f->len;

	f->len = AT_SOURCE;
	put32(f, source);
	f->len = len;
}

static void build_neighbour(struct frame *f)
{
	build_udp64(f);
	set_source(f, NEIGHBOUR);
}

static void build_listed(struct frame *f)
{
	build_udp64(f);
	set_source(f, LISTED);
}

static const struct template templates[] = {
	{ "hot flow, udp64", build_udp64, XDP_PASS, ALL, 0.20 },
	{ "hot flow, syn", build_syn, XDP_PASS, ALL, 0.20 },
	{ "hot flow, tcp6", build_tcp6, XDP_PASS, ALL, 0.20 },
	{ "hot flow, vlan", build_vlan, XDP_PASS, ALL, 0.20 },
	{ "hot flow, udp64 to port 53", build_dns64, XDP_PASS, ALL, 0 },
	{ "hot flow, udp64, /16 has entries", build_neighbour, XDP_PASS, ALL, 0 },
	{ "blocked packet, udp64", build_listed, XDP_DROP, IP, 0.90 },
};

/* ---- measuring ---- */

static int load_all(struct bench *bench, char **files)
{
	int err = program_load(&bench->who[FLOOR], files[1], "bare_drop");

	if (!err)
		err = program_load(&bench->who[OURS], files[0], "sluice_ingress");
	if (!err)
		err = program_load(&bench->who[PASS], files[1], "bare_pass");
	if (!err)
		err = program_load(&bench->who[COUNT], files[1], "parse_count");
	if (!err)
		err = program_load(&bench->who[ALL], files[2], "xdpfilt_alw_all");
	if (!err)
		err = program_load(&bench->who[IP], files[3], "xdpfilt_alw_ip");
	if (!err)
		err = blocklist_ours(&bench->who[OURS], ENTRIES);
	if (!err) /* the test run's interface is the loopback device, index 1 */
		err = blocklist_watch(&bench->who[OURS], 1);
	if (!err)
		err = blocklist_xdp_filter(&bench->who[ALL], ENTRIES, 0);
	return err ? err : blocklist_xdp_filter(&bench->who[IP], ENTRIES, 0);
}

static int measure(struct bench *bench, const struct template *template)
{
	struct frame frame = { 0 };

	template->build(&frame);
	for (int round = -1; round < ROUNDS; round++) { /* the first one warms up */
		for (enum who who = 0; who < WHO_COUNT; who++) {
			struct run run = { .frame = &frame, .packets = PACKETS };
			double ns = program_run(&bench->who[who], &run);

			if (ns < 0 || (who == OURS && run.verdict != template->verdict) ||
			    (who == IP && run.verdict != template->verdict))
				return -EIO;
			if (who == OURS && run.verdict == XDP_DROP)
				bench->drops += PACKETS;
			if (round >= 0)
				bench->ns[who][round] = ns;
		}
	}
	return 0;
}

/* Row of one template; true when its bar is missed. */
static bool report(const struct bench *bench, const struct template *template)
{
	static const char *const names[] = { [ALL] = "xdpfilt_alw_all", [IP] = "xdpfilt_alw_ip" };
	double ours[ROUNDS], peer[ROUNDS], ratio[ROUNDS];
	struct row row = { .is_judged = template->bar > 0 };

	for (int i = 0; i < ROUNDS; i++) {
		ours[i] = bench->ns[OURS][i] - bench->ns[FLOOR][i];
		peer[i] = bench->ns[template->peer][i] - bench->ns[FLOOR][i];
		ratio[i] = ours[i] / peer[i];
	}
	row.is_missed = median_of(ratio) > template->bar;
	(void)snprintf(row.what, sizeof(row.what), "%s", template->name);
	(void)snprintf(row.figure, sizeof(row.figure), "%.1f ns (least %.1f)", median_of(ours),
		       least_of(ours));
	(void)snprintf(row.peer, sizeof(row.peer), "%s %.1f ns", names[template->peer],
		       median_of(peer));
	(void)snprintf(row.ratio, sizeof(row.ratio), "%.3f [%.3f %.3f]", median_of(ratio),
		       part_of(ratio, 0.25), part_of(ratio, 0.75));
	if (template->bar > 0)
		(void)snprintf(row.bar, sizeof(row.bar), "<= %.2f", template->bar);
	return row_print(&row);
}

/* What of a row is nobody's own: @who's share of the same peer, for the first template's frame. */
static void report_least(const struct bench *bench, enum who who, const char *name)
{
	double least[ROUNDS], peer[ROUNDS], ratio[ROUNDS];
	struct row row = { .is_judged = false };

	for (int i = 0; i < ROUNDS; i++) {
		least[i] = bench->ns[who][i] - bench->ns[FLOOR][i];
		peer[i] = bench->ns[ALL][i] - bench->ns[FLOOR][i];
		ratio[i] = least[i] / peer[i];
	}
	(void)snprintf(row.what, sizeof(row.what), "%s", name);
	(void)snprintf(row.figure, sizeof(row.figure), "%.1f ns above a bare DROP of %.1f ns",
		       median_of(least), median_of(bench->ns[FLOOR]));
	(void)snprintf(row.peer, sizeof(row.peer), "xdpfilt_alw_all %.1f ns", median_of(peer));
	(void)snprintf(row.ratio, sizeof(row.ratio), "%.3f", median_of(ratio));
	(void)row_print(&row);
}

int main(int argc, char **argv)
{
	static struct bench bench;
	bool is_missed = false;
	int cpu = pin_to_cpu(), err;

	if (argc != 5) {
		(void)fprintf(stderr, "usage: bench_datapath SLUICE.bpf.o VARY.bpf.o "
				      "XDPFILT_ALW_ALL.o XDPFILT_ALW_IP.o\n");
		return 2;
	}
	err = cpu < 0 ? cpu : load_all(&bench, argv + 1);
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]) && !err; i++) {
		err = measure(&bench, &templates[i]);
		is_missed = (!err && report(&bench, &templates[i])) || is_missed;
		if (!err && i == 0) {
			report_least(&bench, PASS, "the same by a bare PASS");
			report_least(&bench, COUNT, "the same by parse and count alone");
		}
	}
	/* speed counts only if every packet was counted */
	if (!err && !blocklist_counted(&bench.who[OURS], (uint32_t)cpu, bench.who[OURS].packets,
				       bench.drops))
		err = -EIO;
	if (err)
		(void)fprintf(stderr, "bench_datapath: %s\n", strerror(-err));
	for (enum who who = 0; who < WHO_COUNT; who++)
		program_close(&bench.who[who]);
	return err || is_missed;
}
