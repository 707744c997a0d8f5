/* What an order may say, and what is refused with which words. */
#include <netinet/in.h>

#include "tests/unit/block/fixture.h"

static int order(struct fixture *f, const struct block_request *request,
		 struct block_outcome *outcome)
{
	return block_add(f->service, &admin, request, outcome);
}

static void host_bits_are_refused_with_the_prefix_meant(void **state)
{
	struct block_outcome outcome;

	assert_int_equal(add(*state, "198.51.100.7/24", 0, &outcome), -EINVAL);
	assert_string_equal(outcome.field, "value");
	assert_non_null(strstr(outcome.message, "198.51.100.0/24"));
	assert_int_equal(add(*state, "2001:db8::1/32", 0, &outcome), -EINVAL);
	assert_non_null(strstr(outcome.message, "2001:db8::/32"));
}

static void default_routes_and_wide_prefixes_are_refused(void **state)
{
	static const char *const wide[] = { "0.0.0.0/0",     "::/0",	   "::ffff:0.0.0.0/96",
					    "128.0.0.0/1",   "64.0.0.0/7", "2000::/3",
					    "2001:c000::/18" };
	struct block_outcome outcome;

	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		assert_int_equal(add(*state, wide[i], 0, &outcome), -EINVAL);
	assert_int_equal(add(*state, "64.0.0.0/8", 0, &outcome), 0);
	assert_int_equal(add(*state, "2001:c000::/19", 0, &outcome), 0);
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"   ",
		"ex ample.org",
		"1.2.3",
		"1.2.3.256",
		"01.2.3.4",
		"a..b",
		"-a.example",
		"b\xc3\xbc"
		"cher.example",
		"1.2.3.4/33",
		"1.2.3.4/-1",
		"1.2.3.4/",
		"fe80::1%eth0",
		"2001:db8:::1",
		"1.2.3.4; drop",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:c"
	};
	struct block_outcome outcome;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(add(*state, wrong[i], 0, &outcome), -EINVAL);
		assert_string_equal(outcome.field, "value");
	}
	assert_int_equal(add(*state, NULL, 0, &outcome), -EINVAL);
}

static void special_ranges_are_refused_by_name(void **state)
{
	static const struct {
		const char *value, *word;
	} cases[] = {
		{ "127.0.0.1", "loopback" },
		{ "127.0.0.0/8", "loopback" },
		{ "::1", "loopback" },
		{ "0.0.0.0", "unspecified" },
		{ "::", "unspecified" },
		{ "224.0.0.251", "multicast" },
		{ "ff02::fb", "multicast" },
		{ "169.254.1.1", "link-local" },
		{ "fe80::1", "link-local" },
		{ "255.255.255.255", "broadcast" },
		{ "248.0.0.0/8", NULL },
		{ "255.0.0.0/8", "broadcast" },
		{ "::fffe:0:0/95", "IPv4-mapped" },
		{ "::ffff:127.0.0.1", "loopback" },
	};
	struct block_outcome outcome;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int expected = cases[i].word ? -EPERM : 0;

		assert_int_equal(add(*state, cases[i].value, 0, &outcome), expected);
		if (cases[i].word)
			assert_non_null(strstr(outcome.message, cases[i].word));
	}
}

static void scope_words_become_numbers(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block_request request = { .value = "198.51.100.7",
					 .action = "count",
					 .direction = "in",
					 .proto = "tcp",
					 .port = 443 };

	assert_int_equal(order(f, &request, &outcome), 0);
	assert_int_equal(f->rules[0].action, BLOCK_COUNT);
	assert_int_equal(f->rules[0].direction, BLOCK_IN);
	assert_int_equal(f->rules[0].proto, IPPROTO_TCP);
	assert_int_equal(f->rules[0].port, 443);
	request = (struct block_request){ .value = "2001:db8::7", .proto = "icmp" };
	assert_int_equal(order(f, &request, &outcome), 0);
	assert_int_equal(f->rules[1].proto, IPPROTO_ICMPV6);
}

static void wrong_scope_names_its_field(void **state)
{
	static const struct {
		struct block_request request;
		const char *field;
	} cases[] = {
		{ { .action = "reject" }, "action" },
		{ { .direction = "sideways" }, "direction" },
		{ { .proto = "tcpp" }, "proto" },
		{ { .proto = "256" }, "proto" },
		{ { .proto = "-6" }, "proto" },
		{ { .port = 65536 }, "port" },
		{ { .port = -1 }, "port" },
		{ { .proto = "icmp", .port = 8 }, "port" },
		{ { .ttl_s = -2 }, "ttl" },
		{ { .ttl_s = INT64_MAX }, "ttl" },
		{ { .reason = "two\nlines" }, "reason" },
		{ { .incident_id = -1 }, "incident_id" },
	};
	struct block_outcome outcome;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct block_request request = cases[i].request;

		request.value = "198.51.100.7";
		assert_int_equal(order(*state, &request, &outcome), -EINVAL);
		assert_string_equal(outcome.field, cases[i].field);
	}
}

static void reason_that_does_not_fit_is_refused_not_cut(void **state)
{
	char reason[BLOCK_REASON_MAX + 1];
	struct block_request request = { .value = "198.51.100.7", .reason = reason };
	struct block_outcome outcome;

	memset(reason, 'x', sizeof(reason));
	reason[BLOCK_REASON_MAX] = '\0';
	assert_int_equal(order(*state, &request, &outcome), -EINVAL);
	reason[BLOCK_REASON_MAX - 1] = '\0';
	assert_int_equal(order(*state, &request, &outcome), 0);
	assert_int_equal(strlen(outcome.block.reason), BLOCK_REASON_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(host_bits_are_refused_with_the_prefix_meant),
		TEST(default_routes_and_wide_prefixes_are_refused),
		TEST(what_is_no_address_is_refused),
		TEST(special_ranges_are_refused_by_name),
		TEST(scope_words_become_numbers),
		TEST(wrong_scope_names_its_field),
		TEST(reason_that_does_not_fit_is_refused_not_cut),
	};

	return cmocka_run_group_tests_name("block_order", tests, NULL, NULL);
}
