/*
 * Frames of a file through sluice_ingress in the kernel, one test run each. The programs and maps
 * are this replay's own: nothing is attached, nothing pinned. The test run counts on the CPU that
 * calls, so the thread stays on one, as the build for this process knows only one.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "agent/capture/kernel.h"
#include "agent/capture/kernel_source.h"
#include "agent/capture/replay.h"

#define IFINDEX_LOOPBACK 1 /* what a test run without a context comes in through, everywhere */

struct replay_kernel {
	struct capture_kernel *loaded;
	struct capture *capture; /* its struct kernel_source */
	cpu_set_t before;
	bool is_bound;
};

static struct kernel_source *source_of(const struct replay_kernel *kernel)
{
	return (struct kernel_source *)kernel->capture; /* base is its first member */
}

struct capture *replay_kernel_source(struct replay_kernel *kernel)
{
	return kernel->capture;
}

struct control *replay_kernel_control(struct replay_kernel *kernel)
{
	return source_of(kernel)->tables.control;
}

int replay_kernel_run(struct replay_kernel *kernel, const void *data, size_t len)
{
	struct bpf_test_run_opts options = {
		.sz = sizeof(options), .data_in = data, .data_size_in = (uint32_t)len, .repeat = 1
	};

	if (bpf_prog_test_run_opts(kernel->loaded->programs[KERNEL_INGRESS], &options))
		return -errno;
	return options.retval == XDP_PASS;
}

int replay_kernel_drain(struct replay_kernel *kernel, const struct drain_clock *clock, bool scan,
			const struct capture_sink *sink)
{
	struct kernel_source *source = source_of(kernel);
	int err = 0;

	source->now = *clock;
	source->sink = sink;
	source->delivered = 0;
	for (size_t i = 0; !err && i < source->cache.ring_count; i++)
		err = source_ring_consume(&source->cache.rings[i]);
	if (!err)
		err = source_ring_consume(&source->events);
	if (!err && scan)
		source->delivered += drain_scan(&source->cache.tables, &source->now, sink);
	source->sink = NULL;
	return err ? err : (int)source->delivered;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* The first CPU this thread may use; the maps hold the CPUs up to it. */
static int bind_cpu(struct replay_kernel *kernel, uint32_t *cpus)
{
	cpu_set_t one;
	uint32_t cpu = 0;

	if (sched_getaffinity(0, sizeof(kernel->before), &kernel->before))
		return -errno;
	while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &kernel->before))
		cpu++;
	if (cpu == CPU_SETSIZE)
		return -EOPNOTSUPP;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return -errno;
	kernel->is_bound = true;
	*cpus = cpu + 1;
	return 0;
}

/* The interface of the test run, with the index it has in the build for this process. */
static int add_iface(struct capture_kernel *loaded)
{
	const struct kernel_row row = {
		.is_used = 1,
		.mode = ATTACH_XDP,
		.ifindex = IFINDEX_LOOPBACK,
		.name = "replay0",
	};

	kernel_rows_set(loaded, 0, &row);
	return kernel_ifaces_set(loaded->maps.fd[KERNEL_IFACES], IFINDEX_LOOPBACK, 0, false);
}

int replay_kernel_new(unsigned int flow_slots, struct replay_kernel **out, char *error)
{
	CLEANUP(replay_kernel_free) struct replay_kernel *kernel = calloc(1, sizeof(*kernel));
	uint32_t cpus = 0;
	int err;

	if (!kernel)
		return -ENOMEM;
	err = bind_cpu(kernel, &cpus);
	if (!err)
		err = kernel_load_replay(flow_slots, cpus, &kernel->loaded, error);
	if (!err)
		err = add_iface(kernel->loaded);
	if (!err)
		err = capture_kernel_open(kernel->loaded, &kernel->capture);
	if (!err && source_of(kernel)->cache.tables.slots4 != flow_slots * cpus)
		err = -EOPNOTSUPP; /* too many CPUs before ours: another geometry */
	if (err) {
		if (!*error)
			(void)snprintf(error, KERNEL_ERROR_MAX,
				       "cannot run frames in the kernel: %s", strerror(-err));
		return err;
	}
	*out = TAKE(kernel);
	return 0;
}

void replay_kernel_free(struct replay_kernel *kernel)
{
	if (!kernel)
		return;
	if (kernel->capture)
		capture_close(kernel->capture);
	capture_kernel_free(kernel->loaded);
	if (kernel->is_bound) /* it was allowed before */
		(void)sched_setaffinity(0, sizeof(kernel->before), &kernel->before);
	free(kernel);
}
