/* Live events over HTTP, from core to a browser. Expected values: docs/api.md "Events". */
#include "tests/unit/front/client.h"

#include <dirent.h>
#include <zlib.h>

#include "agent/front/sse.h"

static struct answer answer;

/* Opens the stream and reads its head. */
static int open_stream(const struct web *web, const char *session, const char *fields)
{
	char text[512];
	int fd = client_connect(web);
	int len = snprintf(text, sizeof(text),
			   "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n"
			   "Cookie: sluice_%u=%s\r\n%s\r\n",
			   (unsigned int)web->port, session, fields);

	client_send(fd, text, (size_t)len);
	client_read_head(fd, &answer);
	return fd;
}

/* Until @text has come; false at the end of the stream or after WAIT_MS. */
static bool wait_for(int fd, const char *text)
{
	while (!strstr(answer_body(&answer), text))
		if (client_read(fd, &answer, WAIT_MS) <= 0)
			return false;
	return true;
}

static void events_reach_the_browser(void **state)
{
	struct web *web = *state;
	int fd = open_stream(web, SESSION_VIEWER, "");

	assert_int_equal(answer.status, 200);
	assert_field(&answer, "Content-Type", "text/event-stream");
	assert_field(&answer, "Cache-Control", "no-store");
	assert_true(wait_for(fd, "retry: 2000\n\n"));
	core_event(&web->core, "block", "{\"n\":1}", ROLE_VIEWER, false);
	assert_true(wait_for(fd, "event: block\ndata: {\"n\":1}\n\n"));
	core_event(&web->core, "block", "{\"n\":2}", ROLE_VIEWER, false);
	assert_true(wait_for(fd, "data: {\"n\":2}\n\n"));
	assert_int_equal(close(fd), 0);
}

/* Events are written past libmicrohttpd as chunks: never where its head says that there are none.
 */
static void events_are_chunks_only_where_the_head_says_so(void **state)
{
	static const char *const heads[] = { "HTTP/1.1\r\n",
					     "HTTP/1.1\r\nConnection: keep-alive\r\n",
					     "HTTP/1.1\r\nConnection: close\r\n", "HTTP/1.0\r\n",
					     "HTTP/1.0\r\nConnection: keep-alive\r\n" };
	struct web *web = *state;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		char text[256], field[32];
		int fd = client_connect(web);
		int len = snprintf(text, sizeof(text),
				   "GET /api/v1/events %sHost: localhost\r\n"
				   "Cookie: sluice_%u=" SESSION_VIEWER "\r\n\r\n",
				   heads[i], (unsigned int)web->port);
		bool is_chunked;

		client_send(fd, text, (size_t)len);
		client_read_head(fd, &answer);
		is_chunked = answer_field(&answer, "Transfer-Encoding", field, sizeof(field));
		assert_true(wait_for(fd, "retry: 2000\n\n"));
		core_event(&web->core, "block", "{\"way\":1}", ROLE_VIEWER, false);
		assert_true(wait_for(fd, "{\"way\":1}\n\n"));
		core_event(&web->core, "block", "{\"way\":2}", ROLE_VIEWER, false);
		assert_true(wait_for(fd, "{\"way\":2}\n\n"));
		assert_int_equal(strstr(answer_body(&answer), "{\"way\":1}\n\n\r\n") != NULL,
				 is_chunked);
		assert_int_equal(close(fd), 0);
	}
}

/* The next chunk's bytes, out of @raw at *@at; 0 at the last one, -1 when more must be read. */
static long next_chunk(const struct answer *from, size_t *at, const char **bytes)
{
	const char *head = answer_body(from) + *at, *end = strstr(head, "\r\n");
	unsigned long len = end ? strtoul(head, NULL, 16) : 0;

	if (!end || from->text + from->len < end + 2 + len + 2)
		return -1;
	*bytes = end + 2;
	*at = (size_t)(end + 2 + len + 2 - answer_body(from));
	return (long)len;
}

/* Inflates what has come until @text is in it. */
static bool wait_inflated(int fd, z_stream *z, size_t *at, char *out, const char *text)
{
	while (!strstr(out, text)) {
		const char *bytes;
		long len = next_chunk(&answer, at, &bytes);

		if (len == 0 || (len < 0 && client_read(fd, &answer, WAIT_MS) <= 0))
			return false;
		if (len < 0)
			continue;
		z->next_in = (Bytef *)(uintptr_t)bytes;
		z->avail_in = (uInt)len;
		z->next_out = (Bytef *)out + z->total_out;
		z->avail_out = (uInt)(ANSWER_MAX - z->total_out);
		assert_int_equal(inflate(z, Z_SYNC_FLUSH), Z_OK);
		out[z->total_out] = '\0';
	}
	return true;
}

