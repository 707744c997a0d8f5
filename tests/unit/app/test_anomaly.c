#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/app/anomaly.h"
#include "agent/app/cell.h"
#include "agent/config/config.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/file.h"
#include "include/flow.h"
#include "include/incident.h"

#define HOSTS 20
#define MODEL "10s-local-client.model"

struct world {
	struct config *config;
	struct cell cell;
	struct anomaly *anomaly;
	char dir[64];
	uint64_t now_ns, draws;
	unsigned int findings;
	struct finding last;
};

static void take_finding(void *arg, const struct finding *finding)
{
	struct world *world = arg;

	world->findings++;
	world->last = *finding;
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	char reason[256], folder[128];

	assert_non_null(world);
	world->config = config_new();
	assert_non_null(world->config);
	assert_int_equal(config_set(world->config, CONFIG_DETECT_LEARN, "1s", reason), 0);
	cell_init(&world->cell);
	(void)snprintf(world->dir, sizeof(world->dir), "/tmp/test-anomaly-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	(void)snprintf(folder, sizeof(folder), "%s/models", world->dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	world->now_ns = 1000 * NS_PER_S;
	*state = world;
	return 0;
}

static int close_world(void **state)
{
	struct world *world = *state;
	char command[128];

	anomaly_stop(world->anomaly);
	cell_done(&world->cell);
	config_free(world->config);
	(void)snprintf(command, sizeof(command), "rm -rf %s", world->dir);
	assert_int_equal(system(command), 0);
	free(world);
	return 0;
}

static void start(struct world *world)
{
	const struct anomaly_options options = { .config = world->config,
						 .dir = world->dir,
						 .cell = &world->cell,
						 .seed = 7,
						 .on_finding = take_finding,
						 .arg = world };

	assert_int_equal(anomaly_start(&options, &world->anomaly), 0);
}

static void talk(struct world *world, struct addr src, struct addr dst, bool is_answered)
{
	struct flow flow = { .tuple = { .src = src, .dst = dst, .dst_port = 443, .proto = 6 },
			     .first_ns = world->now_ns,
			     .last_ns = world->now_ns,
			     .packets_out = 8,
			     .packets_in = is_answered ? 9 : 0,
			     .bytes_out = 600 + addr_hash(&src, world->draws++) % 900,
			     .is_final = true };

	anomaly_begin(world->anomaly, &flow);
	anomaly_record(world->anomaly, &flow);
}

static struct addr address(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	const uint8_t bytes[4] = { a, b, c, d };

	return addr_from_ipv4(bytes);
}

static void pass_seconds(struct world *world, unsigned int seconds)
{
	for (unsigned int s = 0; s < seconds; s++) {
		for (uint8_t i = 1; i <= HOSTS; i++) {
			struct addr src = address(10, 0, 0, i);
			uint64_t draw = addr_hash(&src, world->draws++);

			if (draw % 3 == 0)
				talk(world, src, address(203, 0, 113, 1 + draw / 3 % 3), true);
		}
		world->now_ns += NS_PER_S;
		anomaly_tick(world->anomaly, world->now_ns, 1700000000000);
	}
}

static struct learning_kind local_clients(const struct world *world)
{
	struct learning learning;

	anomaly_status(world->anomaly, &learning);
	return learning.kinds[0][LEARNING_LOCAL * 2];
}

/* The fit is awaited by the stop. */
static void learn(struct world *world)
{
	start(world);
	pass_seconds(world, 800);
	anomaly_stop(world->anomaly);
	world->anomaly = NULL;
	start(world);
	pass_seconds(world, 60);
	assert_int_equal(local_clients(world).models, 1);
}

static void scan(struct world *world, uint8_t host)
{
	for (uint8_t i = 0; i < 200; i++)
		talk(world, address(10, 0, 0, host), address(198, 18, 1, i), false);
}

static void learned_before_the_restart_tells_after_it(void **state)
{
	struct world *world = *state;
	struct addr scanner = address(10, 0, 0, 5);

	learn(world);
	scan(world, 5);
	pass_seconds(world, 16);
	assert_int_equal(world->findings, 1);
	assert_int_equal(world->last.detector, DETECTOR_ANOMALY);
	assert_true(addr_is_equal(&world->last.src, &scanner));
	assert_non_null(strstr(world->last.reason, "Unusual for hosts like 10.0.0.5 within 10 s"));
	assert_non_null(strstr(world->last.reason, "(normal "));
	assert_int_equal(world->last.severity, SEVERITY_MEDIUM);
}

static uint64_t alarms(const struct world *world)
{
	struct learning learning;

	anomaly_status(world->anomaly, &learning);
	return learning.alarms;
}

/* A named detector that speaks a moment after the window is over: one cause, one incident. */
static void a_detector_that_knows_better_is_heard(void **state)
{
	struct world *world = *state;
	struct finding finding = { .detector = DETECTOR_HOST_SCAN,
				   .severity = SEVERITY_MEDIUM,
				   .src = address(10, 0, 0, 5) };

	learn(world);
	scan(world, 5);
	while (!alarms(world)) /* until the window is over; its alarm is not told yet */
		pass_seconds(world, 1);
	anomaly_flag(world->anomaly, &finding, world->now_ns);
	pass_seconds(world, 20);
	assert_int_equal(world->findings, 0);
}

static void write_model(const struct world *world, const void *data, size_t len)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/models/" MODEL, world->dir);
	assert_int_equal(file_write(path, data, len, 0600), 0);
}

static void a_foreign_file_is_set_aside(void **state)
{
	struct world *world = *state;
	char path[128];

	write_model(world, "SQLite format 3", 16);
	start(world);
	assert_int_equal(local_clients(world).models, 0);
	(void)snprintf(path, sizeof(path), "%s/models/" MODEL ".bad", world->dir);
	assert_int_equal(access(path, R_OK), 0);
}

static void sources_of_open_incidents_teach_nothing(void **state)
{
	struct world *world = *state;
	struct addr open[HOSTS];

	for (uint8_t i = 0; i < HOSTS; i++)
		open[i] = address(10, 0, 0, i + 1);
	start(world);
	anomaly_set_open(world->anomaly, open, HOSTS);
	pass_seconds(world, 100);
	assert_int_equal(local_clients(world).learned, 0);
	assert_true(local_clients(world).gated > 0);
}

static void own_addresses_are_learned_apart(void **state)
{
	struct world *world = *state;
	struct addr own = address(10, 0, 0, 5);
	struct learning_host host;

	start(world);
	anomaly_set_own(world->anomaly, &own, 1);
	pass_seconds(world, 30);
	assert_int_equal(anomaly_host(world->anomaly, &own, &host), 0);
	assert_int_equal(host.place, LEARNING_OWN);
	own = address(10, 0, 0, 6);
	assert_int_equal(anomaly_host(world->anomaly, &own, &host), 0);
	assert_int_equal(host.place, LEARNING_LOCAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(learned_before_the_restart_tells_after_it),
		TEST(a_detector_that_knows_better_is_heard),
		TEST(a_foreign_file_is_set_aside),
		TEST(sources_of_open_incidents_teach_nothing),
		TEST(own_addresses_are_learned_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
