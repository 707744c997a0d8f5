/* Lists in main.db: versions of sets, names beside addresses, states in force. */
#include "tests/unit/store/fixture.h"

#include <errno.h>

#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"

static struct prefix_set *set_of(unsigned int count)
{
	struct prefix_set_builder *builder = prefix_set_builder_new(count);
	struct prefix_set *set;

	assert_non_null(builder);
	for (unsigned int i = 0; i < count; i++) {
		const uint8_t bytes[4] = { 198, 51, (uint8_t)(i >> 8), (uint8_t)i };
		const struct prefix prefix = { .addr = addr_from_ipv4(bytes), .len = 32 };

		assert_int_equal(prefix_set_builder_add(builder, &prefix), 0);
	}
	set = prefix_set_builder_finish(builder);
	assert_non_null(set);
	return set;
}

static struct block insert_list(struct fixture *f, const char *name, uint32_t rule_id)
{
	struct block block = { .rule_id = rule_id, .author = "root" };

	(void)snprintf(block.list, sizeof(block.list), "%s", name);
	assert_int_equal(store_block_insert(f->store, &block), 0);
	return block;
}

static void newest_row_of_a_list_is_found_in_force_or_ended(void **state)
{
	struct fixture *f = *state;
	struct block first = insert_list(f, "drop", 1), row;

	assert_int_equal(store_block_of_list(f->store, "drop", &row), 0);
	assert_int_equal(row.id, first.id);
	assert_int_equal(store_block_end(f->store, first.id, BLOCK_EXPIRED, 5), 0);
	assert_int_equal(store_block_of_list(f->store, "drop", &row), 0);
	assert_int_equal(row.state, BLOCK_EXPIRED);
	struct block second = insert_list(f, "drop", 2);
	assert_int_equal(store_block_of_list(f->store, "drop", &row), 0);
	assert_int_equal(row.id, second.id);
	assert_int_equal(store_block_of_list(f->store, "other", &row), -ENOENT);
	assert_int_equal(store_block_of_list(f->store, "", &row), -ENOENT);
}

static void pending_version_stands_beside_the_one_in_force(void **state)
{
	struct fixture *f = *state;
	CLEANUP(prefix_set_unref) struct prefix_set *first = set_of(3);
	CLEANUP(prefix_set_unref) struct prefix_set *second = set_of(700);
	CLEANUP(prefix_set_unref) struct prefix_set *read_first = NULL;
	CLEANUP(prefix_set_unref) struct prefix_set *read_second = NULL;
	struct block block = insert_list(f, "drop", 1), row;

	block.facts = (struct block_list_facts){ .version = 1, .entries = 3 };
	assert_int_equal(store_list_write(f->store, &block, first, 1), 0);
	block.state = BLOCK_PENDING;
	block.confirm_by_unix_ms = 99;
	block.facts.pending_version = 2;
	block.facts.pending_entries = 700;
	block.facts.pending_rule_id = 7;
	assert_int_equal(store_list_write(f->store, &block, second, 2), 0);
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(store_block_get(f->store, block.id, &row), 0);
	assert_int_equal(row.state, BLOCK_PENDING);
	assert_int_equal(row.confirm_by_unix_ms, 99);
	assert_memory_equal(&row.facts, &block.facts, sizeof(row.facts));
	assert_int_equal(store_list_read(f->store, block.id, 1, &read_first), 0);
	assert_int_equal(prefix_set_len(read_first), 3);
	assert_int_equal(store_list_read(f->store, block.id, 2, &read_second), 0);
	assert_int_equal(prefix_set_len(read_second), 700);
}

static void set_that_no_version_names_is_gone(void **state)
{
	struct fixture *f = *state;
	CLEANUP(prefix_set_unref) struct prefix_set *set = set_of(3);
	struct prefix_set *read = NULL;
	struct block block = insert_list(f, "drop", 1);

	block.facts.version = 1;
	assert_int_equal(store_list_write(f->store, &block, set, 1), 0);
	block.facts.version = 2;
	assert_int_equal(store_list_write(f->store, &block, set, 2), 0);
	assert_int_equal(store_list_read(f->store, block.id, 1, &read), -ENOENT);
	assert_null(read);
}

