/*
 * What one packet costs in sluice_ingress beside Debian's xdp-filter, both run by the kernel on the
 * same frames: parse, 10,000-entry blocklist and count, one flow. CPU time of this thread; programs
 * take turns within a round; a bare verdict is subtracted from both; ratios are medians of rounds.
 * usage: bench_datapath SLUICE.bpf.o XDPFILT_ALW_ALL.o   exit 1 when a bar is missed or a count is
 * wrong. Rows: figure, bar, measured, verdict, separated by tabs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/hash.h"
#include "include/abi.h"
#include "tests/bpf/frame_build.h"

#define ROUNDS	  9
#define PACKETS	  1000000 /* per round and program */
#define ENTRIES	  10000
#define BAR	  0.20
#define FRAME_MIN 60 /* 64 bytes with the checksum */

#define LISTED	  0xcb007107 /* 203.0.113.7: on the list */
#define NEIGHBOUR 0xcb000107 /* 203.0.1.7: not, but its /16 has entries */
#define SOURCE	  0xc0000201 /* 192.0.2.1, as put_ipv4: nothing near it is on the list */
#define SOURCE_AT 26	     /* of an IPv4 frame without tag */

enum who {
	FLOOR,
	OURS,
	PEER,
	WHO_COUNT
};

struct program {
	struct bpf_object *object;
	int fd;
	double ns[ROUNDS];
};

struct bench {
	struct program who[WHO_COUNT];
	struct ring_buffer *evict;
	uint32_t cpu, seed;
	uint64_t packets, drops; /* that sluice_ingress was given */
};

struct template
{
	const char *name;
	void (*build)(struct frame * frame);
	uint32_t verdict; /* what sluice_ingress must say */
	bool is_judged;
};

/* ---- frames ---- */

static void pad(struct frame *f)
{
	if (f->len < FRAME_MIN)
		put_zero(f, FRAME_MIN - f->len);
}

static void build_udp64(struct frame *f)
{
	put_ether(f, 0x0800);
	put_ipv4(f, 5, FRAME_MIN - 14, 0, 17);
	put_udp(f);
	pad(f);
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
	put_ipv4(f, 5, FRAME_MIN - 18, 0, 17);
	put_udp(f);
	pad(f);
}

static void set_source(struct frame *f, uint32_t source)
{
	size_t len = f->len;

	f->len = SOURCE_AT;
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
	{ "udp64", build_udp64, XDP_PASS, true },
	{ "syn", build_syn, XDP_PASS, true },
	{ "tcp6", build_tcp6, XDP_PASS, true },
	{ "vlan", build_vlan, XDP_PASS, true },
	{ "udp64, /16 has entries", build_neighbour, XDP_PASS, false },
	{ "udp64, blocked", build_listed, XDP_DROP, false },
};

/* ---- programs ---- */

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int load_program(struct program *p, const char *file, const char *name)
{
	struct bpf_program *program;
	struct bpf_map *map;

	p->object = bpf_object__open(file);
	if (!p->object)
		return -errno;
	/* maps of this process alone, whatever is pinned on the machine */
	bpf_object__for_each_map(map,
				 p->object) if (bpf_map__set_pin_path(map, NULL)) return -EINVAL;
	bpf_object__for_each_program(
		program,
		p->object) if (bpf_program__set_autoload(program,
							 !strcmp(bpf_program__name(program),
								 name))) return -EINVAL;
	program = bpf_object__find_program_by_name(p->object, name);
	if (!program)
		return -ENOENT;
	int err = bpf_object__load(p->object);
	p->fd = bpf_program__fd(program);
	return err;
}

/* The loop of the test run and a verdict: what every program pays. */
static int load_floor(struct program *p)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	p->fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "floor", "GPL", insns,
			      sizeof(insns) / sizeof(insns[0]), NULL);
	return p->fd < 0 ? -errno : 0;
}

static int on_record(void *arg, void *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
	return 0;
}

static int load_all(struct bench *bench, const char *ours, const char *peer)
{
	int err = load_floor(&bench->who[FLOOR]);

	if (!err)
		err = load_program(&bench->who[OURS], ours, "sluice_ingress");
	if (!err)
		err = load_program(&bench->who[PEER], peer, "xdpfilt_alw_all");
	if (err)
		return err;
	int evict = bpf_object__find_map_fd_by_name(bench->who[OURS].object, "evict");
	bench->evict = evict < 0 ? NULL : ring_buffer__new(evict, on_record, NULL, NULL);
	return bench->evict ? 0 : -ENOENT;
}

