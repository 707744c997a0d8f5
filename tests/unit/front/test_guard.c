/* The HTTP guards one by one. Expected values: docs/api.md "HTTP guards", RFC 9110, RFC 9112. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/guard.h"
#include "agent/util/addr.h"

/* A head as libmicrohttpd leaves it: separators and line ends are NUL bytes. */
struct parsed {
	char bytes[512];
	size_t len;
	struct guard_head head;
	struct guard_field fields[8];
	size_t count;
};

/* "GET /x HTTP/1.1" and the given fields, each line ended by @eol NUL bytes, the last by @last. */
static void parse(struct parsed *p, const char *const (*fields)[2], size_t count, size_t eol)
{
	char *at = p->bytes;

	memset(p, 0, sizeof(*p));
	p->head.begin = at;
	at += sprintf(at, "GET") + 1;
	p->head.target = at;
	p->head.target_len = 2;
	at += sprintf(at, "/x") + 1;
	p->head.version = at;
	at += sprintf(at, "HTTP/1.1") + 2;
	for (size_t i = 0; i < count; i++) {
		p->fields[i].name = at;
		p->fields[i].name_len = strlen(fields[i][0]);
		at += sprintf(at, "%s", fields[i][0]) + 1;
		*at++ = ' ';
		p->fields[i].value = at;
		p->fields[i].value_len = strlen(fields[i][1]);
		at += sprintf(at, "%s", fields[i][1]) + (int)eol;
	}
	p->count = count;
	at += 2;
	p->head.len = (size_t)(at - p->bytes);
}

static enum guard_result framing(const struct parsed *p)
{
	return guard_framing(&p->head, p->fields, p->count);
}

static const char *const two[][2] = { { "Host", "localhost" }, { "X-Y", "" } };

static void framing_takes_a_head_of_crlf_lines(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, two, 2, 2);
	assert_int_equal(framing(&p), GUARD_PASS);
	parse(&p, two, 0, 2);
	assert_int_equal(framing(&p), GUARD_PASS);
}

static void framing_refuses_a_bare_line_feed_after_any_field(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, two, 2, 1);
	assert_int_equal(framing(&p), GUARD_MALFORMED);
	parse(&p, two, 1, 1);
	assert_int_equal(framing(&p), GUARD_MALFORMED);
}

static void framing_refuses_a_head_that_ends_early_or_late(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, two, 2, 2);
	p.head.len--;
	assert_int_equal(framing(&p), GUARD_MALFORMED);
	p.head.len += 2;
	assert_int_equal(framing(&p), GUARD_MALFORMED);
}

static void framing_refuses_bytes_hidden_behind_a_nul(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, two, 2, 2);
	p.fields[0].value_len = 3; /* "loc", then what a NUL byte cut off */
	assert_int_equal(framing(&p), GUARD_MALFORMED);
	parse(&p, two, 2, 2);
	p.head.target_len = 1;
	assert_int_equal(framing(&p), GUARD_MALFORMED);
}

static void framing_refuses_a_value_that_lies_elsewhere(void **state)
{
	static const char folded[] = "joined from two lines";
	struct parsed p;

	(void)state;
	parse(&p, two, 2, 2);
	p.fields[1].value = folded;
	p.fields[1].value_len = sizeof(folded) - 1;
	assert_int_equal(framing(&p), GUARD_MALFORMED);
}

static struct guard_field field(const char *name, const char *value)
{
	return (struct guard_field){ name, value, strlen(name), strlen(value) };
}

static void collect_finds_known_fields_in_any_case(void **state)
{
	const struct guard_field fields[] = { field("hOST", "localhost"), field("cookie", "a=b"),
					      field("Content-LENGTH", "12") };
	struct guard_headers headers;

	(void)state;
	assert_int_equal(guard_collect(fields, 3, &headers), GUARD_PASS);
	assert_string_equal(headers.host.text, "localhost");
	assert_string_equal(headers.cookie.text, "a=b");
	assert_int_equal(headers.length, 12);
	assert_null(headers.origin.text);
}

static void collect_refuses_contradicting_lengths(void **state)
{
	static const struct {
		const char *name[2], *value[2];
	} cases[] = {
		{ { "Content-Length", "Transfer-Encoding" }, { "5", "chunked" } },
		{ { "Transfer-Encoding", "Content-Length" }, { "chunked", "5" } },
		{ { "Content-Length", "Content-Length" }, { "5", "6" } },
		{ { "Content-Length", "Content-Length" }, { "5", "5" } },
		{ { "Content-Length", "X" }, { "5, 5", "" } },
		{ { "Content-Length", "X" }, { "+5", "" } },
		{ { "Content-Length", "X" }, { "-5", "" } },
		{ { "Content-Length", "X" }, { "0x5", "" } },
		{ { "Content-Length", "X" }, { "", "" } },
		{ { "Content-Length", "X" }, { "5 ", "" } },
		{ { "Transfer-Encoding", "X" }, { "gzip", "" } },
		{ { "Transfer-Encoding", "X" }, { "chunked, chunked", "" } },
		{ { "Transfer-Encoding", "X" }, { "identity", "" } },
		{ { "Transfer-Encoding", "Transfer-Encoding" }, { "chunked", "chunked" } },
	};
	struct guard_headers headers;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct guard_field fields[] = { field(cases[i].name[0], cases[i].value[0]),
						      field(cases[i].name[1], cases[i].value[1]) };

		assert_int_equal(guard_collect(fields, 2, &headers), GUARD_MALFORMED);
	}
}

