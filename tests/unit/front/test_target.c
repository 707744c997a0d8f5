/* The request target. Expected values: docs/api.md, RFC 3986 2.1, RFC 9112 3.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/guard.h"

struct result {
	enum guard_result result;
	char path[GUARD_TARGET_MAX + 1];
	const char *query;
};

static struct result target(const char *raw)
{
	struct result r = { .query = "" };

	r.result = guard_target(raw, strlen(raw), r.path, &r.query);
	return r;
}

static void target_is_decoded_once_and_split_at_the_first_mark(void **state)
{
	struct result r = target("/api/v1/flows?q=src%3A1%2F8&x=?y");

	(void)state;
	assert_int_equal(r.result, GUARD_PASS);
	assert_string_equal(r.path, "/api/v1/flows");
	assert_string_equal(r.query, "q=src%3A1%2F8&x=?y");
	r = target("/%61%2D%7e");
	assert_int_equal(r.result, GUARD_PASS);
	assert_string_equal(r.path, "/a-~");
	assert_string_equal(r.query, "");
	r = target("/%2561");
	assert_string_equal(r.path, "/%61");
}

static void target_refuses_what_two_readers_could_read_differently(void **state)
{
	static const char *const bad[] = {
		"",	     "x",
		"*",	     "http://localhost/",
		"/a/../b",   "/..",
		"/a..b",     "/%2e%2e/a",
		"/.%2E/",    "//a",
		"/a//b",     "/a%2f/b",
		"/a%2Fb",    "/a\\b",
		"/a%5cb",    "/%00",
		"/a%00.js",  "/a%0d%0ab",
		"/a%7f",     "/%",
		"/%4",	     "/%zz",
		"/%4g",	     "/a#b",
		"/a/./b",    "/.",
		"/a/.",	     "/a?x=%00",
		"/a?x=%",    "/a?x=%g0",
		"/a b",	     "/a\tb",
		"/a\x01",    "/a\x7f",
		"/\xc3\xa4", "?x",
		"/a?x=\x1f", "localhost:80",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(target(bad[i]).result, GUARD_TARGET_BAD);
}

static void target_has_a_longest_length(void **state)
{
	char raw[GUARD_TARGET_MAX + 2];

	(void)state;
	memset(raw, 'a', sizeof(raw));
	raw[0] = '/';
	raw[sizeof(raw) - 1] = '\0';
	assert_int_equal(target(raw).result, GUARD_TARGET_LONG);
	raw[sizeof(raw) - 2] = '\0';
	assert_int_equal(target(raw).result, GUARD_PASS);
}

static bool listed(const char *list, const char *word)
{
	const struct guard_text text = { list, list ? strlen(list) : 0 };

	return guard_is_listed(&text, word);
}

static void list_finds_words_with_a_weight(void **state)
{
	(void)state;
	assert_true(listed("gzip", "gzip"));
	assert_true(listed("deflate, GZip;q=0.5 , br", "gzip"));
	assert_true(listed("br;q=1.0,gzip;q=0.001", "gzip"));
	assert_false(listed("gzip;q=0", "gzip"));
	assert_false(listed("gzip; q=0.000", "gzip"));
	assert_false(listed("gzipped, x-gzip", "gzip"));
	assert_false(listed("", "gzip"));
	assert_false(listed(NULL, "gzip"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_is_decoded_once_and_split_at_the_first_mark),
		cmocka_unit_test(target_refuses_what_two_readers_could_read_differently),
		cmocka_unit_test(target_has_a_longest_length),
		cmocka_unit_test(list_finds_words_with_a_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
