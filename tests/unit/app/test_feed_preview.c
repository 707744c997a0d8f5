/*
 * How long the entries of a preview are kept. Here, as the block service below needs more than
 * intel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdlib.h>

#include "agent/intel/feeds.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/prefix_set.h"

static struct prefix_set *one_entry(void)
{
	struct prefix_set_builder *builder = prefix_set_builder_new(1);
	struct prefix prefix;

	assert_non_null(builder);
	assert_int_equal(prefix_parse("203.0.113.1", true, &prefix), 0);
	assert_int_equal(prefix_set_builder_add(builder, &prefix), 0);
	return prefix_set_builder_finish(builder);
}

static void entries_of_a_preview_are_let_go(void **state)
{
	struct feed_service *service = calloc(1, sizeof(*service));

	(void)state;
	assert_non_null(service);
	service->preview.set = one_entry();
	service->preview.state = FEED_PREVIEW_READY;
	service->preview_ended_ns = clock_monotonic_ns();
	feed_service_tick(service);
	assert_int_equal(feed_preview(service)->state, FEED_PREVIEW_READY);
	assert_non_null(feed_preview(service)->set);
	service->preview_ended_ns -= 300 * NS_PER_S;
	feed_service_tick(service);
	assert_int_equal(feed_preview(service)->state, FEED_PREVIEW_NONE);
	assert_null(feed_preview(service)->set);
	feed_service_free(service);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_of_a_preview_are_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
