/* What is blocked by itself: one address, not the safe ones, not a shared one; and a trial run. */
#include "tests/unit/block/fixture.h"

static int add_automatic(struct fixture *f, const char *value, bool is_trial,
			 struct block_outcome *outcome)
{
	struct principal self = { .role = ROLE_ADMIN, .is_local = true, .name = "sluice" };
	struct addr about;
	struct prefix prefix;
	struct block_request request = { .value = value,
					 .ttl_s = 600,
					 .reason = "a scan",
					 .incident_id = 7,
					 .automatic = &about,
					 .is_trial = is_trial };

	assert_int_equal(prefix_parse(value, true, &prefix), 0);
	about = prefix.addr;
	return block_add(f->service, &self, &request, outcome);
}

static void it_names_its_incident_and_expires(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add_automatic(f, "198.51.100.7", false, &outcome), 0);
	assert_int_equal(f->rule_count, 1);
	assert_int_equal(outcome.block.incident_id, 7);
	assert_int_equal(outcome.block.source, BLOCK_BY_RESPONSE);
	assert_string_equal(outcome.block.author, "sluice");
	assert_true(outcome.block.expires_unix_ms > outcome.block.created_unix_ms);
	assert_int_equal(add_automatic(f, "2001:db8:7:8::/64", false, &outcome), 0);
}

static void nothing_wider_is_taken(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add_automatic(f, "198.51.100.0/31", false, &outcome), -EINVAL);
	assert_int_equal(add_automatic(f, "2001:db8:7::/63", false, &outcome), -EINVAL);
	assert_int_equal(f->rule_count, 0);
}

static void shared_addresses_are_left_alone(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(addr_parse("198.51.100.7", &f->addrs[0].addr), 0);
	f->addrs[0].is_shared = true;
	(void)snprintf(f->addrs[0].other, sizeof(f->addrs[0].other), "shop.example");
	f->addr_count = 1;
	assert_int_equal(add_automatic(f, "198.51.100.7", false, &outcome), -EMLINK);
	assert_non_null(strstr(outcome.message, "shop.example"));
	assert_int_equal(f->rule_count, 0);
	assert_int_equal(add(f, "198.51.100.7", 0, &outcome), 0); /* a person may */
}

static void safe_addresses_are_refused(void **state)
{
	struct fixture *f = *state;
	struct principal root = { .role = ROLE_ADMIN, .name = "root" };
	struct block_outcome outcome;

	assert_int_equal(block_safe_add(f->service, &root, "198.51.100.0/24", "ours", &outcome), 0);
	assert_int_equal(add_automatic(f, "198.51.100.7", false, &outcome), -EPERM);
	assert_int_equal(add_automatic(f, "198.51.100.7", true, &outcome), -EPERM);
}

static void a_trial_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;

	assert_int_equal(add_automatic(f, "198.51.100.7", true, &outcome), 0);
	assert_int_equal(f->rule_count, 0);
	assert_int_equal(block_list(f->service, false, 0, &row, 1), 0);
	assert_int_equal(f->changes, 0);
	assert_int_equal(add(f, "198.51.100.7", 0, &outcome), 0);
	assert_int_equal(add_automatic(f, "198.51.100.7", true, &outcome), -EEXIST);
}

static void own_addresses_are_known(void **state)
{
	struct fixture *f = *state;
	struct addr loopback;

	assert_int_equal(addr_parse("127.0.0.1", &loopback), 0);
	assert_false(
		block_is_own(f->service, &loopback)); /* safe, but no address of an interface */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_names_its_incident_and_expires), TEST(nothing_wider_is_taken),
		TEST(shared_addresses_are_left_alone),	 TEST(safe_addresses_are_refused),
		TEST(a_trial_changes_nothing),		 TEST(own_addresses_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
