/*
 * What is sent into the interface is heard by a socket of the host; what is sent out of it, by the
 * other end of the pair. Neither knows of the service.
 */
#include "agent/app/selftest_drops.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/app/selftest_link.h"
#include "agent/app/selftest_room.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "include/flow.h"

#define PORT	   9999
#define PORT_FIRST 42000
#define WAIT_MS	   400 /* what has not come by then was dropped */
#define HITS_MS	   3000
#define AGAIN	   8
#define NAME	   "blocked.example"
#define ETHER_LEN  14

enum probe_kind {
	PROBE_DATAGRAM, /* into the host */
	PROBE_QUESTION, /* out of it: DNS */
	PROBE_HELLO,	/* out of it: TLS */
};

struct probe {
	const char *what, *value; /* of the block */
	enum probe_kind kind;
	const char *far; /* the other end's address */
};

static const struct probe probes[] = {
	{ "IPv4 address", "192.0.2.77", PROBE_DATAGRAM, "192.0.2.77" },
	{ "IPv4 prefix", "192.0.2.64/26", PROBE_DATAGRAM, "192.0.2.78" },
	{ "IPv6 address", "2001:db8:0:10::77", PROBE_DATAGRAM, "2001:db8:0:10::77" },
	{ "IPv6 prefix", "2001:db8:0:10:8000::/65", PROBE_DATAGRAM, "2001:db8:0:10:8000::78" },
	{ "name, DNS over IPv4", NAME, PROBE_QUESTION, "203.0.113.53" },
	{ "name, DNS over IPv6", NAME, PROBE_QUESTION, "2001:db8:b00::53" },
	{ "name, TLS over IPv4", NAME, PROBE_HELLO, "203.0.113.80" },
	{ "name, TLS over IPv6", NAME, PROBE_HELLO, "2001:db8:b00::80" },
};

#define PROBES (sizeof(probes) / sizeof(probes[0]))
_Static_assert(PROBES + 1 == DROPS_MAX, "and panic");

struct drops {
	struct room *room;
	int socket, ear;
	uint8_t mac[6];
	uint16_t next_port; /* each packet is a flow of its own */
};

/* ---- sending -----------------------------------------------------------------------------------
 */

static struct five_tuple tuple_of(const struct drops *drops, const struct probe *probe)
{
	struct five_tuple tuple = { .src_port = drops->next_port };
	bool is_ipv6 = strchr(probe->far, ':') != NULL;
	struct addr own = demo_server_addr(is_ipv6), far;

	(void)addr_parse(probe->far, &far); /* our own table */
	tuple.src = probe->kind == PROBE_DATAGRAM ? far : own;
	tuple.dst = probe->kind == PROBE_DATAGRAM ? own : far;
	tuple.proto = probe->kind == PROBE_HELLO ? IPPROTO_TCP : IPPROTO_UDP;
	tuple.dst_port = probe->kind == PROBE_HELLO	 ? 443
			 : probe->kind == PROBE_QUESTION ? 53
							 : PORT;
	return tuple;
}

static void send_one(struct drops *drops, const struct probe *probe)
{
	const struct five_tuple tuple = tuple_of(drops, probe);
	uint8_t frame[DEMO_FRAME_MAX];
	size_t len;

	if (probe->kind == PROBE_DATAGRAM) {
		len = demo_frame_datagram(&tuple, frame);
		memcpy(frame, drops->mac, sizeof(drops->mac));
	} else if (probe->kind == PROBE_QUESTION) {
		len = demo_frame_question(&tuple, NAME, frame);
	} else {
		len = demo_frame_hello(&tuple, NAME, true, frame);
		room_send(drops->room, frame, len, true);
		len = demo_frame_hello(&tuple, NAME, false, frame);
	}
	room_send(drops->room, frame, len, probe->kind != PROBE_DATAGRAM);
	drops->next_port++;
}

/* ---- hearing -----------------------------------------------------------------------------------
 */

/* A frame at the other end that carries what was asked or said, not the SYN before it. */
static bool is_probe(const struct drops *drops, const uint8_t *frame, size_t len)
{
	size_t at = ETHER_LEN + (len > ETHER_LEN && frame[12] == 0x08 ? 20 : 40);
	uint16_t port;

	if (len < at + 20 || len < 75 + at - ETHER_LEN - 20)
		return false;
	port = (uint16_t)(frame[at] << 8 | frame[at + 1]);
	return (uint16_t)(drops->next_port - port) <= DROPS_EACH &&
	       memmem(frame + at, len - at, "blocked", 7) != NULL;
}

