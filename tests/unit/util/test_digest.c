/* RFC 1321 A.5 and FIPS 180-4's example of "abc". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/util/digest.h"

static void assert_abc(enum digest_kind kind, const char *expected)
{
	CLEANUP(digest_free) struct digest *digest = NULL;
	char text[DIGEST_TEXT_MAX];
	int round;

	assert_int_equal(digest_new(kind, &digest), 0);
	for (round = 0; round < 2; round++) { /* it begins anew */
		digest_add(digest, "a", 1);
		digest_add(digest, "", 0);
		digest_add(digest, "bc", 2);
		assert_int_equal(digest_finish(digest, text), 0);
		assert_string_equal(text, expected);
	}
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
	(void)state;
	assert_abc(DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72");
	assert_abc(DIGEST_SHA256,
		   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_give_the_digest_of_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
