/*
 * Capture files written by hand: pcap (draft-ietf-opsawg-pcap) in both byte orders and both grains,
 * pcapng (draft-ietf-opsawg-pcapng), the link types of tcpdump.org/linktypes.html.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/capture/capture.h"

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define ROOM	 (256 << 10)

struct world {
	char path[64];
	uint8_t data[ROOM];
	size_t len;
	bool is_big_endian;
	uint32_t snapped; /* bytes that each packet had and the file has not */
	struct capture_file *file;
	struct capture_packet packet;
	char error[256];
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	int fd;

	(void)snprintf(world->path, sizeof(world->path), "/tmp/sluice-file-XXXXXX");
	fd = mkstemp(world->path);
	*state = world;
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	capture_file_close(world->file);
	(void)unlink(world->path);
	free(world);
	return 0;
}

static void put(struct world *world, const void *bytes, size_t len)
{
	assert_true(world->len + len <= ROOM);
	memcpy(world->data + world->len, bytes, len);
	world->len += len;
}

static void put32(struct world *world, uint32_t v)
{
	uint8_t bytes[4];

	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(v >> (world->is_big_endian ? 24 - 8 * i : 8 * i));
	put(world, bytes, 4);
}

static void put16(struct world *world, uint16_t v)
{
	const uint8_t little[2] = { (uint8_t)v, (uint8_t)(v >> 8) };
	const uint8_t big[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(world, world->is_big_endian ? big : little, 2);
}

static void put_header(struct world *world, uint32_t magic, uint32_t link)
{
	put32(world, magic);
	put16(world, 2);
	put16(world, 4);
	put32(world, 0);
	put32(world, 0);
	put32(world, 262144);
	put32(world, link);
}

/* @part: micro- or nanoseconds */
static void put_packet(struct world *world, uint32_t s, uint32_t part, const void *bytes,
		       uint32_t len)
{
	put32(world, s);
	put32(world, part);
	put32(world, len);
	put32(world, len + world->snapped);
	put(world, bytes, len);
}

static void save(struct world *world)
{
	FILE *out = fopen(world->path, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(world->data, 1, world->len, out), world->len);
	assert_int_equal(fclose(out), 0);
}

static void open_file(struct world *world)
{
	save(world);
	assert_int_equal(capture_file_open(world->path, &world->file, world->error), 0);
	assert_string_equal(world->error, "");
}

static int next(struct world *world)
{
	return capture_file_read(world->file, &world->packet);
}

static const struct capture_file_losses *losses(const struct world *world)
{
	return capture_file_losses(world->file);
}

/* ---- Ethernet, times, sizes ---- */

static void ethernet_comes_as_it_is(void **state)
{
	struct world *world = *state;
	static const uint8_t frame[60] = { 1, 2, 3 };

	put_header(world, MAGIC_US, 1);
	world->snapped = 1440;
	put_packet(world, 1700000000, 999999, frame, 60);
	open_file(world);
	assert_int_equal(next(world), 1);
	assert_int_equal(world->packet.len, 60);
	assert_int_equal(world->packet.wire_len, 1500);
	assert_memory_equal(world->packet.data, frame, 60);
	assert_true(world->packet.unix_ns == 1700000000999999000);
	assert_int_equal(next(world), 0);
	assert_int_equal(next(world), 0);
	assert_string_equal(losses(world)->note, "");
}

static void other_byte_order_and_nanoseconds_are_read(void **state)
{
	struct world *world = *state;
	static const uint8_t frame[60];

	world->is_big_endian = true;
	put_header(world, MAGIC_NS, 1);
	put_packet(world, 1700000000, 123456789, frame, 60);
	open_file(world);
	assert_int_equal(next(world), 1);
	assert_true(world->packet.unix_ns == 1700000000123456789);
}

static void times_never_go_back(void **state)
{
	struct world *world = *state;
	static const uint8_t frame[60];

	put_header(world, MAGIC_US, 1);
	put_packet(world, 1000, 5, frame, 60);
	put_packet(world, 999, 0, frame, 60);
	put_packet(world, 1001, 2000000, frame, 60); /* two million microseconds are none */
	put_packet(world, 1001, 0, frame, 60);
	open_file(world);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(next(world), 1);
		assert_true(world->packet.unix_ns == 1000000005000);
	}
	assert_int_equal(next(world), 1);
	assert_true(world->packet.unix_ns == 1001000000000);
	assert_int_equal(losses(world)->no_time, 2);
}

static void frames_no_device_carries_are_counted(void **state)
{
	struct world *world = *state;
	static const uint8_t frame[65550];

	put_header(world, MAGIC_US, 1);
	put_packet(world, 1, 0, frame, 13);
	put_packet(world, 1, 0, frame, 14);
	put_packet(world, 1, 0, frame, 65549); /* 65535 of IP and 14 of Ethernet */
	put_packet(world, 1, 0, frame, 65550);
	put_packet(world, 1, 0, frame, 0);
	open_file(world);
	assert_int_equal(next(world), 1);
	assert_int_equal(world->packet.len, 14);
	assert_int_equal(next(world), 1);
	assert_int_equal(world->packet.len, 65549);
	assert_int_equal(next(world), 0);
	assert_int_equal(losses(world)->too_short, 2);
	assert_int_equal(losses(world)->too_long, 1);
}

