/*
 * Hostile fragments of datagrams. Each record of the input is one: its datagram and whether others
 * follow (1 byte), its place in 8 bytes (2), its length (2), its bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "agent/names/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD_BYTES 5
#define QUIC_LONG    0x80 /* RFC 9000 17.2 */

static void check(const struct payload *whole)
{
	static struct dns_message message;

	bool is_dns = whole->tuple.src_port == 53 || whole->tuple.dst_port == 53;

	if (whole->len > UINT16_MAX || whole->is_fragment ||
	    (!is_dns && (!whole->len || !(whole->data[0] & QUIC_LONG))))
		abort();
	(void)dns_parse(whole->data, whole->len, &message); /* reads every byte: ASan watches */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(fragment_table_free) struct fragment_table *table = NULL;
	uint64_t now_ns = 0;

	if (fragment_table_new(2, &table))
		abort();
	while (size >= RECORD_BYTES) {
		struct payload payload = { .tuple.proto = 17,
					   .is_fragment = true,
					   .more = data[0] & 1,
					   .seq = data[0] >> 1 & 3,
					   .offset = (uint16_t)((data[1] << 8 | data[2]) * 8),
					   .at_ns = now_ns +=
					   (uint64_t)(data[0] >> 4) * 1000000000u };
		size_t len = (size_t)data[3] << 8 | data[4];
		struct payload whole;

		data += RECORD_BYTES;
		size -= RECORD_BYTES;
		len = len < size ? len : size;
		payload.data = data;
		payload.len = payload.whole = (uint32_t)len;
		if (fragment_take(table, &payload, &whole) == 1)
			check(&whole);
		data += len;
		size -= len;
		fragment_expire(table, now_ns);
	}
	return 0;
}
