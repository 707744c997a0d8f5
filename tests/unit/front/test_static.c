/* Embedded files, their names and tags; the file table of routes. Sources: RFC 9110 8.8.3, 13.1.2.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/static.h"
#include "agent/util/gzip.h"

static const struct asset one = { "/a.js", NULL, 10, 0x1f, 0xdeadbeef };

static bool match(const char *field, const char *etag)
{
	const struct guard_text text = { field, field ? strlen(field) : 0 };

	return static_is_match(&text, etag);
}

static void etags_differ_per_encoding(void **state)
{
	char text[STATIC_ETAG_MAX];

	(void)state;
	assert_string_equal(static_etag(&one, false, text), "\"deadbeef-1f\"");
	assert_string_equal(static_etag(&one, true, text), "\"deadbeef-1f-gz\"");
}

static void if_none_match_is_a_list_of_tags(void **state)
{
	(void)state;
	assert_true(match("\"a\"", "\"a\""));
	assert_true(match("\"b\", W/\"a\"", "\"a\""));
	assert_true(match("*", "\"a\""));
	assert_false(match("\"b\"", "\"a\""));
	assert_false(match("a", "\"a\""));
	assert_false(match("", "\"a\""));
	assert_false(match(NULL, "\"a\""));
}

static void types_follow_the_end_of_the_name(void **state)
{
	(void)state;
	assert_string_equal(static_type("/index.html"), "text/html; charset=utf-8");
	assert_string_equal(static_type("/views/x.js"), "text/javascript; charset=utf-8");
	assert_string_equal(static_type("/style.css"), "text/css; charset=utf-8");
	assert_string_equal(static_type("/favicon.svg"), "image/svg+xml");
	assert_string_equal(static_type("/.js"), "text/javascript; charset=utf-8");
	assert_string_equal(static_type("/js"), "application/octet-stream");
}

static void files_are_found_by_their_whole_path(void **state)
{
	static const struct asset list[] = { { "/a.js", NULL, 0, 0, 0 },
					     { "/b.css", NULL, 0, 0, 0 },
					     { "/views/c.js", NULL, 0, 0, 0 } };
	CLEANUP(static_free) struct static_files *files = NULL;

	(void)state;
	assert_int_equal(static_new(list, 3, &files), 0);
	assert_true(static_has(files, "/a.js"));
	assert_true(static_has(files, "/views/c.js"));
	assert_false(static_has(files, "/views"));
	assert_false(static_has(files, "/a.jsx"));
	assert_false(static_has(files, ""));
}

/* printf 'hello\n' | gzip -n9 | xxd -i */
static const unsigned char hello[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
				       0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7, 0x02, 0x00,
				       0x20, 0x30, 0x3a, 0x36, 0x06, 0x00, 0x00, 0x00 };

static void gzip_gives_back_the_plain_bytes(void **state)
{
	char out[6];

	(void)state;
	assert_int_equal(gzip_inflate(hello, sizeof(hello), out, sizeof(out)), 0);
	assert_memory_equal(out, "hello\n", 6);
}

static void gzip_refuses_what_is_damaged_or_of_another_length(void **state)
{
	unsigned char bad[sizeof(hello)];
	char out[8];

	(void)state;
	assert_int_equal(gzip_inflate(hello, sizeof(hello), out, 5), -EBADMSG);
	assert_int_equal(gzip_inflate(hello, sizeof(hello), out, 7), -EBADMSG);
	assert_int_equal(gzip_inflate(hello, sizeof(hello) - 1, out, 6), -EBADMSG);
	assert_int_equal(gzip_inflate(hello, 0, out, 6), -EBADMSG);
	for (size_t i = 0; i < sizeof(hello); i++) {
		if (i >= 4 && i < 10)
			continue; /* time, flags and system mean nothing (RFC 1952 2.3.1) */
		memcpy(bad, hello, sizeof(bad));
		bad[i] ^= 0x55;
		assert_int_equal(gzip_inflate(bad, sizeof(bad), out, 6), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(etags_differ_per_encoding),
		cmocka_unit_test(if_none_match_is_a_list_of_tags),
		cmocka_unit_test(types_follow_the_end_of_the_name),
		cmocka_unit_test(files_are_found_by_their_whole_path),
		cmocka_unit_test(gzip_gives_back_the_plain_bytes),
		cmocka_unit_test(gzip_refuses_what_is_damaged_or_of_another_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
