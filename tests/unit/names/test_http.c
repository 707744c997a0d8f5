/* HTTP/1 heads after the examples of RFC 9112 and RFC 9110, and SSH identification lines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/internal.h"

static struct http_message message;

static ssize_t request(const char *text)
{
	return http_parse_request((const uint8_t *)text, strlen(text), false, &message);
}

/* RFC 9112 2.1 and 3.2.1 */
static void request_gives_method_target_host_and_agent(void **state)
{
	const char *text = "GET /where?q=now HTTP/1.1\r\n"
			   "User-Agent: curl/7.64.1\r\n"
			   "Host: www.example.org\r\n\r\n";

	(void)state;
	assert_int_equal(request(text), strlen(text));
	assert_string_equal(message.method, "GET");
	assert_string_equal(message.path, "/where?q=now");
	assert_string_equal(message.host, "www.example.org");
	assert_string_equal(message.agent, "curl/7.64.1");
	assert_int_equal(message.port, 0);
}

/* RFC 9112 2.2; lines alone may be in front of anything. */
static void requests_behind_empty_lines_are_known(void **state)
{
	(void)state;
	assert_int_equal(http_guess((const uint8_t *)"\r\n\nGET /", 8), HTTP_REQUEST);
	assert_int_equal(http_guess((const uint8_t *)"\r\n\r\nCO", 6), HTTP_REQUEST);
	assert_int_equal(http_guess((const uint8_t *)"\r\n", 2), HTTP_NOTHING);
	assert_int_equal(http_guess((const uint8_t *)"\r\nEHLO a", 8), HTTP_NOTHING);
}

static void every_cut_of_a_head_asks_for_more(void **state)
{
	const char *text = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";

	(void)state;
	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(http_parse_request((const uint8_t *)text, len, false, &message),
				 0);
	assert_int_equal(request(text), strlen(text));
}

static void host_and_port_are_told_apart(void **state)
{
	static const struct {
		const char *field, *host;
		uint16_t port;
	} cases[] = {
		{ "Host: a.example:8080", "a.example", 8080 },
		{ "hOST:a.example", "a.example", 0 },
		{ "Host: \t a.example \t", "a.example", 0 },
		{ "Host: [2001:db8::1]:81", "[2001:db8::1]", 81 },
		{ "Host: [2001:db8::1]", "[2001:db8::1]", 0 },
		{ "Host: user:pw@a.example:80", "a.example", 80 },
		{ "Host: a.example:", "a.example", 0 },
		{ "Host: a.example:99999", "a.example", 0 },
		{ "Host: a\x01\\b", "a\\001\\092b", 0 },
		{ "Host: a\r\nHost: b", "a", 0 },
		{ "Hostx: a", "", 0 },
		{ "Host:", "", 0 },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n\r\n", cases[i].field);
		assert_int_equal(request(text), strlen(text));
		assert_string_equal(message.host, cases[i].host);
		assert_int_equal(message.port, cases[i].port);
	}
}

static void bare_line_feeds_and_lines_in_front_are_taken(void **state)
{
	(void)state;
	assert_int_equal(request("\r\n\r\nGET / HTTP/1.0\nHost: a\n\n"), 28);
	assert_string_equal(message.host, "a");
}

static void body_is_counted_as_used(void **state)
{
	(void)state;
	assert_int_equal(request("POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"), 41 + 1000);
	assert_int_equal(request("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"), 39);
	assert_int_equal(request("POST / HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n"), 47);
}

static void targets_of_proxies_are_kept_whole(void **state)
{
	(void)state;
	assert_true(request("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n") > 0);
	assert_string_equal(message.path, "a.example:443");
	assert_int_equal(message.port, 443);
	assert_true(request("GET http://b.example/ HTTP/1.1\r\n\r\n") > 0);
	assert_string_equal(message.path, "http://b.example/");
	assert_string_equal(message.host, "");
}

/* RFC 9112 3.2.2 and 3.2.3; userinfo is never a host (RFC 3986 3.2.1) */
static void targets_of_proxies_name_a_host(void **state)
{
	static const struct {
		const char *line, *authority;
	} cases[] = {
		{ "CONNECT a.example:443", "a.example" },
		{ "CONNECT [2001:db8::1]:443", "[2001:db8::1]" },
		{ "GET http://b.example/x", "b.example" },
		{ "GET HTTPS://C.example:8443", "C.example" },
		{ "GET http://d.example?http://no.example/", "d.example" },
		{ "GET http://no.example@e.example#a", "e.example" },
		{ "GET http://", "" },
		{ "GET /http://no.example/", "" },
		{ "GET ftp://no.example/", "" },
		{ "OPTIONS *", "" },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: host.example:80\r\n\r\n",
			       cases[i].line);
		assert_true(request(text) > 0);
		assert_string_equal(message.authority, cases[i].authority);
		assert_string_equal(message.host, "host.example");
		assert_int_equal(message.port, 80);
	}
	assert_true(request("GET / HTTP/1.1\r\n\r\n") > 0);
	assert_string_equal(message.authority, "");
}

