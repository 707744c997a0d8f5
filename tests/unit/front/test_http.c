/* What well-behaved clients get: pages, files, core's answers. Expected values: docs/api.md. */
#include "tests/unit/front/client.h"

#define COOKIE(web, session) cookie_of(web, session)

/* "Cookie: sluice_PORT=SESSION" as a line. */
static const char *cookie_of(const struct web *web, const char *session)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), "Cookie: sluice_%u=%s\r\n", (unsigned int)web->port,
		       session);
	return text;
}

static void healthz_is_ok_without_login(void **state)
{
	static struct answer answer;

	ask_get(*state, &answer, "/healthz", "");
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer_body(&answer), "ok");
}

static void answers_carry_the_security_headers(void **state)
{
	static const char *const paths[] = { "/healthz", "/index.html", "/api/v1/session", "/x.js",
					     "/" };
	static struct answer answer;
	char text[64];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ask_get(*state, &answer, paths[i], "");
		assert_field(&answer, "Content-Security-Policy",
			     "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
			     "form-action 'self'");
		assert_field(&answer, "X-Content-Type-Options", "nosniff");
		assert_field(&answer, "Referrer-Policy", "same-origin");
		assert_field(&answer, "Cross-Origin-Opener-Policy", "same-origin");
		assert_field(&answer, "Cache-Control", i == 1 ? "no-cache" : "no-store");
		assert_int_equal(answer_field(&answer, "X-Request-Id", text, sizeof(text)), i != 1);
		assert_false(answer_field(&answer, "Server", text, sizeof(text)));
	}
}

static void root_leads_to_login_or_dashboard(void **state)
{
	static struct answer answer;

	ask_get(*state, &answer, "/", "");
	assert_int_equal(answer.status, 303);
	assert_field(&answer, "Location", "/login");
	ask_get(*state, &answer, "/", COOKIE(*state, SESSION_VIEWER));
	assert_int_equal(answer.status, 303);
	assert_field(&answer, "Location", "/dashboard");
}

static void pages_inside_want_a_session(void **state)
{
	static struct answer answer;

	ask_get(*state, &answer, "/dashboard", "");
	assert_int_equal(answer.status, 303);
	assert_field(&answer, "Location", "/login");
	ask_get(*state, &answer, "/incidents/17", COOKIE(*state, "an-old-session"));
	assert_int_equal(answer.status, 303);
	assert_field(&answer, "Location", "/login?next=/incidents/17");
	ask_get(*state, &answer, "/flows?q=port%3A443+a&sort=end", "");
	assert_field(&answer, "Location", "/login?next=/flows?q=port%253A443%2Ba%26sort=end");
	ask_get(*state, &answer, "/incidents/17", COOKIE(*state, SESSION_ADMIN));
	assert_int_equal(answer.status, 200);
	assert_field(&answer, "Content-Type", "text/html; charset=utf-8");
	ask_get(*state, &answer, "/login", "");
	assert_int_equal(answer.status, 200);
	ask_get(*state, &answer, "/setup", "");
	assert_int_equal(answer.status, 200);
	ask_get(*state, &answer, "/logout", "");
	assert_int_equal(answer.status, 200);
}

static void files_come_compressed_or_plain_with_an_etag_each(void **state)
{
	static struct answer answer;
	char plain[64], gzip[64], fields[128], text[64];

	ask_get(*state, &answer, "/index.html", "");
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer_body(&answer), "<html"));
	assert_true(answer_field(&answer, "ETag", plain, sizeof(plain)));
	assert_field(&answer, "Vary", "Accept-Encoding");
	assert_false(answer_field(&answer, "Content-Encoding", text, sizeof(text)));
	ask_get(*state, &answer, "/index.html", "Accept-Encoding: br, gzip\r\n");
	assert_field(&answer, "Content-Encoding", "gzip");
	assert_memory_equal(answer_body(&answer), "\x1f\x8b", 2); /* RFC 1952 2.3.1 */
	assert_true(answer_field(&answer, "ETag", gzip, sizeof(gzip)));
	assert_string_not_equal(plain, gzip);
	(void)snprintf(fields, sizeof(fields), "If-None-Match: %s\r\n", plain);
	ask_get(*state, &answer, "/index.html", fields);
	assert_int_equal(answer.status, 304);
	assert_int_equal(answer.len, answer.head_len);
	(void)snprintf(fields, sizeof(fields), "If-None-Match: %s\r\n", gzip);
	ask_get(*state, &answer, "/index.html", fields);
	assert_int_equal(answer.status, 200);
}

