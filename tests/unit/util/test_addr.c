/* Expected texts: RFC 5952 4, RFC 4291 2.2, and Python's ipaddress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "agent/util/addr.h"

static void expect_text(const char *in, const char *out, enum addr_family family)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;

	assert_int_equal(addr_parse(in, &addr), 0);
	assert_int_equal(addr.family, family);
	assert_string_equal(addr_format(&addr, text), out);
}

static void parse_and_format_follow_rfc5952(void **state)
{
	(void)state;
	expect_text("192.0.2.1", "192.0.2.1", ADDR_IPV4);
	expect_text("255.255.255.255", "255.255.255.255", ADDR_IPV4);
	expect_text("2001:DB8:0:0:0:0:0:1", "2001:db8::1", ADDR_IPV6);
	expect_text("2001:0db8:0000:0001:0001:0001:0001:0001", "2001:db8:0:1:1:1:1:1", ADDR_IPV6);
	expect_text("2001:0:0:1:0:0:0:1", "2001:0:0:1::1", ADDR_IPV6);
	expect_text("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", ADDR_IPV6);
	expect_text("::", "::", ADDR_IPV6);
	expect_text("::1", "::1", ADDR_IPV6);
}

static void parse_folds_mapped_text_into_ipv4(void **state)
{
	(void)state;
	expect_text("::ffff:192.0.2.128", "192.0.2.128", ADDR_IPV4);
	expect_text("::FFFF:c000:280", "192.0.2.128", ADDR_IPV4);
}

static void parse_refuses_everything_else(void **state)
{
	static const char *const wrong[] = {
		"",	    "1.2.3",	"1.2.3.4.5",	 "01.2.3.4",	      "1.2.3.256",
		"1.2.3.4 ", " 1.2.3.4", "1.2.3.4/8",	 "0x1.2.3.4",	      "fe80::1%eth0",
		":::",	    "1::2::3",	"1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::",
		"g::",	    "::1.2.3",	"[::1]",	 "localhost",	      "::ffff:01.2.3.4",
	};
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(addr_parse(wrong[i], &addr), -EINVAL);
}

static void format_of_mapped_address_seen_as_ipv6_keeps_its_family(void **state)
{
	const uint8_t wire[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1 };
	struct addr six = addr_from_ipv6(wire);
	struct addr four = addr_from_ipv4(wire + 12);
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_string_equal(addr_format(&six, text), "::ffff:192.0.2.1");
	assert_false(addr_is_equal(&six, &four));
	assert_memory_equal(six.bytes, four.bytes, 16);
}

static void format_of_none_is_empty(void **state)
{
	struct addr none = { .family = ADDR_NONE };
	char text[ADDR_TEXT_MAX] = "x";

	(void)state;
	assert_string_equal(addr_format(&none, text), "");
}

static struct addr parse(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void compare_orders_by_family_then_bytes(void **state)
{
	struct addr a = parse("9.0.0.0"), b = parse("10.0.0.0"), c = parse("::1");

	(void)state;
	assert_true(addr_compare(&a, &b) < 0);
	assert_true(addr_compare(&b, &a) > 0);
	assert_true(addr_compare(&b, &c) < 0);
	assert_int_equal(addr_compare(&c, &c), 0);
}

static void hash_depends_on_seed_and_every_byte(void **state)
{
	struct addr addr = parse("2001:db8::1");
	uint64_t hash = addr_hash(&addr, 1);

	(void)state;
	assert_true(hash == addr_hash(&addr, 1));
	assert_true(hash != addr_hash(&addr, 2));
	for (size_t i = 0; i < 16; i++) {
		struct addr other = addr;

		other.bytes[i] ^= 1;
		assert_true(hash != addr_hash(&other, 1));
	}
}

static void expect_prefix(const char *in, bool mask, const char *out)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix prefix;

	assert_int_equal(prefix_parse(in, mask, &prefix), 0);
	assert_string_equal(prefix_format(&prefix, text), out);
}

static void prefix_parse_takes_addresses_and_lengths(void **state)
{
	(void)state;
	expect_prefix("192.0.2.1", false, "192.0.2.1");
	expect_prefix("192.0.2.1/32", false, "192.0.2.1");
	expect_prefix("192.0.2.0/24", false, "192.0.2.0/24");
	expect_prefix("0.0.0.0/0", false, "0.0.0.0/0");
	expect_prefix("2001:db8::/32", false, "2001:db8::/32");
	expect_prefix("2001:db8::1/128", false, "2001:db8::1");
	expect_prefix("::/0", false, "::/0");
	expect_prefix("::ffff:192.0.2.0/120", false, "192.0.2.0/24");
	expect_prefix("::ffff:0:0/96", false, "0.0.0.0/0");
}

static void prefix_parse_clears_host_bits_only_when_asked(void **state)
{
	struct prefix prefix;

	(void)state;
	expect_prefix("192.0.2.129/25", true, "192.0.2.128/25");
	expect_prefix("10.255.0.0/9", true, "10.128.0.0/9");
	expect_prefix("2001:db8:1:2::3/33", true, "2001:db8::/33");
	expect_prefix("ffff::1/0", true, "::/0");
	assert_int_equal(prefix_parse("192.0.2.1/24", false, &prefix), -ERANGE);
	assert_int_equal(prefix_parse("2001:db8::1/127", false, &prefix), -ERANGE);
}

static void prefix_parse_refuses_wrong_lengths(void **state)
{
	static const char *const wrong[] = { "1.2.3.4/",   "1.2.3.4/33", "1.2.3.4/-1",
					     "1.2.3.4/08", "1.2.3.4/8 ", "1.2.3.4/8/8",
					     "::/129",	   "::/0128",	 "::/1a",
					     "/8",	   "",		 "1.2.3/8" };
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(prefix_parse(wrong[i], true, &prefix), -EINVAL);
}

static struct prefix parse_prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, false, &prefix), 0);
	return prefix;
}

static void prefix_has_its_first_and_last_address_and_no_neighbour(void **state)
{
	struct prefix four = parse_prefix("192.0.2.64/26"), six = parse_prefix("2001:db8::/61");
	struct addr in4[] = { parse("192.0.2.64"), parse("192.0.2.127") };
	struct addr out4[] = { parse("192.0.2.63"), parse("192.0.2.128"), parse("::1") };
	struct addr in6[] = { parse("2001:db8::"), parse("2001:db8:0:7:ffff:ffff:ffff:ffff") };
	struct addr out6[] = { parse("2001:db8:0:8::"), parse("192.0.2.64") };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_true(prefix_has_addr(&four, &in4[i]));
		assert_true(prefix_has_addr(&six, &in6[i]));
		assert_false(prefix_has_addr(&six, &out6[i]));
	}
	for (size_t i = 0; i < 3; i++)
		assert_false(prefix_has_addr(&four, &out4[i]));
}

static void whole_ipv6_prefix_has_no_ipv4_address(void **state)
{
	struct prefix all = parse_prefix("::/0");
	struct addr four = parse("192.0.2.1");

	(void)state;
	assert_false(prefix_has_addr(&all, &four));
}

static void prefixes_overlap_when_one_holds_the_other(void **state)
{
	struct prefix wide = parse_prefix("10.0.0.0/8"), narrow = parse_prefix("10.1.0.0/16");
	struct prefix other = parse_prefix("11.0.0.0/16"), six = parse_prefix("::/0");

	(void)state;
	assert_true(prefix_overlaps(&wide, &narrow));
	assert_true(prefix_overlaps(&narrow, &wide));
	assert_true(prefix_overlaps(&wide, &wide));
	assert_false(prefix_overlaps(&wide, &other));
	assert_false(prefix_overlaps(&wide, &six));
}

static void prefix_of_an_address_is_exact(void **state)
{
	struct addr four = parse("192.0.2.1"), six = parse("::1");
	struct prefix from4 = prefix_from_addr(&four), from6 = prefix_from_addr(&six);
	struct prefix wide = parse_prefix("192.0.2.0/31");

	(void)state;
	assert_true(prefix_is_exact(&from4));
	assert_true(prefix_is_exact(&from6));
	assert_false(prefix_is_exact(&wide));
	assert_int_equal(from4.len, 32);
	assert_int_equal(from6.len, 128);
	assert_true(prefix_is_equal(&from4, &from4));
	assert_false(prefix_is_equal(&from4, &wide));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_and_format_follow_rfc5952),
		cmocka_unit_test(parse_folds_mapped_text_into_ipv4),
		cmocka_unit_test(parse_refuses_everything_else),
		cmocka_unit_test(format_of_mapped_address_seen_as_ipv6_keeps_its_family),
		cmocka_unit_test(format_of_none_is_empty),
		cmocka_unit_test(compare_orders_by_family_then_bytes),
		cmocka_unit_test(hash_depends_on_seed_and_every_byte),
		cmocka_unit_test(prefix_parse_takes_addresses_and_lengths),
		cmocka_unit_test(prefix_parse_clears_host_bits_only_when_asked),
		cmocka_unit_test(prefix_parse_refuses_wrong_lengths),
		cmocka_unit_test(prefix_has_its_first_and_last_address_and_no_neighbour),
		cmocka_unit_test(whole_ipv6_prefix_has_no_ipv4_address),
		cmocka_unit_test(prefixes_overlap_when_one_holds_the_other),
		cmocka_unit_test(prefix_of_an_address_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
