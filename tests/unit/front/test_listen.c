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

static int try_listen(const char *text, struct front_listener *listener)
{
	int result = front_listen(text, listener);

	if (result) {
		assert_true(*listener->error);
		return result;
	}
	assert_int_equal(close(listener->fd), 0);
	return 0;
}

static void authority_has_the_real_port(void **state)
{
	struct front_listener listener;

	(void)state;
	assert_int_equal(try_listen("127.0.0.1:0", &listener), 0);
	assert_true(listener.is_loopback);
	assert_memory_equal(listener.authority, "127.0.0.1:", 10);
	assert_true(listener.authority[10] >= '1' && listener.authority[10] <= '9');
	assert_int_equal(try_listen("0.0.0.0:0", &listener), 0);
	assert_false(listener.is_loopback);
	assert_memory_equal(listener.authority, "0.0.0.0:", 8);
	assert_int_equal(try_listen("localhost:0", &listener), 0);
	assert_true(listener.is_loopback);
}

static void ipv6_stands_in_brackets(void **state)
{
	struct front_listener listener;
	int result = try_listen("[::1]:0", &listener);

	(void)state;
	if (result == -EADDRNOTAVAIL || result == -EAFNOSUPPORT)
		skip(); /* this host has no IPv6 */
	assert_int_equal(result, 0);
	assert_true(listener.is_loopback);
	assert_memory_equal(listener.authority, "[::1]:", 6);
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
	struct front_listener listener;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(try_listen(bad[i], &listener), -EINVAL);
}

static void a_port_in_use_is_told(void **state)
{
	struct front_listener first, second;

	(void)state;
	assert_int_equal(front_listen("127.0.0.1:0", &first), 0);
	assert_int_equal(try_listen(first.authority, &second), -EADDRINUSE);
	assert_int_equal(close(first.fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authority_has_the_real_port),
		cmocka_unit_test(ipv6_stands_in_brackets),
		cmocka_unit_test(what_is_no_address_and_port_is_refused),
		cmocka_unit_test(a_port_in_use_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
