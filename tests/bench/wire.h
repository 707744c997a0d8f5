/*
 * Two network namespaces joined by a veth pair: packets sent from the outer end by the kernel's own
 * live frames, programs attached to the inner one. The sending thread pays for the packet's whole
 * way, with the softirq of its CPU.
 */
#ifndef SLUICE_TESTS_BENCH_WIRE_H
#define SLUICE_TESTS_BENCH_WIRE_H

#include <stdint.h>

#include "tests/bench/program.h"

struct wire {
	int inside, outside;		      /* descriptors of the namespaces */
	uint32_t inside_index, outside_index; /* in0 and out0 */
	struct program sender;
	struct vary *vary;
	char softirq[64]; /* /proc/PID/schedstat of the CPU's ksoftirqd */
	int attached;	  /* program on in0, or -1 */
};

/* wire_open - the namespaces tests/bench/run.sh made, by name; pins the thread to @cpu's sender.
 * @vary: vary.bpf.o. Returns 0 or -errno. */
int wire_open(struct wire *wire, const char *inside, const char *outside, const char *vary);
void wire_close(struct wire *wire);
/* wire_attach - @fd becomes in0's program, in the driver; -1: none. Returns 0 or -errno. */
int wire_attach(struct wire *wire, int fd);

struct flood {
	uint32_t flows, packets;
	int (*between)(void *arg); /* called now and then, not measured; NULL: nothing */
	void *arg;
};

/* wire_flood - UDP of 60 bytes, one flow after the other. Returns CPU nanoseconds a packet, -1 when
 * it fails. */
double wire_flood(struct wire *wire, const struct flood *flood);

#endif
