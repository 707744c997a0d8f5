/*
 * The datapath in user space, as the demo and replay run it: frames of 64 bytes through the ingress
 * program, and the scan of the flow cache. CPU time of this thread, best and median of the rounds.
 * usage: bench_user   Rows: figure, bar, measured, verdict, separated by tabs.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/capture/capture.h"
#include "agent/util/clock.h"
#include "tests/bpf/frame_build.h"

#define ROUNDS	  9
#define BURSTS	  16 /* of CAPTURE_USER_BURST frames, a round */
#define SCANS	  100
#define SLOTS	  8192 /* [Capture] flow_slots: in each family's cache */
#define FLOWS	  1000
#define FRAME_LEN 60 /* 64 bytes with the checksum */
#define PORT_AT	  34 /* source port of an IPv4 frame without options */

struct bench {
	struct capture *user;
	int iface;
	uint64_t now_ns, counted;
	double feed_ns[ROUNDS], scan_ns[ROUNDS];
};

static void on_flow(void *arg, const struct flow_delta *delta)
{
	struct bench *bench = arg;

	bench->counted += delta->packets;
}

static void on_event(void *arg, const struct capture_hit *event)
{
	(void)arg;
	(void)event;
}

static double cpu_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* exists since Linux 2.6.12 */
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int feed_burst(struct bench *bench, struct frame *frame)
{
	struct capture_frame fed = { .data = frame->data,
				     .len = frame->len,
				     .iface = (uint8_t)bench->iface,
				     .direction = DIRECTION_INGRESS };

	for (unsigned int i = 0; i < CAPTURE_USER_BURST; i++) {
		size_t len = frame->len;

		frame->len = PORT_AT;
		put16(frame, 1024 + i % FLOWS);
		frame->len = len;
		bench->now_ns += 1000;
		fed.at_ns = bench->now_ns;
		if (capture_user_feed(bench->user, &fed) != 1)
			return -1;
	}
	return 0;
}

static int round_of(struct bench *bench, struct frame *frame, int round)
{
	const struct capture_sink sink = { bench, on_flow, on_event, NULL };
	double began = 0;

	for (int i = 0; i < BURSTS; i++) {
		began = cpu_ns();
		if (feed_burst(bench, frame))
			return -1;
		bench->feed_ns[round] += (cpu_ns() - began) / (BURSTS * CAPTURE_USER_BURST);
		if (capture_drain(bench->user, true, &sink) < 0)
			return -1;
	}
	began = cpu_ns();
	for (int i = 0; i < SCANS; i++)
		if (capture_drain(bench->user, true, &sink) < 0)
			return -1;
	bench->scan_ns[round] = (cpu_ns() - began) / (SCANS * SLOTS * 2); /* both families */
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(struct bench *bench)
{
	qsort(bench->feed_ns, ROUNDS, sizeof(bench->feed_ns[0]), compare);
	qsort(bench->scan_ns, ROUNDS, sizeof(bench->scan_ns[0]), compare);
	printf("datapath in user space, 64 bytes, %d flows\t-\t%.1f M packets/s; ns a packet, "
	       "median (min): %.1f (%.1f)\t-\n",
	       FLOWS, 1e3 / bench->feed_ns[0], bench->feed_ns[ROUNDS / 2], bench->feed_ns[0]);
	printf("scan of the flow cache, nothing new\t-\tns a slot, median (min): %.1f (%.1f)\t-\n",
	       bench->scan_ns[ROUNDS / 2], bench->scan_ns[0]);
}

int main(void)
{
	struct bench bench = { .now_ns = NS_PER_S };
	struct frame frame = { 0 };
	int err = capture_user_new(SLOTS, &bench.user);

	if (!err)
		bench.iface = capture_user_add_iface(bench.user, "bench0");
	if (err || bench.iface < 0)
		return 1;
	put_ether(&frame, 0x0800);
	put_ipv4(&frame, 5, FRAME_LEN - 14, 0, 17);
	put_udp(&frame);
	put_zero(&frame, FRAME_LEN - frame.len);
	for (int round = 0; round < ROUNDS && !err; round++)
		err = round_of(&bench, &frame, round);
	/* speed counts only if every packet came up */
	if (!err && bench.counted != (uint64_t)ROUNDS * BURSTS * CAPTURE_USER_BURST)
		err = -1;
	capture_close(bench.user);
	if (err)
		(void)fprintf(stderr, "bench_user: packets were lost or refused\n");
	else
		report(&bench);
	return err ? 1 : 0;
}
