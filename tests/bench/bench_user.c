/*
 * The datapath in user space, as the demo and replay run it: frames of 64 bytes through the ingress
 * program, and the scan of the flow cache. CPU time of this thread, best and median of the rounds.
 * usage: bench_user
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/capture/capture.h"
#include "agent/util/clock.h"
#include "tests/bench/measure.h"
#include "tests/bench/row.h"
#include "tests/bpf/frame_build.h"

#define BURSTS	   16 /* of CAPTURE_USER_BURST frames, a round */
#define SCANS	   100
#define SLOTS	   8192 /* [Capture] flow_slots: in each family's cache */
#define FLOWS	   1000
#define FULL_FLOWS 32768 /* four times the slots: none stays empty */
#define DRAIN_BAR  20.0	 /* ns a slot */
#define FRAME_LEN  60	 /* 64 bytes with the checksum */
#define PORT_AT	   34	 /* source port of an IPv4 frame without options */

struct bench {
	struct capture *user;
	int iface;
	uint64_t now_ns, counted;
	double feed_ns[ROUNDS], scan_ns[ROUNDS], full_ns[ROUNDS];
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

/* A burst of packets of @flows flows, the first one's number @from. */
static int feed_burst(struct bench *bench, struct frame *frame, unsigned int from,
		      unsigned int flows)
{
	struct capture_frame fed = { .data = frame->data,
				     .len = frame->len,
				     .iface = (uint8_t)bench->iface,
				     .direction = DIRECTION_INGRESS };

	for (unsigned int i = 0; i < CAPTURE_USER_BURST; i++) {
		size_t len = frame->len;

		frame->len = PORT_AT;
		put16(frame, 1024 + (from + i) % flows);
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
		if (feed_burst(bench, frame, 0, FLOWS))
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

/* Every slot of IPv4 holds a flow with packets that no scan has seen; each new flow made another
 * one leave. All that the scan costs is the full slots', the empty cache of IPv6 included. */
static int full_round(struct bench *bench, struct frame *frame, int round)
{
	const struct capture_sink sink = { bench, on_flow, on_event, NULL };
	uint64_t counted;
	double began;

	for (unsigned int from = 0; from < FULL_FLOWS; from += CAPTURE_USER_BURST)
		if (feed_burst(bench, frame, from, FULL_FLOWS) ||
		    capture_drain(bench->user, false, &sink) < 0)
			return -1;
	counted = bench->counted;
	began = cpu_ns();
	if (capture_drain(bench->user, true, &sink) < 0)
		return -1;
	bench->full_ns[round] = (cpu_ns() - began) / SLOTS;
	return bench->counted - counted == SLOTS ? 0 : -1;
}

static bool report(struct bench *bench)
{
	struct row fed = { .is_judged = false }, full = { .is_judged = true }, idle = fed;

	(void)snprintf(fed.what, sizeof(fed.what), "datapath in user space, 64 bytes, %d flows",
		       FLOWS);
	(void)snprintf(fed.figure, sizeof(fed.figure), "%.1f ns a packet (least %.1f)",
		       median_of(bench->feed_ns), least_of(bench->feed_ns));
	(void)row_print(&fed);
	(void)snprintf(full.what, sizeof(full.what), "drain of a full flow cache");
	(void)snprintf(full.figure, sizeof(full.figure), "%.1f ns a slot (least %.1f)",
		       median_of(bench->full_ns), least_of(bench->full_ns));
	(void)snprintf(full.bar, sizeof(full.bar), "<= %.0f ns", DRAIN_BAR);
	full.is_missed = least_of(bench->full_ns) > DRAIN_BAR;
	(void)snprintf(idle.what, sizeof(idle.what), "scan of the flow cache, nothing new");
	(void)snprintf(idle.figure, sizeof(idle.figure), "%.1f ns a slot (least %.1f)",
		       median_of(bench->scan_ns), least_of(bench->scan_ns));
	(void)row_print(&idle);
	return row_print(&full);
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
	for (int round = 0; round < ROUNDS && !err; round++) {
		err = round_of(&bench, &frame, round);
		if (!err)
			err = full_round(&bench, &frame, round);
	}
	/* speed counts only if every packet came up */
	if (!err && bench.counted != (uint64_t)ROUNDS * (BURSTS * CAPTURE_USER_BURST + FULL_FLOWS))
		err = -1;
	capture_close(bench.user);
	if (err)
		(void)fprintf(stderr, "bench_user: packets were lost or refused\n");
	return err || report(&bench);
}
