/* DHCP of IPv6: messages that scapy 2.5 made of its DHCP6_* layers (RFC 8415, RFC 4704). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/devices.h"
#include "agent/names/dhcp6.h"
#include "agent/names/names.h"
#include "agent/util/addr.h"

#define DEVICE "fe80::7"
#define SERVER "fe80::1"
#define ALL    "ff02::1:2" /* servers and relays, RFC 8415 7.1 */

/* DHCP6OptClientId(duid=DUID_LL(lladdr="02:00:00:00:00:07")) */
#define ID "\x00\x01\x00\x0a\x00\x03\x00\x01\x02\x00\x00\x00\x00\x07"
/* DHCP6OptIA_NA(iaid=1, ...) for 2001:db8:1::9, without lifetimes */
#define WANTED                                                                             \
	"\x00\x03\x00\x28\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x18" \
	"\x20\x01\x0d\xb8\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00" \
	"\x00\x00\x00\x00"
/* DHCP6OptClientFQDN(flags=1, fqdn="kitchen-pi.lan") */
#define FQDN "\x00\x27\x00\x11\x01\x0a\x6b\x69\x74\x63\x68\x65\x6e\x2d\x70\x69\x03\x6c\x61\x6e\x00"
/* IA_NA with ::9 for 120 s and ::a for no time, IA_TA with ::b for 120 s */
#define GIVEN                                                                              \
	"\x00\x03\x00\x44\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x18" \
	"\x20\x01\x0d\xb8\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x3c" \
	"\x00\x00\x00\x78\x00\x05\x00\x18\x20\x01\x0d\xb8\x00\x01\x00\x00\x00\x00\x00\x00" \
	"\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x20\x00\x00\x00\x02" \
	"\x00\x05\x00\x18\x20\x01\x0d\xb8\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0b" \
	"\x00\x00\x00\x3c\x00\x00\x00\x78"

#define REQUEST "\x03\x01\x02\x03" ID WANTED FQDN
#define REPLY	"\x07\x01\x02\x03" ID GIVEN

struct world {
	struct names *names;
	struct device_name told[8];
	unsigned int count;
};

static void on_device(void *arg, const struct device_name *device)
{
	struct world *world = arg;

	assert_true(world->count < 8);
	world->told[world->count++] = *device;
}

static int set_up(void **state)
{
	static struct world world;
	const struct names_options options = {
		.streams = 4, .addrs = 8, .arg = &world, .on_device = on_device
	};

	memset(&world, 0, sizeof(world));
	*state = &world;
	return names_new(&options, &world.names);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	names_free(world->names);
	return 0;
}

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void send(struct world *world, const char *src, const char *dst, const void *data,
		 size_t len)
{
	const struct payload payload = {
		.tuple = { .src = addr(src),
			   .dst = addr(dst),
			   .src_port = !strcmp(src, DEVICE) ? 546 : 547,
			   .dst_port = !strcmp(src, DEVICE) ? 547 : 546,
			   .proto = 17 },
		.at_ns = 1000000000,
		.data = data,
		.len = len,
		.whole = (uint32_t)len,
	};

	names_take(world->names, &payload);
}

static void assert_told(const struct world *world, unsigned int at, const char *ip,
			const char *name)
{
	char text[ADDR_TEXT_MAX];

	assert_true(at < world->count);
	assert_string_equal(addr_format(&world->told[at].addr, text), ip);
	assert_string_equal(world->told[at].name, name);
	assert_int_equal(world->told[at].source, DEVICE_DHCP);
}