static void collect_knows_a_huge_length_without_overflow(void **state)
{
	const struct guard_field huge = field("Content-Length", "99999999999999999999999999999");
	struct guard_headers headers;

	(void)state;
	assert_int_equal(guard_collect(&huge, 1, &headers), GUARD_PASS);
	assert_true(headers.length > (int64_t)GUARD_BODY_MAX);
}

static void collect_refuses_names_and_values_http_does_not_allow(void **state)
{
	const struct guard_field bad[] = { field("Host ", "x"),	 field("", "x"),
					   field("A\tB", "x"),	 field("A(B", "x"),
					   field("A", "x\ry"),	 field("A", "x\x01y"),
					   field("A", "x\x7fy"), field("\xc3\xa4", "x") };
	struct guard_headers headers;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(guard_collect(&bad[i], 1, &headers), GUARD_MALFORMED);
}

static void collect_refuses_two_of_what_may_stand_once(void **state)
{
	static const char *const once[] = { "Cookie",	     "Origin",	     "Authorization",
					    "X-CSRF-Token",  "Content-Type", "Sec-Fetch-Site",
					    "If-None-Match", "Last-Event-ID" };
	struct guard_headers headers;

	(void)state;
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		const struct guard_field fields[] = { field(once[i], "a"), field(once[i], "a") };

		assert_int_equal(guard_collect(fields, 2, &headers), GUARD_MALFORMED);
	}
}

static void collect_takes_the_last_of_what_proxies_append(void **state)
{
	const struct guard_field fields[] = { field("X-Forwarded-For", "192.0.2.1"),
					      field("X-Forwarded-For", "192.0.2.2") };
	struct guard_headers headers;

	(void)state;
	assert_int_equal(guard_collect(fields, 2, &headers), GUARD_PASS);
	assert_string_equal(headers.forwarded_for.text, "192.0.2.2");
}

/* A listener on 192.0.2.10 with two allowed names. */
static enum guard_result host(const char *text)
{
	static char names[2][GUARD_NAME_MAX] = { "sluice.example", "192.0.2.99" };
	struct guard_policy policy = { .names = names, .name_count = 2 };
	const struct guard_field one = field("Host", text);
	struct guard_headers headers;
	struct addr local = { .family = ADDR_NONE };

	assert_int_equal(addr_parse("192.0.2.10", &policy.listen), 0);
	assert_int_equal(guard_collect(&one, text ? 1 : 0, &headers), GUARD_PASS);
	return guard_host(&policy, &headers, &local);
}

