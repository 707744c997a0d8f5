#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agent/util/addr.h"
#include "agent/util/message.h"

static const struct request sample = {
	.method = "POST",
	.path = "/api/v1/blocks",
	.query = "",
	.content_type = "application/json",
	.session = "abc",
	.csrf = "def",
	.bearer = NULL, /* arrives as "" */
	.request_id = "r1",
	.port = 5000,
	.tls = true,
	.body = "{\"a\":\0\"}",
	.body_len = 8,
};

static void request_comes_back_as_it_went(void **state)
{
	struct request in = sample, out;
	struct buffer buffer;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.7", &in.peer), 0);
	buffer_init(&buffer, 1000);
	message_encode_request(&buffer, &in);
	assert_int_equal(buffer.error, 0);
	assert_int_equal(message_decode_request(buffer.data, buffer.len, &out), 0);
	assert_string_equal(out.method, "POST");
	assert_string_equal(out.path, "/api/v1/blocks");
	assert_string_equal(out.query, "");
	assert_string_equal(out.content_type, "application/json");
	assert_string_equal(out.session, "abc");
	assert_string_equal(out.csrf, "def");
	assert_string_equal(out.bearer, "");
	assert_string_equal(out.request_id, "r1");
	assert_true(addr_is_equal(&out.peer, &in.peer));
	assert_int_equal(out.port, 5000);
	assert_true(out.tls);
	assert_int_equal(out.body_len, 8);
	assert_memory_equal(out.body, "{\"a\":\0\"}", 9); /* and the NUL behind it */
	buffer_done(&buffer);
}

static void response_comes_back_as_it_went(void **state)
{
	struct response in = {
		.status = 303,
		.content_type = "text/html",
		.location = "/dashboard",
		.next = "1-2",
		.set_session = "-",
		.stream = true,
		.role = 3,
		.session_tag = UINT64_MAX,
		.body = NULL,
	};
	struct response out;
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 1000);
	message_encode_response(&buffer, &in);
	assert_int_equal(message_decode_response(buffer.data, buffer.len, &out), 0);
	assert_int_equal(out.status, 303);
	assert_string_equal(out.content_type, "text/html");
	assert_string_equal(out.location, "/dashboard");
	assert_string_equal(out.next, "1-2");
	assert_string_equal(out.set_session, "-");
	assert_true(out.stream);
	assert_int_equal(out.role, 3);
	assert_true(out.session_tag == UINT64_MAX);
	assert_int_equal(out.body_len, 0);
	assert_string_equal(out.body, "");
	buffer_done(&buffer);
}

static void event_comes_back_as_it_went(void **state)
{
	struct event in = { 42, 2, 3, true, "new_incident", "{\"id\":1}" };
	struct event out;
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 1000);
	message_encode_event(&buffer, &in);
	assert_int_equal(message_decode_event(buffer.data, buffer.len, &out), 0);
	assert_true(out.id == 42);
	assert_int_equal(out.min_role, 2);
	assert_int_equal(out.max_role, 3);
	assert_true(out.is_sticky);
	assert_string_equal(out.name, "new_incident");
	assert_string_equal(out.data, "{\"id\":1}");
	buffer_done(&buffer);
}

static void every_shorter_body_is_refused(void **state)
{
	struct buffer buffer;
	struct request out;

	(void)state;
	buffer_init(&buffer, 1000);
	message_encode_request(&buffer, &sample);
	for (size_t len = 0; len < buffer.len; len++) {
		/* a copy of its own, so that a sanitizer sees a read past it */
		uint8_t *cut = test_malloc(len + 1);

		memcpy(cut, buffer.data, len);
		assert_int_equal(message_decode_request(cut, len, &out), -EPROTO);
		test_free(cut);
	}
	buffer_done(&buffer);
}

static void bytes_left_over_are_refused(void **state)
{
	struct buffer buffer;
	struct request out;

	(void)state;
	buffer_init(&buffer, 1000);
	message_encode_request(&buffer, &sample);
	buffer_append(&buffer, "", 1);
	assert_int_equal(message_decode_request(buffer.data, buffer.len, &out), -EPROTO);
	buffer_done(&buffer);
}

/* An encoded event with one byte changed: id 8 behind 4, min_role, max_role, is_sticky, name, data.
 */
static int decode_changed(size_t at, uint8_t value)
{
	struct event in = { 1, 1, 2, false, "ab", "cd" };
	struct event out;
	struct buffer buffer;
	int err;

	buffer_init(&buffer, 1000);
	message_encode_event(&buffer, &in);
	buffer.data[at] = value;
	err = message_decode_event(buffer.data, buffer.len, &out);
	buffer_done(&buffer);
	return err;
}

static void wrong_fields_are_refused(void **state)
{
	(void)state;
	assert_int_equal(decode_changed(4, 1), 0);
	assert_int_equal(decode_changed(0, 7), -EPROTO);	 /* a number of 7 bytes */
	assert_int_equal(decode_changed(12 + 5, 1), -EPROTO);	 /* min_role 257 */
	assert_int_equal(decode_changed(24 + 5, 1), -EPROTO);	 /* max_role 258 */
	assert_int_equal(decode_changed(36 + 4, 2), -EPROTO);	 /* a bool of 2 */
	assert_int_equal(decode_changed(48 + 3, 0xff), -EPROTO); /* a text of 4 GiB */
	assert_int_equal(decode_changed(48 + 4, 0), -EPROTO);	 /* NUL inside a text */
	assert_int_equal(decode_changed(48 + 6, 'x'), -EPROTO);	 /* no NUL behind it */
}

static void addresses_of_no_family_or_wrong_mapping_are_refused(void **state)
{
	struct request in = sample, out;
	struct buffer buffer;

	(void)state;
	in.peer.family = 5;
	buffer_init(&buffer, 1000);
	message_encode_request(&buffer, &in);
	assert_int_equal(message_decode_request(buffer.data, buffer.len, &out), -EPROTO);
	buffer_done(&buffer);
	in.peer.family = ADDR_IPV4; /* without ::ffff before it */
	message_encode_request(&buffer, &in);
	assert_int_equal(message_decode_request(buffer.data, buffer.len, &out), -EPROTO);
	buffer_done(&buffer);
}

static void message_past_the_buffer_leaves_the_error(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 50);
	message_encode_request(&buffer, &sample);
	assert_int_equal(buffer.error, -E2BIG);
	buffer_done(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_comes_back_as_it_went),
		cmocka_unit_test(response_comes_back_as_it_went),
		cmocka_unit_test(event_comes_back_as_it_went),
		cmocka_unit_test(every_shorter_body_is_refused),
		cmocka_unit_test(bytes_left_over_are_refused),
		cmocka_unit_test(wrong_fields_are_refused),
		cmocka_unit_test(addresses_of_no_family_or_wrong_mapping_are_refused),
		cmocka_unit_test(message_past_the_buffer_leaves_the_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
