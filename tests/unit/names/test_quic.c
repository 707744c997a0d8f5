/* QUIC clients' datagrams: the standards' own packets, and the same hello in pieces. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/quic.h"
#include "tests/unit/names/quic_vectors.h"

#define BYTES_MAX 4096
#define COUNT(x)  (sizeof(x) / sizeof((x)[0]))

struct setup {
	struct quic_table *table;
	struct hello hello;
	struct five_tuple client;
	uint64_t now_ns;
};

static void make(struct setup *setup, unsigned int max)
{
	memset(setup, 0, sizeof(*setup));
	assert_int_equal(quic_table_new(max, &setup->table), 0);
}

static struct five_tuple tuple_of(uint16_t port)
{
	return (struct five_tuple){
		.src = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, ADDR_IPV4 },
		.dst = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 2 }, ADDR_IPV4 },
		.src_port = port,
		.dst_port = 443,
		.proto = 17,
	};
}

static int take(struct setup *setup, const char *hex, struct five_tuple tuple)
{
	uint8_t data[BYTES_MAX];
	struct payload payload = { .tuple = tuple, .data = data, .at_ns = ++setup->now_ns };

	for (; hex[0] && hex[1]; hex += 2) {
		unsigned int byte;

		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		assert_true(payload.len < BYTES_MAX);
		data[payload.len++] = (uint8_t)byte;
	}
	payload.whole = (uint32_t)payload.len;
	return quic_take(setup->table, &payload, &setup->hello, &setup->client);
}

/* Each datagram but the last asks for more; the last gives the standard's hello. */
static void assert_reads(const char *const *datagrams, size_t count, uint32_t version)
{
	struct setup setup;
	size_t i;

	make(&setup, 8);
	for (i = 0; i + 1 < count; i++)
		assert_int_equal(take(&setup, datagrams[i], tuple_of(1000)), 0);
	assert_int_equal(take(&setup, datagrams[i], tuple_of(1000)), 1);
	assert_string_equal(setup.hello.sni, "example.com");
	assert_int_equal(setup.hello.alpn_count, 1);
	assert_string_equal(setup.hello.alpn[0], "alpn");
	assert_int_equal(setup.hello.version, 0x0304);
	assert_int_equal(setup.hello.quic_version, version);
	assert_int_equal(setup.hello.ja4[0], 'q');
	assert_int_equal(setup.client.src_port, 1000);
	assert_int_equal(quic_pending_bytes(setup.table), 0);
	quic_table_free(setup.table);
}

static void initial_of_each_version_opens(void **state)
{
	(void)state;
	assert_reads(rfc9001, COUNT(rfc9001), 1);
	assert_reads(rfc9369, COUNT(rfc9369), 0x6b3343cf);
	assert_reads(draft29, COUNT(draft29), 0xff00001d);
}

static void hello_in_pieces_is_put_together(void **state)
{
	(void)state;
	assert_reads(shuffled, COUNT(shuffled), 1);
	assert_reads(bytes, COUNT(bytes), 1);
	assert_reads(coalesced, COUNT(coalesced), 1);
	assert_reads(ack, COUNT(ack), 1);
}

static void client_takes_new_keys_after_a_retry(void **state)
{
	(void)state;
	assert_reads(retry, COUNT(retry), 1);
}

static void pieces_in_reverse_are_put_together_once_the_first_key_is_known(void **state)
{
	struct setup setup;
	size_t i;

	(void)state;
	make(&setup, 8);
	assert_int_equal(take(&setup, bytes[0], tuple_of(1)), 0);
	for (i = COUNT(bytes) - 1; i > 1; i--)
		assert_int_equal(take(&setup, bytes[i], tuple_of(1)), 0);
	assert_true(quic_pending_bytes(setup.table) > 0);
	assert_int_equal(take(&setup, bytes[1], tuple_of(1)), 1);
	quic_table_free(setup.table);
}

