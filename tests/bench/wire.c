/*
 * Sending packets down a veth pair and what that costs.
 */
#include "tests/bench/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/blocklist.h"
#include "tests/bench/measure.h"

#define CHUNK 8192 /* packets of one call; each call sets up its pages anew */
#define BATCH 64   /* NAPI's budget: the veth ring of 256 never fills */

static int enter(int space)
{
	return setns(space, CLONE_NEWNET) ? -errno : 0;
}

static int space_open(const char *name, const char *device, uint32_t *index)
{
	char path[128];
	int space, err;

	(void)snprintf(path, sizeof(path), "/run/netns/%s", name);
	space = open(path, O_RDONLY | O_CLOEXEC);
	if (space < 0)
		return -errno;
	err = enter(space);
	*index = err ? 0 : if_nametoindex(device);
	if (*index)
		return space;
	err = err ? err : -errno;
	(void)close(space); /* read only */
	return err;
}

/* Threads of the kernel are the first processes: ksoftirqd/N is one of them. */
static int find_softirq(struct wire *wire, int cpu)
{
	char wanted[32], path[64], name[64];

	(void)snprintf(wanted, sizeof(wanted), "ksoftirqd/%d\n", cpu);
	for (int pid = 2; pid < 65536; pid++) {
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (!fgets(name, sizeof(name), file))
			name[0] = '\0';
		(void)fclose(file); /* read only */
		if (strcmp(name, wanted) != 0)
			continue;
		(void)snprintf(wire->softirq, sizeof(wire->softirq), "/proc/%d/schedstat", pid);
		return 0;
	}
	return -ENOENT;
}

int wire_open(struct wire *wire, const char *inside, const char *outside, const char *vary)
{
	int cpu = pin_to_cpu(), err, map;

	*wire = (struct wire){ .inside = -1, .outside = -1, .attached = -1 };
	if (cpu < 0)
		return cpu;
	err = find_softirq(wire, cpu);
	if (!err)
		err = program_load(&wire->sender, vary, "vary_send");
	if (err)
		return err;
	map = program_map(&wire->sender, "vary");
	wire->vary = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (wire->vary == MAP_FAILED)
		return -errno;
	wire->inside = space_open(inside, "in0", &wire->inside_index);
	wire->outside = space_open(outside, "out0", &wire->outside_index);
	if (wire->inside < 0 || wire->outside < 0)
		return wire->inside < 0 ? wire->inside : wire->outside;
	return 0;
}

void wire_close(struct wire *wire)
{
	if (wire->attached >= 0)
		(void)wire_attach(wire, -1); /* the pair goes with its namespaces in any case */
	program_close(&wire->sender);
	if (wire->inside >= 0)
		(void)close(wire->inside); /* read only */
	if (wire->outside >= 0)
		(void)close(wire->outside); /* read only */
}

int wire_attach(struct wire *wire, int fd)
{
	int err = enter(wire->inside);

	if (!err && fd < 0)
		err = bpf_xdp_detach((int)wire->inside_index, XDP_FLAGS_DRV_MODE, NULL);
	else if (!err)
		err = bpf_xdp_attach((int)wire->inside_index, fd, XDP_FLAGS_DRV_MODE, NULL);
	if (!err)
		wire->attached = fd;
	return err;
}

static double softirq_ns(const struct wire *wire)
{
	FILE *file = fopen(wire->softirq, "re");
	char text[128] = "";

	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	(void)fclose(file); /* read only */
	return strtod(text, NULL);
}

/* To the inner end, with a right checksum: the sender keeps it right. */
static void build(struct frame *f)
{
	uint32_t sum = 0;
	size_t len;

	put_ether(f, 0x0800);
	put_ipv4(f, 5, 46, 0, 17);
	put16(f, 1024);
	put16(f, 9);
	put16(f, 26);
	put16(f, 0);
	put_zero(f, 60 - f->len);
	for (size_t i = 14; i < 34; i += 2)
		sum += (uint32_t)f->data[i] << 8 | f->data[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	len = f->len;
	f->len = AT_CHECKSUM;
	put16(f, ~sum & 0xffff);
	f->len = len;
}

double wire_flood(struct wire *wire, const struct flood *flood)
{
	struct frame frame = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	double spent = 0, began;
	uint32_t left = flood->packets;

	build(&frame);
	options.data_size_in = (uint32_t)frame.len;
	if (enter(wire->outside))
		return -1;
	*wire->vary = (struct vary){ .mode = VARY_ROUND,
				     .flows = flood->flows,
				     .base = FLOWS_AT,
				     .out = wire->outside_index };
	while (left) {
		options.repeat = left < CHUNK ? (int)left : CHUNK;
		began = cpu_ns() + softirq_ns(wire);
		if (bpf_prog_test_run_opts(wire->sender.fd, &options))
			return -1;
		spent += cpu_ns() + softirq_ns(wire) - began;
		left -= (uint32_t)options.repeat;
		if (flood->between && flood->between(flood->arg))
			return -1;
	}
	return spent / flood->packets;
}
