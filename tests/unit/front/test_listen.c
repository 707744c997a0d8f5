/* Addresses to listen on, and the URL that is printed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/front/front.h"

static int try_listen(const char *text, bool tls, char *url, bool *is_loopback)
{
	char error[128] = "";
	int fd = -1, result = front_listen(text, tls, &fd, url, is_loopback, error);

	if (result) {
		assert_true(*error);
		return result;
	}
	assert_int_equal(close(fd), 0);
	return 0;
}

static void url_has_the_scheme_and_the_real_port(void **state)
{
	char url[128];
	bool is_loopback = false;

	(void)state;
	assert_int_equal(try_listen("127.0.0.1:0", false, url, &is_loopback), 0);
	assert_true(is_loopback);
	assert_memory_equal(url, "http://127.0.0.1:", 17);
	assert_true(url[17] >= '1' && url[17] <= '9');
	assert_int_equal(try_listen("0.0.0.0:0", true, url, &is_loopback), 0);
	assert_false(is_loopback);
	assert_memory_equal(url, "https://0.0.0.0:", 16);
	assert_int_equal(try_listen("localhost:0", false, url, &is_loopback), 0);
	assert_true(is_loopback);
}

static void ipv6_stands_in_brackets(void **state)
{
	char url[128];
	bool is_loopback = false;
	int result = try_listen("[::1]:0", false, url, &is_loopback);

	(void)state;
	if (result == -EADDRNOTAVAIL || result == -EAFNOSUPPORT)
		skip(); /* this host has no IPv6 */
	assert_int_equal(result, 0);
	assert_true(is_loopback);
	assert_memory_equal(url, "http://[::1]:", 13);
}

static void what_is_no_address_and_port_is_refused(void **state)
{
	static const char *const bad[] = { "",
					   "5000",
					   "127.0.0.1",
					   "127.0.0.1:",
					   ":5000",
					   "127.0.0.1:x",
					   "127.0.0.1:-1",
					   "::1:5000",
					   "[::1]",
					   "[127.0.0.1]:1",
					   "127.0.0.1:65536",
					   "[::1]5000",
					   "example.org:1",
					   "[::1:5000",
					   "1.2.3.4:1 ",
					   "[]:1" };
	char url[128];
	bool is_loopback;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(try_listen(bad[i], false, url, &is_loopback), -EINVAL);
}

static void a_port_in_use_is_told(void **state)
{
	char url[128], other[128], error[128];
	bool is_loopback;
	int fd;

	(void)state;
	assert_int_equal(front_listen("127.0.0.1:0", false, &fd, url, &is_loopback, error), 0);
	assert_int_equal(try_listen(url + strlen("http://"), false, other, &is_loopback),
			 -EADDRINUSE);
	assert_int_equal(close(fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_has_the_scheme_and_the_real_port),
		cmocka_unit_test(ipv6_stands_in_brackets),
		cmocka_unit_test(what_is_no_address_and_port_is_refused),
		cmocka_unit_test(a_port_in_use_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
