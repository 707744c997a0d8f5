/* DNS messages written by hand after RFC 1035, RFC 9460 and RFC 3596, whole, cut and wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/internal.h"
#include "agent/names/names.h"
#include "agent/util/addr.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1
#define QUESTION    "\3www\7Example\3com\0\0\1\0\1"
/* id 0x1234, recursion desired; one question */
#define QUERY "\x12\x34\1\0\0\1\0\0\0\0\0\0" QUESTION
/* the same answered: CNAME cdn.Example.com (pointer into the question), A, AAAA */
#define ANSWER                                                                                    \
	"\x12\x34\x81\x83\0\1\0\3\0\0\0\0" QUESTION "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\6\3cdn\xc0\x10" \
	"\xc0\x2d\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"                                                \
	"\xc0\x2d\0\x1c\0\1\0\0\1\x2c\0\x10\x20\1\x0d\xb8"                                        \
	"\0\0\0\0\0\0\0\0\0\0\0\1"

static struct dns_message message;

static void query_gives_name_type_and_id(void **state)
{
	(void)state;
	assert_int_equal(dns_parse(BYTES(QUERY), &message), sizeof(QUERY) - 1);
	assert_int_equal(message.id, 0x1234);
	assert_false(message.is_answer || message.is_cut);
	assert_int_equal(message.question_count, 1);
	assert_string_equal(message.questions[0].name, "www.Example.com");
	assert_int_equal(message.questions[0].type, 1);
}

static void answer_gives_chain_and_addresses(void **state)
{
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(dns_parse(BYTES(ANSWER), &message), sizeof(ANSWER) - 1);
	assert_true(message.is_answer);
	assert_int_equal(message.rcode, 3);
	assert_int_equal(message.answer_count, 3);
	assert_string_equal(message.answers[0].rdata, "cdn.Example.com");
	assert_int_equal(message.answers[0].ttl_s, 60);
	assert_int_equal(message.answers[0].addr.family, ADDR_NONE);
	assert_string_equal(message.answers[1].name, "cdn.Example.com");
	assert_string_equal(addr_format(&message.answers[1].addr, text), "192.0.2.1");
	assert_string_equal(addr_format(&message.answers[2].addr, text), "2001:db8::1");
	assert_int_equal(message.answers[2].ttl_s, 300);
}

static void cut_answer_gives_what_is_there(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(ANSWER) - 1; len++) {
		ssize_t used = dns_parse((const uint8_t *)ANSWER, len, &message);

		if (len < sizeof(QUERY) - 1) {
			assert_int_equal(used, -EBADMSG);
			continue;
		}
		assert_true(used > 0 && message.is_cut);
		assert_int_equal(message.question_count, 1);
		assert_true(message.answer_count < 3);
	}
}

static void glue_addresses_come_behind_the_answers(void **state)
{
	(void)state;
	assert_true(dns_parse(BYTES("\0\1\x80\0\0\1\0\0\0\1\0\1" QUESTION
				    "\xc0\x10\0\2\0\1\0\0\0\1\0\5\2ns\xc0\x10"
				    "\xc0\x2d\0\1\0\1\0\0\0\1\0\4\xc0\0\2\x35"),
			      &message) > 0);
	assert_false(message.is_cut);
	assert_int_equal(message.answer_count, 1);
	assert_string_equal(message.answers[0].name, "ns.Example.com");
	assert_int_equal(message.answers[0].addr.bytes[15], 0x35);
}

static void name_is_escaped_as_the_standard_says(void **state)
{
	(void)state;
	assert_true(dns_parse(BYTES("\0\1\1\0\0\1\0\0\0\0\0\0"
				    "\7a.b\\\0\xff \2x-\0\0\1\0\1"),
			      &message) > 0);
	assert_string_equal(message.questions[0].name, "a\\046b\\092\\000\\255\\032.x-");
}

static void root_is_the_empty_name(void **state)
{
	(void)state;
	assert_true(dns_parse(BYTES("\0\1\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1"), &message) > 0);
	assert_string_equal(message.questions[0].name, "");
	assert_int_equal(message.questions[0].type, 2);
}

static void wrong_names_are_refused(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} cases[] = {
		/* a pointer to itself, one forward, two that point at each other's label */
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1", 18 },
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0e\0\0\1\0\1", 19 },
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\1a\xc0\x0c\0\1\0\1", 20 },
		/* label kinds that were never used: 01 and 10 */
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\x41\0\0\1\0\1", 18 },
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\x80\0\0\1\0\1", 18 },
		/* a label beyond the end, and no type */
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\x3f"
		  "ab",
		  15 },
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0", 16 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(dns_parse((const uint8_t *)cases[i].data, cases[i].len, &message),
				 -EBADMSG);
}

