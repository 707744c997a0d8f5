/* Clients that keep a place without ever finishing: closed after 15 s (docs/api.md). Real time. */
#include "tests/unit/front/client.h"

#include "agent/util/clock.h"

#define DRIPPERS 6
/* The sweeper looks once a second; a loaded machine may take a little longer. */
#define CLOSED_BY_S 18

struct dripper {
	const char *begin, *drip;
	int fd;
	uint64_t closed_ns;
};

static void never_whole_requests_are_closed_after_15_seconds(void **state)
{
	struct dripper drippers[DRIPPERS] = {
		{ .begin = "", .drip = "" },
		{ .begin = "", .drip = "G" },
		{ .begin = "GET /healthz HTTP/1.1\r\n", .drip = "A: b\r\n" },
		{ .begin = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", .drip = "x" },
		{ .begin = "POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\n"
			   "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n",
		  .drip = "x" },
		{ .begin = "POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\n"
			   "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
		  .drip = "1\r\nx\r\n" },
	};
	static struct answer answer;
	uint64_t start = clock_monotonic_ns();
	int open = DRIPPERS;

	for (int i = 0; i < DRIPPERS; i++) {
		drippers[i].fd = client_connect(*state);
		client_send(drippers[i].fd, drippers[i].begin, strlen(drippers[i].begin));
	}
	while (open && clock_monotonic_ns() - start < 25 * NS_PER_S) {
		for (int i = 0; i < DRIPPERS; i++) {
			struct dripper *d = &drippers[i];
			struct pollfd one = { .fd = d->fd, .events = POLLIN };

			if (d->closed_ns)
				continue;
			client_send(d->fd, d->drip, strlen(d->drip));
			if (poll(&one, 1, 0) == 1) {
				d->closed_ns = clock_monotonic_ns();
				open--;
			}
		}
		ask_get(*state, &answer, "/healthz", ""); /* others are served all the while */
		assert_int_equal(answer.status, 200);
		(void)poll(NULL, 0, 500);
	}
	for (int i = 0; i < DRIPPERS; i++) {
		uint64_t lived = (drippers[i].closed_ns - start) / NS_PER_S;

		assert_int_equal(close(drippers[i].fd), 0);
		assert_true(drippers[i].closed_ns != 0);
		assert_in_range(lived, 14, CLOSED_BY_S);
	}
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
		cmocka_unit_test(never_whole_requests_are_closed_after_15_seconds),
	};

	return cmocka_run_group_tests(tests, start_web, stop_web);
}