static void request_names_its_sender_and_the_address_it_asks_for(void **state)
{
	struct world *world = *state;

	send(world, DEVICE, ALL, REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(world->count, 2);
	assert_told(world, 0, DEVICE, "kitchen-pi.lan");
	assert_told(world, 1, "2001:db8:1::9", "kitchen-pi.lan");
}

static void reply_gives_the_name_asked_by_to_addresses_that_live(void **state)
{
	struct world *world = *state;

	send(world, SERVER, DEVICE, REPLY, sizeof(REPLY) - 1); /* nobody asked */
	assert_int_equal(world->count, 0);
	send(world, DEVICE, ALL, REQUEST, sizeof(REQUEST) - 1);
	world->count = 0;
	send(world, SERVER, DEVICE, REPLY, sizeof(REPLY) - 1);
	assert_int_equal(world->count, 2);
	assert_told(world, 0, "2001:db8:1::9", "kitchen-pi.lan");
	assert_told(world, 1, "2001:db8:1::b", "kitchen-pi.lan");
}

static void word_from_far_away_is_not_believed(void **state)
{
	struct world *world = *state;

	send(world, "2001:db8:2::1", "2001:db8:1::2", REQUEST, sizeof(REQUEST) - 1);
	send(world, "2001:db8:2::1", ALL, REQUEST, sizeof(REQUEST) - 1);
	send(world, SERVER, "2001:db8:1::2", REQUEST, sizeof(REQUEST) - 1);
	assert_int_equal(world->count, 0);
	/* what is given back or refused names nothing, nor does what relays pass on */
	send(world, DEVICE, ALL, "\x08\x01\x02\x03" ID WANTED FQDN, sizeof(REQUEST) - 1);
	send(world, DEVICE, ALL, "\x0c\x01\x02\x03" ID WANTED FQDN, sizeof(REQUEST) - 1);
	assert_int_equal(world->count, 0);
}

static void names_may_be_partial_and_may_not_point(void **state)
{
	struct dhcp6_message out;

	(void)state;
	assert_true(dhcp6_parse((const uint8_t *)"\1\0\0\1\0\x27\0\5\0\3tv1", 13, &out) > 0);
	assert_string_equal(out.host, "tv1");
	assert_true(dhcp6_parse((const uint8_t *)"\1\0\0\1\0\x27\0\6\0\3a\x1b\n\0", 14, &out) > 0);
	assert_string_equal(out.host, "a\\027\\010");
	assert_true(dhcp6_parse((const uint8_t *)"\1\0\0\1\0\x27\0\4\0\xc0\0\0", 12, &out) > 0);
	assert_string_equal(out.host, "");
	assert_true(dhcp6_parse((const uint8_t *)"\1\0\0\1\0\x27\0\3\0\x09t", 11, &out) > 0);
	assert_string_equal(out.host, ""); /* a label beyond the end */
	assert_true(dhcp6_parse((const uint8_t *)"\1\0\0\1\0\x27\0\0", 8, &out) > 0);
	assert_string_equal(out.host, "");
}

static void more_addresses_than_a_device_has_are_left_out(void **state)
{
	uint8_t message[4 + 16 + 6 * 28] = "\3\0\0\1\0\3\0\xb4";
	struct dhcp6_message out;

	(void)state;
	for (int i = 0; i < 6; i++)
		memcpy(message + 20 + i * 28, "\0\5\0\x18\xfd", 5);
	assert_true(dhcp6_parse(message, sizeof(message), &out) > 0);
	assert_int_equal(out.addr_count, DHCP6_ADDRS_MAX);
}

/* A copy that ends where it says, so that sanitizers see a read beyond it. */
static void every_cut_is_bounded(void **state)
{
	struct dhcp6_message out;

	(void)state;
	for (size_t len = 0; len <= sizeof(REQUEST) - 1; len++) {
		uint8_t *cut = malloc(len + 1);

		assert_non_null(cut);
		memcpy(cut + 1, REQUEST, len);
		assert_int_equal(dhcp6_parse(cut + 1, len, &out),
				 len < 4 ? -EBADMSG : (ssize_t)len);
		assert_string_equal(out.host, len == sizeof(REQUEST) - 1 ? "kitchen-pi.lan" : "");
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			request_names_its_sender_and_the_address_it_asks_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			reply_gives_the_name_asked_by_to_addresses_that_live, set_up, tear_down),
		cmocka_unit_test_setup_teardown(word_from_far_away_is_not_believed, set_up,
						tear_down),
		cmocka_unit_test(names_may_be_partial_and_may_not_point),
		cmocka_unit_test(more_addresses_than_a_device_has_are_left_out),
		cmocka_unit_test(every_cut_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