/* ---- the blocklist, as core fills it ---- */

/* Marsaglia, "Xorshift RNGs", 2003 */
static uint32_t next_random(struct bench *bench)
{
	bench->seed ^= bench->seed << 13;
	bench->seed ^= bench->seed >> 17;
	bench->seed ^= bench->seed << 5;
	return bench->seed;
}

static int our_map(const struct bench *bench, const char *name)
{
	return bpf_object__find_map_fd_by_name(bench->who[OURS].object, name);
}

static int set_bit(const struct bench *bench, const char *map, uint32_t word, uint32_t bit)
{
	uint64_t bits = 0;
	int fd = our_map(bench, map);

	if (bpf_map_lookup_elem(fd, &word, &bits))
		return -errno;
	bits |= 1ULL << bit;
	return bpf_map_update_elem(fd, &word, &bits, BPF_ANY) ? -errno : 0;
}

static int block4(const struct bench *bench, uint32_t addr)
{
	const struct block_entry entry = { .rule = 1, .prefix_len = 32 };
	uint32_t key = htonl(addr);
	int err = set_bit(bench, "bits16", addr >> 22, addr >> 16 & 63);

	if (!err)
		err = set_bit(bench, "bits24", addr >> 13, (addr >> 8 & 31) * 2);
	if (!err && bpf_map_update_elem(our_map(bench, "block4"), &key, &entry, BPF_ANY))
		err = -errno;
	return err;
}

static int block6(const struct bench *bench, const uint32_t addr[4])
{
	const struct block_entry entry = { .rule = 1, .prefix_len = 128 };
	uint32_t bit = bits48_index(addr[0] | (uint64_t)addr[1] << 32);
	int err = set_bit(bench, "bits48", bit >> 6, bit & 63);

	if (!err && bpf_map_update_elem(our_map(bench, "block6"), addr, &entry, BPF_ANY))
		err = -errno;
	return err;
}

/* Unicast, and away from the addresses of the templates. */
static uint32_t random_addr4(struct bench *bench)
{
	uint32_t addr;

	do
		addr = next_random(bench);
	while (addr >> 24 == 0 || addr >> 24 >= 224 || addr >> 16 == SOURCE >> 16 ||
	       addr >> 16 == LISTED >> 16);
	return addr;
}

/* In 2000::/3, and in another bit than the source of build_tcp6. */
static void random_addr6(struct bench *bench, uint32_t addr[4])
{
	const uint32_t source = bits48_index(htonl(0x20010db8));

	do {
		for (int i = 0; i < 4; i++)
			addr[i] = next_random(bench);
		addr[0] = htonl(0x20000000 | (addr[0] & 0x1fffffff));
	} while (bits48_index(addr[0] | (uint64_t)addr[1] << 32) == source);
}

static int fill(struct bench *bench)
{
	const struct rule rule = { .flags = RULE_ACTIVE };
	/* the test run's interface is the loopback device, index 1 */
	const struct iface_entry iface = { .ifindex = 1, .index = 1 };
	uint32_t one = 1, addr6[4];
	int err = block4(bench, LISTED);

	if (bpf_map_update_elem(our_map(bench, "rules"), &one, &rule, BPF_ANY) ||
	    bpf_map_update_elem(our_map(bench, "ifaces"), &one, &iface, BPF_ANY))
		return -errno;
	for (int i = 1; i < ENTRIES && !err; i++)
		err = block4(bench, random_addr4(bench));
	for (int i = 0; i < ENTRIES && !err; i++) {
		random_addr6(bench, addr6);
		err = block6(bench, addr6);
	}
	return err;
}

/* ---- measuring ---- */

static double cpu_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* exists since Linux 2.6.12 */
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Nanoseconds per packet, or -1; @verdict out. */
static double run(struct bench *bench, enum who who, const struct frame *frame, uint32_t *verdict)
{
	static uint8_t out[FRAME_ROOM];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->data,
		    .data_size_in = (uint32_t)frame->len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = PACKETS);
	double began = cpu_ns();

	if (bpf_prog_test_run_opts(bench->who[who].fd, &options))
		return -1;
	*verdict = options.retval;
	if (who == OURS)
		bench->packets += PACKETS;
	if (who == OURS && *verdict == XDP_DROP)
		bench->drops += PACKETS;
	return (cpu_ns() - began) / PACKETS;
}

