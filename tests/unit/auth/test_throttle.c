/* How many guesses an hour allows, for one address and for many, and who is never slowed. */
#include "tests/unit/auth/fixture.h"

#define HOUR_S 3600

struct guessing {
	struct throttle *throttle;
	uint64_t now_s;
};

static int setup(void **state)
{
	struct guessing *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	assert_int_equal(crypto_init(), 0);
	g->throttle = throttle_new();
	assert_non_null(g->throttle);
	g->now_s = 100000;
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct guessing *g = *state;

	throttle_free(g->throttle);
	free(g);
	return 0;
}

static int guess(struct guessing *g, const char *name, int64_t user_id, const struct addr *peer,
		 int64_t *retry_s)
{
	struct throttle_attempt attempt = throttle_attempt_of(g->throttle, name, user_id, peer);

	return throttle_admit(g->throttle, &attempt, g->now_s, retry_s);
}

static void five_guesses_are_free_then_the_wait_doubles_to_a_quarter_hour(void **state)
{
	static const int64_t waits[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900 };
	struct guessing *g = *state;
	struct addr peer = peer_of("192.0.2.1");
	int64_t retry_s = 0;

	for (int i = 0; i < 5; i++)
		assert_int_equal(guess(g, "admin", 1, &peer, &retry_s), 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(guess(g, "admin", 1, &peer, &retry_s), -EAGAIN);
		assert_int_equal(retry_s, waits[i]);
		g->now_s += (uint64_t)retry_s;
		assert_int_equal(guess(g, "admin", 1, &peer, &retry_s), 0);
	}
}

/* Guesses admitted in @hours, each address trying once a second. */
static int flood(struct guessing *g, const char *name, unsigned int addresses, int hours)
{
	int admitted = 0;
	int64_t retry_s;

	for (int s = 0; s < hours * HOUR_S; s++, g->now_s++) {
		for (unsigned int i = 0; i < addresses; i++) {
			struct addr peer = peer_of("198.51.100.0");

			peer.bytes[14] = (uint8_t)(i >> 8);
			peer.bytes[15] = (uint8_t)i;
			admitted += guess(g, name, 1, &peer, &retry_s) == 0;
		}
	}
	g->now_s--; /* still in the last second of it */
	return admitted;
}

static void one_address_gets_fewer_than_a_hundred_guesses_an_hour(void **state)
{
	int admitted = flood(*state, "admin", 1, 1);

	assert_in_range(admitted, 10, 20);
}

static void many_addresses_together_get_fewer_than_a_hundred_an_hour(void **state)
{
	struct guessing *g = *state;

	assert_in_range(flood(g, "admin", 20, 1), 30, 99);
	assert_in_range(flood(g, "admin", 20, 1), 1, 99);
}

static void other_address_is_not_held_up_by_an_attack_from_one(void **state)
{
	struct guessing *g = *state;
	struct addr home = peer_of("203.0.113.5");
	int64_t retry_s;

	(void)flood(g, "admin", 1, 1);
	assert_int_equal(guess(g, "admin", 1, &home, &retry_s), 0);
}

static void address_that_logged_in_before_passes_an_attack_from_many(void **state)
{
	struct guessing *g = *state;
	struct addr home = peer_of("203.0.113.5"), stranger = peer_of("203.0.113.99"),
		    loopback = peer_of("127.0.0.1");
	struct throttle_attempt attempt = throttle_attempt_of(g->throttle, "admin", 1, &home);
	int64_t retry_s;

	assert_int_equal(throttle_admit(g->throttle, &attempt, g->now_s, &retry_s), 0);
	throttle_succeed(g->throttle, &attempt, g->now_s);
	(void)flood(g, "admin", 20, 1);
	assert_int_equal(guess(g, "admin", 1, &stranger, &retry_s), -EAGAIN);
	assert_in_range(retry_s, 1, 120); /* slowed, not locked */
	assert_int_equal(guess(g, "admin", 1, &home, &retry_s), 0);
	assert_int_equal(guess(g, "admin", 1, &loopback, &retry_s), 0);
}