/* ---- link types ---- */

struct link_case {
	const char *name;
	uint32_t link;
	uint8_t head[20];
	uint32_t head_len;  /* bytes taken off */
	uint16_t ether;	    /* 0: carries no IP */
	uint8_t first_byte; /* of the packet behind */
};

static const struct link_case link_cases[] = {
	{ "raw 4", 101, { 0 }, 0, 0x0800, 0x45 },
	{ "raw 6", 101, { 0 }, 0, 0x86dd, 0x60 },
	{ "raw 5", 101, { 0 }, 0, 0, 0x50 },
	{ "ipv4", 228, { 0 }, 0, 0x0800, 0x45 },
	{ "ipv6", 229, { 0 }, 0, 0x86dd, 0x60 },
	{ "null, AF_INET", 0, { 2, 0, 0, 0 }, 4, 0x0800, 0x45 },
	{ "null, AF_INET6 of Linux", 0, { 10, 0, 0, 0 }, 4, 0x86dd, 0x60 },
	{ "null, of OpenBSD and NetBSD", 0, { 24, 0, 0, 0 }, 4, 0x86dd, 0x60 },
	{ "null, of FreeBSD", 0, { 28, 0, 0, 0 }, 4, 0x86dd, 0x60 },
	{ "null, of Darwin, big endian", 0, { 0, 0, 0, 30 }, 4, 0x86dd, 0x60 },
	{ "null, AppleTalk", 0, { 16, 0, 0, 0 }, 4, 0, 0 },
	{ "null, neither order", 0, { 2, 0, 0, 2 }, 4, 0, 0x45 },
	{ "loop", 108, { 0, 0, 0, 2 }, 4, 0x0800, 0x45 },
	{ "cooked", 113, { [14] = 0x86, 0xdd }, 16, 0x86dd, 0x60 },
	{ "cooked, a tag", 113, { [14] = 0x81, 0x00 }, 16, 0x8100, 0 },
	{ "cooked 2", 276, { 0x08, 0x00 }, 20, 0x0800, 0x45 },
	{ "ppp", 9, { 0xff, 3, 0, 0x21 }, 4, 0x0800, 0x45 },
	{ "ppp, short", 9, { 0x57 }, 1, 0x86dd, 0x60 },
	{ "ppp, link control", 9, { 0xff, 3, 0xc0, 0x21 }, 4, 0, 0 },
	{ "ppp in hdlc", 50, { 0xff, 3, 0, 0x57 }, 4, 0x86dd, 0x60 },
	{ "cisco hdlc", 104, { 0x0f, 0, 0x08, 0x00 }, 4, 0x0800, 0x45 },
	{ "cisco hdlc, broadcast", 104, { 0x8f, 0, 0x86, 0xdd }, 4, 0x86dd, 0x60 },
	{ "ppp with direction", 204, { 1, 0xff, 3, 0, 0x21 }, 5, 0x0800, 0x45 },
	{ "pppoe session", 51, { 0 }, 0, 0x8864, 0x11 },
	{ "usb", 189, { 0 }, 0, 0, 0x45 },
};

static void check_link(struct world *world, const struct link_case *want)
{
	uint8_t packet[60] = { 0 };
	const uint8_t *frame;

	world->len = 0;
	put_header(world, MAGIC_US, want->link);
	memcpy(packet, want->head, want->head_len);
	packet[want->head_len] = want->first_byte;
	packet[59] = 0xee;
	world->snapped = 40;
	put_packet(world, 1, 0, packet, 60);
	open_file(world);
	if (!want->ether) {
		if (next(world) != 0 || losses(world)->no_ip != 1)
			fail_msg("%s: taken for IP", want->name);
		return;
	}
	if (next(world) != 1)
		fail_msg("%s: not read", want->name);
	frame = world->packet.data;
	if (world->packet.len != 14 + 60 - want->head_len ||
	    world->packet.wire_len != world->packet.len + 40 ||
	    (frame[12] << 8 | frame[13]) != want->ether || frame[14] != want->first_byte ||
	    frame[world->packet.len - 1] != 0xee)
		fail_msg("%s: another frame", want->name);
}

static void every_link_type_becomes_ethernet(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(link_cases) / sizeof(link_cases[0]); i++) {
		check_link(world, &link_cases[i]);
		capture_file_close(world->file);
		world->file = NULL;
	}
}

/* A packet shorter than its link header, at every length: counted, and nothing beyond it read. */
static void link_headers_that_are_cut_are_counted(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(link_cases) / sizeof(link_cases[0]); i++) {
		const struct link_case *one = &link_cases[i];
		unsigned int read = 0;

		world->len = 0;
		put_header(world, MAGIC_US, one->link);
		for (uint32_t len = 0; len < one->head_len; len++)
			put_packet(world, 1, 0, one->head, len);
		open_file(world);
		while (next(world) == 1)
			read++;
		if (read || losses(world)->no_ip + losses(world)->too_short != one->head_len)
			fail_msg("%s: %u of %u cut packets read", one->name, read, one->head_len);
		capture_file_close(world->file);
		world->file = NULL;
	}
}