static int measure(struct bench *bench, const struct template *template)
{
	struct frame frame = { 0 };
	uint32_t verdict = 0;

	template->build(&frame);
	for (int round = -1; round < ROUNDS; round++) { /* the first one warms up */
		for (enum who who = 0; who < WHO_COUNT; who++) {
			double ns = run(bench, who, &frame, &verdict);

			if (ns < 0 || (who == OURS && verdict != template->verdict))
				return -EIO;
			if (round >= 0)
				bench->who[who].ns[round] = ns;
		}
		if (ring_buffer__consume(bench->evict) < 0)
			return -EIO;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Row of one template; true when its bar is missed. */
static bool report(struct bench *bench, const struct template *template)
{
	double ratio[ROUNDS], net[WHO_COUNT][ROUNDS];
	char name[64], bar[64] = "-";
	bool is_missed;

	for (int i = 0; i < ROUNDS; i++) {
		for (enum who who = 0; who < WHO_COUNT; who++)
			net[who][i] = bench->who[who].ns[i] -
				      (who == FLOOR ? 0 : bench->who[FLOOR].ns[i]);
		ratio[i] = net[OURS][i] / net[PEER][i];
	}
	qsort(ratio, ROUNDS, sizeof(ratio[0]), compare);
	for (enum who who = 0; who < WHO_COUNT; who++)
		qsort(net[who], ROUNDS, sizeof(net[who][0]), compare);
	is_missed = template->is_judged && ratio[ROUNDS / 2] > BAR;
	(void)snprintf(name, sizeof(name), "datapath, %s", template->name);
	if (template->is_judged)
		(void)snprintf(bar, sizeof(bar), "<= %.2f of xdp-filter", BAR);
	printf("%s\t%s\t%.3f [%.3f %.3f]; net ns, median (min): %.1f (%.1f) of %.1f (%.1f), "
	       "floor %.1f\t%s\n",
	       name, bar, ratio[ROUNDS / 2], ratio[ROUNDS / 4], ratio[ROUNDS * 3 / 4],
	       net[OURS][ROUNDS / 2], net[OURS][0], net[PEER][ROUNDS / 2], net[PEER][0],
	       net[FLOOR][ROUNDS / 2],
	       !template->is_judged ? "-"
	       : is_missed	    ? "MISS"
				    : "ok");
	(void)fflush(stdout);
	return is_missed;
}

/* Speed counts only if every packet was counted. */
static int check_counts(const struct bench *bench)
{
	struct iface_counters counters = { 0 };
	uint32_t row = (bench->cpu * IFACES_MAX + 1) * 2 + ABI_INGRESS;

	if (bpf_map_lookup_elem(our_map(bench, "counters"), &row, &counters))
		return -errno;
	if (counters.seen == bench->packets && counters.dropped == bench->drops &&
	    !counters.unattributed)
		return 0;
	(void)fprintf(stderr, "bench_datapath: counted %llu seen, %llu dropped, %llu lost of %llu",
		      counters.seen, counters.dropped, counters.unattributed,
		      (unsigned long long)bench->packets);
	return -EIO;
}

/* To the highest CPU that the maps of default size have room for: the first serves interrupts. */
static int pin_to_cpu(struct bench *bench)
{
	cpu_set_t allowed, chosen;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -errno;
	for (uint32_t cpu = 0; cpu < CPUS_DEFAULT; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			bench->cpu = cpu;
	CPU_ZERO(&chosen);
	CPU_SET(bench->cpu, &chosen);
	return sched_setaffinity(0, sizeof(chosen), &chosen) ? -errno : 0;
}

static int bench_run(struct bench *bench, const char *ours, const char *peer)
{
	bool is_missed = false;
	int err = pin_to_cpu(bench);

	if (!err)
		err = load_all(bench, ours, peer);
	if (!err)
		err = fill(bench);
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]) && !err; i++) {
		err = measure(bench, &templates[i]);
		is_missed = (!err && report(bench, &templates[i])) || is_missed;
	}
	if (!err)
		err = check_counts(bench);
	if (err)
		(void)fprintf(stderr, "bench_datapath: %s\n", strerror(-err));
	return err || is_missed;
}

int main(int argc, char **argv)
{
	struct bench bench = { .seed = 0x9e3779b9 };

	if (argc != 3) {
		(void)fprintf(stderr, "usage: bench_datapath SLUICE.bpf.o XDPFILT_ALW_ALL.o\n");
		return 2;
	}
	(void)libbpf_set_print(silent); /* returns the earlier one, not an error */
	return bench_run(&bench, argv[1], argv[2]);
}
