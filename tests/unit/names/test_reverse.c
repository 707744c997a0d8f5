/* Reverse look-ups: questions as dig sends them, answers by hand after RFC 1035 4 and RFC 2317. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/names.h"
#include "agent/util/addr.h"

#define ID 0x1234
/* header of an answer: @counts are questions and answers, behind id and flags */
#define HEAD(flags, answers) "\x12\x34" flags "\0\1\0" answers "\0\0\0\0"
/* 7.1.168.192.in-addr.arpa PTR IN; the name begins at 12 */
#define QUESTION \
	"\1"     \
	"7"      \
	"\1"     \
	"1"      \
	"\3"     \
	"168"    \
	"\3"     \
	"192"    \
	"\7in-addr\4arpa\0\0\x0c\0\1"
/* a PTR of 60 s behind a name */
#define PTR_TV "\0\x0c\0\1\0\0\0\x3c\0\x09\2tv\4home\0"

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static int answer(const void *data, size_t len, struct names_reverse *out)
{
	const struct addr asked = addr("192.168.1.7");
	uint8_t *copy = malloc(len + 1); /* so that sanitizers see a read beyond its end */
	int error;

	assert_non_null(copy);
	memcpy(copy + 1, data, len);
	memset(out, 0, sizeof(*out));
	error = names_reverse_answer(copy + 1, len, &asked, ID, out);
	free(copy);
	return error;
}

#define ANSWER(text, out) answer(text, sizeof(text) - 1, out)

static void questions_are_those_of_dig(void **state)
{
	static const char four[] = HEAD("\1\0", "\0") QUESTION;
	static const char last[] = "\1f\3ip6\4arpa\0\0\x0c\0\1";
	uint8_t out[NAMES_QUERY_MAX];
	struct addr asked = addr("192.168.1.7");

	(void)state;
	assert_int_equal(names_reverse_query(&asked, ID, out), sizeof(four) - 1);
	assert_memory_equal(out, four, sizeof(four) - 1);
	asked = addr("fd00::12ab");
	assert_int_equal(names_reverse_query(&asked, ID, out), NAMES_QUERY_MAX);
	assert_memory_equal(out + 12,
			    "\1b\1a\1"
			    "2\1"
			    "1\1"
			    "0",
			    10);
	assert_memory_equal(out + 12 + 60, "\1d\1f", 4);
	assert_memory_equal(out + NAMES_QUERY_MAX - 16, last, sizeof(last) - 1);
}

static void names_are_learned_with_their_lifetime(void **state)
{
	struct names_reverse out;

	(void)state;
	assert_int_equal(ANSWER(HEAD("\x81\x80", "\1") QUESTION "\xc0\x0c" PTR_TV, &out), 0);
	assert_string_equal(out.name, "tv.home");
	assert_int_equal(out.ttl_s, 60);
	/* delegated (RFC 2317): 7.0/25.1..., for 30 s */
	assert_int_equal(ANSWER(HEAD("\x81\x80", "\2") QUESTION
				"\xc0\x0c\0\5\0\1\0\0\0\x1e\0\4\1x\xc0\x0e"
				"\1x\xc0\x0e" PTR_TV,
				&out),
			 0);
	assert_string_equal(out.name, "tv.home");
	assert_int_equal(out.ttl_s, 30);
}

static void nothing_is_a_lesson_too(void **state)
{
	struct names_reverse out;

	(void)state;
	assert_int_equal(ANSWER(HEAD("\x81\x83", "\0") QUESTION, &out), 0); /* NXDOMAIN */
	assert_string_equal(out.name, "");
	assert_int_equal(ANSWER(HEAD("\x81\x80", "\0") QUESTION, &out), 0); /* no such type */
	assert_string_equal(out.name, "");
	assert_int_equal(ANSWER(HEAD("\x81\x82", "\0") QUESTION, &out), -EREMOTEIO); /* SERVFAIL */
	assert_int_equal(ANSWER(HEAD("\x81\x85", "\0") QUESTION, &out), -EREMOTEIO); /* REFUSED */
}

static void what_was_not_asked_for_is_not_heard(void **state)
{
	static const char other[] = "\1"
				    "8"
				    "\1"
				    "1"
				    "\3"
				    "168"
				    "\3"
				    "192"
				    "\7in-addr\4arpa\0";
	char text[200];
	struct names_reverse out;
	size_t len = sizeof(HEAD("\x81\x80", "\1") QUESTION "\xc0\x0c" PTR_TV) - 1;

	(void)state;
	memcpy(text, HEAD("\x81\x80", "\1") QUESTION "\xc0\x0c" PTR_TV, len);
	text[0] ^= 1; /* another id */
	assert_int_equal(answer(text, len, &out), -EAGAIN);
	text[0] ^= 1;
	text[2] &= 0x7f; /* a question */
	assert_int_equal(answer(text, len, &out), -EAGAIN);
	text[2] |= (char)0x80;
	text[13] = '8'; /* about another address */
	assert_int_equal(answer(text, len, &out), -EAGAIN);
	text[13] = '7';
	text[12 + 27] = 1; /* of another type */
	assert_int_equal(answer(text, len, &out), -EAGAIN);
	/* a record of another name beside the question is nobody's */
	len = sizeof(HEAD("\x81\x80", "\1") QUESTION) - 1;
	memcpy(text, HEAD("\x81\x80", "\1") QUESTION, len);
	memcpy(text + len, other, sizeof(other) - 1);
	len += sizeof(other) - 1;
	memcpy(text + len, PTR_TV, sizeof(PTR_TV) - 1);
	assert_int_equal(answer(text, len + sizeof(PTR_TV) - 1, &out), 0);
	assert_string_equal(out.name, "");
}

static void loops_and_cuts_end(void **state)
{
	static const char whole[] = HEAD("\x81\x80", "\1") QUESTION "\xc0\x0c" PTR_TV;
	struct names_reverse out;

	(void)state;
	assert_int_equal(ANSWER(HEAD("\x81\x80", "\1") QUESTION /* an alias of itself */
				"\xc0\x0c\0\5\0\1\0\0\0\x1e\0\2\xc0\x0c",
				&out),
			 0);
	assert_string_equal(out.name, "");
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		int error = answer(whole, len, &out);

		assert_true(error == -EAGAIN || (!error && !*out.name));
	}
}

static void hostile_names_are_text(void **state)
{
	struct names_reverse out;

	(void)state;
	assert_int_equal(ANSWER(HEAD("\x81\x80", "\1") QUESTION
				"\xc0\x0c\0\x0c\0\1\0\0\0\x3c\0\x07\5\x1b[2\n.\0",
				&out),
			 0);
	assert_string_equal(out.name, "\\027[2\\010\\046");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_are_those_of_dig),
		cmocka_unit_test(names_are_learned_with_their_lifetime),
		cmocka_unit_test(nothing_is_a_lesson_too),
		cmocka_unit_test(what_was_not_asked_for_is_not_heard),
		cmocka_unit_test(loops_and_cuts_end),
		cmocka_unit_test(hostile_names_are_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
