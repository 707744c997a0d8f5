/* What may be a password, a name, an address of e-mail; roles and their names. */
#include "tests/unit/auth/fixture.h"

static int check(const char *password)
{
	const char *message = NULL;
	int error = password_check(password, "ruth", &message);

	assert_int_equal(error != 0, *message != '\0');
	return error;
}

static void length_counts_characters_not_bytes(void **state)
{
	char text[600] = "";

	(void)state;
	assert_int_equal(check("abcdefghijk"), -EINVAL); /* 11 */
	assert_int_equal(check("abcdefghixyz"), 0);	 /* 12 */
	assert_int_equal(check("\u00e4\u00f6\u00fc\u00df\u20ac\U0001f600"),
			 -EINVAL); /* 6, 17 bytes */
	assert_int_equal(check("\u00e4\u00f6\u00fc\u00df\u20ac\U0001f600"
			       "abcdef"),
			 0); /* 12 */
	for (int i = 0; i < 128; i++)
		strncat(text, i % 2 ? "\U0001f600" : "\U0001f9e6", 5);
	assert_int_equal(check(text), 0); /* 128 characters, 512 bytes */
	strncat(text, "x", 2);
	assert_int_equal(check(text), -EINVAL);
}

static void broken_utf8_is_no_password(void **state)
{
	(void)state;
	assert_int_equal(check("abcdefghijkl\xff"), -EINVAL);
	assert_int_equal(check("abcdefghijkl\xc0\x80"), -EINVAL);
	assert_int_equal(check("abcdefghijkl\xed\xa0\x80"), -EINVAL);
	assert_int_equal(check("abcdefghijkl\xe2\x82"), -EINVAL);
}

static void what_anybody_would_try_is_refused(void **state)
{
	const char *message;

	(void)state;
	assert_int_equal(check("PassWord1234"), -EINVAL);
	assert_int_equal(check("aaaaaaaaaaaaaaaa"), -EINVAL);
	assert_int_equal(check("abababababab"), -EINVAL);
	assert_int_equal(check("123456789012"), -EINVAL);
	assert_int_equal(password_check("Ruth.Example.Org", "ruth.example.org", &message), -EINVAL);
}

static void names_are_plain_and_never_look_like_unix_users(void **state)
{
	char name[66];

	(void)state;
	assert_true(user_name_is_valid("a"));
	assert_true(user_name_is_valid("Ruth_2.x@example-org"));
	assert_false(user_name_is_valid(""));
	assert_false(user_name_is_valid("unix:root"));
	assert_false(user_name_is_valid("a b"));
	assert_false(user_name_is_valid("."));
	assert_false(user_name_is_valid(".."));
	assert_true(user_name_is_valid("..."));
	assert_false(user_name_is_valid("r\u00fcth"));
	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_true(user_name_is_valid(name));
	name[64] = 'a';
	name[65] = '\0';
	assert_false(user_name_is_valid(name));
}

static void email_is_optional_and_has_one_at(void **state)
{
	(void)state;
	assert_true(user_email_is_valid(""));
	assert_true(user_email_is_valid("ruth@example.org"));
	assert_false(user_email_is_valid("ruth"));
	assert_false(user_email_is_valid("@example.org"));
	assert_false(user_email_is_valid("ruth@"));
	assert_false(user_email_is_valid("a@b@c"));
	assert_false(user_email_is_valid("ruth@exam ple.org"));
}

static void roles_parse_as_they_are_named(void **state)
{
	enum role role;

	(void)state;
	for (enum role r = ROLE_VIEWER; r <= ROLE_ADMIN; r++) {
		assert_int_equal(auth_role_parse(auth_role_name(r), &role), 0);
		assert_int_equal(role, r);
	}
	assert_int_equal(auth_role_parse("none", &role), -EINVAL);
	assert_int_equal(auth_role_parse("Admin", &role), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(length_counts_characters_not_bytes),
		cmocka_unit_test(broken_utf8_is_no_password),
		cmocka_unit_test(what_anybody_would_try_is_refused),
		cmocka_unit_test(names_are_plain_and_never_look_like_unix_users),
		cmocka_unit_test(email_is_optional_and_has_one_at),
		cmocka_unit_test(roles_parse_as_they_are_named),
	};

	return cmocka_run_group_tests_name("auth_password", tests, NULL, NULL);
}