static void who_takes_gzip_gets_each_event_compressed_at_once(void **state)
{
	static char out[ANSWER_MAX + 1];
	struct web *web = *state;
	int fd = open_stream(web, SESSION_VIEWER, "Accept-Encoding: gzip, deflate, br, zstd\r\n");
	z_stream z = { 0 };
	size_t at = 0;

	assert_int_equal(answer.status, 200);
	assert_field(&answer, "Content-Type", "text/event-stream");
	assert_field(&answer, "Content-Encoding", "gzip");
	assert_field(&answer, "Vary", "Accept-Encoding");
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_true(wait_inflated(fd, &z, &at, out, "retry: 2000\n\n"));
	core_event(&web->core, "block", "{\"gz\":1}", ROLE_VIEWER, false);
	assert_true(wait_inflated(fd, &z, &at, out, "event: block\ndata: {\"gz\":1}\n\n"));
	core_event(&web->core, "block", "{\"gz\":2}", ROLE_VIEWER, false);
	assert_true(wait_inflated(fd, &z, &at, out, "data: {\"gz\":2}\n\n"));
	(void)inflateEnd(&z);
	assert_int_equal(close(fd), 0);
}

static void who_does_not_take_gzip_gets_plain_text(void **state)
{
	static const char *const fields[] = { "", "Accept-Encoding: gzip;q=0\r\n",
					      "Accept-Encoding: br, gzip; q=0.0\r\n",
					      "Accept-Encoding: identity\r\n" };
	char text[64];

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		int fd = open_stream(*state, SESSION_VIEWER, fields[i]);

		assert_int_equal(answer.status, 200);
		assert_false(answer_field(&answer, "Content-Encoding", text, sizeof(text)));
		assert_field(&answer, "Vary", "Accept-Encoding");
		assert_true(wait_for(fd, "retry: 2000\n\n"));
		assert_int_equal(close(fd), 0);
	}
}

