/* DHCP messages written by hand after RFC 2131 and 2132, mDNS after RFC 6762, reverse names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/devices.h"
#include "agent/names/dhcp.h"
#include "agent/names/names.h"
#include "agent/util/addr.h"

#define MESSAGE_MAX 600

struct world {
	struct names *names;
	struct device_name told[8];
	unsigned int count;
	const char *dst; /* of what is sent */
	uint8_t message[MESSAGE_MAX];
	size_t len;
};

static void on_device(void *arg, const struct device_name *device)
{
	struct world *world = arg;

	assert_true(world->count < 8);
	world->told[world->count++] = *device;
}

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static int set_up(void **state)
{
	static struct world world;
	const struct names_options options = {
		.streams = 4, .addrs = 8, .arg = &world, .on_device = on_device
	};

	memset(&world, 0, sizeof(world));
	world.dst = "255.255.255.255";
	*state = &world;
	return names_new(&options, &world.names);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	names_free(world->names);
	return 0;
}

/* A BOOTP head with its magic; op 1 asks, 2 answers. */
static void begin(struct world *world, uint8_t op, uint32_t xid)
{
	memset(world->message, 0, sizeof(world->message));
	world->message[0] = op;
	world->message[1] = 1;
	world->message[2] = 6;
	for (int i = 0; i < 4; i++)
		world->message[4 + i] = (uint8_t)(xid >> (24 - 8 * i));
	memcpy(world->message + 236, "\x63\x82\x53\x63", 4);
	world->len = 240;
}

static void put(struct world *world, uint8_t code, const void *data, size_t len)
{
	world->message[world->len++] = code;
	world->message[world->len++] = (uint8_t)len;
	memcpy(world->message + world->len, data, len);
	world->len += len;
}

static void send(struct world *world, const char *src, uint16_t src_port, uint16_t dst_port)
{
	const struct payload payload = { .tuple = { .src = addr(src),
						    .dst = addr(world->dst),
						    .src_port = src_port,
						    .dst_port = dst_port,
						    .proto = 17 },
					 .at_ns = 1000000000,
					 .data = world->message,
					 .len = world->len,
					 .whole = (uint32_t)world->len };

	names_take(world->names, &payload);
}

static void assert_told(const struct world *world, unsigned int at, const char *ip,
			const char *name)
{
	char text[ADDR_TEXT_MAX];

	assert_true(at < world->count);
	assert_string_equal(addr_format(&world->told[at].addr, text), ip);
	assert_string_equal(world->told[at].name, name);
}

static void request_names_the_address_it_asks_for(void **state)
{
	struct world *world = *state;

	begin(world, 1, 7);
	put(world, 53, "\3", 1);
	put(world, 12, "kitchen-pi", 10);
	put(world, 50, "\300\250\1\11", 4);
	put(world, 255, "", 0);
	send(world, "0.0.0.0", 68, 67);
	assert_int_equal(world->count, 1);
	assert_told(world, 0, "192.168.1.9", "kitchen-pi");
	assert_int_equal(world->told[0].source, DEVICE_DHCP);
}

static void answer_gives_the_name_asked_by_to_the_address_given(void **state)
{
	struct world *world = *state;

	begin(world, 1, 0x01020304);
	put(world, 53, "\3", 1);
	put(world, 12, "nas", 3);
	send(world, "0.0.0.0", 68, 67);
	assert_int_equal(world->count, 0); /* no address yet */
	begin(world, 2, 0x01020304);
	memcpy(world->message + 16, "\300\250\1\12", 4);
	put(world, 53, "\5", 1);
	send(world, "192.168.1.1", 67, 68);
	assert_int_equal(world->count, 1);
	assert_told(world, 0, "192.168.1.10", "nas");
	begin(world, 2, 0x99); /* nobody asked */
	memcpy(world->message + 16, "\300\250\1\13", 4);
	put(world, 53, "\5", 1);
	send(world, "192.168.1.1", 67, 68);
	assert_int_equal(world->count, 1);
}

/* tv has 192.168.1.7 */
#define TV "\0\0\x84\0\0\0\0\1\0\0\0\0\2tv\0\0\1\0\1\0\0\0\x78\0\4\xc0\xa8\1\7"