static void unknown_names_are_slowed_as_users_are(void **state)
{
	struct guessing *g = *state;
	int64_t user_retry[60], other_retry[60];

	for (int i = 0; i < 60; i++) {
		struct addr peer = peer_of("192.0.2.0");

		peer.bytes[15] = (uint8_t)(i % 10);
		user_retry[i] = other_retry[i] = 0;
		(void)guess(g, "admin", 1, &peer, &user_retry[i]);
		peer.bytes[14] = 77; /* not slowed by the address itself */
		(void)guess(g, "nosuch", 0, &peer, &other_retry[i]);
	}
	assert_memory_equal(user_retry, other_retry, sizeof(user_retry));
}

static void one_ipv6_subscriber_is_one_address(void **state)
{
	struct guessing *g = *state;
	struct addr peer = peer_of("2001:db8:1:2::1");
	int64_t retry_s;

	for (int i = 0; i < 5; i++) {
		peer.bytes[15] = (uint8_t)i;
		assert_int_equal(guess(g, "admin", 1, &peer, &retry_s), 0);
	}
	peer.bytes[8] = 0xff;
	assert_int_equal(guess(g, "admin", 1, &peer, &retry_s), -EAGAIN);
	peer.bytes[7]++;
	assert_int_equal(guess(g, "admin", 1, &peer, &retry_s), 0);
}

static void address_that_tries_many_names_is_slowed(void **state)
{
	struct guessing *g = *state;
	struct addr peer = peer_of("192.0.2.1");
	int admitted = 0;

	for (int i = 0; i < 1000; i++) {
		char name[16];
		int64_t retry_s;

		(void)snprintf(name, sizeof(name), "user%d", i);
		admitted += guess(g, name, 0, &peer, &retry_s) == 0;
	}
	assert_int_equal(admitted, 20);
}

static void flood_of_names_does_not_refill_the_budget_of_a_user(void **state)
{
	struct guessing *g = *state;
	struct addr stranger = peer_of("203.0.113.99");
	int64_t retry_s;

	(void)flood(g, "admin", 20, 1);
	for (int i = 0; i < 5000; i++) {
		struct addr peer = peer_of("10.0.0.0");
		char name[16];

		peer.bytes[14] = (uint8_t)(i >> 8);
		peer.bytes[15] = (uint8_t)i;
		(void)snprintf(name, sizeof(name), "user%d", i);
		(void)guess(g, name, 0, &peer, &retry_s);
	}
	assert_int_equal(guess(g, "admin", 1, &stranger, &retry_s), -EAGAIN);
}

static void success_forgives_and_cancel_counts_nothing(void **state)
{
	struct guessing *g = *state;
	struct addr peer = peer_of("192.0.2.1");
	struct throttle_attempt attempt = throttle_attempt_of(g->throttle, "admin", 1, &peer);
	int64_t retry_s;

	for (int i = 0; i < 100; i++) {
		assert_int_equal(throttle_admit(g->throttle, &attempt, g->now_s, &retry_s), 0);
		throttle_cancel(g->throttle, &attempt, g->now_s);
	}
	for (int i = 0; i < 100; i++) {
		assert_int_equal(throttle_admit(g->throttle, &attempt, g->now_s, &retry_s), 0);
		throttle_succeed(g->throttle, &attempt, g->now_s);
	}
}

#define GUESS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUESS_TEST(five_guesses_are_free_then_the_wait_doubles_to_a_quarter_hour),
		GUESS_TEST(one_address_gets_fewer_than_a_hundred_guesses_an_hour),
		GUESS_TEST(many_addresses_together_get_fewer_than_a_hundred_an_hour),
		GUESS_TEST(other_address_is_not_held_up_by_an_attack_from_one),
		GUESS_TEST(address_that_logged_in_before_passes_an_attack_from_many),
		GUESS_TEST(unknown_names_are_slowed_as_users_are),
		GUESS_TEST(one_ipv6_subscriber_is_one_address),
		GUESS_TEST(address_that_tries_many_names_is_slowed),
		GUESS_TEST(flood_of_names_does_not_refill_the_budget_of_a_user),
		GUESS_TEST(success_forgives_and_cancel_counts_nothing),
	};

	return cmocka_run_group_tests_name("auth_throttle", tests, NULL, NULL);
}
