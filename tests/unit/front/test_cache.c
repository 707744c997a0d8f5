/* Answers given again: to the same person, for the same question, for a moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/cache.h"
#include "agent/util/clock.h"

static const struct request anna = {
	.session = "anna", .bearer = "", .path = "/api/v1/hosts", .query = "limit=1"
};

static struct response answer_of(const char *body)
{
	return (struct response){ .status = 200,
				  .keep_ms = 500,
				  .etag = "\"e\"",
				  .session_tag = 7,
				  .body = body,
				  .body_len = strlen(body) };
}

static int set_up(void **state)
{
	return cache_new((struct cache **)state);
}

static int tear_down(void **state)
{
	cache_free(*state);
	return 0;
}

static void expect(struct cache *cache, const struct request *request, uint64_t now_ns,
		   const char *body)
{
	struct cached *cached = cache_find(cache, request, now_ns);

	if (!body) {
		assert_null(cached);
		return;
	}
	assert_non_null(cached);
	assert_int_equal(cached->len, strlen(body));
	assert_memory_equal(cached->body, body, cached->len);
	assert_string_equal(cached->etag, "\"e\"");
	cached_unref(cached);
}

static void an_answer_is_given_again_until_its_time_is_over(void **state)
{
	const struct response answer = answer_of("one");

	expect(*state, &anna, 0, NULL);
	cache_put(*state, &anna, &answer, NS_PER_S);
	expect(*state, &anna, NS_PER_S + 499 * NS_PER_MS, "one");
	expect(*state, &anna, NS_PER_S + 500 * NS_PER_MS, NULL);
}

static void nobody_gets_the_answer_of_another_person_or_question(void **state)
{
	const struct response answer = answer_of("one");
	struct request other = anna;

	cache_put(*state, &anna, &answer, 0);
	other.session = "bert";
	expect(*state, &other, 1, NULL);
	other = anna;
	other.bearer = "slt_x";
	expect(*state, &other, 1, NULL);
	other = anna;
	other.query = "limit=2";
	expect(*state, &other, 1, NULL);
	other = anna;
	other.session = "";
	expect(*state, &other, 1, NULL);
}

static void an_ended_session_has_no_answers(void **state)
{
	const struct response answer = answer_of("one");
	struct cached *held;

	cache_put(*state, &anna, &answer, 0);
	held = cache_find(*state, &anna, 1);
	cache_forget(*state, 8);
	expect(*state, &anna, 1, "one");
	cache_forget(*state, 7);
	expect(*state, &anna, 1, NULL);
	assert_memory_equal(held->body, "one", 3); /* it is being sent */
	cached_unref(held);
}

static void only_what_core_allows_is_kept(void **state)
{
	struct response answer = answer_of("one");
	static char large[(64 << 10) + 2];

	answer.keep_ms = 0;
	cache_put(*state, &anna, &answer, 0);
	answer = answer_of("one");
	answer.status = 403;
	cache_put(*state, &anna, &answer, 0);
	answer = answer_of("one");
	answer.session_tag = 0;
	cache_put(*state, &anna, &answer, 0);
	memset(large, 'x', sizeof(large) - 1);
	answer = answer_of(large);
	cache_put(*state, &anna, &answer, 0);
	expect(*state, &anna, 1, NULL);
	answer = answer_of("one");
	answer.keep_ms = 3600000;
	cache_put(*state, &anna, &answer, 0);
	expect(*state, &anna, CACHE_MS_MAX * NS_PER_MS, NULL); /* never longer than that */
}

static void a_newer_answer_takes_its_place_and_the_table_stays_bounded(void **state)
{
	struct response answer = answer_of("one");
	struct request request = anna;
	char query[16];

	cache_put(*state, &anna, &answer, 0);
	answer = answer_of("two");
	cache_put(*state, &anna, &answer, 1);
	expect(*state, &anna, 2, "two");
	for (unsigned int i = 0; i < 1000; i++) {
		(void)snprintf(query, sizeof(query), "n=%u", i);
		request.query = query;
		cache_put(*state, &request, &answer, 2 + i);
	}
	expect(*state, &request, 1003, "two");
	cache_clear(*state);
	expect(*state, &request, 1003, NULL);
}

#define inside(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		inside(an_answer_is_given_again_until_its_time_is_over),
		inside(nobody_gets_the_answer_of_another_person_or_question),
		inside(an_ended_session_has_no_answers),
		inside(only_what_core_allows_is_kept),
		inside(a_newer_answer_takes_its_place_and_the_table_stays_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
