#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/model.h"
#include "agent/model/random.h"
#include "agent/util/clock.h"
#include "include/flow.h"

#define HOSTS	 20
#define BEGIN_NS (1000 * NS_PER_S)

/* A small network: each host talks to three servers, a few flows in ten seconds. */
struct world {
	struct model_watch *watch;
	struct random random;
	uint64_t now_ns, flows;
	unsigned int alarms;
	struct model_alarm last;
};

static void take_alarm(void *arg, const struct model_alarm *alarm)
{
	struct world *world = arg;

	world->alarms++;
	world->last = *alarm;
}

static struct addr address(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	struct addr addr = { .bytes = { [10] = 0xff, 0xff, a, b, c, d }, .family = ADDR_IPV4 };

	return addr;
}

static void talk(struct world *world, const struct addr *src, const struct addr *dst, uint16_t port)
{
	struct flow flow = { .id = ++world->flows,
			     .tuple = { .src = *src, .dst = *dst, .dst_port = port, .proto = 6 },
			     .first_ns = world->now_ns,
			     .last_ns = world->now_ns + 200 * NS_PER_MS,
			     .packets_out = 8,
			     .packets_in = 9,
			     .is_final = true };

	flow.bytes_out = 600 + random_next(&world->random) % 900;
	flow.bytes_in = 3000 + random_next(&world->random) % 9000;
	model_watch_begin(world->watch, &flow, LEARNING_LOCAL, LEARNING_REMOTE);
	model_watch_record(world->watch, &flow);
}

static struct addr host_addr(unsigned int host)
{
	return address(10, 0, 0, (uint8_t)(host + 1));
}

static void take_fits(struct world *world)
{
	struct model_job *job;

	while ((job = model_watch_job(world->watch))) {
		model_job_run(job);
		(void)model_watch_take(world->watch, job, 1700000000000);
	}
}

/* One second: a third of the hosts say something; fits are made at once. */
static void pass_second(struct world *world)
{
	for (unsigned int i = 0; i < HOSTS; i++) {
		struct addr src = host_addr(i);
		struct addr dst =
			address(203, 0, 113, (uint8_t)(1 + random_next(&world->random) % 3));

		if (random_next(&world->random) % 3 == 0)
			talk(world, &src, &dst, 443);
	}
	world->now_ns += NS_PER_S;
	model_watch_tick(world->watch, world->now_ns);
	take_fits(world);
}

static void scan(struct world *world, const struct addr *src)
{
	for (unsigned int i = 0; i < 200; i++) {
		struct addr dst = address(198, 18, (uint8_t)(i / 100), (uint8_t)(i % 100));

		talk(world, src, &dst, (uint16_t)(1000 + i));
	}
}

static void open_world(struct world *world, uint64_t settle_s)
{
	const struct model_watch_options options = { .hosts_max = 1000,
						     .alerts_per_day = 5,
						     .settle_s = settle_s,
						     .seed = 3,
						     .on_alarm = take_alarm,
						     .arg = world };

	*world = (struct world){ .random = { .state = 5 }, .now_ns = BEGIN_NS };
	assert_int_equal(model_watch_new(&options, &world->watch), 0);
}

static struct learning_kind ten_seconds(const struct world *world)
{
	struct learning status;

	model_watch_status(world->watch, world->now_ns, &status);
	return status.kinds[0][LEARNING_LOCAL * 2];
}

static void learn(struct world *world, unsigned int seconds)
{
	open_world(world, 60);
	for (unsigned int i = 0; i < seconds; i++)
		pass_second(world);
}

static void learns_then_tells_a_scan_with_its_numbers(void **state)
{
	struct world world;
	struct addr src = host_addr(4);
	char text[MODEL_SAY_MAX];

	(void)state;
	learn(&world, 900);
	assert_int_equal(ten_seconds(&world).models, 1);
	assert_int_equal(world.alarms, 0);
	scan(&world, &src);
	for (int i = 0; i < 12; i++)
		pass_second(&world);
	assert_int_equal(world.alarms, 1);
	assert_memory_equal(&world.last.src, &src, sizeof(src));
	assert_int_equal(world.last.length_s, 10);
	assert_true(world.last.ended_ns - world.last.begun_ns <= 11 * NS_PER_S);
	assert_true(model_alarm_is_suspicious(&world.last));
	model_alarm_say(&world.last, text);
	assert_non_null(strstr(text, "(normal "));
	model_watch_free(world.watch);
}

static void nothing_is_learned_while_all_is_new(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, 60);
	for (int i = 0; i < 50; i++)
		pass_second(&world);
	assert_int_equal(ten_seconds(&world).learned, 0);
	for (int i = 0; i < 50; i++)
		pass_second(&world);
	assert_true(ten_seconds(&world).learned > 0);
	model_watch_free(world.watch);
}

