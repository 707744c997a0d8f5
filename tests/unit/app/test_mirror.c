/* The direction of what a mirror port shows, from who sent it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/app/mirror.h"
#include "agent/config/config.h"
#include "agent/util/addr.h"
#include "include/flow.h"

static struct mirror *made_of(const char *promisc, const char *networks)
{
	CLEANUP(config_free) struct config *config = config_new();
	struct mirror *mirror = NULL;
	char reason[256];

	assert_non_null(config);
	assert_int_equal(config_set(config, CONFIG_CAPTURE_PROMISC, promisc, reason), 0);
	assert_int_equal(config_set(config, CONFIG_CAPTURE_LOCAL_NETWORKS, networks, reason), 0);
	assert_int_equal(mirror_new(config, &mirror), 0);
	return mirror;
}

/* The direction that a delta from @src has behind the mirror. */
static int turned(const struct mirror *mirror, const char *src, enum direction direction)
{
	struct flow_delta delta = { .direction = (uint8_t)direction, .packets = 7 };
	struct prefix from;

	assert_int_equal(prefix_parse(src, false, &from), 0);
	delta.tuple.src = from.addr;
	mirror_turn(mirror, &delta);
	assert_int_equal(delta.packets, 7);
	return delta.direction;
}

static void sent_from_inside_is_leaving(void **state)
{
	CLEANUP(mirror_free)
	struct mirror *mirror = made_of("yes", "192.168.0.0/16, 2001:db8::/32");

	(void)state;
	assert_int_equal(turned(mirror, "192.168.255.9", DIRECTION_INGRESS), DIRECTION_EGRESS);
	assert_int_equal(turned(mirror, "2001:db8:ffff::1", DIRECTION_INGRESS), DIRECTION_EGRESS);
}

static void sent_from_outside_is_entering(void **state)
{
	CLEANUP(mirror_free)
	struct mirror *mirror = made_of("yes", "192.168.0.0/16, 2001:db8::/32");

	(void)state;
	assert_int_equal(turned(mirror, "192.169.0.0", DIRECTION_INGRESS), DIRECTION_INGRESS);
	assert_int_equal(turned(mirror, "2001:db9::1", DIRECTION_INGRESS), DIRECTION_INGRESS);
}

static void what_the_host_sends_itself_stays_leaving(void **state)
{
	CLEANUP(mirror_free) struct mirror *mirror = made_of("yes", "192.168.0.0/16");

	(void)state;
	assert_int_equal(turned(mirror, "192.0.2.1", DIRECTION_EGRESS), DIRECTION_EGRESS);
	assert_int_equal(turned(mirror, "192.168.0.1", DIRECTION_EGRESS), DIRECTION_EGRESS);
}

static void without_promisc_or_networks_there_is_no_mirror(void **state)
{
	(void)state;
	assert_null(made_of("no", "192.168.0.0/16"));
	assert_null(made_of("yes", ""));
	assert_int_equal(turned(NULL, "192.168.0.1", DIRECTION_INGRESS), DIRECTION_INGRESS);
}

static void a_network_that_is_none_is_no_configuration(void **state)
{
	CLEANUP(config_free) struct config *config = config_new();
	char reason[256];

	(void)state;
	assert_int_equal(
		config_set(config, CONFIG_CAPTURE_LOCAL_NETWORKS, "192.168.0.0/16, home", reason),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sent_from_inside_is_leaving),
		cmocka_unit_test(sent_from_outside_is_entering),
		cmocka_unit_test(what_the_host_sends_itself_stays_leaving),
		cmocka_unit_test(without_promisc_or_networks_there_is_no_mirror),
		cmocka_unit_test(a_network_that_is_none_is_no_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