static void word_from_far_away_is_not_believed(void **state)
{
	struct world *world = *state;

	world->dst = "192.168.1.2"; /* one host: from any network */
	begin(world, 1, 7);
	put(world, 53, "\3", 1);
	put(world, 12, "liar", 4);
	put(world, 50, "\300\250\1\11", 4);
	send(world, "198.51.100.1", 68, 67);
	begin(world, 2, 7);
	memcpy(world->message + 16, "\300\250\1\12", 4);
	put(world, 53, "\5", 1);
	put(world, 12, "liar", 4);
	send(world, "198.51.100.1", 67, 68);
	world->len = sizeof(TV) - 1;
	memcpy(world->message, TV, world->len);
	send(world, "192.168.1.7", 5353, 5353);
	assert_int_equal(world->count, 0);
	begin(world, 1, 8); /* renewed: from the address itself, and the answer to that */
	memcpy(world->message + 12, "\300\250\1\11", 4);
	put(world, 53, "\3", 1);
	put(world, 12, "nas", 3);
	send(world, "192.168.1.9", 68, 67);
	begin(world, 2, 8);
	memcpy(world->message + 16, "\300\250\1\11", 4);
	put(world, 53, "\5", 1);
	send(world, "192.168.1.1", 67, 68);
	assert_int_equal(world->count, 2);
	assert_told(world, 0, "192.168.1.9", "nas");
	assert_told(world, 1, "192.168.1.9", "nas");
}

static void full_names_come_as_text_or_as_on_the_wire(void **state)
{
	struct dhcp_message out;
	struct world *world = *state;

	begin(world, 1, 7);
	put(world, 53, "\3", 1);
	put(world, 81, "\4\0\0\3tv1\4home\0", 13);
	assert_true(dhcp_parse(world->message, world->len, &out) > 0);
	assert_string_equal(out.host, "tv1.home");
	begin(world, 1, 7);
	put(world, 53, "\3", 1);
	put(world, 81, "\0\0\0tv2.home", 11);
	assert_true(dhcp_parse(world->message, world->len, &out) > 0);
	assert_string_equal(out.host, "tv2.home");
}

static void hostile_names_are_text(void **state)
{
	struct dhcp_message out;
	struct world *world = *state;
	char longest[255];

	begin(world, 1, 7);
	put(world, 53, "\3", 1);
	put(world, 12, "a\n\x1b[2J\xe2\x80\xae<b>", 12);
	assert_true(dhcp_parse(world->message, world->len, &out) > 0);
	assert_string_equal(out.host, "a\\010\\027[2J\\226\\128\\174<b>");
	memset(longest, 'x', sizeof(longest));
	begin(world, 1, 7);
	put(world, 53, "\3", 1);
	put(world, 12, longest, sizeof(longest));
	assert_true(dhcp_parse(world->message, world->len, &out) > 0);
	assert_true(strlen(out.host) < DEVICE_NAME_MAX);
}

/* A copy that ends where it says, so that sanitizers see a read beyond it. */
static void every_cut_is_bounded(void **state)
{
	struct dhcp_message out;
	struct world *world = *state;

	begin(world, 1, 7);
	put(world, 53, "\3", 1);
	put(world, 81, "\4\0\0\3tv1\4home\0", 13);
	put(world, 50, "\300\250\1\11", 4);
	for (size_t len = 0; len <= world->len; len++) {
		uint8_t *cut = malloc(len + 1);
		ssize_t used;

		assert_non_null(cut);
		memcpy(cut + 1, world->message, len);
		used = dhcp_parse(cut + 1, len, &out);
		assert_true(len < 243 ? used == -EBADMSG : used == (ssize_t)len);
		free(cut);
	}
}

/* tv.local has 192.168.1.7 and fe80::7; other.local has 192.168.1.8 */
#define MDNS                                                                          \
	"\0\0\x84\0\0\0\0\3\0\0\0\0\2tv\5local\0\0\1\x80\1\0\0\0\x78\0\4\xc0\xa8\1\7" \
	"\xc0\x0c\0\x1c\x80\1\0\0\0\x78\0\x10\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\7"    \
	"\5other\xc0\x0f\0\1\x80\1\0\0\0\x78\0\4\xc0\xa8\1\x08"

