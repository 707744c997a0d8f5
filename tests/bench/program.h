/*
 * One XDP program of an object file, loaded for measuring with maps of its own, and the wrapper
 * that varies the flow of its packets.
 */
#ifndef SLUICE_TESTS_BENCH_PROGRAM_H
#define SLUICE_TESTS_BENCH_PROGRAM_H

#include <stdint.h>

#include "tests/bench/vary.h"
#include "tests/bpf/frame_build.h"

struct bpf_object;
struct ring_buffer;

struct program {
	struct bpf_object *object, *wrapper;
	int fd, wrapper_fd;
	struct vary *vary;
	uint32_t *order;	   /* every second word, as the kernel lays out an array */
	struct ring_buffer *evict; /* of ours: drained between test runs */
	uint64_t packets;	   /* given to it by program_run */
};

/* program_load - the program @name of @file. Returns 0 or -errno. */
int program_load(struct program *program, const char *file, const char *name);
/* program_wrap - @file: vary.bpf.o; from then on program_run with a mode varies its packets. */
int program_wrap(struct program *program, const char *file);
/* program_drain - ring @cpu of its own for evicted flows, as the loader gives it; and drains it. */
int program_drain(struct program *program, uint32_t cpu);
/* program_drain_shared - drains its map `evict`. */
int program_drain_shared(struct program *program);
int program_map(const struct program *program, const char *name); /* descriptor */
void program_close(struct program *program);

/* program_order_zipf - flow n of @flows as often as 1/n (Zipf, s = 1). */
int program_order_zipf(struct program *program, uint32_t flows);

struct run {
	const struct frame *frame;
	uint32_t packets;
	uint32_t flows; /* of VARY_ROUND */
	enum vary_mode mode;
	uint32_t base;
	uint32_t verdict; /* out */
};

/* program_run - CPU nanoseconds a packet, or -1. Counted are the test runs alone; rings are
 * drained between them. */
double program_run(struct program *program, struct run *run);

#endif
