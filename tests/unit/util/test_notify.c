/* The protocol: sd_notify(3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/util/notify.h"

static int clear_environment(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	return 0;
}

static void expect_datagram(int fd, const char *expected)
{
	char got[100];
	ssize_t len = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);

	assert_int_equal(len, strlen(expected));
	assert_memory_equal(got, expected, strlen(expected));
}

static void state_reaches_a_path(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/sluice-notify-%d",
		       getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
	assert_int_equal(notify_send("READY=1\nSTATUS=counting"), 1);
	expect_datagram(fd, "READY=1\nSTATUS=counting");
	assert_int_equal(unlink(address.sun_path), 0);
	assert_int_equal(close(fd), 0);
}

static void state_reaches_an_abstract_name(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[50];
	int len = snprintf(name, sizeof(name), "@sluice-notify-%d", getpid());

	(void)state;
	memcpy(address.sun_path + 1, name + 1, (size_t)len - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	assert_int_equal(notify_send("WATCHDOG=1"), 1);
	expect_datagram(fd, "WATCHDOG=1");
	assert_int_equal(close(fd), 0);
}

static void nothing_is_sent_when_nobody_asks(void **state)
{
	(void)state;
	assert_int_equal(notify_send("READY=1"), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
	assert_int_equal(notify_send("READY=1"), 0);
}

static void wrong_sockets_are_errors(void **state)
{
	char name[200];

	(void)state;
	assert_int_equal(setenv("NOTIFY_SOCKET", "/absent/socket", 1), 0);
	assert_int_equal(notify_send("READY=1"), -ENOENT);
	assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	assert_int_equal(notify_send("READY=1"), -ENAMETOOLONG);
}

#define cleared(test) cmocka_unit_test_setup_teardown(test, clear_environment, clear_environment)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cleared(state_reaches_a_path),
		cleared(state_reaches_an_abstract_name),
		cleared(nothing_is_sent_when_nobody_asks),
		cleared(wrong_sockets_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
