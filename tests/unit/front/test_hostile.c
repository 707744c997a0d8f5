/* Hostile requests as bytes on the wire, each with the status docs/api.md demands. */
#include "tests/unit/front/client.h"

/* Anything in the 4xx, or closed without a word: what libmicrohttpd refuses by itself. */
#define REFUSED 0
#define H	"Host: localhost\r\n"

struct hostile {
	const char *bytes;
	int status;
};

static const struct hostile cases[] = {
	/* Host: missing, several, foreign, malformed */
	{ "GET /healthz HTTP/1.1\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.0\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H H "\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "Host: evil.example\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n" H "\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "hOsT: localhost\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421 },
	{ "GET /healthz HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 421 },
	{ "GET /healthz HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", 421 },
	{ "GET /healthz HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", 421 },
	{ "GET /healthz HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nHost: x@localhost\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nHost: localhost:99999\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n", 400 },
	{ "GET http://evil.example/ HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET http://localhost/healthz HTTP/1.1\r\n" H "\r\n", 400 },
	/* framing: lengths that contradict each other */
	{ "POST /api/v1/echo HTTP/1.1\r\n" H
	  "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "0\r\n\r\n",
	  400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H
	  "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
	  "0\r\n\r\n",
	  400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
	  400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello",
	  400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nhello", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nhello", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nhello", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nhello", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length: 5 \r\n\r\nhello", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nhello", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked \r\n\r\n", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", 400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
	  "chunked\r\n\r\n0\r\n\r\n",
	  400 },
	{ "GET /healthz HTTP/1.1\r\n" H "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
	  400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Type: application/json\r\nTransfer-Encoding: "
	  "chunked\r\n\r\nzz\r\n",
	  400 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Type: application/json\r\nTransfer-Encoding: "
	  "chunked\r\n\r\n-1\r\n",
	  400 },
	/* a bare LF: after the request line, a field, the last field, in the blank line */
	{ "GET /healthz HTTP/1.1\n" H "\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "X: y\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "X: y\nZ: a\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nHost: localhost\n\n", 400 },
	{ "GET /healthz HTTP/1.1\nHost: localhost\n\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "X:\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\nX:\n" H "\r\n", 400 },
	/* folding, no colon, empty or strange names */
	{ "GET /healthz HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "X: a\r\n \r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "no colon\r\n\r\n", REFUSED },
	{ "GET /healthz HTTP/1.1\r\n" H ": empty\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "A B: c\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "A\tB: c\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "A(B): c\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "X: a\r\r\n\r\n", 400 },
	/* the request line */
	{ "GET  /healthz HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /healthz  HTTP/1.1\r\n" H "\r\n", REFUSED },
	{ "GET /health z HTTP/1.1\r\n" H "\r\n", REFUSED },
	{ "GET /healthz HTTP/1.1 \r\n" H "\r\n", REFUSED },
	{ " GET /healthz HTTP/1.1\r\n" H "\r\n", REFUSED },
	{ "GET\t/healthz\tHTTP/1.1\r\n" H "\r\n", REFUSED },
	{ "GET /healthz\r\n" H "\r\n", REFUSED },
	{ "GET\r\n" H "\r\n", REFUSED },
	{ "GET  \r\n" H "\r\n", REFUSED },
	{ "/healthz\r\n\r\n", REFUSED },
	{ "GET /healthz HTTP/0.9\r\n" H "\r\n", 505 },
	{ "GET /healthz HTTP/2.0\r\n" H "\r\n", 505 },
	{ "GET /healthz HTTP/9.9\r\n" H "\r\n", 505 },
	{ "GET /healthz HTTP/1\r\n" H "\r\n", REFUSED },
	{ "GET /healthz http/1.1\r\n" H "\r\n", REFUSED },
	{ "GET /healthz XTTP/1.1\r\n" H "\r\n", REFUSED },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
	{ "\x16\x03\x01\x02\r\n\r\n", REFUSED },
	{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", REFUSED },
	/* paths */
	{ "GET /../etc/passwd HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /a/../../etc/passwd HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /%2e%2e/etc/passwd HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /..%2fetc/passwd HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /%2e%2e%5cetc HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET //etc/passwd HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /api//v1/session HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /api\\v1 HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /%5c HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /./healthz HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /healthz%00 HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /healthz%00.js HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /healthz?x=%00 HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /healthz% HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /healthz%zz HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /healthz?%f HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET /healthz#x HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET * HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET healthz HTTP/1.1\r\n" H "\r\n", 400 },
	{ "GET ?x HTTP/1.1\r\n" H "\r\n", 400 },
	{ "CONNECT localhost:443 HTTP/1.1\r\n" H "\r\n", 400 },
	/* methods */
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", 400 },
	{ "OPTIONS /api/v1/echo HTTP/1.1\r\n" H "\r\n", 405 },
	{ "TRACE /healthz HTTP/1.1\r\n" H "\r\n", 405 },
	{ "PATCH /api/v1/echo HTTP/1.1\r\n" H "\r\n", 405 },
	{ "get /healthz HTTP/1.1\r\n" H "\r\n", 405 },
	{ "G\x01T /healthz HTTP/1.1\r\n" H "\r\n", 405 },
	{ "POST /healthz HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 405 },
	{ "PUT /login HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 405 },
	{ "DELETE /index.html HTTP/1.1\r\n" H "\r\n", 405 },
	{ "POST /dashboard HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 405 },
	{ "GET /block_ip HTTP/1.1\r\n" H "\r\n", 405 },
	/* what is not there */
	{ "GET /nothing.js HTTP/1.1\r\n" H "\r\n", 404 },
	{ "GET /nothing HTTP/1.1\r\n" H "\r\n", 404 },
	{ "POST /nothing HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 404 },
	{ "GET /incidents/x HTTP/1.1\r\n" H "\r\n", 404 },
	{ "GET /incidents/ HTTP/1.1\r\n" H "\r\n", 404 },
	{ "GET /incidents/12345678901234567890 HTTP/1.1\r\n" H "\r\n", 404 },
	{ "GET /Login HTTP/1.1\r\n" H "\r\n", 404 },
	{ "GET /%2561pi/v1/echo HTTP/1.1\r\n" H "\r\n", 404 },
	/* bodies */
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Type: application/json\r\nContent-Length: "
	  "65537\r\n\r\n",
	  413 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Type: application/json\r\nContent-Length: "
	  "1000000000000000\r\n\r\n",
	  413 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Type: application/json\r\nContent-Length: "
	  "99999999999999999999999999\r\n\r\n",
	  413 },
	{ "GET /healthz HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n", 413 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\n{}", 415 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Type: text/plain\r\nContent-Length: "
	  "2\r\n\r\n{}",
	  415 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Type: application/x-www-form-urlencoded\r\n"
	  "Content-Length: 2\r\n\r\n{}",
	  415 },
	{ "PUT /api/v1/echo HTTP/1.1\r\n" H "Content-Type: multipart/form-data; boundary=x\r\n"
	  "Content-Length: 2\r\n\r\n{}",
	  415 },
	{ "POST /login HTTP/1.1\r\n" H "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\na=b",
	  415 },
	{ "POST /login HTTP/1.1\r\n" H "Content-Type: multipart/form-data; boundary=x\r\n"
	  "Content-Length: 3\r\n\r\na=b",
	  415 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Type: text/plain\r\nTransfer-Encoding: "
	  "chunked\r\n\r\n0\r\n\r\n",
	  415 },
	/* other sites */
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Origin: http://evil.example\r\nContent-Length: "
	  "0\r\n\r\n",
	  403 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Origin: null\r\nContent-Length: 0\r\n\r\n", 403 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Origin: https://localhost\r\nContent-Length: "
	  "0\r\n\r\n",
	  403 },
	{ "POST /api/v1/echo HTTP/1.1\r\n" H "Origin: http://localhost:1\r\nContent-Length: "
	  "0\r\n\r\n",
	  403 },
	{ "DELETE /api/v1/echo HTTP/1.1\r\n" H "Origin: http://evil.example\r\n\r\n", 403 },
	{ "POST /login HTTP/1.1\r\n" H "Sec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n",
	  403 },
	{ "POST /logout HTTP/1.1\r\n" H "Origin: http://localhost\r\nOrigin: "
	  "http://evil.example\r\nContent-Length: 0\r\n\r\n",
	  400 },
	/* fields that may stand once */
	{ "GET /healthz HTTP/1.1\r\n" H "Cookie: a=b\r\nCookie: c=d\r\n\r\n", 400 },
	{ "GET /healthz HTTP/1.1\r\n" H "Authorization: Bearer a\r\nAuthorization: Bearer "
	  "b\r\n\r\n",
	  400 },
};

static void assert_status(const struct answer *answer, int status, const char *what)
{
	bool is_good = status == REFUSED ? answer->status == 0 ||
						   (answer->status >= 400 && answer->status < 500)
					 : answer->status == status;

	if (!is_good)
		print_error("status %d instead of %d for: %s\n", answer->status, status, what);
	assert_true(is_good);
}

static void hostile_requests_get_the_status_of_the_table(void **state)
{
	static struct answer answer;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask_text(*state, &answer, cases[i].bytes);
		assert_status(&answer, cases[i].status, cases[i].bytes);
	}
}

/* @format has one %s, which becomes one byte as it is. */
static void send_byte(const struct web *web, const char *before, unsigned char byte,
		      const char *after, struct answer *answer)
{
	char text[512];
	size_t len = strlen(before);

	memcpy(text, before, len);
	text[len++] = (char)byte;
	memcpy(text + len, after, strlen(after));
	ask_raw(web, text, len + strlen(after), answer);
}

static void control_bytes_are_refused_wherever_they_stand(void **state)
{
	static struct answer answer;

	for (unsigned int byte = 0; byte <= 0x7f; byte = byte == 0x1f ? 0x7f : byte + 1) {
		char escaped[64], what[32];

		(void)snprintf(what, sizeof(what), "byte 0x%02x", byte);
		(void)snprintf(escaped, sizeof(escaped), "/a%%%02xb", byte);
		ask_get(*state, &answer, escaped, "");
		assert_status(&answer, 400, escaped);
		send_byte(*state, "GET /a", (unsigned char)byte, "b HTTP/1.1\r\n" H "\r\n",
			  &answer);
		assert_status(&answer, REFUSED, what);
		assert_int_not_equal(answer.status, -1);
		if (byte == '\t') /* allowed in a value, RFC 9110 5.5 */
			continue;
		send_byte(*state, "GET /healthz HTTP/1.1\r\n" H "X: a", (unsigned char)byte,
			  "b: c\r\n\r\n", &answer);
		assert_status(&answer, byte == '\n' ? 400 : REFUSED, what);
	}
}

static void long_targets_and_heads_are_refused(void **state)
{
	static char text[65536];
	static struct answer answer;
	size_t at;

	memset(text, 'a', sizeof(text));
	at = (size_t)sprintf(text, "GET /");
	text[at] = 'a';
	at += 5000;
	strcpy(text + at, " HTTP/1.1\r\n" H "\r\n");
	ask_text(*state, &answer, text);
	assert_int_equal(answer.status, 414);
	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	ask_raw(*state, text, 40000, &answer);
	assert_true(answer.status == 414 || answer.status == 0);
	at = (size_t)sprintf(text, "GET /healthz HTTP/1.1\r\n" H "X: ");
	memset(text + at, 'a', 40000);
	ask_raw(*state, text, at + 40000, &answer);
	assert_true(answer.status == 431 || answer.status == 0);
}

/* Cookies are those of every service on the host, 4 KiB each (RFC 6265 6.1); they cost twice their
 * length, for libmicrohttpd takes them apart in a copy. */
static void heads_of_8_kib_and_cookies_of_5_are_taken(void **state)
{
	static const struct {
		const char *name;
		size_t len;
	} fields[] = { { "X", 8000 }, { "Cookie", 5000 } };
	static char text[16384];
	static struct answer answer;

	for (size_t i = 0; i < 2; i++) {
		size_t at =
			(size_t)sprintf(text, "GET /healthz HTTP/1.1\r\n" H "%s: ", fields[i].name);

		memset(text + at, 'a', fields[i].len);
		strcpy(text + at + fields[i].len, "\r\n\r\n");
		ask_text(*state, &answer, text);
		assert_int_equal(answer.status, 200);
	}
}

static void too_many_fields_are_refused(void **state)
{
	static char text[16384];
	static struct answer answer;
	size_t at = (size_t)sprintf(text, "GET /healthz HTTP/1.1\r\n" H);

	for (int i = 0; i < 99; i++)
		at += (size_t)sprintf(text + at, "A: b\r\n");
	strcpy(text + at, "\r\n");
	ask_text(*state, &answer, text);
	assert_int_equal(answer.status, 200); /* with Host the hundredth */
	strcpy(text + at, "A: b\r\n\r\n");
	ask_text(*state, &answer, text);
	assert_int_equal(answer.status, 431);
}

static void a_chunked_body_is_bounded_too(void **state)
{
	static char text[160000];
	static struct answer answer;
	size_t at = (size_t)sprintf(text, "POST /api/v1/echo HTTP/1.1\r\n" H
					  "Content-Type: application/json\r\n"
					  "Transfer-Encoding: chunked\r\n\r\n");

	for (int i = 0; i < 33; i++) {
		at += (size_t)sprintf(text + at, "800\r\n");
		memset(text + at, 'x', 2048);
		at += 2048;
		at += (size_t)sprintf(text + at, "\r\n");
	}
	at += (size_t)sprintf(text + at, "0\r\n\r\n");
	ask_raw(*state, text, at, &answer);
	assert_int_equal(answer.status, 413);
}

/* What stands behind a refused head must not become a request of its own. */
static void nothing_behind_a_refused_request_is_answered(void **state)
{
	static const char smuggle[] = "POST /api/v1/echo HTTP/1.1\r\n" H "Content-Length: 0\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
				      "GET /healthz HTTP/1.1\r\n" H "\r\n";
	static struct answer answer;
	int fd = client_connect(*state);

	client_send(fd, smuggle, sizeof(smuggle) - 1);
	client_read_answer(fd, &answer, false);
	assert_int_equal(answer.status, 400);
	assert_field(&answer, "Connection", "close");
	while (client_read(fd, &answer, WAIT_MS) > 0)
		;
	assert_null(strstr(answer.text + 1, "HTTP/1.1 200"));
	assert_int_equal(close(fd), 0);
}

static void nothing_hostile_reached_core(void **state)
{
	struct web *web = *state;

	assert_int_equal(atomic_load(&web->core.requests), 0);
}

static int start_web(void **state)
{
	static struct web web;

	web_start(&web, &(struct web_options){ 0 });
	*state = &web;
	return 0;
}

static int stop_web(void **state)
{
	web_stop(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_requests_get_the_status_of_the_table),
		cmocka_unit_test(control_bytes_are_refused_wherever_they_stand),
		cmocka_unit_test(long_targets_and_heads_are_refused),
		cmocka_unit_test(a_chunked_body_is_bounded_too),
		cmocka_unit_test(nothing_behind_a_refused_request_is_answered),
		cmocka_unit_test(nothing_hostile_reached_core),
		cmocka_unit_test(heads_of_8_kib_and_cookies_of_5_are_taken),
		cmocka_unit_test(too_many_fields_are_refused),
	};

	return cmocka_run_group_tests(tests, start_web, stop_web);
}
