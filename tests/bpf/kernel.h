/*
 * The datapath's object in the kernel, driven by BPF_PROG_TEST_RUN: nothing is attached. The maps
 * are the test's own; the clock is the test's (rodata replay_clock) unless asked otherwise.
 */
#ifndef SLUICE_TESTS_BPF_KERNEL_H
#define SLUICE_TESTS_BPF_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "agent/capture/capture.h"
#include "agent/capture/drain.h"
#include "agent/capture/rules.h"

enum program {
	PROGRAM_INGRESS,
	PROGRAM_INGRESS_TC,
	PROGRAM_EGRESS,
	PROGRAM_CLOCK,
	PROGRAM_COUNT
};

struct kernel_options {
	enum program program; /* the one to load: proving takes time, in QEMU seconds */
	uint32_t flow_sets;   /* per CPU; 0: the object's default */
	uint32_t evict_bytes; /* size of the shared ring; 0: default */
	bool own_clock;	      /* leave replay_clock alone */
};

#define KERNEL_MAPS 32

struct kernel {
	struct bpf_object *object;
	enum program program;
	int program_fd;
	struct drain_tables tables;
	struct rules_tables rules_tables;
	struct rules *rules;
	struct iface_counters *counters;
	struct cpu_state *cpus;
	struct ring_buffer *evict, *events;
	struct drain_clock clock;
	const struct capture_sink *sink; /* of the drain under way */
	int deltas;
	struct {
		void *at;
		size_t size;
	} mapped[KERNEL_MAPS];
	size_t mapped_count;
};

/* kernel_open - loads one program and all maps. False: could not, and said why on stderr. */
bool kernel_open(struct kernel *kernel, const char *path, const struct kernel_options *options);
void kernel_close(struct kernel *kernel);
int kernel_map_fd(const struct kernel *kernel, const char *name);
/* kernel_stay_on_first_cpu - its range of the cache lies where the user build's only one does. */
void kernel_stay_on_first_cpu(void);
/* kernel_set_iface - one entry of the table of interfaces. */
bool kernel_set_iface(const struct kernel *kernel, uint32_t slot, const struct iface_entry *entry);
/* kernel_take_over - rules and control word, as core does at start. */
bool kernel_take_over(struct kernel *kernel, uint64_t boot_ns);
/* kernel_set_now - the replay clock, as capture_user_feed sets it. */
void kernel_set_now(struct kernel *kernel, uint64_t at_ns);
/* kernel_run - one frame through the program; @skb (NULL: none) is the context of a tc program. 1
 * passes, 0 dropped, -errno when the kernel did not run it. */
int kernel_run(struct kernel *kernel, const void *frame, size_t len, const struct __sk_buff *skb);
int kernel_drain(struct kernel *kernel, bool scan, const struct capture_sink *sink);
void kernel_iface_coverage(const struct kernel *kernel, uint8_t iface, enum direction direction,
			   struct coverage_direction *out);
/* kernel_coverage - of interface 0. */
void kernel_coverage(const struct kernel *kernel, enum direction direction,
		     struct coverage_direction *out);

#endif
