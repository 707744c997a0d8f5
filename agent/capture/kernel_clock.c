/*
 * The datapath stamps flows with jiffies; this turns them into the monotonic clock. The clock
 * program only returns the counter, touches no map, and may be run by descriptor without rights.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <bpf/bpf.h>

#include "agent/capture/kernel.h"
#include "agent/util/clock.h"

/* Between the two edges: five ticks of the slowest kernel (HZ=100). */
#define MEASURE_NS (50 * NS_PER_MS)
/* Two edges this unsharp still measure to 0.4 %; kernel_clock_snap allows 1 %. */
#define EDGE_BLUR_NS (NS_PER_MS / 10)
/* No edge for so long, 20 ticks of the slowest kernel: the counter stands still. */
#define EDGE_TIMEOUT_NS (200 * NS_PER_MS)

/* kernel/Kconfig.hz, and 128, 200, 256, 512, 1024 of other architectures. */
static const unsigned int known_hz[] = { 100, 128, 200, 250, 256, 300, 512, 1000, 1024 };
#define HZ_COUNT (sizeof(known_hz) / sizeof(known_hz[0]))

int kernel_clock_sample(int prog_fd, struct clock_sample *sample)
{
	struct clock_sample context = { 0 };
	/* A syscall program takes nothing else, and writes its context in place
	 * (net/bpf/test_run.c, bpf_prog_test_run_syscall). */
	struct bpf_test_run_opts options = { .sz = sizeof(options),
					     .ctx_in = &context,
					     .ctx_size_in = sizeof(context) };

	if (bpf_prog_test_run_opts(prog_fd, &options))
		return -errno;
	if (!context.jiffies || !context.mono_ns)
		return -EPROTO;
	*sample = context;
	return 0;
}

/*
 * Spin to the moment the counter moves. Put aside by the scheduler meanwhile, we see that moment
 * late: then the next one, and on a machine too busy for any, the last as it is.
 */
static int next_edge(int prog_fd, struct clock_sample *edge)
{
	struct clock_sample first, before;
	bool is_sharp = false, is_late = false;
	int err = kernel_clock_sample(prog_fd, edge);

	first = *edge;
	while (!err && !is_sharp && !is_late) {
		before = *edge;
		err = kernel_clock_sample(prog_fd, edge);
		is_sharp = edge->jiffies != before.jiffies &&
			   edge->mono_ns - before.mono_ns <= EDGE_BLUR_NS;
		is_late = edge->mono_ns - first.mono_ns > EDGE_TIMEOUT_NS;
	}
	if (!err && edge->jiffies == first.jiffies)
		err = -ETIME;
	return err;
}

static uint64_t tick_of(unsigned int hz)
{
	return (NS_PER_S + hz / 2) / hz;
}

bool kernel_clock_is_exact(uint64_t ns_per_jiffy)
{
	for (size_t i = 0; i < HZ_COUNT; i++)
		if (tick_of(known_hz[i]) == ns_per_jiffy)
			return true;
	return false;
}

uint64_t kernel_clock_snap(uint64_t measured_ns)
{
	uint64_t best_ns = measured_ns;
	uint64_t best_off = measured_ns / 100 + 1;

	for (size_t i = 0; i < HZ_COUNT; i++) {
		uint64_t tick_ns = tick_of(known_hz[i]);
		uint64_t off =
			tick_ns > measured_ns ? tick_ns - measured_ns : measured_ns - tick_ns;

		if (off < best_off) {
			best_off = off;
			best_ns = tick_ns;
		}
	}
	return best_ns;
}

int kernel_clock_measure(int prog_fd, uint64_t *ns_per_jiffy)
{
	const struct timespec pause = { .tv_nsec = MEASURE_NS };
	struct clock_sample first = { 0 };
	struct clock_sample last = { 0 };
	int err = next_edge(prog_fd, &first);

	if (err)
		return err;
	(void)nanosleep(&pause, NULL); /* cut short by a signal it only measures less */
	err = next_edge(prog_fd, &last);
	if (err)
		return err;
	if (last.jiffies <= first.jiffies)
		return -EPROTO;
	*ns_per_jiffy =
		kernel_clock_snap((last.mono_ns - first.mono_ns) / (last.jiffies - first.jiffies));
	return *ns_per_jiffy ? 0 : -EPROTO;
}

/*
 * A sample lies somewhere within its jiffy, so the same jiffy would be another moment at each
 * drain. The earliest moment a jiffy was ever seen at is its edge: later samples are moved back to
 * it, so that packets of one jiffy stay together and of two in order, whenever they are drained.
 */
static uint64_t at_edge(const struct drain_clock *before, const struct clock_sample *sample)
{
	uint64_t expected;

	if (!before->jiffies || sample->jiffies < before->jiffies)
		return sample->mono_ns;
	expected = before->mono_ns + (sample->jiffies - before->jiffies) * before->ns_per_jiffy;
	/* more than two jiffies apart the tick stood still, or another clock is meant */
	if (expected > sample->mono_ns || sample->mono_ns - expected > 2 * before->ns_per_jiffy)
		return sample->mono_ns;
	return expected;
}

int kernel_clock_now(int prog_fd, uint64_t ns_per_jiffy, struct drain_clock *clock)
{
	struct clock_sample sample = { 0 };
	int err = kernel_clock_sample(prog_fd, &sample);
	uint64_t mono_ns;

	if (err)
		return err;
	mono_ns = at_edge(clock, &sample);
	clock->jiffies = sample.jiffies;
	clock->mono_ns = mono_ns;
	clock->unix_ms = clock_unix_ms() - (int64_t)((sample.mono_ns - mono_ns) / NS_PER_MS);
	clock->ns_per_jiffy = ns_per_jiffy;
	return 0;
}