static void head_is_get_without_a_body(void **state)
{
	static struct answer answer;
	char length[32];

	ask_text(*state, &answer, "HEAD /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n");
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.len, answer.head_len);
	assert_true(answer_field(&answer, "Content-Length", length, sizeof(length)));
	assert_true(atoi(length) > 0);
	ask_text(*state, &answer, "HEAD /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\n");
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.len, answer.head_len);
}

static void core_gets_the_whole_request(void **state)
{
	static struct answer answer;
	char fields[512];

	(void)snprintf(fields, sizeof(fields),
		       "%sContent-Type: application/json\r\nX-CSRF-Token: tok\r\n"
		       "Authorization: Bearer b1\r\nOrigin: http://localhost\r\n",
		       COOKIE(*state, SESSION_ADMIN));
	ask_post(*state, &answer, "/api/v1/ec%68o?a=%20b", fields, "{\"x\":1}");
	assert_int_equal(answer.status, 200);
	assert_field(&answer, "Content-Type", "text/plain");
	assert_string_equal(answer_body(&answer),
			    "POST|/api/v1/echo|a=%20b|application/json|" SESSION_ADMIN
			    "|tok|b1|127.0.0.1|plain|{\"x\":1}");
}

static void forwarded_fields_of_strangers_are_not_believed(void **state)
{
	static struct answer answer;

	ask_get(*state, &answer, "/api/v1/echo",
		"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n");
	assert_string_equal(answer_body(&answer), "GET|/api/v1/echo||||||127.0.0.1|plain|");
}

static void a_chunked_body_reaches_core_whole(void **state)
{
	static struct answer answer;

	ask_text(*state, &answer,
		 "POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
		 "application/json\r\n"
		 "Transfer-Encoding: "
		 "chunked\r\n\r\n2\r\n{\"\r\n4;x=y\r\na\":1\r\n1\r\n}\r\n0\r\n\r\n");
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer_body(&answer), "|{\"a\":1}"));
}

static void the_largest_body_passes(void **state)
{
	static char body[65536 + 1];
	static struct answer answer;
	char head[256];
	int fd = client_connect(*state);
	int len =
		snprintf(head, sizeof(head),
			 "POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
			 "Content-Type: application/json\r\nContent-Length: 65536\r\n\r\n");

	memset(body, 'x', sizeof(body) - 1);
	client_send(fd, head, (size_t)len);
	client_send(fd, body, sizeof(body) - 1);
	client_read_answer(fd, &answer, false);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer_body(&answer), body));
	assert_int_equal(close(fd), 0);
}

static void one_connection_serves_many_requests(void **state)
{
	static const char get[] = "GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static struct answer answer;
	int fd = client_connect(*state);

	for (int i = 0; i < 100; i++) {
		client_send(fd, get, sizeof(get) - 1);
		client_read_answer(fd, &answer, false);
		assert_int_equal(answer.status, 200);
	}
	assert_int_equal(close(fd), 0);
}

static void form_login_sets_and_logout_clears_the_cookie(void **state)
{
	struct web *web = *state;
	static struct answer answer;
	char want[160];

	ask_post(web, &answer, "/login", "Content-Type: application/x-www-form-urlencoded\r\n",
		 "username=a&password=b");
	assert_int_equal(answer.status, 303);
	assert_field(&answer, "Location", "/dashboard");
	(void)snprintf(want, sizeof(want), "sluice_%u=%s; Path=/; HttpOnly; SameSite=Lax",
		       (unsigned int)web->port, SESSION_ADMIN);
	assert_field(&answer, "Set-Cookie", want);
	ask_post(web, &answer, "/logout", "", "");
	(void)snprintf(want, sizeof(want), "sluice_%u=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0",
		       (unsigned int)web->port);
	assert_field(&answer, "Set-Cookie", want);
}

static void statuses_of_core_keep_their_meaning(void **state)
{
	static struct answer answer;

	ask_post(*state, &answer, "/api/v1/get_only", "", "");
	assert_int_equal(answer.status, 405);
	assert_field(&answer, "Allow", "GET, HEAD");
	ask_get(*state, &answer, "/api/v1/throttled", "");
	assert_int_equal(answer.status, 429);
	assert_field(&answer, "Retry-After", "7");
	ask_get(*state, &answer, "/api/v1/nothing", "");
	assert_int_equal(answer.status, 204);
	assert_int_equal(answer.len, answer.head_len);
}

