/*
 * A mail server that refuses, hangs up or talks without end at each step of the dialogue (RFC 5321
 * 4.3.2): which letters are lost for good, and what is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/smtp.h"

#define HUGE_BYTES (8U << 20)

enum step {
	GREETING,
	EHLO,
	MAIL,
	RCPT,
	DATA,
	MESSAGE,
	STEPS
};

/* What is answered at @at; "" hangs up, "huge" never ends its line. */
struct server {
	int listener;
	enum step at;
	const char *answer;
	unsigned int letters;
};

static const char *const good[STEPS] = { "220 sink\r\n", "250 sink\r\n", "250 ok\r\n",
					 "250 ok\r\n",	 "354 go\r\n",	 "250 ok\r\n" };

static bool say(struct server *server, int fd, enum step step)
{
	const char *text = step == server->at ? server->answer : good[step];
	char many[4096];

	memset(many, '2', sizeof(many));
	for (size_t sent = 0; !strcmp(text, "huge") && sent < HUGE_BYTES; sent += sizeof(many))
		if (send(fd, many, sizeof(many), MSG_NOSIGNAL) <= 0)
			return false;
	return strlen(text) > 4 && send(fd, text, strlen(text), MSG_NOSIGNAL) > 0;
}

static enum step step_of(const char *line)
{
	static const char *const verbs[STEPS] = {
		[MAIL] = "MAIL", [RCPT] = "RCPT", [DATA] = "DATA"
	};

	for (int step = MAIL; step <= DATA; step++)
		if (!strncmp(line, verbs[step], 4))
			return (enum step)step;
	return EHLO;
}

/* One session. */
static void *serve(void *arg)
{
	struct server *server = arg;
	int fd = accept(server->listener, NULL, NULL);
	FILE *in = fdopen(dup(fd), "r");
	bool goes_on = say(server, fd, GREETING), in_message = false;
	char line[2048];

	while (goes_on && in && fgets(line, sizeof(line), in)) {
		if (in_message && strcmp(line, ".\r\n") != 0)
			continue;
		enum step step = in_message ? MESSAGE : step_of(line);

		if (!strncmp(line, "QUIT", 4))
			break;
		goes_on = say(server, fd, step);
		if (step == MESSAGE && server->at != MESSAGE)
			server->letters++;
		in_message = step == DATA && server->at != DATA;
	}
	if (in)
		(void)fclose(in);
	close(fd);
	return NULL;
}

static int deliver(struct server *server, struct smtp_answer *answer)
{
	static const char letter[] = "Subject: x\r\n\r\nhello\r\n";
	const char *const to[] = { "a@example.org", NULL };
	struct sockaddr_in here = { .sin_family = AF_INET };
	socklen_t len = sizeof(here);
	pthread_t thread;
	char url[64];
	int result;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&here, len), 0);
	assert_int_equal(listen(server->listener, 1), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&here, &len), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, server), 0);
	(void)snprintf(url, sizeof(url), "smtp://127.0.0.1:%u", ntohs(here.sin_port));
	const struct smtp_request request = { .url = url,
					      .user = "",
					      .password = "",
					      .ca = "",
					      .from = "sluice@example.org",
					      .to = to,
					      .data = letter,
					      .len = sizeof(letter) - 1 };
	result = smtp_send(&request, answer);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(server->listener);
	return result;
}

static void a_letter_is_taken(void **state)
{
	struct server server = { .at = STEPS };
	struct smtp_answer answer;

	(void)state;
	assert_int_equal(deliver(&server, &answer), 0);
	assert_int_equal(server.letters, 1);
	assert_string_equal(answer.error, "");
}

static void only_a_refusal_of_the_letter_is_for_good(void **state)
{
	static const struct {
		const char *answer;
		int before_mail, from_mail; /* what comes of it */
	} cases[] = {
		{ "421 4.3.2 down\r\n", -EAGAIN, -EAGAIN },
		{ "451 4.3.0 later\r\n", -EAGAIN, -EAGAIN },
		{ "550 5.7.1 no\r\n", -EAGAIN, -EREMOTEIO },
		{ "554 5.7.1 no\r\n", -EAGAIN, -EREMOTEIO },
		{ "530 5.7.0 log in\r\n", -EAGAIN, -EAGAIN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int at = GREETING; at < STEPS; at++) {
			struct server server = { .at = (enum step)at, .answer = cases[i].answer };
			struct smtp_answer answer;
			int expected = at < MAIL ? cases[i].before_mail : cases[i].from_mail;
			bool is_letter = at >= MAIL && strncmp(cases[i].answer, "530", 3) != 0;
			char text[SMTP_ERROR_MAX];

			(void)snprintf(text, sizeof(text), "The server %s (%.3s).",
				       is_letter ? "refused the message" : "turned this host away",
				       cases[i].answer);
			assert_int_equal(deliver(&server, &answer), expected);
			assert_string_equal(answer.error, text);
			assert_int_equal(server.letters, 0);
		}
}

/* Also behind the dot: it may have the letter, and gets it again rather than never. */
static void one_that_hangs_up_gets_it_again(void **state)
{
	(void)state;
	for (int at = GREETING; at < STEPS; at++) {
		struct server server = { .at = (enum step)at, .answer = "" };
		struct smtp_answer answer;

		assert_int_equal(deliver(&server, &answer), -EPROTO);
		assert_string_equal(answer.error, "The server hung up.");
	}
}

static void a_line_without_an_end_costs_little(void **state)
{
	(void)state;
	for (int at = GREETING; at < STEPS; at++) {
		struct server server = { .at = (enum step)at, .answer = "huge" };
		struct smtp_answer answer;
		uint64_t began_ns = clock_monotonic_ns();

		assert_int_equal(deliver(&server, &answer), -EPROTO);
		assert_true(*answer.error);
		assert_true(clock_monotonic_ns() - began_ns < 20 * NS_PER_S);
	}
}

static int load(void **state)
{
	(void)state;
	return smtp_load();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_letter_is_taken),
		cmocka_unit_test(only_a_refusal_of_the_letter_is_for_good),
		cmocka_unit_test(one_that_hangs_up_gets_it_again),
		cmocka_unit_test(a_line_without_an_end_costs_little),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