static void extension_methods_are_known(void **state)
{
	(void)state;
	assert_true(request("PROPFIND / HTTP/1.1\r\n\r\n") > 0);
	assert_true(request("VERSION-CONTROL / HTTP/1.1\r\n\r\n") > 0);
	assert_string_equal(message.method, "VERSION-CONTROL");
}

static void other_protocols_are_refused(void **state)
{
	static const char *const cases[] = {
		"get / HTTP/1.1\r\n\r\n",	 "GETS / HTTP/1.1\r\n\r\n",
		"OPTIONS sip:a SIP/2.0\r\n\r\n", "OPTIONS rtsp://a RTSP/1.0\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\n",	 "GET /\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(request(cases[i]), -EBADMSG);
}

static void head_given_up_gives_what_came(void **state)
{
	const char *text = "GET / HTTP/1.1\r\nHost: a.example\r\nCookie: abc";

	(void)state;
	assert_true(http_parse_request((const uint8_t *)text, strlen(text), true, &message) > 0);
	assert_string_equal(message.host, "a.example");
	assert_int_equal(http_parse_request((const uint8_t *)text, 8, true, &message), -EBADMSG);
}

static void response_gives_its_status(void **state)
{
	const char *text = "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n";

	(void)state;
	assert_int_equal(http_parse_response((const uint8_t *)text, strlen(text), &message), 24);
	assert_int_equal(message.status, 404);
	assert_string_equal(message.method, "");
	for (size_t len = 0; len < 24; len++)
		assert_int_equal(http_parse_response((const uint8_t *)text, len, &message), 0);
	assert_int_equal(http_parse_response((const uint8_t *)"HTTP/1.1 4x4 \r\n", 15, &message),
			 -EBADMSG);
}

static ssize_t banner(const char *text, char out[SSH_TEXT_MAX])
{
	return ssh_parse((const uint8_t *)text, strlen(text), out);
}

/* RFC 4253 4.2 and 5.1 */
static void ssh_line_loses_its_end(void **state)
{
	char out[SSH_TEXT_MAX];

	(void)state;
	assert_int_equal(banner("SSH-2.0-billsSSH_3.6.3q3\r\nrest", out), 26);
	assert_string_equal(out, "SSH-2.0-billsSSH_3.6.3q3");
	assert_int_equal(banner("SSH-1.99-x y\n", out), 13);
	assert_string_equal(out, "SSH-1.99-x y");
	assert_int_equal(banner("SSH-2.0-bill", out), 0);
	assert_int_equal(banner("SS", out), 0);
	assert_int_equal(banner("SSL-2.0\r\n", out), -EBADMSG);
}

static void ssh_line_longer_than_the_standard_is_refused(void **state)
{
	char text[300] = "SSH-2.0-";
	char out[SSH_TEXT_MAX];

	(void)state;
	memset(text + 8, 'a', sizeof(text) - 8);
	text[254] = '\n'; /* the 255th byte */
	text[299] = '\0';
	assert_int_equal(banner(text, out), 255);
	text[254] = 'a';
	text[255] = '\n';
	assert_int_equal(banner(text, out), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_gives_method_target_host_and_agent),
		cmocka_unit_test(requests_behind_empty_lines_are_known),
		cmocka_unit_test(every_cut_of_a_head_asks_for_more),
		cmocka_unit_test(host_and_port_are_told_apart),
		cmocka_unit_test(bare_line_feeds_and_lines_in_front_are_taken),
		cmocka_unit_test(body_is_counted_as_used),
		cmocka_unit_test(targets_of_proxies_are_kept_whole),
		cmocka_unit_test(targets_of_proxies_name_a_host),
		cmocka_unit_test(extension_methods_are_known),
		cmocka_unit_test(other_protocols_are_refused),
		cmocka_unit_test(head_given_up_gives_what_came),
		cmocka_unit_test(response_gives_its_status),
		cmocka_unit_test(ssh_line_loses_its_end),
		cmocka_unit_test(ssh_line_longer_than_the_standard_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