static void method_errors_name_what_is_allowed(void **state)
{
	static struct answer answer;

	ask_post(*state, &answer, "/healthz", "", "");
	assert_int_equal(answer.status, 405);
	assert_field(&answer, "Allow", "GET, HEAD");
	ask_get(*state, &answer, "/block_ip", "");
	assert_int_equal(answer.status, 405);
	assert_field(&answer, "Allow", "POST");
	ask_text(*state, &answer, "PUT /login HTTP/1.1\r\nHost: localhost\r\n\r\n");
	assert_field(&answer, "Allow", "GET, HEAD, POST");
}

static void errors_are_documents_with_the_request_id(void **state)
{
	static struct answer answer;
	char id[64], want[256];

	ask_get(*state, &answer, "/api/v1/../x", "");
	assert_int_equal(answer.status, 400);
	assert_field(&answer, "Content-Type", "application/json");
	assert_true(answer_field(&answer, "X-Request-Id", id, sizeof(id)));
	(void)snprintf(want, sizeof(want), "\"field\":null,\"request_id\":\"%s\"}}", id);
	assert_non_null(strstr(answer_body(&answer), want));
	assert_non_null(
		strstr(answer_body(&answer), "{\"error\":{\"code\":\"path\",\"message\":\""));
}

static void a_mistyped_address_shows_the_page_as_not_found(void **state)
{
	static struct answer answer;

	ask_get(*state, &answer, "/dashbord", "");
	assert_int_equal(answer.status, 404);
	assert_field(&answer, "Content-Type", "text/html; charset=utf-8");
}

/* ---- core away: last, for it ends the core of this web --------------------------------------- */

static void without_core_the_api_is_unavailable_and_pages_still_come(void **state)
{
	struct web *web = *state;
	static struct answer answer;

	core_stop(&web->core);
	ask_get(web, &answer, "/api/v1/session", "");
	assert_int_equal(answer.status, 503);
	assert_field(&answer, "Retry-After", "2");
	assert_non_null(strstr(answer_body(&answer), "\"code\":\"unavailable\""));
	ask_get(web, &answer, "/healthz", "");
	assert_int_equal(answer.status, 200);
	ask_get(web, &answer, "/dashboard", COOKIE(web, SESSION_ADMIN));
	assert_int_equal(answer.status, 503);
	assert_field(&answer, "Content-Type", "text/html; charset=utf-8");
}

static void a_new_core_answers_again(void **state)
{
	static struct answer answer;

	web_replace_core(*state);
	/* the link travels by another socket than the request: wait for it */
	for (int i = 0; i < 100; i++) {
		ask_get(*state, &answer, "/api/v1/session", "");
		if (answer.status == 200)
			break;
		assert_int_equal(answer.status, 503);
		(void)poll(NULL, 0, 20);
	}
	assert_int_equal(answer.status, 200);
}

static void a_core_that_dies_fails_what_it_was_asked(void **state)
{
	static const char get[] = "GET /api/v1/silent HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct web *web = *state;
	static struct answer answer;
	unsigned int before = atomic_load(&web->core.requests);
	int fd = client_connect(web);

	client_send(fd, get, sizeof(get) - 1);
	while (atomic_load(&web->core.requests) == before)
		(void)poll(NULL, 0, 1);
	core_stop(&web->core);
	client_read_answer(fd, &answer, false);
	assert_int_equal(answer.status, 503);
	assert_int_equal(close(fd), 0);
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
		cmocka_unit_test(healthz_is_ok_without_login),
		cmocka_unit_test(answers_carry_the_security_headers),
		cmocka_unit_test(root_leads_to_login_or_dashboard),
		cmocka_unit_test(pages_inside_want_a_session),
		cmocka_unit_test(files_come_compressed_or_plain_with_an_etag_each),
		cmocka_unit_test(head_is_get_without_a_body),
		cmocka_unit_test(core_gets_the_whole_request),
		cmocka_unit_test(forwarded_fields_of_strangers_are_not_believed),
		cmocka_unit_test(a_chunked_body_reaches_core_whole),
		cmocka_unit_test(the_largest_body_passes),
		cmocka_unit_test(one_connection_serves_many_requests),
		cmocka_unit_test(form_login_sets_and_logout_clears_the_cookie),
		cmocka_unit_test(statuses_of_core_keep_their_meaning),
		cmocka_unit_test(method_errors_name_what_is_allowed),
		cmocka_unit_test(errors_are_documents_with_the_request_id),
		cmocka_unit_test(a_mistyped_address_shows_the_page_as_not_found),
		cmocka_unit_test(without_core_the_api_is_unavailable_and_pages_still_come),
		cmocka_unit_test(a_new_core_answers_again),
		cmocka_unit_test(a_core_that_dies_fails_what_it_was_asked),
	};

	return cmocka_run_group_tests(tests, start_web, stop_web);
}
