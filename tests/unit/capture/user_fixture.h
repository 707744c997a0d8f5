/*
 * A user source and a sink that keeps what came up, for the tests of the datapath.
 */
#ifndef SLUICE_TESTS_CAPTURE_USER_FIXTURE_H
#define SLUICE_TESTS_CAPTURE_USER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "agent/capture/capture.h"
#include "agent/util/addr.h"
#include "tests/bpf/frame_build.h"

#define KEPT_MAX 4096
#define SECOND	 1000000000ULL

struct kept {
	struct flow_delta deltas[KEPT_MAX];
	struct capture_hit events[KEPT_MAX];
	size_t delta_count, event_count;
	uint64_t packets, bytes;
};

static inline void keep_flow(void *arg, const struct flow_delta *delta)
{
	struct kept *kept = arg;

	if (kept->delta_count < KEPT_MAX)
		kept->deltas[kept->delta_count] = *delta;
	kept->delta_count++;
	kept->packets += delta->packets;
	kept->bytes += delta->bytes;
}

static inline void keep_event(void *arg, const struct capture_hit *event)
{
	struct kept *kept = arg;

	if (kept->event_count < KEPT_MAX)
		kept->events[kept->event_count] = *event;
	kept->event_count++;
}

static inline int drain(struct capture *user, bool scan, struct kept *kept)
{
	struct capture_sink sink = { kept, keep_flow, keep_event, NULL };

	memset(kept, 0, sizeof(*kept));
	return capture_drain(user, scan, &sink);
}

static inline struct capture *user_open(unsigned int slots)
{
	struct capture *user = NULL;

	assert_int_equal(capture_user_new(slots, &user), 0);
	assert_int_equal(capture_user_add_iface(user, "eth0"), 0);
	capture_user_set_boot_ns(user, 1000 * SECOND);
	return user;
}

static inline int feed_bytes(struct capture *user, enum direction direction, const void *data,
			     size_t len, uint64_t at_ns)
{
	const struct capture_frame fed = { data, len, at_ns, 0, (uint8_t)direction };

	return capture_user_feed(user, &fed);
}

static inline struct coverage_direction counted(struct capture *user, enum direction direction)
{
	static struct coverage coverage;

	assert_int_equal(capture_coverage(user, &coverage), 0);
	return coverage.ifaces[0].dir[direction];
}

static inline uint64_t not_flow_sum(const struct coverage_direction *counts)
{
	uint64_t sum = 0;

	for (int i = 0; i < NOT_FLOW_COUNT; i++)
		sum += counts->not_flow[i];
	return sum;
}

/* An IPv4 UDP frame from @src, @src_port to @dst, port 53; host order. */
static inline void frame_udp4(struct frame *f, uint32_t src, uint16_t src_port, uint32_t dst)
{
	f->len = 0;
	put_ether(f, 0x0800);
	put_ipv4(f, 5, 28, 0, 17);
	f->len -= 8;
	put32(f, src);
	put32(f, dst);
	put16(f, src_port);
	put16(f, 53);
	put16(f, 8);
	put16(f, 0);
}

/* An IPv6 UDP frame; both addresses 16 bytes. */
static inline void frame_udp6(struct frame *f, const struct addr *src, const struct addr *dst)
{
	f->len = 0;
	put_ether(f, 0x86dd);
	put_ipv6(f, 8, 17);
	memcpy(f->data + 14 + 8, src->bytes, 16);
	memcpy(f->data + 14 + 24, dst->bytes, 16);
	put_udp(f);
}

static inline struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, false, &prefix), 0);
	return prefix;
}

static inline struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

#endif
