/* Names as orders, their addresses, and what `block test` says. */
#include "tests/unit/block/fixture.h"

static void name_is_canonical_in_the_datapath(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add(f, "*.Ads.EXAMPLE.org.", 0, &outcome), 0);
	assert_string_equal(f->rules[0].domain, "ads.example.org");
	assert_string_equal(outcome.block.domain, "ads.example.org");
	assert_int_equal(outcome.block.state, BLOCK_ACTIVE);
	assert_int_equal(add(f, "ads.example.org", 0, &outcome), -EEXIST);
	fixture_restart(f, true);
	assert_string_equal(f->rules[0].domain, "ads.example.org");
}

static void this_host_is_never_blocked_by_name(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	(void)snprintf(f->service->own_name, sizeof(f->service->own_name), "www.example.net");
	assert_int_equal(add(f, "localhost", 0, &outcome), -EPERM);
	assert_int_equal(add(f, "a.localhost", 0, &outcome), -EPERM);
	assert_int_equal(add(f, "www.example.net", 0, &outcome), -EPERM);
	assert_int_equal(add(f, "example.net", 0, &outcome), -EPERM);
	assert_int_equal(add(f, "mail.example.net", 0, &outcome), 0);
}

static void refuse_is_an_action_of_names_only(void **state)
{
	struct fixture *f = *state;
	struct block_request request = { .value = "198.51.100.1", .action = "refuse" };
	struct block_outcome outcome;

	assert_int_equal(block_add(f->service, &admin, &request, &outcome), -EINVAL);
	request.value = "example.org";
	assert_int_equal(block_add(f->service, &admin, &request, &outcome), 0);
	assert_int_equal(f->rules[0].action, BLOCK_REFUSE);
}

static void addresses_that_others_share_are_left_out_and_said(void **state)
{
	struct fixture *f = *state;
	struct block_notes notes = { 0 };
	struct block_request request = { .value = "bad.example",
					 .with_addresses = true,
					 .notes = &notes };
	struct block_outcome outcome;

	assert_int_equal(addr_parse("203.0.113.1", &f->addrs[0].addr), 0);
	assert_int_equal(addr_parse("203.0.113.2", &f->addrs[1].addr), 0);
	f->addrs[1].is_shared = true;
	(void)snprintf(f->addrs[1].other, sizeof(f->addrs[1].other), "good.example");
	assert_int_equal(addr_parse("127.0.0.1", &f->addrs[2].addr), 0);
	f->addr_count = 3;
	assert_int_equal(block_add(f->service, &admin, &request, &outcome), 0);
	assert_int_equal(f->rule_count, 2);
	assert_int_equal(notes.added, 1);
	assert_int_equal(notes.count, 2);
	assert_non_null(strstr(notes.text[0], "good.example"));
	assert_non_null(strstr(notes.text[1], "loopback"));
	assert_int_equal(block_remove(f->service, &admin, 1, &outcome), 0);
	assert_int_equal(f->rule_count, 0); /* its addresses go with it */
}

static int ask(struct fixture *f, const char *value, struct block_verdict *verdict)
{
	const struct block_question question = { .value = value };

	return block_test(f->service, &question, verdict);
}

static void test_names_every_match_and_the_one_that_decides(void **state)
{
	struct fixture *f = *state;
	struct block_request request = { .value = "198.51.100.64/26", .action = "count" };
	struct block_verdict *verdict = calloc(1, sizeof(*verdict));
	struct block_outcome outcome;

	assert_non_null(verdict);
	assert_int_equal(add(f, "198.51.100.0/24", 0, &outcome), 0);
	assert_int_equal(block_add(f->service, &admin, &request, &outcome), 0);
	assert_int_equal(ask(f, "203.0.113.5", verdict), 0);
	assert_int_equal(verdict->decides, -1);
	assert_int_equal(verdict->match_count, 0);
	assert_int_equal(ask(f, "198.51.100.65", verdict), 0);
	assert_int_equal(verdict->match_count, 2);
	assert_int_equal(verdict->decides, 0);
	assert_int_equal(verdict->matches[0].block.target.len, 26);
	assert_int_equal(verdict->matches[0].block.action, BLOCK_COUNT);
	assert_int_equal(block_set_off(f->service, &admin, 2, true, &outcome), 0);
	assert_int_equal(ask(f, "198.51.100.65", verdict), 0);
	assert_int_equal(verdict->decides, 1);
	assert_string_equal(verdict->matches[0].why, "turned off");
	assert_int_equal(ask(f, "127.0.0.1", verdict), -EPERM);
	assert_int_equal(ask(f, "1.2.3", verdict), -EINVAL);
	free(verdict);
}

