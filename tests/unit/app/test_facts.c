/* Names of devices in memory and over a restart: whose word counts, and that a flood is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/app/facts.h"
#include "agent/config/config.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"

struct world {
	char dir[64], key[96];
	struct config *config;
	struct store *store;
	struct facts *facts;
};

static void open_all(struct world *world)
{
	const struct store_options options = { .dir = world->dir, .key_file = world->key };
	char reason[256];

	assert_int_equal(store_open(&options, &world->store, reason), 0);
	assert_int_equal(facts_new(world->config, world->dir, world->store, &world->facts), 0);
}

static void close_all(struct world *world)
{
	facts_free(world->facts);
	store_close(world->store);
}

static int set_up(void **state)
{
	static struct world world;

	(void)snprintf(world.dir, sizeof(world.dir), "/tmp/test-facts-XXXXXX");
	assert_non_null(mkdtemp(world.dir));
	(void)snprintf(world.key, sizeof(world.key), "%s/secret.key", world.dir);
	world.config = config_new();
	assert_non_null(world.config);
	open_all(&world);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = { "main.db",	  "main.db-wal",  "main.db-shm",
					     "flows.db",  "flows.db-wal", "flows.db-shm",
					     "secret.key" };
	struct world *world = *state;
	char path[128];

	close_all(world);
	config_free(world->config);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", world->dir, files[i]);
		(void)unlink(path); /* not all are there */
	}
	(void)rmdir(world->dir);
	return 0;
}

static void learn(struct world *world, const char *ip, enum device_source source, const char *name)
{
	struct device_name device = { .source = (uint8_t)source };

	assert_int_equal(addr_parse(ip, &device.addr), 0);
	(void)snprintf(device.name, sizeof(device.name), "%s", name);
	facts_learn(world->facts, &device);
}

static struct addr_facts of(struct world *world, const char *ip)
{
	struct addr_facts facts;
	struct addr addr;

	assert_int_equal(addr_parse(ip, &addr), 0);
	facts_of(world->facts, &addr, &facts);
	return facts;
}

static void nearer_sources_go_before_lesser_ones(void **state)
{
	struct world *world = *state;

	learn(world, "192.168.1.9", DEVICE_DNS, "pc9.lan");
	assert_string_equal(of(world, "192.168.1.9").name, "pc9.lan");
	learn(world, "192.168.1.9", DEVICE_DHCP, "kitchen-pi");
	learn(world, "192.168.1.9", DEVICE_MDNS, "other");
	assert_string_equal(of(world, "192.168.1.9").name, "kitchen-pi");
	assert_int_equal(of(world, "192.168.1.9").source, DEVICE_DHCP);
	learn(world, "192.168.1.9", DEVICE_DHCP, "renamed");
	assert_string_equal(of(world, "192.168.1.9").name, "renamed");
}

static void only_this_house_is_named(void **state)
{
	struct world *world = *state;

	learn(world, "8.8.8.8", DEVICE_DNS, "dns.google");
	learn(world, "fe80::7", DEVICE_MDNS, "tv");
	assert_string_equal(of(world, "8.8.8.8").name, "");
	assert_string_equal(of(world, "fe80::7").name, "tv");
	assert_string_equal(of(world, "10.0.0.1").name, "");
}

static void names_outlive_a_restart(void **state)
{
	struct world *world = *state;

	learn(world, "10.1.2.3", DEVICE_MDNS, "nas");
	close_all(world);
	open_all(world);
	assert_string_equal(of(world, "10.1.2.3").name, "nas");
	assert_int_equal(of(world, "10.1.2.3").source, DEVICE_MDNS);
}

static void a_flood_of_names_is_bounded(void **state)
{
	struct world *world = *state;
	CLEANUP(free) struct device_name *rows = calloc(2UL * STORE_DEVICES_MAX, sizeof(*rows));
	char ip[32];
	int count;

	assert_non_null(rows);
	for (unsigned int i = 0; i < 20000; i++) {
		(void)snprintf(ip, sizeof(ip), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
		learn(world, ip, DEVICE_MDNS, "flood");
	}
	close_all(world);
	open_all(world);
	count = store_device_list(world->store, rows, 2UL * STORE_DEVICES_MAX);
	assert_in_range(count, 1, STORE_DEVICES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nearer_sources_go_before_lesser_ones, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(only_this_house_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_outlive_a_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flood_of_names_is_bounded, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
