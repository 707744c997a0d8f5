/*
 * A hostile peer's datagrams, each behind its length in two bytes. As nobody guesses a tag, each is
 * also taken as the frames of a packet that was opened.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names/quic.h"
#include "agent/names/quic_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct quic_table *table, int taken, const struct hello *hello)
{
	if (taken > 0 && (!memchr(hello->sni, '\0', sizeof(hello->sni)) || hello->ja4[0] != 'q'))
		abort();
	if (quic_pending_bytes(table) > QUIC_PENDING_BYTES_MAX)
		abort();
}

static void take(struct quic_table *table, const uint8_t *data, size_t len)
{
	const struct payload payload = {
		.tuple.src_port = len ? data[0] % 8 : 0,
		.data = data,
		.len = len,
		.whole = (uint32_t)len,
	};
	const struct five_tuple opened = { .src_port = len ? 8 + data[0] % 8 : 0 };
	static struct hello hello;
	struct five_tuple client;
	struct quic_conn *conn;
	int taken;

	taken = quic_take(table, &payload, &hello, &client);
	check(table, taken, &hello);
	conn = quic_table_find(table, &opened);
	if (!conn)
		conn = quic_table_add(table, &opened);
	taken = quic_frames_take(table, conn, cursor_over(data, len), &hello);
	check(table, taken, &hello);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(quic_table_free) struct quic_table *table = NULL;

	if (quic_table_new(4, &table))
		abort();
	while (size >= 2) {
		const size_t told = (size_t)data[0] << 8 | data[1];
		const size_t len = told < size - 2 ? told : size - 2;

		take(table, data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
	return 0;
}