static void test_asks_names_by_what_is_above_them(void **state)
{
	struct fixture *f = *state;
	struct block_verdict *verdict = calloc(1, sizeof(*verdict));
	struct block_outcome outcome;

	assert_non_null(verdict);
	assert_int_equal(add(f, "example.org", 0, &outcome), 0);
	assert_int_equal(ask(f, "a.b.Example.org", verdict), 0);
	assert_int_equal(verdict->decides, 0);
	assert_int_equal(ask(f, "badexample.org", verdict), 0);
	assert_int_equal(verdict->decides, -1);
	free(verdict);
}

static void test_keeps_to_the_scope_asked_about(void **state)
{
	struct fixture *f = *state;
	struct block_request request = { .value = "198.51.100.7", .proto = "tcp", .port = 25 };
	struct block_question question = { .value = "198.51.100.7", .proto = "udp" };
	struct block_verdict *verdict = calloc(1, sizeof(*verdict));
	struct block_outcome outcome;

	assert_non_null(verdict);
	assert_int_equal(block_add(f->service, &admin, &request, &outcome), 0);
	assert_int_equal(block_test(f->service, &question, verdict), 0);
	assert_int_equal(verdict->decides, -1);
	assert_non_null(strstr(verdict->matches[0].why, "only TCP to port 25"));
	question.proto = "tcp";
	question.port = 25;
	assert_int_equal(block_test(f->service, &question, verdict), 0);
	assert_int_equal(verdict->decides, 0);
	free(verdict);
}

static void same_target_with_another_scope_is_another_block(void **state)
{
	struct fixture *f = *state;
	struct block_request request = { .value = "198.51.100.7", .proto = "tcp", .port = 25 };
	struct block_outcome outcome;

	assert_int_equal(add(f, "198.51.100.7", 0, &outcome), 0);
	assert_int_equal(block_add(f->service, &admin, &request, &outcome), 0);
	assert_int_equal(block_add(f->service, &admin, &request, &outcome), -EEXIST);
	assert_int_equal(f->rule_count, 2);
}

static void hits_by_layer_outlive_a_restart_and_a_reboot(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;

	assert_int_equal(add(f, "bad.example", 0, &outcome), 0);
	f->hits[0] =
		(struct block_hits){ .packets = 9, .layers = { [HIT_DNS] = 4, [HIT_TLS] = 5 } };
	fixture_restart(f, false); /* the datapath keeps its count: nothing counts twice */
	assert_int_equal(block_get(f->service, outcome.block.id, &row), 0);
	assert_int_equal(row.hits.layers[HIT_DNS], 4);
	assert_int_equal(row.hits.layers[HIT_TLS], 5);
	fixture_restart(f, true); /* and begins anew */
	f->hits[0] =
		(struct block_hits){ .packets = 2, .layers = { [HIT_TLS] = 1, [HIT_QUIC] = 1 } };
	pass_s(2);
	assert_int_equal(block_get(f->service, outcome.block.id, &row), 0);
	assert_int_equal(row.hits.packets, 11);
	assert_int_equal(row.hits.layers[HIT_DNS], 4);
	assert_int_equal(row.hits.layers[HIT_TLS], 6);
	assert_int_equal(row.hits.layers[HIT_QUIC], 1);
}

static void a_second_order_for_the_same_name_and_scope_names_the_first(void **state)
{
	struct fixture *f = *state;
	struct block_outcome first, again;
	const struct block_request other = { .value = "bad.example", .proto = "udp" };
	char number[32];

	assert_int_equal(add(f, "Bad.Example.", 0, &first), 0);
	assert_int_equal(add(f, "bad.example", 0, &again), -EEXIST);
	assert_string_equal(again.field, "value");
	(void)snprintf(number, sizeof(number), "(block %lld)", (long long)first.block.id);
	assert_non_null(strstr(again.message, number));
	assert_int_equal(again.block.id, first.block.id);
	/* another scope is another rule */
	assert_int_equal(block_add(f->service, &admin, &other, &again), 0);
	assert_int_equal(f->rule_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(name_is_canonical_in_the_datapath),
		TEST(this_host_is_never_blocked_by_name),
		TEST(refuse_is_an_action_of_names_only),
		TEST(addresses_that_others_share_are_left_out_and_said),
		TEST(test_names_every_match_and_the_one_that_decides),
		TEST(test_asks_names_by_what_is_above_them),
		TEST(test_keeps_to_the_scope_asked_about),
		TEST(same_target_with_another_scope_is_another_block),
		TEST(hits_by_layer_outlive_a_restart_and_a_reboot),
		TEST(a_second_order_for_the_same_name_and_scope_names_the_first),
	};

	return cmocka_run_group_tests_name("block_names", tests, NULL, NULL);
}