/* The next request on the connection is answered: no stream stands in its way. */
static void head_has_the_fields_of_a_stream_and_opens_none(void **state)
{
	static const char text[] =
		"HEAD /api/v1/events HTTP/1.1\r\nHost: localhost\r\n"
		"Accept-Encoding: gzip\r\nCookie: sluice_%u=" SESSION_VIEWER "\r\n\r\n"
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
	const struct web *web = *state;
	int fd = client_connect(web);
	char bytes[512];
	int len = snprintf(bytes, sizeof(bytes), text, (unsigned int)web->port);

	client_send(fd, bytes, (size_t)len);
	client_read_head(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_field(&answer, "Content-Type", "text/event-stream");
	assert_field(&answer, "Content-Encoding", "gzip");
	assert_true(wait_for(fd, "\r\n\r\nok"));
	assert_int_equal(close(fd), 0);
}

static void a_stream_resumes_after_the_last_event_seen(void **state)
{
	struct web *web = *state;
	char fields[64];
	int fd;

	core_event(&web->core, "block", "{\"seen\":1}", ROLE_VIEWER, false);
	(void)snprintf(fields, sizeof(fields), "Last-Event-ID: %llu\r\n",
		       (unsigned long long)web->core.next_event_id);
	core_event(&web->core, "block", "{\"missed\":1}", ROLE_VIEWER, false);
	core_event(&web->core, "block", "{\"missed\":2}", ROLE_VIEWER, false);
	/* events and answers share one ordered link, so the stream opens after them */
	fd = open_stream(web, SESSION_VIEWER, fields);
	assert_true(wait_for(fd, "{\"missed\":2}"));
	assert_non_null(strstr(answer_body(&answer), "{\"missed\":1}"));
	assert_null(strstr(answer_body(&answer), "{\"seen\":1}"));
	assert_int_equal(close(fd), 0);
}

static void a_new_stream_gets_the_newest_snapshot_first(void **state)
{
	struct web *web = *state;
	int fd;

	core_event(&web->core, "snapshot", "{\"seq\":1}", ROLE_VIEWER, true);
	core_event(&web->core, "snapshot", "{\"seq\":2}", ROLE_VIEWER, true);
	fd = open_stream(web, SESSION_VIEWER, "");
	assert_true(wait_for(fd, "event: snapshot\ndata: {\"seq\":2}\n\n"));
	assert_null(strstr(answer_body(&answer), "{\"seq\":1}"));
	assert_int_equal(close(fd), 0);
}

static void what_a_role_may_not_see_is_not_sent(void **state)
{
	struct web *web = *state;
	int fd = open_stream(web, SESSION_VIEWER, "");

	core_event(&web->core, "new_incident", "{\"reason\":\"secret\"}", ROLE_ANALYST, false);
	core_event(&web->core, "new_incident", "{\"reason\":null}", ROLE_VIEWER, false);
	assert_true(wait_for(fd, "{\"reason\":null}"));
	assert_null(strstr(answer_body(&answer), "secret"));
	assert_int_equal(close(fd), 0);
	fd = open_stream(web, SESSION_ADMIN, "");
	core_event(&web->core, "new_incident", "{\"reason\":\"secret\"}", ROLE_ANALYST, false);
	assert_true(wait_for(fd, "secret"));
	assert_int_equal(close(fd), 0);
}

static void without_a_session_there_is_no_stream(void **state)
{
	int fd = open_stream(*state, "nobody", "");

	assert_int_equal(answer.status, 401);
	assert_int_equal(close(fd), 0);
	ask_text(*state, &answer, "HEAD /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
	assert_int_equal(answer.status, 401);
}

static void a_session_that_ends_takes_its_streams_along(void **state)
{
	struct web *web = *state;
	int ended = open_stream(web, SESSION_ADMIN, "");
	int kept;

	assert_true(wait_for(ended, "retry"));
	kept = open_stream(web, SESSION_VIEWER, "");
	assert_true(wait_for(kept, "retry"));
	core_session_end(&web->core, TAG_ADMIN);
	assert_false(wait_for(ended, "never sent"));
	assert_non_null(strstr(answer_body(&answer), "\r\n0\r\n\r\n")); /* the last chunk */
	answer.len = answer.head_len = 0;
	core_event(&web->core, "block", "{\"still\":1}", ROLE_VIEWER, false);
	assert_true(wait_for(kept, "{\"still\":1}"));
	assert_int_equal(close(ended), 0);
	assert_int_equal(close(kept), 0);
}

static void a_session_has_a_largest_number_of_streams(void **state)
{
	struct web *web = *state;
	int fds[SSE_SESSION_MAX], over;

	for (int i = 0; i < SSE_SESSION_MAX; i++) {
		fds[i] = open_stream(web, SESSION_ADMIN, "");
		assert_int_equal(answer.status, 200);
	}
	over = open_stream(web, SESSION_ADMIN, "");
	assert_int_equal(answer.status, 429);
	assert_field(&answer, "Retry-After", "15");
	assert_int_equal(close(over), 0);
	for (int i = 0; i < SSE_SESSION_MAX; i++)
		assert_int_equal(close(fds[i]), 0);
}

/* Many streams and a publisher at once: no wake-up is lost. */
static void every_event_reaches_every_stream(void **state)
{
	struct web *web = *state;
	int fds[12];
	char last[32];

	for (int i = 0; i < 12; i++) {
		fds[i] = open_stream(web, SESSION_VIEWER, "");
		assert_true(wait_for(fds[i], "retry"));
	}
	for (int n = 1; n <= 400; n++) {
		char data[32];

		(void)snprintf(data, sizeof(data), "{\"count\":%d}", n);
		core_event(&web->core, "block", data, ROLE_VIEWER, false);
		if (n % 50 == 0)
			(void)poll(NULL, 0, 2); /* now and then the streams fall asleep */
	}
	for (int i = 0; i < 12; i++) {
		answer.len = answer.head_len = 0;
		answer.text[0] = '\0';
		assert_true(wait_for(fds[i], "{\"count\":400}"));
		for (int n = 1; n <= 400; n++) {
			(void)snprintf(last, sizeof(last), "{\"count\":%d}", n);
			assert_non_null(strstr(answer.text, last));
		}
		assert_int_equal(close(fds[i]), 0);
	}
}

/* Descriptors that the web role holds. */
static unsigned int descriptors_of(const struct web *web)
{
	unsigned int count = 0;
	char path[64];
	DIR *folder;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)web->pid);
	folder = opendir(path);
	assert_non_null(folder);
	while (readdir(folder))
		count++;
	assert_int_equal(closedir(folder), 0);
	return count;
}

