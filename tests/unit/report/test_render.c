/*
 * Documents become PDFs: the same bytes each time, whole over the socket, and never more than the
 * other side may send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/report/internal.h"

static const char document_text[] =
	"{\"title\":\"General overview\",\"from\":\"2026-11-29T00:00:00.000Z\","
	"\"to\":\"2026-11-30T00:00:00.000Z\",\"zone_offset_s\":3600,\"host\":\"h\",\"demo\":true,"
	"\"product\":\"sluice 0\",\"summary\":{\"bytes_in\":5000},\"previous\":{},"
	"\"findings\":[\"One.\",\"Exe.\\u202efdp\"],"
	"\"series\":{\"step_s\":3600,\"items\":[{\"bytes_in\":1},{\"bytes_in\":3}]},"
	"\"protocols\":{\"names\":[\"TCP\",\"others\"],\"items\":[{\"bytes\":[1,2]}]},"
	"\"incident_counts\":{\"total\":1,\"by_severity\":{\"high\":1},\"by_detector\":[]},"
	"\"incidents\":[{\"id\":1,\"severity\":\"high\",\"src_ip\":\"192.0.2.1\"}]}";

static struct json *parse(const char *text)
{
	struct json *document;
	char error[128];

	assert_int_equal(json_parse(text, strlen(text), &document, error), 0);
	return document;
}

static void draw(const char *text, struct buffer *out)
{
	CLEANUP(json_free) struct json *document = parse(text);

	buffer_init(out, PDF_MAX);
	assert_int_equal(render_document(document, NULL, out), 0);
}

static void same_document_same_bytes(void **state)
{
	CLEANUP(buffer_done) struct buffer first, second;

	(void)state;
	draw(document_text, &first);
	draw(document_text, &second);
	assert_true(first.len > 10000);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	assert_memory_equal(first.data, "%PDF-", 5);
}

static void an_empty_or_odd_document_draws_too(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"series\":[],\"tops\":5,\"incidents\":{},\"findings\":[1,null],\"heat\":[[]]}",
		"{\"series\":{\"items\":[1,2]},\"protocols\":{\"names\":[1,2,3,4,5,6,7,8,9]}}",
		"{\"summary\":{\"bytes_in\":-1},\"incidents\":[7],\"blocks\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(buffer_done) struct buffer out;

		draw(texts[i], &out);
		assert_true(out.len > 1000);
	}
}

struct side {
	int fd;
	int result;
};

static void *render_side(void *arg)
{
	struct side *side = arg;

	side->result = report_render(side->fd);
	close(side->fd);
	return NULL;
}

static void a_document_comes_back_as_pdf(void **state)
{
	CLEANUP(json_free) struct json *document = parse(document_text);
	CLEANUP(buffer_done) struct buffer pdf, direct;
	atomic_uint percent = 0;
	struct side side;
	pthread_t thread;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	side.fd = pair[1];
	assert_int_equal(pthread_create(&thread, NULL, render_side, &side), 0);
	buffer_init(&pdf, PDF_MAX);
	const struct exchange exchange = { .fd = pair[0] };
	assert_int_equal(wire_draw(&exchange, document, &percent, &pdf), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(pair[0]);
	assert_int_equal(side.result, 0);
	assert_true(atomic_load(&percent) >= 50);
	draw(document_text, &direct);
	assert_int_equal(pdf.len, direct.len);
	assert_memory_equal(pdf.data, direct.data, pdf.len);
}

/* What the render side may do wrong, in packets of its own. */
static int answer_with(const uint32_t *header, size_t len, const char *bytes)
{
	CLEANUP(json_free) struct json *document = parse("{}");
	CLEANUP(buffer_done) struct buffer pdf;
	atomic_uint percent = 0;
	int pair[2], result;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	if (header)
		assert_int_equal(write(pair[1], header, 8), 8);
	assert_int_equal(write(pair[1], bytes, len), (ssize_t)len);
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	buffer_init(&pdf, PDF_MAX);
	const struct exchange exchange = { .fd = pair[0] };
	result = wire_draw(&exchange, document, &percent, &pdf);
	close(pair[0]);
	close(pair[1]);
	return result;
}

static void a_render_that_ends_or_lies_makes_no_pdf(void **state)
{
	static const uint32_t data[] = { PACKET_DATA, 100 }, huge[] = { PACKET_DATA, 1U << 30 };
	static const uint32_t unknown[] = { 99, 0 }, end[] = { PACKET_END, 0 };

	(void)state;
	assert_int_equal(answer_with(NULL, 0, ""), -EPIPE);
	assert_int_equal(answer_with(data, 4, "%PDF"), -EPIPE); /* killed in the middle */
	assert_int_equal(answer_with(huge, 0, ""), -EPROTO);
	assert_int_equal(answer_with(unknown, 0, ""), -EPROTO);
	assert_int_equal(answer_with(end, 0, ""), -EPROTO); /* nothing at all */
}

static void csv_has_no_formulas(void **state)
{
	CLEANUP(json_free)
	struct json *document = parse(
		"{\"kind\":\"traffic\",\"tops\":{\"domains\":[{\"key\":\"=1+1\",\"flows\":2}]}}");
	CLEANUP(buffer_done) struct buffer out;

	(void)state;
	buffer_init(&out, 65536);
	report_csv(document, &out);
	assert_int_equal(out.error, 0);
	assert_non_null(strstr((const char *)out.data, "kind,traffic\r\n"));
	assert_non_null(strstr((const char *)out.data, "\r\n\"'=1+1\",2,"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_document_same_bytes),
		cmocka_unit_test(an_empty_or_odd_document_draws_too),
		cmocka_unit_test(a_document_comes_back_as_pdf),
		cmocka_unit_test(a_render_that_ends_or_lies_makes_no_pdf),
		cmocka_unit_test(csv_has_no_formulas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
