/*
 * A network namespace of the test's own with one veth pair in it (a0 watched, b0 its peer), a
 * bpffs, and frames made here, so that every count is known beforehand.
 */
#ifndef SLUICE_TESTS_UNIT_CAPTURE_KERNEL_FIXTURE_H
#define SLUICE_TESTS_UNIT_CAPTURE_KERNEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/capture/capture.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"

#define FRAME_BYTES 60
#define IP_BYTES    46 /* FRAME_BYTES less the Ethernet header */

extern char **environ;

struct kernel_fixture {
	char dir[64];
	char pin_dir[96];
	struct capture_kernel *kernel;
	struct capture *capture;
	struct coverage coverage;
	uint64_t packets[2]; /* handed up, by direction */
	uint64_t bytes[2];
	char error[256];
};

static inline void run(const char *const *argv)
{
	pid_t child;
	int status;

	assert_int_equal(posix_spawnp(&child, argv[0], NULL, NULL, (char *const *)argv, environ),
			 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static inline void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static inline void make_pair(void)
{
	RUN("ip", "link", "add", "a0", "type", "veth", "peer", "name", "b0");
	RUN("ip", "link", "set", "a0", "up");
	RUN("ip", "link", "set", "b0", "up");
}

/* Group setup: nothing outside the namespaces is touched. */
static inline int enter_namespaces(void **state)
{
	struct kernel_fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	if (!fixture || unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	log_init("test", LOG_LEVEL_ERROR);
	if (crypto_init())
		return -1;
	(void)strcpy(fixture->dir, "/tmp/sluice-kernel-XXXXXX");
	if (!mkdtemp(fixture->dir) || mount("bpf", fixture->dir, "bpf", 0, "mode=0700"))
		return -1;
	/* No neighbour discovery: the only packets are the test's. */
	write_text("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	write_text("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	RUN("ip", "link", "set", "lo", "up");
	return 0;
}

static inline int leave_namespaces(void **state)
{
	struct kernel_fixture *fixture = *state;

	(void)umount2(fixture->dir, MNT_DETACH); /* goes with the namespace anyway */
	(void)rmdir(fixture->dir);
	free(fixture);
	return 0;
}

/* In place of a test where namespaces or BPF cannot be had. */
static inline void skipped(void **state)
{
	(void)state;
	print_message("skip: needs root, BPF and network namespaces\n");
	skip();
}

/* ---- one test
 * ------------------------------------------------------------------------------------ */

static inline int start(struct kernel_fixture *fixture, const char *interfaces, const char *mode)
{
	const struct capture_kernel_options options = {
		.flow_slots = 1024,
		.mode = mode,
		.interfaces = interfaces,
		.pin_dir = fixture->pin_dir,
	};
	int err = capture_kernel_load(&options, &fixture->kernel, fixture->error);

	if (!err)
		err = capture_kernel_attach(fixture->kernel, fixture->error);
	return err;
}

static inline void stop(struct kernel_fixture *fixture)
{
	capture_close(fixture->capture);
	fixture->capture = NULL;
	capture_kernel_free(fixture->kernel);
	fixture->kernel = NULL;
}

static inline int setup_pair(void **state)
{
	struct kernel_fixture *fixture = *state;
	static unsigned int number;

	(void)snprintf(fixture->pin_dir, sizeof(fixture->pin_dir), "%s/t%u", fixture->dir,
		       number++);
	memset(fixture->packets, 0, sizeof(fixture->packets));
	memset(fixture->bytes, 0, sizeof(fixture->bytes));
	make_pair();
	return 0;
}

static inline int teardown_pair(void **state)
{
	stop(*state);
	RUN("ip", "link", "del", "a0");
	return 0;
}

static inline void on_flow(void *arg, const struct flow_delta *delta)
{
	struct kernel_fixture *fixture = arg;

	fixture->packets[delta->direction] += delta->packets;
	fixture->bytes[delta->direction] += delta->bytes;
}

static inline void on_event(void *arg, const struct capture_hit *event)
{
	(void)arg;
	(void)event;
}

static inline void drain(struct kernel_fixture *fixture)
{
	const struct capture_sink sink = {
		.arg = fixture,
		.on_flow = on_flow,
		.on_hit = on_event,
	};

	assert_true(capture_drain(fixture->capture, true, &sink) >= 0);
	assert_int_equal(capture_coverage(fixture->capture, &fixture->coverage), 0);
}

static inline const struct coverage_iface *find_iface(const struct kernel_fixture *fixture,
						      const char *name)
{
	for (unsigned int i = 0; i < fixture->coverage.iface_count; i++) {
		if (!strcmp(fixture->coverage.ifaces[i].name, name))
			return &fixture->coverage.ifaces[i];
	}
	fail_msg("no interface %s in the coverage", name);
	return NULL;
}

/* @count frames of UDP over IPv4 out of @device, from 192.0.2.1 to 198.51.100.1, each of its own
 * source port below @ports. */
static inline void send_frames(const char *device, unsigned int count, unsigned int ports)
{
	uint8_t frame[FRAME_BYTES] = {
		2,   0,	 0,   0,  0,	2, 2,	 0,	   0, 0,
		0,   1,	 8,   0,  0x45, 0, 0,	 IP_BYTES, 0, 0,
		0,   0,	 64,  17, 0,	0, 192,	 0,	   2, 1,
		198, 51, 100, 1,  0,	0, 0x30, 0x39,	   0, IP_BYTES - 20,
	};
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(device),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	for (unsigned int i = 0; i < count; i++) {
		unsigned int port = 1024 + i % ports;

		frame[34] = (uint8_t)(port >> 8);
		frame[35] = (uint8_t)port;
		while (sendto(fd, frame, sizeof(frame), 0, (const struct sockaddr *)&to,
			      sizeof(to)) < 0)
			assert_int_equal(errno, ENOBUFS);
	}
	assert_int_equal(close(fd), 0);
}

/* The receiving side runs in softirq; it is done when its count stands at what was sent. */
static inline void drain_until_seen(struct kernel_fixture *fixture, int direction, uint64_t seen)
{
	const uint64_t end_ns = clock_monotonic_ns() + 2 * NS_PER_S;

	do
		drain(fixture);
	while (find_iface(fixture, "a0")->dir[direction].seen < seen &&
	       clock_monotonic_ns() < end_ns);
	assert_int_equal(find_iface(fixture, "a0")->dir[direction].seen, seen);
	drain(fixture);
}

#endif
