/*
 * Programs that a restart takes over from their pins, and when it must not. Needs root and BPF;
 * skipped elsewhere.
 */
#include "tests/unit/capture/kernel_fixture.h"

#include <bpf/bpf.h>

#include "agent/capture/kernel.h"

/* Starts anew and ends; the id of the program that was attached. */
static uint32_t program_of_a_start(struct kernel_fixture *fixture)
{
	uint32_t id;

	assert_int_equal(start(fixture, "a0", "auto"), 0);
	assert_int_equal(capture_kernel_open(fixture->kernel, &fixture->capture), 0);
	id = fixture->kernel->ingress_id;
	stop(fixture);
	return id;
}

static void remove_pin(const struct kernel_fixture *fixture, const char *name)
{
	assert_int_equal(kernel_pin_remove(fixture->pin_dir, name), 0);
}

static void a_restart_takes_the_same_programs(void **state)
{
	struct kernel_fixture *fixture = *state;
	uint32_t first = program_of_a_start(fixture);

	assert_int_equal(program_of_a_start(fixture), first);
	assert_int_equal(program_of_a_start(fixture), first);
}

static void programs_without_their_record_are_not_taken(void **state)
{
	struct kernel_fixture *fixture = *state;
	uint32_t first = program_of_a_start(fixture);

	remove_pin(fixture, "programs");
	assert_int_not_equal(program_of_a_start(fixture), first);
}

static void a_program_that_is_not_the_recorded_one_is_not_taken(void **state)
{
	struct kernel_fixture *fixture = *state;
	uint32_t first = program_of_a_start(fixture);
	int other = kernel_pin_get(fixture->pin_dir, "program_egress");

	assert_true(other >= 0);
	assert_int_equal(kernel_pin_put(fixture->pin_dir, "program_ingress", other), 0);
	assert_int_equal(close(other), 0);
	assert_int_not_equal(program_of_a_start(fixture), first);
}

/* It holds a map that the next core would not look at. */
static void programs_of_other_maps_are_not_taken(void **state)
{
	struct kernel_fixture *fixture = *state;
	uint32_t first = program_of_a_start(fixture);
	uint32_t second;

	remove_pin(fixture, "block4");
	second = program_of_a_start(fixture);
	assert_int_not_equal(second, first);
	assert_int_equal(program_of_a_start(fixture), second);
}

static void programs_of_another_cache_size_are_not_taken(void **state)
{
	struct kernel_fixture *fixture = *state;
	uint32_t first = program_of_a_start(fixture);
	const struct capture_kernel_options larger = {
		.flow_slots = 4096, .mode = "auto", .interfaces = "a0", .pin_dir = fixture->pin_dir
	};

	assert_int_equal(capture_kernel_load(&larger, &fixture->kernel, fixture->error), 0);
	assert_int_not_equal(fixture->kernel->ingress_id, first);
}

/* What the record says of the clock, and the clock of a start that reads it. */
static uint64_t clock_of_a_start(struct kernel_fixture *fixture, uint64_t recorded)
{
	uint8_t record[1024];
	uint64_t ns_per_jiffy;
	uint32_t first = 0;
	int fd = kernel_pin_get(fixture->pin_dir, "programs");

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &first, record), 0);
	memcpy(record + CRYPTO_HASH_BYTES, &recorded, sizeof(recorded));
	assert_int_equal(bpf_map_update_elem(fd, &first, record, BPF_ANY), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(start(fixture, "a0", "auto"), 0);
	assert_int_equal(capture_kernel_open(fixture->kernel, &fixture->capture), 0);
	ns_per_jiffy = fixture->kernel->ns_per_jiffy;
	stop(fixture);
	return ns_per_jiffy;
}

static void the_clock_is_measured_when_no_start_did(void **state)
{
	struct kernel_fixture *fixture = *state;
	uint64_t measured;

	(void)program_of_a_start(fixture);
	assert_int_equal(clock_of_a_start(fixture, 12345678), 12345678); /* as recorded */
	measured = clock_of_a_start(fixture, 0);
	assert_true(measured > NS_PER_MS / 2 && measured < 11 * NS_PER_MS);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, setup_pair, teardown_pair)

int main(void)
{
	struct CMUnitTest tests[] = {
		LIVE(a_restart_takes_the_same_programs),
		LIVE(the_clock_is_measured_when_no_start_did),
		LIVE(programs_without_their_record_are_not_taken),
		LIVE(a_program_that_is_not_the_recorded_one_is_not_taken),
		LIVE(programs_of_other_maps_are_not_taken),
		LIVE(programs_of_another_cache_size_are_not_taken),
	};

	for (size_t i = 0; geteuid() != 0 && i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i] = (struct CMUnitTest){ .name = tests[i].name, .test_func = skipped };
	if (geteuid() != 0)
		return cmocka_run_group_tests_name("kernel_programs", tests, NULL, NULL);
	return cmocka_run_group_tests_name("kernel_programs", tests, enter_namespaces,
					   leave_namespaces);
}