static void unknown_link_type_is_said(void **state)
{
	struct world *world = *state;

	put_header(world, MAGIC_US, 105);
	open_file(world);
	assert_int_equal(next(world), 0);
	assert_non_null(strstr(losses(world)->note, "link type 105"));
}

/* ---- pcapng ---- */

static void put_block(struct world *world, uint32_t type, const void *body, uint32_t len)
{
	put32(world, type);
	put32(world, 12 + len);
	put(world, body, len);
	put32(world, 12 + len);
}

static void put_pcapng_head(struct world *world, uint8_t grain)
{
	static const uint8_t section[16] = { 0x4d, 0x3c, 0x2b, 0x1a, 1,	   0,	 0,    0,
					     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const uint8_t iface[] = { 1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, grain, 0, 0, 0, 0, 0, 0, 0 };

	put_block(world, 0x0a0d0d0a, section, sizeof(section));
	put_block(world, 1, iface, sizeof(iface));
}

static void put_pcapng_packet(struct world *world, uint64_t at)
{
	const size_t from = world->len;
	static const uint8_t frame[60] = { 7 };

	put32(world, 6);
	put32(world, 32 + 60);
	put32(world, 0);
	put32(world, (uint32_t)(at >> 32));
	put32(world, (uint32_t)at);
	put32(world, 60);
	put32(world, 61);
	put(world, frame, 60);
	put32(world, (uint32_t)(world->len - from + 4));
}

static void pcapng_is_read_in_its_own_grain(void **state)
{
	struct world *world = *state;

	put_pcapng_head(world, 9); /* if_tsresol: 10^-9 s */
	put_block(world, 0x0bad, "skip", 4);
	put_pcapng_packet(world, 1700000000123456789);
	open_file(world);
	assert_int_equal(next(world), 1);
	assert_true(world->packet.unix_ns == 1700000000123456789);
	assert_int_equal(world->packet.len, 60);
	assert_int_equal(world->packet.wire_len, 61);
	assert_int_equal(((const uint8_t *)world->packet.data)[0], 7);
	assert_int_equal(next(world), 0);
}

/* ---- broken files ---- */

static void file_cut_at_any_byte_gives_its_whole_packets(void **state)
{
	struct world *world = *state;
	static const uint8_t frame[60];
	size_t whole;

	put_header(world, MAGIC_US, 1);
	for (uint32_t i = 0; i < 3; i++)
		put_packet(world, i, 0, frame, 60);
	whole = world->len;
	for (size_t len = 24; len < whole; len++) {
		unsigned int read = 0;

		world->len = len;
		open_file(world);
		while (next(world) == 1)
			read++;
		assert_int_equal(read, (len - 24) / 76);
		assert_int_equal(*losses(world)->note != '\0', (len - 24) % 76 != 0);
		if (*losses(world)->note)
			assert_non_null(strstr(losses(world)->note, "broken off after packet"));
		capture_file_close(world->file);
		world->file = NULL;
	}
}

static void packet_of_a_lying_length_ends_the_file(void **state)
{
	struct world *world = *state;
	static const uint8_t frame[60];

	put_header(world, MAGIC_US, 1);
	put_packet(world, 1, 0, frame, 60);
	put32(world, 2);
	put32(world, 0);
	put32(world, 0x7fffffff);
	put32(world, 60);
	open_file(world);
	assert_int_equal(next(world), 1);
	assert_int_equal(next(world), 0);
	assert_non_null(strstr(losses(world)->note, "after packet 1"));
}

static void what_is_no_capture_is_refused_with_a_reason(void **state)
{
	struct world *world = *state;
	static const char *const texts[] = { "", "not a capture at all, only text\n",
					     "\xd4\xc3\xb2" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		world->len = 0;
		put(world, texts[i], strlen(texts[i]));
		save(world);
		assert_int_equal(capture_file_open(world->path, &world->file, world->error),
				 -EINVAL);
		assert_null(world->file);
		assert_string_not_equal(world->error, "");
	}
	assert_int_equal(capture_file_open("/nonexistent/x.pcap", &world->file, world->error),
			 -EINVAL);
	assert_non_null(strstr(world->error, "No such file"));
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(ethernet_comes_as_it_is),
		FILE_TEST(other_byte_order_and_nanoseconds_are_read),
		FILE_TEST(times_never_go_back),
		FILE_TEST(frames_no_device_carries_are_counted),
		FILE_TEST(every_link_type_becomes_ethernet),
		FILE_TEST(link_headers_that_are_cut_are_counted),
		FILE_TEST(unknown_link_type_is_said),
		FILE_TEST(pcapng_is_read_in_its_own_grain),
		FILE_TEST(file_cut_at_any_byte_gives_its_whole_packets),
		FILE_TEST(packet_of_a_lying_length_ends_the_file),
		FILE_TEST(what_is_no_capture_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
