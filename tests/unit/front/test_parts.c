/*
 * Bodies that core hands out part by part reach the client as one, and a body that breaks off can
 * be told from one that ended (RFC 9112 7.1, 8).
 */
#include "tests/unit/front/client.h"

static void read_to_end(int fd, struct answer *answer)
{
	client_read_head(fd, answer);
	while (client_read(fd, answer, WAIT_MS) > 0)
		;
}

/* The chunks of @answer joined; whether the last one of no length came. */
static bool join_chunks(const struct answer *answer, char *out, size_t *len)
{
	const char *at = answer->text + answer->head_len, *end = answer->text + answer->len;

	for (*len = 0; at < end;) {
		char *data;
		size_t size = strtoul(at, &data, 16);

		if (!size)
			return data > at;
		data += 2; /* CR LF */
		if (data + size + 2 > end)
			return false;
		memcpy(out + *len, data, size);
		*len += size;
		at = data + size + 2;
	}
	return false;
}

static void get(struct web *web, struct answer *answer, const char *path)
{
	char request[256];
	int fd = client_connect(web);

	(void)snprintf(request, sizeof(request),
		       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", path,
		       (unsigned int)web->port);
	client_send(fd, request, strlen(request));
	read_to_end(fd, answer);
	assert_int_equal(close(fd), 0);
}

static void parts_arrive_in_order_as_one_body(void **state)
{
	static struct answer answer;
	static char body[ANSWER_MAX];
	size_t len;

	get(*state, &answer, "/api/v1/parts?q=a%20b&after=0&x=1");
	assert_int_equal(answer.status, 200);
	assert_field(&answer, "Transfer-Encoding", "chunked");
	assert_field(&answer, "Content-Type", "text/csv");
	assert_field(&answer, "Content-Disposition", "attachment; filename=\"flows.csv\"");
	assert_true(join_chunks(&answer, body, &len));
	assert_int_equal(len, PARTS_COUNT * PART_BYTES);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(body[i], 'a' + (int)(i / PART_BYTES));
}

static void a_broken_part_cuts_the_connection(void **state)
{
	static struct answer answer;
	static char body[ANSWER_MAX];
	size_t len;

	get(*state, &answer, "/api/v1/parts_broken?q=a%20b&x=1");
	assert_int_equal(answer.status, 200);
	assert_false(join_chunks(&answer, body, &len));
	assert_int_equal(len, 12 * PART_BYTES);
}

static void the_next_request_is_answered_after_a_broken_one(void **state)
{
	static struct answer answer;

	ask_get(*state, &answer, "/healthz", "");
	assert_int_equal(answer.status, 200);
}

static int start(void **state)
{
	static struct web web;
	const struct web_options options = { 0 };

	web_start(&web, &options);
	*state = &web;
	return 0;
}

static int stop(void **state)
{
	web_stop(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_arrive_in_order_as_one_body),
		cmocka_unit_test(a_broken_part_cuts_the_connection),
		cmocka_unit_test(the_next_request_is_answered_after_a_broken_one),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