/* Whoever else waits, and has for longer. */
static void a_browser_that_left_keeps_no_place(void **state)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct web *web = *state;
	int fds[SSE_SESSION_MAX / 2], waits = client_connect(web);
	unsigned int before, tries = 0;
	static const char ask[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

	client_send(waits, ask, strlen(ask));
	client_read_head(waits, &answer);
	before = descriptors_of(web);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		fds[i] = open_stream(web, SESSION_VIEWER, "");
		assert_true(wait_for(fds[i], "retry: 2000\n\n"));
	}
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		assert_int_equal(
			setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
		assert_int_equal(close(fds[i]), 0);
	}
	for (; descriptors_of(web) > before && tries < 50; tries++) {
		core_event(&web->core, "block", "{\"n\":1}", ROLE_VIEWER, false);
		(void)poll(NULL, 0, 100);
	}
	assert_true(tries < 50); /* 5 of the 15 s that the other one may wait */
	assert_int_equal(close(waits), 0);
}

static void a_stream_survives_a_new_core(void **state)
{
	struct web *web = *state;
	int fd = open_stream(web, SESSION_VIEWER, "");

	assert_true(wait_for(fd, "retry"));
	core_stop(&web->core);
	web_replace_core(web);
	web->core.next_event_id = 0;
	core_event(&web->core, "block", "{\"core\":2}", ROLE_VIEWER, false);
	assert_true(wait_for(fd, "id: 1\nevent: block\ndata: {\"core\":2}\n\n"));
	assert_int_equal(close(fd), 0);
}

static void frames_that_are_no_frames_end_the_link_only(void **state)
{
	struct web *web = *state;
	static const char garbage[64] = "\xff\xff\xff\xff\xff";

	client_send(web->core.fd, garbage, sizeof(garbage));
	for (int i = 0; i < 250; i++) {
		ask_get(web, &answer, "/api/v1/session", "");
		if (answer.status == 503)
			break;
		(void)poll(NULL, 0, 20);
	}
	assert_int_equal(answer.status, 503);
	ask_get(web, &answer, "/healthz", "");
	assert_int_equal(answer.status, 200);
}

/* Front ends while streams are open and suspended: web_stop checks its exit status. */
static void front_ends_cleanly_with_streams_open(void **state)
{
	struct web *web = *state;
	int fds[3];

	core_stop(&web->core);
	web_replace_core(web);
	for (int i = 0; i < 100; i++) {
		ask_get(web, &answer, "/api/v1/session", "");
		if (answer.status == 200)
			break;
		(void)poll(NULL, 0, 20);
	}
	for (int i = 0; i < 3; i++) {
		fds[i] = open_stream(web, SESSION_VIEWER, "");
		assert_int_equal(answer.status, 200);
	}
	web_stop(web);
	for (int i = 0; i < 3; i++)
		assert_int_equal(close(fds[i]), 0);
}

static int start_web(void **state)
{
	static struct web web;

	web_start(&web, &(struct web_options){ 0 });
	*state = &web;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_browser_that_left_keeps_no_place),
		cmocka_unit_test(events_reach_the_browser),
		cmocka_unit_test(events_are_chunks_only_where_the_head_says_so),
		cmocka_unit_test(who_takes_gzip_gets_each_event_compressed_at_once),
		cmocka_unit_test(who_does_not_take_gzip_gets_plain_text),
		cmocka_unit_test(head_has_the_fields_of_a_stream_and_opens_none),
		cmocka_unit_test(a_stream_resumes_after_the_last_event_seen),
		cmocka_unit_test(a_new_stream_gets_the_newest_snapshot_first),
		cmocka_unit_test(what_a_role_may_not_see_is_not_sent),
		cmocka_unit_test(without_a_session_there_is_no_stream),
		cmocka_unit_test(a_session_that_ends_takes_its_streams_along),
		cmocka_unit_test(every_event_reaches_every_stream),
		cmocka_unit_test(a_session_has_a_largest_number_of_streams),
		cmocka_unit_test(a_stream_survives_a_new_core),
		cmocka_unit_test(frames_that_are_no_frames_end_the_link_only),
		cmocka_unit_test(front_ends_cleanly_with_streams_open),
	};

	return cmocka_run_group_tests(tests, start_web, NULL);
}
