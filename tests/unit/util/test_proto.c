/* Names: the contract (EVE's spelling); numbers: IANA protocol numbers; flags: RFC 9293 3.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "agent/util/proto.h"

static void known_protocols_have_names_and_others_three_digits(void **state)
{
	char text[PROTO_TEXT_MAX];

	(void)state;
	assert_string_equal(proto_format(6, text), "TCP");
	assert_string_equal(proto_format(17, text), "UDP");
	assert_string_equal(proto_format(1, text), "ICMP");
	assert_string_equal(proto_format(58, text), "IPv6-ICMP");
	assert_string_equal(proto_format(132, text), "SCTP");
	assert_string_equal(proto_format(47, text), "047");
	assert_string_equal(proto_format(0, text), "000");
	assert_string_equal(proto_format(255, text), "255");
}

static void every_written_name_is_read_back(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		char text[PROTO_TEXT_MAX];
		uint8_t proto = (uint8_t)~i;

		assert_int_equal(proto_parse(proto_format((uint8_t)i, text), &proto), 0);
		assert_int_equal(proto, i);
	}
}

static void names_are_read_in_any_case_and_numbers_short(void **state)
{
	uint8_t proto;

	(void)state;
	assert_int_equal(proto_parse("tcp", &proto), 0);
	assert_int_equal(proto, 6);
	assert_int_equal(proto_parse("icmpv6", &proto), 0);
	assert_int_equal(proto, 58);
	assert_int_equal(proto_parse("47", &proto), 0);
	assert_int_equal(proto, 47);
}

static void other_text_is_refused(void **state)
{
	static const char *const wrong[] = { "", "256", "0006", "-1", "6 ", "tcpx", "any" };
	uint8_t proto;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(proto_parse(wrong[i], &proto), -EINVAL);
}

static void flags_are_letters_from_the_lowest_bit(void **state)
{
	char text[TCP_FLAGS_TEXT_MAX];

	(void)state;
	assert_string_equal(tcp_flags_format(0, text), "");
	assert_string_equal(tcp_flags_format(0x02, text), "S");
	assert_string_equal(tcp_flags_format(0x12, text), "SA");
	assert_string_equal(tcp_flags_format(0x29, text), "FPU");
	assert_string_equal(tcp_flags_format(0xff, text), "FSRPAUEC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_protocols_have_names_and_others_three_digits),
		cmocka_unit_test(every_written_name_is_read_back),
		cmocka_unit_test(names_are_read_in_any_case_and_numbers_short),
		cmocka_unit_test(other_text_is_refused),
		cmocka_unit_test(flags_are_letters_from_the_lowest_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