static void names_of_a_list_and_layers_of_hits_come_back(void **state)
{
	struct fixture *f = *state;
	CLEANUP(prefix_set_unref) struct prefix_set *set = set_of(2);
	CLEANUP(prefix_set_unref) struct prefix_set *read = NULL;
	struct name_set_builder *names = name_set_builder_new(2);
	struct block block = insert_list(f, "drop", 1), row;
	const struct block_hits hits = { .packets = 100, .layers = { 60, 1, 2, 4, 33 } };

	assert_int_equal(name_set_builder_add(names, "bad.example"), 0);
	prefix_set_attach(set, name_set_builder_finish(names));
	block.facts.version = 1;
	assert_int_equal(store_list_write(f->store, &block, set, 1), 0);
	assert_int_equal(store_block_save_hits(f->store, block.id, &hits), 0);
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(store_list_read(f->store, block.id, 1, &read), 0);
	assert_int_equal(prefix_set_len(read), 2);
	assert_true(name_set_has(prefix_set_names(read), "bad.example"));
	assert_int_equal(store_block_get(f->store, block.id, &row), 0);
	assert_memory_equal(row.hits.layers, hits.layers, sizeof(hits.layers));
}

static void list_that_ended_is_written_no_more(void **state)
{
	struct fixture *f = *state;
	CLEANUP(prefix_set_unref) struct prefix_set *set = set_of(3);
	struct block block = insert_list(f, "drop", 1);

	assert_int_equal(store_block_end(f->store, block.id, BLOCK_REMOVED, 5), 0);
	assert_int_equal(store_list_write(f->store, &block, set, 1), -ENOENT);
}

static void name_of_a_list_in_force_is_taken(void **state)
{
	struct fixture *f = *state;
	struct block first = insert_list(f, "drop", 1);
	struct block other = { .rule_id = 2, .list = "drop", .port = 25 };

	assert_int_equal(store_block_set_state(f->store, first.id, BLOCK_OFF, 0), 0);
	assert_int_equal(store_block_insert(f->store, &other), -EEXIST);
	assert_int_equal(store_block_end(f->store, first.id, BLOCK_REMOVED, 5), 0);
	assert_int_equal(store_block_insert(f->store, &other), 0);
}

static void names_and_states_in_force_come_back(void **state)
{
	struct fixture *f = *state;
	struct block block = { .rule_id = 3, .domain = "example.org", .parent_id = 9 }, row;

	assert_int_equal(store_block_insert(f->store, &block), 0);
	assert_int_equal(store_block_set_state(f->store, block.id, BLOCK_PENDING, 77), 0);
	assert_int_equal(store_block_list(f->store, true, 0, &row, 1), 1);
	assert_string_equal(row.domain, "example.org");
	assert_int_equal(row.target.addr.family, ADDR_NONE);
	assert_int_equal(row.parent_id, 9);
	assert_int_equal(row.confirm_by_unix_ms, 77);
	assert_int_equal(store_block_end(f->store, block.id, BLOCK_ROLLED_BACK, 5), 0);
	assert_int_equal(store_block_set_state(f->store, block.id, BLOCK_ACTIVE, 0), -ENOENT);
	assert_int_equal(store_block_list(f->store, true, 0, &row, 1), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(newest_row_of_a_list_is_found_in_force_or_ended),
		T(pending_version_stands_beside_the_one_in_force),
		T(set_that_no_version_names_is_gone),
		T(names_of_a_list_and_layers_of_hits_come_back),
		T(list_that_ended_is_written_no_more),
		T(name_of_a_list_in_force_is_taken),
		T(names_and_states_in_force_come_back),
	};

	return cmocka_run_group_tests_name("store_lists", tests, NULL, NULL);
}