static void announcement_names_its_sender_alone(void **state)
{
	struct world *world = *state;

	world->dst = "224.0.0.251";
	world->len = sizeof(MDNS) - 1;
	memcpy(world->message, MDNS, world->len);
	send(world, "192.168.1.7", 5353, 5353);
	assert_int_equal(world->count, 2);
	assert_told(world, 0, "192.168.1.7", "tv");
	assert_told(world, 1, "fe80::7", "tv");
	assert_int_equal(world->told[0].source, DEVICE_MDNS);
	send(world, "192.168.1.66", 5353, 5353); /* says it of others only */
	send(world, "192.168.1.7", 40000, 5353); /* not by the responder */
	assert_int_equal(world->count, 2);
}

/* 9.1.168.192.in-addr.arpa PTR? and printer.lan */
#define PTR_QUESTION \
	"\1"         \
	"9\1"        \
	"1\3"        \
	"168\3"      \
	"192\7in-addr\4arpa\0\0\x0c\0\1"
#define PTR_QUERY "\0\x0b\1\0\0\1\0\0\0\0\0\0" PTR_QUESTION
#define PTR_ANSWER                                    \
	"\0\x0b\x81\x80\0\1\0\1\0\0\0\0" PTR_QUESTION \
	"\xc0\x0c\0\x0c\0\1\0\0\0\x3c\0\x0d\7printer\3lan\0"

static void reverse_look_up_counts_when_it_was_asked_for(void **state)
{
	struct world *world = *state;
	struct payload payload = { .tuple = { .src = addr("192.168.1.1"),
					      .dst = addr("192.168.1.2"),
					      .src_port = 53,
					      .dst_port = 40000,
					      .proto = 17 },
				   .at_ns = 2000000000,
				   .data = (const uint8_t *)PTR_ANSWER,
				   .len = sizeof(PTR_ANSWER) - 1,
				   .whole = sizeof(PTR_ANSWER) - 1 };
	struct payload query = { .tuple = { .src = addr("192.168.1.2"),
					    .dst = addr("192.168.1.1"),
					    .src_port = 40000,
					    .dst_port = 53,
					    .proto = 17 },
				 .at_ns = 1999000000,
				 .data = (const uint8_t *)PTR_QUERY,
				 .len = sizeof(PTR_QUERY) - 1,
				 .whole = sizeof(PTR_QUERY) - 1 };

	names_take(world->names, &payload);
	assert_int_equal(world->count, 0);
	names_take(world->names, &query);
	names_take(world->names, &payload);
	assert_int_equal(world->count, 1);
	assert_told(world, 0, "192.168.1.9", "printer.lan");
	assert_int_equal(world->told[0].source, DEVICE_DNS);
}

static void reverse_names_are_addresses(void **state)
{
	static const char six[] = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
				  ".ip6.arpa.";
	char text[ADDR_TEXT_MAX];
	struct addr out;

	(void)state;
	assert_true(devices_reverse("4.3.2.10.IN-ADDR.arpa", &out));
	assert_string_equal(addr_format(&out, text), "10.2.3.4");
	assert_true(devices_reverse(six, &out));
	assert_string_equal(addr_format(&out, text), "2001:db8::1");
	assert_false(devices_reverse("3.2.10.in-addr.arpa", &out));
	assert_false(devices_reverse("256.3.2.10.in-addr.arpa", &out));
	assert_false(devices_reverse("x.4.3.2.10.in-addr.arpa", &out));
	assert_false(devices_reverse(".in-addr.arpa", &out));
	assert_false(devices_reverse("www.example.org", &out));
	assert_false(devices_reverse(six + 2, &out));
	assert_false(devices_reverse("", &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(request_names_the_address_it_asks_for, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(answer_gives_the_name_asked_by_to_the_address_given,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(word_from_far_away_is_not_believed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(full_names_come_as_text_or_as_on_the_wire, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(hostile_names_are_text, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_cut_is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(announcement_names_its_sender_alone, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(reverse_look_up_counts_when_it_was_asked_for,
						set_up, tear_down),
		cmocka_unit_test(reverse_names_are_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