static unsigned int hear(const struct drops *drops, bool is_inside)
{
	struct pollfd ready = { .fd = is_inside ? drops->socket : drops->ear, .events = POLLIN };
	uint64_t end_ns = clock_monotonic_ns() + WAIT_MS * NS_PER_MS;
	unsigned int heard = 0;
	uint8_t frame[2048];

	while (heard < DROPS_EACH && clock_monotonic_ns() < end_ns) {
		ssize_t len;

		if (poll(&ready, 1, 20) <= 0)
			continue;
		len = recv(ready.fd, frame, sizeof(frame), 0);
		heard += len > 0 && (is_inside || is_probe(drops, frame, (size_t)len));
	}
	return heard;
}

static unsigned int try_probe(struct drops *drops, const struct probe *probe)
{
	for (int i = 0; i < DROPS_EACH; i++)
		send_one(drops, probe);
	return hear(drops, probe->kind == PROBE_DATAGRAM);
}

/* ---- blocking ----------------------------------------------------------------------------------
 */

static bool order(struct drops *drops, const char *verb, const char *value)
{
	const char *const words[] = { "block", verb, value, NULL };
	CLEANUP(json_free) struct json *answer = room_command(drops->room, words);

	return answer != NULL;
}

static bool set_panic(struct drops *drops, bool on)
{
	const char *const words[] = { "panic", on ? NULL : "off", NULL };
	CLEANUP(json_free) struct json *answer = room_command(drops->room, words);

	return answer != NULL;
}

/* Of the newest block, once they were read from the kernel. */
static uint64_t hits_of(struct drops *drops)
{
	static const char *const words[] = { "block", "list", NULL };
	uint64_t end_ns = clock_monotonic_ns() + HITS_MS * NS_PER_MS;
	int64_t hits = 0;

	while (hits < DROPS_EACH && clock_monotonic_ns() < end_ns) {
		CLEANUP(json_free) struct json *answer = room_command(drops->room, words);
		const struct json *items = answer ? json_get(answer, "items") : NULL;

		if (items && json_array_len(items))
			(void)json_get_int(json_array_get(items, 0), "hits", &hits); /* else 0 */
	}
	return (uint64_t)hits;
}

static void check_block(struct drops *drops, const struct probe *probe, struct drop_report *report)
{
	*report = (struct drop_report){ .what = probe->what, .value = probe->value };
	report->before = try_probe(drops, probe);
	if (!order(drops, "add", probe->value))
		return;
	report->under = try_probe(drops, probe);
	report->hits = hits_of(drops);
	if (!order(drops, "del", probe->value))
		return;
	report->after = try_probe(drops, probe);
	report->is_ok = report->before == DROPS_EACH && !report->under &&
			report->after == DROPS_EACH && report->hits >= DROPS_EACH;
}

/* Under a block: it drops; under panic it does not; without it again. */
static void check_panic(struct drops *drops, struct drop_report *report)
{
	const struct probe *probe = &probes[0];
	const struct timespec pause = { .tv_nsec = 300 * 1000000L };
	unsigned int again = DROPS_EACH;

	*report = (struct drop_report){ .what = "panic ends blocking", .value = probe->value };
	if (!order(drops, "add", probe->value))
		return;
	report->under = try_probe(drops, probe);
	report->hits = hits_of(drops);
	if (!set_panic(drops, true))
		return;
	report->before = report->after = try_probe(drops, probe);
	if (!set_panic(drops, false))
		return;
	/* the lease comes back with the next second */
	for (int i = 0; i < AGAIN && again; i++) {
		(void)nanosleep(&pause, NULL);
		again = try_probe(drops, probe);
	}
	report->is_ok = !report->under && report->after == DROPS_EACH && !again &&
			order(drops, "del", probe->value);
}

/* ---- opening -----------------------------------------------------------------------------------
 */

static int open_socket(void)
{
	CLEANUP(close) int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	int both = 0;

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both)) ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)))
		return -errno;
	return TAKE_FD(fd);
}

int drops_check(struct room *room, struct drop_report out[static DROPS_MAX])
{
	struct drops drops = { .room = room, .next_port = PORT_FIRST };
	CLEANUP(close) int ear = link_open_ear(room->peer_index);
	CLEANUP(close) int heard = open_socket();
	int error = link_read_mac(ROOM_IFACE, drops.mac);

	if (error || ear < 0 || heard < 0)
		return error ? error : ear < 0 ? ear : heard;
	drops.ear = ear;
	drops.socket = heard;
	for (size_t i = 0; i < PROBES; i++)
		check_block(&drops, &probes[i], &out[i]);
	check_panic(&drops, &out[PROBES]);
	return DROPS_MAX;
}