/* What a detector flagged teaches nothing and is not told twice; what is open is told. */
static void flagged_and_open_sources_teach_nothing(void **state)
{
	struct world world;
	struct addr flagged = host_addr(4), open = host_addr(5);
	uint64_t gated;

	(void)state;
	learn(&world, 900);
	gated = ten_seconds(&world).gated;
	model_watch_flag(world.watch, &flagged, world.now_ns);
	model_watch_open(world.watch, &open, world.now_ns);
	scan(&world, &flagged);
	for (int i = 0; i < 12; i++)
		pass_second(&world);
	assert_int_equal(world.alarms, 0);
	assert_true(ten_seconds(&world).gated >= gated + 2);
	scan(&world, &open);
	for (int i = 0; i < 12; i++)
		pass_second(&world);
	assert_int_equal(world.alarms, 1);
	model_watch_free(world.watch);
}

/* The victim's windows of now are no measure; soon after it is watched as before. */
static void a_victim_is_kept_out_only_for_a_while(void **state)
{
	struct world world;
	struct addr victim = host_addr(4);

	(void)state;
	learn(&world, 900);
	scan(&world, &victim); /* as unusual as can be */
	model_watch_suffer(world.watch, &victim, world.now_ns);
	for (int i = 0; i < 30; i++)
		pass_second(&world);
	assert_int_equal(world.alarms, 0);
	scan(&world, &victim);
	for (int i = 0; i < 12; i++)
		pass_second(&world);
	assert_int_equal(world.alarms, 1);
	model_watch_free(world.watch);
}

static void save(struct world *world, struct buffer *bytes)
{
	buffer_init(bytes, MODEL_SAVE_MAX);
	model_watch_save(world->watch, LEARNING_LOCAL * 2, bytes);
	assert_int_equal(bytes->error, 0);
	assert_true(bytes->len > 100000);
}

static void what_was_learned_is_there_after_a_restart(void **state)
{
	struct world before, after;
	struct learning_kind was, is;
	struct buffer bytes, same;
	char reason[MODEL_REASON_MAX];

	(void)state;
	learn(&before, 900);
	was = ten_seconds(&before);
	save(&before, &bytes);
	open_world(&after, 60);
	assert_int_equal(
		model_watch_load(after.watch, LEARNING_LOCAL * 2, bytes.data, bytes.len, reason),
		0);
	is = ten_seconds(&after);
	assert_int_equal(is.learned, was.learned);
	assert_int_equal(is.models, was.models);
	assert_int_equal(is.trained_unix_ms, 1700000000000);
	assert_int_equal(is.gated, was.gated);
	assert_true(is.threshold > 0);
	buffer_init(&same, MODEL_SAVE_MAX);
	model_watch_save(after.watch, LEARNING_LOCAL * 2, &same);
	assert_int_equal(same.len, 0); /* nothing has changed since */
	buffer_done(&bytes);
	model_watch_free(before.watch);
	model_watch_free(after.watch);
}

/* Cut at every so many bytes, and with one byte changed: refused with a reason, never a crash, and
 * the watch goes on empty. */
static void damaged_files_are_refused(void **state)
{
	struct world world, other;
	struct buffer bytes;
	char reason[MODEL_REASON_MAX];

	(void)state;
	learn(&world, 900);
	save(&world, &bytes);
	open_world(&other, 60);
	for (size_t len = 0; len < bytes.len; len += 1 + bytes.len / 97) {
		uint8_t kept = bytes.data[len];

		reason[0] = '\0';
		assert_true(model_watch_load(other.watch, 2, bytes.data, len, reason) < 0);
		assert_true(reason[0] != '\0');
		bytes.data[len] ^= 0x20;
		assert_true(model_watch_load(other.watch, 2, bytes.data, bytes.len, reason) < 0);
		bytes.data[len] = kept;
	}
	assert_int_equal(ten_seconds(&other).learned, 0);
	buffer_done(&bytes);
	model_watch_free(world.watch);
	model_watch_free(other.watch);
}

static void a_host_is_shown_beside_what_is_normal(void **state)
{
	struct world world;
	struct addr src = host_addr(4), nobody = address(192, 0, 2, 77);
	struct learning_host host;

	(void)state;
	learn(&world, 900);
	assert_int_equal(model_watch_host(world.watch, &nobody, world.now_ns, &host), -ENOENT);
	scan(&world, &src);
	assert_int_equal(model_watch_host(world.watch, &src, world.now_ns, &host), 0);
	assert_int_equal(host.place, LEARNING_LOCAL);
	assert_true(host.windows[0].has_model);
	assert_string_equal(host.windows[0].features[FEATURE_FLOWS].name, "flows");
	assert_true(host.windows[0].features[FEATURE_FLOWS].value >= 199.0);
	assert_true(host.windows[0].features[FEATURE_FLOWS].high < 20);
	assert_true(host.windows[0].score > host.windows[0].threshold);
	model_watch_free(world.watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns_then_tells_a_scan_with_its_numbers),
		cmocka_unit_test(nothing_is_learned_while_all_is_new),
		cmocka_unit_test(flagged_and_open_sources_teach_nothing),
		cmocka_unit_test(a_victim_is_kept_out_only_for_a_while),
		cmocka_unit_test(what_was_learned_is_there_after_a_restart),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(a_host_is_shown_beside_what_is_normal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