static void hello_is_told_once(void **state)
{
	struct setup setup;

	(void)state;
	make(&setup, 8);
	assert_int_equal(take(&setup, rfc9001[0], tuple_of(1)), 1);
	assert_int_equal(take(&setup, rfc9001[0], tuple_of(1)), 0);
	assert_int_equal(take(&setup, rfc9001[0], tuple_of(2)), 1);
	quic_table_free(setup.table);
}

static void server_is_no_client(void **state)
{
	struct five_tuple back = tuple_of(1);
	struct setup setup;

	(void)state;
	back.src_port = 443;
	back.dst_port = 1;
	back.src = tuple_of(1).dst;
	back.dst = tuple_of(1).src;
	make(&setup, 8);
	assert_int_equal(take(&setup, server[0], back), -EBADMSG);
	assert_int_equal(take(&setup, rfc9001[0], tuple_of(1)), 1);
	assert_int_equal(take(&setup, server[0], back), 0); /* of a connection that is known */
	quic_table_free(setup.table);
}

static void packet_that_was_changed_does_not_open(void **state)
{
	char changed[2 * BYTES_MAX];
	struct setup setup;
	size_t i, len = strlen(rfc9001[0]);

	(void)state;
	make(&setup, 8);
	for (i = 0; i < 200; i++) { /* every digit of the headers and of the first ciphertext */
		memcpy(changed, rfc9001[0], len + 1);
		changed[i] = changed[i] == '0' ? '1' : '0';
		assert_int_equal(take(&setup, changed, tuple_of(1)), -EBADMSG);
	}
	for (i = 0; i < len; i += 2) { /* cut after every byte */
		memcpy(changed, rfc9001[0], i);
		changed[i] = '\0';
		assert_int_equal(take(&setup, changed, tuple_of(1)), -EBADMSG);
	}
	quic_table_free(setup.table);
}

static void oldest_connection_goes_when_the_table_is_full(void **state)
{
	struct setup setup;
	uint16_t port;

	(void)state;
	make(&setup, 4);
	for (port = 1; port <= 5; port++)
		assert_int_equal(take(&setup, bytes[0], tuple_of(port)), 0);
	/* the first is forgotten: its later pieces have no keys */
	assert_int_equal(take(&setup, bytes[1], tuple_of(1)), -EBADMSG);
	assert_int_equal(take(&setup, bytes[1], tuple_of(2)), 0);
	quic_table_free(setup.table);
}

static void pending_bytes_stay_under_their_maximum(void **state)
{
	struct setup setup;
	uint16_t port;

	(void)state;
	make(&setup, 2000);
	for (port = 1; port <= 2000; port++) {
		assert_int_equal(take(&setup, bytes[0], tuple_of(port)), 0);
		assert_true(quic_pending_bytes(setup.table) <= QUIC_PENDING_BYTES_MAX);
	}
	assert_int_equal(take(&setup, bytes[1], tuple_of(2000)), 0);
	quic_table_free(setup.table);
}

static void idle_connections_are_forgotten(void **state)
{
	struct setup setup;

	(void)state;
	make(&setup, 8);
	assert_int_equal(take(&setup, bytes[0], tuple_of(1)), 0);
	quic_expire(setup.table, setup.now_ns + 30000000000ULL);
	assert_int_equal(take(&setup, bytes[1], tuple_of(1)), 0);
	quic_expire(setup.table, setup.now_ns + 30000000001ULL);
	assert_int_equal(quic_pending_bytes(setup.table), 0);
	assert_int_equal(take(&setup, bytes[2], tuple_of(1)), -EBADMSG);
	quic_table_free(setup.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial_of_each_version_opens),
		cmocka_unit_test(hello_in_pieces_is_put_together),
		cmocka_unit_test(client_takes_new_keys_after_a_retry),
		cmocka_unit_test(pieces_in_reverse_are_put_together_once_the_first_key_is_known),
		cmocka_unit_test(hello_is_told_once),
		cmocka_unit_test(server_is_no_client),
		cmocka_unit_test(packet_that_was_changed_does_not_open),
		cmocka_unit_test(oldest_connection_goes_when_the_table_is_full),
		cmocka_unit_test(pending_bytes_stay_under_their_maximum),
		cmocka_unit_test(idle_connections_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
