/* HTTPS by curl, and behind a proxy that says so. Expected values: docs/api.md; RFC 9325 3.1.1. */
#include <spawn.h>
#include <sys/stat.h>

#include "agent/util/tls.h"
#include "tests/unit/front/client.h"

#define CURL_ARGS_MAX 24
/* curl(1), EXIT CODES: a problem in the TLS handshake */
#define CURL_NO_HANDSHAKE 35

static struct answer answer;

struct secure {
	struct web web;
	struct tls_identity identity;
	char dir[32], cert[64], key[64];
};

/* Everything the child says, into the answer. */
static void read_pipe(int fd)
{
	ssize_t got = 1;

	memset(&answer, 0, sizeof(answer));
	while (got > 0 && answer.len < ANSWER_MAX) {
		got = read(fd, answer.text + answer.len, ANSWER_MAX - answer.len);
		answer.len += got > 0 ? (size_t)got : 0;
	}
	answer_parse_head(&answer);
}

/* curl with @extra (ended by NULL) on @path; it must find our certificate good. Its exit status. */
static int ask_curl(const struct secure *secure, const char *path, const char *const *extra)
{
	char url[128];
	const char *args[CURL_ARGS_MAX] = { "curl",	 "-s", "-i",	   "--max-time", "5",
					    "--noproxy", "*",  "--cacert", secure->cert, "-4" };
	posix_spawn_file_actions_t actions;
	int out[2], status, count = 10;
	pid_t pid;

	(void)snprintf(url, sizeof(url), "https://localhost:%u%s", (unsigned int)secure->web.port,
		       path);
	while (*extra)
		args[count++] = *extra++;
	args[count] = url;
	assert_int_equal(pipe(out), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO), 0);
	assert_int_equal(posix_spawn_file_actions_addclose(&actions, out[0]), 0);
	assert_int_equal(
		posix_spawnp(&pid, "curl", &actions, NULL, (char *const *)(uintptr_t)args, NULL),
		0);
	assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
	assert_int_equal(close(out[1]), 0);
	read_pipe(out[0]);
	assert_int_equal(close(out[0]), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define CURL(secure, path, ...) ask_curl(secure, path, (const char *const[]){ __VA_ARGS__, NULL })

static void pages_come_over_tls_12_and_13(void **state)
{
	assert_int_equal(CURL(*state, "/healthz", "--tlsv1.3"), 0);
	assert_int_equal(answer.status, 200);
	assert_int_equal(CURL(*state, "/healthz", "--tlsv1.2", "--tls-max", "1.2"), 0);
	assert_int_equal(answer.status, 200);
}

static void old_versions_of_tls_are_refused(void **state)
{
	assert_int_equal(CURL(*state, "/healthz", "--tlsv1.0", "--tls-max", "1.1", "--ciphers",
			      "DEFAULT@SECLEVEL=0"),
			 CURL_NO_HANDSHAKE);
}

static void the_cookie_over_tls_is_secure_and_host_bound(void **state)
{
	const struct secure *secure = *state;
	char origin[64];

	(void)snprintf(origin, sizeof(origin), "Origin: https://localhost:%u",
		       (unsigned int)secure->web.port);
	assert_int_equal(CURL(secure, "/login", "-H", origin, "-X", "POST"), 0);
	assert_int_equal(answer.status, 303);
	assert_field(&answer, "Set-Cookie",
		     "__Host-sluice=" SESSION_ADMIN "; Path=/; HttpOnly; SameSite=Lax; Secure");
	assert_int_equal(CURL(secure, "/dashboard", "-H", "Cookie: __Host-sluice=" SESSION_ADMIN),
			 0);
	assert_int_equal(answer.status, 200);
}

static void the_guards_hold_over_tls(void **state)
{
	const struct secure *secure = *state;
	char origin[64];

	(void)snprintf(origin, sizeof(origin), "Origin: http://localhost:%u",
		       (unsigned int)secure->web.port);
	assert_int_equal(CURL(secure, "/login", "-H", origin, "-X", "POST"), 0);
	assert_int_equal(answer.status, 403);
	assert_int_equal(CURL(secure, "/healthz", "-H", "Host: evil.example"), 0);
	assert_int_equal(answer.status, 421);
}

static void plain_http_on_the_tls_port_gets_nothing(void **state)
{
	struct secure *secure = *state;

	ask_text(&secure->web, &answer, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
	assert_int_equal(answer.status, 0);
}

static int start_secure(void **state)
{
	static const char *const names[] = { "localhost", "127.0.0.1" };
	static struct secure secure;

	(void)snprintf(secure.dir, sizeof(secure.dir), "/tmp/sluice-tls-XXXXXX");
	assert_non_null(mkdtemp(secure.dir));
	(void)snprintf(secure.cert, sizeof(secure.cert), "%s/cert", secure.dir);
	(void)snprintf(secure.key, sizeof(secure.key), "%s/key", secure.dir);
	assert_int_equal(tls_identity_make(secure.cert, secure.key, names, 2, &secure.identity), 0);
	web_start(&secure.web, &(struct web_options){ .cert_pem = secure.identity.cert_pem,
						      .key_pem = secure.identity.key_pem });
	*state = &secure;
	return 0;
}

static int stop_secure(void **state)
{
	struct secure *secure = *state;

	web_stop(&secure->web);
	tls_identity_done(&secure->identity);
	assert_int_equal(unlink(secure->cert) | unlink(secure->key) | rmdir(secure->dir), 0);
	return 0;
}

/* ---- behind a proxy on this host ------------------------------------------------------------- */

static void a_trusted_proxy_names_client_and_scheme(void **state)
{
	ask_get(*state, &answer, "/api/v1/echo",
		"X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
		"Cookie: __Host-sluice=" SESSION_ADMIN "\r\n");
	assert_string_equal(answer_body(&answer),
			    "GET|/api/v1/echo|||" SESSION_ADMIN "|||192.0.2.7|tls|");
}

static void behind_a_proxy_the_allowed_name_is_the_origin(void **state)
{
	ask_text(*state, &answer,
		 "POST /login HTTP/1.1\r\nHost: Sluice.Example\r\nX-Forwarded-Proto: https\r\n"
		 "Origin: https://sluice.example\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(answer.status, 303);
	assert_field(&answer, "Set-Cookie",
		     "__Host-sluice=" SESSION_ADMIN "; Path=/; HttpOnly; SameSite=Lax; Secure");
	ask_text(*state, &answer, "GET /healthz HTTP/1.1\r\nHost: other.example\r\n\r\n");
	assert_int_equal(answer.status, 421);
}

static int start_proxied(void **state)
{
	static struct web web;

	web_start(&web, &(struct web_options){ .trusted_proxies = "127.0.0.1",
					       .allowed_hosts = "Sluice.example" });
	*state = &web;
	return 0;
}

static int stop_proxied(void **state)
{
	web_stop(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest secure[] = {
		cmocka_unit_test(pages_come_over_tls_12_and_13),
		cmocka_unit_test(old_versions_of_tls_are_refused),
		cmocka_unit_test(the_cookie_over_tls_is_secure_and_host_bound),
		cmocka_unit_test(the_guards_hold_over_tls),
		cmocka_unit_test(plain_http_on_the_tls_port_gets_nothing),
	};
	const struct CMUnitTest proxied[] = {
		cmocka_unit_test(a_trusted_proxy_names_client_and_scheme),
		cmocka_unit_test(behind_a_proxy_the_allowed_name_is_the_origin),
	};

	return cmocka_run_group_tests(secure, start_secure, stop_secure) |
	       cmocka_run_group_tests(proxied, start_proxied, stop_proxied);
}
