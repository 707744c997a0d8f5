/*
 * What tests/bench/vary.bpf.c and the programs that use it share.
 */
#ifndef SLUICE_TESTS_BENCH_VARY_H
#define SLUICE_TESTS_BENCH_VARY_H

#include <linux/types.h>

#define ORDER_SIZE (1U << 20) /* packets until the order begins again */

/* Of an Ethernet frame with IPv4 without tag and options. */
#define AT_CHECKSUM    24
#define AT_SOURCE      26
#define AT_SOURCE_PORT 34

enum vary_mode {
	VARY_NONE,
	VARY_ORDER, /* flow of each packet: as the map `order` says */
	VARY_ROUND, /* one flow after the other */
	VARY_FRESH, /* every packet another flow */
};

struct vary {
	__u64 counter;
	__u32 mode; /* enum vary_mode */
	__u32 flows;
	__u32 base; /* source address of flow 0, host order; the low 17 bits vary, then the port */
	__u32 out;  /* vary_send: device by number */
};

#endif
