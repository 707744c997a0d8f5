/*
 * Packets down the veth pair for tests/bench/counting.py: sends them, and says what the whole way
 * of one took of this CPU.
 * usage: bench_flood INSIDE OUTSIDE VARY.bpf.o FLOWS PACKETS     prints CPU nanoseconds a packet
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/wire.h"

int main(int argc, char **argv)
{
	struct wire wire;
	struct flood flood;
	double ns = -1;
	int err;

	if (argc != 6) {
		(void)fprintf(stderr,
			      "usage: bench_flood INSIDE OUTSIDE VARY.bpf.o FLOWS PACKETS\n");
		return 2;
	}
	err = wire_open(&wire, argv[1], argv[2], argv[3]);
	flood = (struct flood){ .flows = (uint32_t)strtoul(argv[4], NULL, 10),
				.packets = (uint32_t)strtoul(argv[5], NULL, 10) };
	if (!err && flood.packets)
		ns = wire_flood(&wire, &flood);
	wire_close(&wire);
	if (ns < 0) {
		(void)fprintf(stderr, "bench_flood: %s\n", err ? strerror(-err) : "cannot send");
		return 1;
	}
	printf("%.1f\n", ns);
	return 0;
}
