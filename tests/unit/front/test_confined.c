/* The web role after its rights were dropped: everything works, and nothing else does. */
#include "tests/unit/front/client.h"

static struct answer answer;

/* A line of /proc/PID/status of front; @name with its colon. */
static void read_status(const struct web *web, const char *name, char *out, size_t max)
{
	char path[64], line[256];
	size_t len = strlen(name);
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)web->pid);
	file = fopen(path, "r");
	assert_non_null(file);
	*out = '\0';
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, len) == 0)
			(void)snprintf(out, max, "%s", line + len + strspn(line + len, "\t "));
	assert_int_equal(fclose(file), 0);
	out[strcspn(out, "\n")] = '\0';
}

static void rights_are_gone(void **state)
{
	char text[64];

	ask_get(*state, &answer, "/healthz", ""); /* it runs, so it has dropped them */
	assert_int_equal(answer.status, 200);
	read_status(*state, "Seccomp:", text, sizeof(text));
	if (strcmp(text, "2") != 0)
		skip(); /* this kernel or container refuses filters */
	read_status(*state, "NoNewPrivs:", text, sizeof(text));
	assert_string_equal(text, "1");
	read_status(*state, "CapEff:", text, sizeof(text));
	assert_string_equal(text, "0000000000000000");
}

static void pages_api_and_streams_work_without_them(void **state)
{
	struct web *web = *state;
	char fields[128];
	int fd = client_connect(web);

	ask_get(web, &answer, "/index.html", "Accept-Encoding: gzip\r\n");
	assert_int_equal(answer.status, 200);
	ask_get(web, &answer, "/index.html", "");
	assert_int_equal(answer.status, 200);
	ask_get(web, &answer, "/api/v1/session", "");
	assert_int_equal(answer.status, 200);
	(void)snprintf(fields, sizeof(fields),
		       "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n"
		       "Cookie: sluice_%u=" SESSION_VIEWER "\r\n\r\n",
		       (unsigned int)web->port);
	client_send(fd, fields, strlen(fields));
	client_read_head(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(close(fd), 0);
}

static void a_new_core_is_taken_without_them(void **state)
{
	core_stop(&((struct web *)*state)->core);
	web_replace_core(*state);
	for (int i = 0; i < 100; i++) {
		ask_get(*state, &answer, "/api/v1/session", "");
		if (answer.status == 200)
			break;
		(void)poll(NULL, 0, 20);
	}
	assert_int_equal(answer.status, 200);
}

static int start_web(void **state)
{
	static struct web web;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	print_message("skip: a sanitizer needs system calls that front may not make\n");
	exit(0);
#endif
	web_start(&web, &(struct web_options){ .is_confined = true });
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
		cmocka_unit_test(rights_are_gone),
		cmocka_unit_test(pages_api_and_streams_work_without_them),
		cmocka_unit_test(a_new_core_is_taken_without_them),
	};

	return cmocka_run_group_tests(tests, start_web, stop_web);
}