static void host_takes_own_addresses_and_allowed_names_on_any_port(void **state)
{
	static const char *const good[] = {
		"192.0.2.10",	      "192.0.2.10:5000", "localhost",	"LocalHost:8080",
		"127.0.0.1:1",	      "[::1]:5000",	 "[::1]",	"sluice.example",
		"SLUICE.example:443", "localhost:",	 "192.0.2.99:7"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(host(good[i]), GUARD_PASS);
}

static void host_refuses_other_sites(void **state)
{
	static const char *const foreign[] = {
		"evil.example",	  "192.0.2.11",	      "localhost.evil.example",
		"evil.localhost", "[2001:db8::1]:80", "sluice.example.",
		"0.0.0.0",	  "localhost.",	      "2130706433",
		"0177.0.0.1"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_int_equal(host(foreign[i]), GUARD_HOST_FOREIGN);
}

static void host_refuses_what_is_no_host(void **state)
{
	static const char *const bad[] = { "a@localhost",    "localhost:80:80",
					   "localhost:x",    "localhost:65536",
					   "[::1",	     "[::1]x",
					   "local host",     "localhost/",
					   "localhost,evil", "::1",
					   "[localhost]",    "[127.0.0.1]",
					   "loc%61lhost",    ":80" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(host(bad[i]), GUARD_MALFORMED);
	assert_int_equal(host(""), GUARD_HOST_MISSING);
}

static void host_on_a_wildcard_is_the_address_that_was_called(void **state)
{
	struct guard_policy policy = { .listen_is_any = true };
	const struct guard_field one = field("Host", "198.51.100.7:5000");
	struct guard_headers headers;
	struct addr local;

	(void)state;
	assert_int_equal(guard_collect(&one, 1, &headers), GUARD_PASS);
	assert_int_equal(addr_parse("198.51.100.7", &local), 0);
	assert_int_equal(guard_host(&policy, &headers, &local), GUARD_PASS);
	assert_int_equal(addr_parse("198.51.100.8", &local), 0);
	assert_int_equal(guard_host(&policy, &headers, &local), GUARD_HOST_FOREIGN);
}

static enum guard_result origin(const char *host_text, const char *text, const char *site, bool tls)
{
	struct guard_field fields[3] = { field("Host", host_text) };
	struct guard_headers headers;
	size_t count = 1;

	if (text)
		fields[count++] = field("Origin", text);
	if (site)
		fields[count++] = field("Sec-Fetch-Site", site);
	assert_int_equal(guard_collect(fields, count, &headers), GUARD_PASS);
	return guard_origin(&headers, tls);
}

static void origin_takes_this_site_and_tools_without_one(void **state)
{
	(void)state;
	assert_int_equal(origin("localhost:5000", NULL, NULL, false), GUARD_PASS);
	assert_int_equal(origin("localhost:5000", "http://localhost:5000", NULL, false),
			 GUARD_PASS);
	assert_int_equal(origin("LOCALHOST", "http://localhost:80", NULL, false), GUARD_PASS);
	assert_int_equal(origin("a.example:443", "https://a.example", NULL, true), GUARD_PASS);
	assert_int_equal(origin("[::1]:5000", "http://[::1]:5000", "same-origin", false),
			 GUARD_PASS);
	assert_int_equal(origin("localhost", NULL, "none", false), GUARD_PASS);
}

static void origin_refuses_every_other_site(void **state)
{
	static const char *const foreign[] = { "http://evil.example",
					       "http://localhost:5001",
					       "https://localhost:5000",
					       "null",
					       "",
					       "http://localhost",
					       "localhost:5000",
					       "http://localhost:5000/",
					       "http://a@localhost:5000",
					       "http://localhost:5000 http://evil.example" };

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_int_equal(origin("localhost:5000", foreign[i], NULL, false),
				 GUARD_ORIGIN_FOREIGN);
	assert_int_equal(origin("localhost", NULL, "cross-site", false), GUARD_ORIGIN_FOREIGN);
	assert_int_equal(origin("localhost", NULL, "same-site", false), GUARD_ORIGIN_FOREIGN);
}

static enum guard_result type(const char *text, bool may_be_form)
{
	struct guard_field one = text ? field("Content-Type", text) : field("X", "y");
	struct guard_headers headers;

	assert_int_equal(guard_collect(&one, 1, &headers), GUARD_PASS);
	return guard_type(&headers, may_be_form);
}

static void type_takes_json_and_forms_only_where_they_belong(void **state)
{
	(void)state;
	assert_int_equal(type("application/json", false), GUARD_PASS);
	assert_int_equal(type("Application/JSON; charset=utf-8", false), GUARD_PASS);
	assert_int_equal(type("application/x-www-form-urlencoded", true), GUARD_PASS);
	assert_int_equal(type("application/x-www-form-urlencoded", false), GUARD_TYPE_BAD);
	assert_int_equal(type("text/plain", true), GUARD_TYPE_BAD);
	assert_int_equal(type("application/jsonx", true), GUARD_TYPE_BAD);
	assert_int_equal(type("text/plain;application/json", false), GUARD_TYPE_BAD);
	assert_int_equal(type("multipart/form-data; boundary=x", true), GUARD_TYPE_BAD);
	assert_int_equal(type(NULL, true), GUARD_TYPE_BAD);
}

static void refusals_have_the_status_of_the_table(void **state)
{
	static const int status[GUARD_RESULT_COUNT] = { 0,   400, 400, 421, 400, 414,
							431, 413, 415, 403, 405, 404 };

	(void)state;
	for (int i = GUARD_PASS + 1; i < GUARD_RESULT_COUNT; i++)
		assert_int_equal(guard_refusal(i)->status, status[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(framing_takes_a_head_of_crlf_lines),
		cmocka_unit_test(framing_refuses_a_bare_line_feed_after_any_field),
		cmocka_unit_test(framing_refuses_a_head_that_ends_early_or_late),
		cmocka_unit_test(framing_refuses_bytes_hidden_behind_a_nul),
		cmocka_unit_test(framing_refuses_a_value_that_lies_elsewhere),
		cmocka_unit_test(collect_finds_known_fields_in_any_case),
		cmocka_unit_test(collect_refuses_contradicting_lengths),
		cmocka_unit_test(collect_knows_a_huge_length_without_overflow),
		cmocka_unit_test(collect_refuses_names_and_values_http_does_not_allow),
		cmocka_unit_test(collect_refuses_two_of_what_may_stand_once),
		cmocka_unit_test(collect_takes_the_last_of_what_proxies_append),
		cmocka_unit_test(host_takes_own_addresses_and_allowed_names_on_any_port),
		cmocka_unit_test(host_refuses_other_sites),
		cmocka_unit_test(host_refuses_what_is_no_host),
		cmocka_unit_test(host_on_a_wildcard_is_the_address_that_was_called),
		cmocka_unit_test(origin_takes_this_site_and_tools_without_one),
		cmocka_unit_test(origin_refuses_every_other_site),
		cmocka_unit_test(type_takes_json_and_forms_only_where_they_belong),
		cmocka_unit_test(refusals_have_the_status_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
