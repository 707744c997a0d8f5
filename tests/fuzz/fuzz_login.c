/*
 * Hostile clients and servers of the services where people log in without encryption: packets of
 * any bytes on any of the ports, in any order. Only the fact may come out of it: no finding holds
 * a character of what was said, and there are no more of them than connections.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detector.h"
#include "include/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS	    4
#define CONNECTIONS (CLIENTS * 8)
#define SECOND	    1000000000ull
#define SAYS	    "sent a password to"

static void on_finding(void *arg, const struct finding *finding)
{
	unsigned int *count = arg;

	++*count;
	if (!memchr(finding->reason, '\0', sizeof(finding->reason)) ||
	    !strstr(finding->reason, SAYS) || !finding->count)
		abort();
	for (const char *at = finding->reason; *at; at++)
		if (!isprint((unsigned char)*at))
			abort();
}

static void on_seen(void *arg, const struct seen_key *key)
{
	(void)arg;
	(void)key;
}

/* Each packet: who, the service and the way in one byte, its length in the next, its bytes. */
static size_t take_packet(void *state, const uint8_t *data, size_t size, uint64_t at_ns)
{
	static const uint16_t ports[] = { 21, 23, 25, 80, 110, 143, 587, 8080 };
	const size_t len = size - 2 < data[1] ? size - 2 : data[1];
	struct payload payload = { .tuple = { .proto = 6 }, .at_ns = at_ns };
	struct five_tuple *tuple = &payload.tuple;
	uint8_t *copy = malloc(len); /* of its own, so that a byte too far is seen */

	if (len && !copy)
		abort();
	if (len)
		memcpy(copy, data + 2, len);
	payload.data = copy;
	payload.len = payload.whole = (uint32_t)len;
	tuple->src.family = tuple->dst.family = ADDR_IPV4;
	tuple->src.bytes[15] = data[0] >> 4 & (CLIENTS - 1);
	tuple->src_port = 40000;
	tuple->dst_port = ports[data[0] & 7];
	if (data[0] & 8) {
		const struct five_tuple turned = { .src = tuple->dst,
						   .dst = tuple->src,
						   .src_port = tuple->dst_port,
						   .dst_port = tuple->src_port,
						   .proto = tuple->proto };

		*tuple = turned;
	}
	plain_password_detector.payload(state, &payload);
	free(copy);
	return 2 + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int count = 0;
	struct detect_moment moment = { .now_ns = SECOND,
					.elapsed_ns = SECOND,
					.on_finding = on_finding,
					.on_seen = on_seen,
					.arg = &count };
	void *state;

	if (plain_password_detector.open(16, &state))
		abort();
	while (size > 2) {
		size_t used = take_packet(state, data, size, moment.now_ns);

		data += used;
		size -= used;
		moment.now_ns++;
	}
	moment.now_ns += SECOND;
	plain_password_detector.tick(state, &moment);
	plain_password_detector.tick(state, &moment); /* the same is not said twice in an hour */
	if (count > CONNECTIONS)
		abort();
	plain_password_detector.close(state);
	return 0;
}
