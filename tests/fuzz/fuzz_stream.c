/*
 * Hostile peers whose segments come in any order, overlap, lie about their numbers, and change
 * protocol midway. Each record of the input is one segment: what it is of (1 byte), how far its
 * number is from the last (2), seconds since then (1), its length (2), its bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD_BYTES 6
#define SECOND_NS    1000000000ull

static void on_name(void *arg, const struct name_event *event)
{
	(void)arg;
	if (event->kind >= NAME_KIND_COUNT)
		abort();
	if (event->kind == NAME_HTTP_REQUEST && event->http->method[0] == '\0')
		abort();
	if (event->kind == NAME_SSH_BANNER && strncmp(event->ssh, "SSH-", 4) != 0)
		abort();
}

static struct payload payload_of(const uint8_t *record)
{
	static const uint16_t ports[] = { 80, 443, 53, 22 };
	struct payload payload = {
		.tuple = { .proto = 6, .src_port = 1000 + (record[0] >> 2 & 3) },
		.tcp_flags = record[0] & 0x40 ? TCP_FLAG_SYN : 0,
	};

	payload.tuple.dst_port = ports[record[0] & 3];
	if (record[0] & 0x80) {
		uint16_t port = payload.tuple.src_port;

		payload.tuple.src_port = payload.tuple.dst_port;
		payload.tuple.dst_port = port;
	}
	return payload;
}

/* Made once: its memory costs more than an input. After every input all streams have expired. */
static struct names *names_of_run(void)
{
	static struct names *names;
	const struct names_options options = { .streams = 4, .addrs = 4, .on_name = on_name };

	if (!names && names_new(&options, &names))
		abort();
	return names;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t now_ns = 1;
	struct names *names = names_of_run();
	uint32_t seq = 0;

	while (size >= RECORD_BYTES) {
		struct payload payload = payload_of(data);
		size_t len = (size_t)data[4] << 8 | data[5];

		seq += (uint32_t)(int16_t)(data[1] << 8 | data[2]);
		now_ns += data[3] * SECOND_NS;
		data += RECORD_BYTES;
		size -= RECORD_BYTES;
		len = len < size ? len : size;
		payload.seq = seq;
		payload.at_ns = now_ns;
		payload.data = data;
		payload.len = payload.whole = (uint32_t)len;
		names_take(names, &payload);
		data += len;
		size -= len;
		if (payload.tcp_flags)
			names_expire(names, now_ns);
	}
	now_ns += 100000 * SECOND_NS;
	names_expire(names, now_ns);
	return 0;
}