/* RFC 1035 2.3.4: 255 bytes with lengths and root; three labels of 63 bytes and one of 61. */
static void longest_name_is_read_and_a_longer_one_refused(void **state)
{
	uint8_t data[12 + 3 * 64 + 63 + 5] = "\0\1\1\0\0\1\0\0\0\0\0\0";
	size_t at = 12;

	(void)state;
	memset(data + at, 'a', sizeof(data) - at);
	data[at] = data[at + 64] = data[at + 128] = 63;
	data[at + 192] = 61;
	memcpy(data + at + 192 + 62, "\0\0\1\0\1", 5);
	assert_int_equal(dns_parse(data, at + 192 + 62 + 5, &message), at + 192 + 62 + 5);
	assert_int_equal(strlen(message.questions[0].name), 253);
	data[at + 192] = 62;
	data[at + 192 + 62] = 'a';
	memcpy(data + at + 192 + 63, "\0\0\1\0\1", 5);
	assert_int_equal(dns_parse(data, at + 192 + 63 + 5, &message), -EBADMSG);
}

#define ONE_RECORD "\0\1\x80\0\0\1\0\1\0\0\0\0" QUESTION "\xc0\x0c"

/* RFC 9460 D.2 shapes: priority, target, parameters in presentation form. */
static void service_binding_is_written_out(void **state)
{
	(void)state;
	assert_true(dns_parse(BYTES(ONE_RECORD "\0\x41\0\1\0\0\0\1\0\x2b\0\1\0"
					       "\0\1\0\6\2h3\2h2"
					       "\0\3\0\2\x20\xfb"
					       "\0\4\0\4\xc0\0\2\1"
					       "\0\5\0\2\1\xff"
					       "\2\x9b\0\6hello~"),
			      &message) > 0);
	assert_false(message.is_cut);
	assert_string_equal(message.answers[0].rdata, "1 . alpn=h3,h2 port=8443 "
						      "ipv4hint=192.0.2.1 ech=\\001\\255 "
						      "key667=hello~");
}

static void mail_text_and_service_records_are_written_out(void **state)
{
	(void)state;
	assert_true(dns_parse(BYTES(ONE_RECORD "\0\x0f\0\1\0\0\0\1\0\x07\0\x0a\2mx\xc0\x10"),
			      &message) > 0);
	assert_string_equal(message.answers[0].rdata, "10 mx.Example.com");
	assert_true(dns_parse(BYTES(ONE_RECORD "\0\x10\0\1\0\0\0\1\0\7\3v=1\2\n!"), &message) > 0);
	assert_string_equal(message.answers[0].rdata, "v=1\\010!");
	assert_true(
		dns_parse(BYTES(ONE_RECORD "\0\x21\0\1\0\0\0\1\0\x0b\0\1\0\2\3\x55\2ns\xc0\x10"),
			  &message) > 0);
	assert_string_equal(message.answers[0].rdata, "1 2 853 ns.Example.com");
}

static void record_of_wrong_length_ends_the_reading(void **state)
{
	(void)state;
	assert_true(dns_parse(BYTES(ONE_RECORD "\0\1\0\1\0\0\0\1\0\3\xc0\0\2"), &message) > 0);
	assert_true(message.is_cut);
	assert_int_equal(message.answer_count, 0);
	assert_true(dns_parse(BYTES(ONE_RECORD "\0\x41\0\1\0\0\0\1\0\6\0\1\0\0\1\0"), &message) >
		    0);
	assert_true(message.is_cut);
}

static void types_and_codes_have_their_registered_names(void **state)
{
	char text[DNS_TYPE_TEXT_MAX];

	(void)state;
	assert_string_equal(dns_type_name(1, text), "A");
	assert_string_equal(dns_type_name(28, text), "AAAA");
	assert_string_equal(dns_type_name(65, text), "HTTPS");
	assert_string_equal(dns_type_name(255, text), "ANY");
	assert_string_equal(dns_type_name(65535, text), "TYPE65535");
	assert_string_equal(dns_rcode_name(0, text), "NOERROR");
	assert_string_equal(dns_rcode_name(3, text), "NXDOMAIN");
	assert_string_equal(dns_rcode_name(15, text), "RCODE15");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_gives_name_type_and_id),
		cmocka_unit_test(answer_gives_chain_and_addresses),
		cmocka_unit_test(cut_answer_gives_what_is_there),
		cmocka_unit_test(glue_addresses_come_behind_the_answers),
		cmocka_unit_test(name_is_escaped_as_the_standard_says),
		cmocka_unit_test(root_is_the_empty_name),
		cmocka_unit_test(wrong_names_are_refused),
		cmocka_unit_test(longest_name_is_read_and_a_longer_one_refused),
		cmocka_unit_test(service_binding_is_written_out),
		cmocka_unit_test(mail_text_and_service_records_are_written_out),
		cmocka_unit_test(record_of_wrong_length_ends_the_reading),
		cmocka_unit_test(types_and_codes_have_their_registered_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
