/* Login, change of password, sessions: who gets in, for how long, and what ends it. */
#include "agent/store/db.h"
#include "tests/unit/auth/fixture.h"

static void change(struct fixture *f, const struct principal *who, const char *old_password,
		   const char *new_password)
{
	struct auth_change words = { old_password, new_password };

	auth_change_password(f->auth, who, &words, on_outcome, f);
}

static void right_password_opens_a_session(void **state)
{
	struct fixture *f = *state;
	struct principal who;
	struct user user;

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	assert_int_equal(strlen(f->outcome.session), 43);
	assert_int_equal(session(f, f->outcome.session, &who), 0);
	assert_string_equal(who.name, "admin");
	assert_int_equal(who.role, ROLE_ADMIN);
	assert_false(who.is_local);
	assert_int_equal(store_user_by_name(f->store, "admin", &user), 0);
	assert_int_equal(user.last_login_unix_ms, now_unix_ms);
}

static void wrong_unknown_and_odd_all_get_the_same_answer(void **state)
{
	static const char *const names[] = { "admin", "nobody", "", "unix:root", "a\nb" };
	struct fixture *f = *state;
	char long_password[2000];
	const char *message;

	memset(long_password, 'x', sizeof(long_password));
	long_password[sizeof(long_password) - 1] = '\0';
	assert_int_equal(login(f, "admin", "wrong", "192.0.2.1"), -EACCES);
	message = f->outcome.message;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(login(f, names[i], long_password, "192.0.2.2"), -EACCES);
		assert_string_equal(f->outcome.message, message);
		assert_string_equal(f->outcome.session, "");
	}
}

static void user_disabled_while_the_hash_runs_stays_out(void **state)
{
	struct fixture *f = *state;
	struct auth_claim claim = { .name = "vera", .password = OTHER_PASSWORD };
	struct addr peer = peer_of("192.0.2.9");
	const char *message;

	assert_int_equal(add_user(f, "vera", OTHER_PASSWORD, ROLE_VIEWER), 0);
	f->holds = true;
	auth_login(f->auth, &claim, &peer, on_outcome, f);
	assert_int_equal(f->answers, 0);
	assert_int_equal(auth_user_set_disabled(f->store, "vera", true, &message), 0);
	release(f);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->outcome.error, -EACCES);
}

static void too_many_hashes_at_once_are_refused_not_queued(void **state)
{
	struct auth_claim claim = { .name = "nobody", .password = "x" };
	struct fixture *f = *state;

	f->holds = true;
	for (int i = 0; i < JOBS_MAX; i++) {
		struct addr peer = peer_of("192.0.2.1");

		peer.bytes[15] = (uint8_t)i;
		auth_login(f->auth, &claim, &peer, on_outcome, f);
	}
	assert_int_equal(f->answers, 0);
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "198.51.100.1"), -EAGAIN);
	release(f);
	assert_int_equal(f->answers, JOBS_MAX + 1);
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "198.51.100.1"), 0);
}

static void every_login_has_its_own_id_and_only_hashes_are_stored(void **state)
{
	struct fixture *f = *state;
	struct session rows[4];
	char first[44];
	uint8_t id[32];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(first, f->outcome.session, sizeof(first));
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	assert_string_not_equal(first, f->outcome.session);
	assert_int_equal(store_session_list(f->store, rows, 4), 2);
	assert_int_equal(crypto_base64url_decode(first, id, sizeof(id)), 32);
	for (int i = 0; i < 2; i++)
		assert_memory_not_equal(rows[i].id_hash, id, sizeof(id));
}

static void session_ends_after_half_an_hour_without_use(void **state)
{
	struct fixture *f = *state;
	char id[44];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(id, f->outcome.session, sizeof(id));
	pass_s(29 * 60);
	assert_int_equal(session(f, id, NULL), 0);
	pass_s(29 * 60);
	assert_int_equal(session(f, id, NULL), 0);
	pass_s(30 * 60);
	assert_int_equal(session(f, id, NULL), -EACCES);
	assert_int_equal(f->ended_count, 1);
}

static void session_ends_after_twelve_hours_of_use(void **state)
{
	struct fixture *f = *state;
	char id[44];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(id, f->outcome.session, sizeof(id));
	for (int i = 0; i < 47; i++) {
		pass_s(15 * 60);
		assert_int_equal(session(f, id, NULL), 0);
	}
	pass_s(15 * 60);
	auth_tick(f->auth);
	assert_int_equal(session(f, id, NULL), -EACCES);
}

static void jump_of_wall_time_ends_no_session(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	now_unix_ms += 86400000;
	auth_tick(f->auth);
	assert_int_equal(session(f, f->outcome.session, NULL), 0);
	now_unix_ms = 0;
	assert_int_equal(session(f, f->outcome.session, NULL), 0);
}

static void session_survives_a_restart_with_its_age(void **state)
{
	struct fixture *f = *state;
	char id[44];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(id, f->outcome.session, sizeof(id));
	pass_s(20 * 60);
	fixture_restart(f);
	pass_s(9 * 60);
	assert_int_equal(session(f, id, NULL), 0);
	fixture_restart(f); /* the use just now was saved */
	pass_s(29 * 60);
	assert_int_equal(session(f, id, NULL), 0);
	pass_s(31 * 60);
	fixture_restart(f);
	assert_int_equal(session(f, id, NULL), -EACCES);
}

static void what_an_order_wrote_of_a_user_counts_at_the_next_request(void **state)
{
	struct fixture *f = *state;
	struct principal who;
	struct user user;

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	assert_int_equal(session(f, f->outcome.session, &who), 0);
	assert_int_equal(who.role, ROLE_ADMIN);
	assert_int_equal(store_user_by_name(f->store, "admin", &user), 0);
	user.role = ROLE_VIEWER;
	assert_int_equal(store_user_update(f->store, &user), 0);
	assert_int_equal(session(f, f->outcome.session, &who), 0);
	assert_int_equal(who.role, ROLE_VIEWER);
	user.disabled = true;
	assert_int_equal(store_user_update(f->store, &user), 0);
	assert_int_equal(session(f, f->outcome.session, &who), -EACCES);
}

static void what_another_process_wrote_counts_within_a_second(void **state)
{
	CLEANUP(db_close) struct db *other = NULL;
	struct fixture *f = *state;
	char path[96];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	assert_int_equal(session(f, f->outcome.session, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/demo-main.db", f->dir);
	assert_int_equal(db_open(path, DB_WRITE, 1000, &other), 0);
	assert_int_equal(db_exec(other, "DELETE FROM sessions"), 0);
	pass_s(1);
	assert_int_equal(session(f, f->outcome.session, NULL), -EACCES);
}

static void ids_that_are_none_are_refused(void **state)
{
	struct fixture *f = *state;
	char id[44];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(id, f->outcome.session, sizeof(id));
	id[5] = id[5] == 'A' ? 'B' : 'A';
	assert_int_equal(session(f, id, NULL), -EACCES);
	assert_int_equal(session(f, "", NULL), -EACCES);
	assert_int_equal(session(f, NULL, NULL), -EACCES);
	assert_int_equal(session(f, "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!", NULL), -EACCES);
}

static void csrf_token_is_valid_for_its_own_session_only(void **state)
{
	struct fixture *f = *state;
	struct addr peer = peer_of("192.0.2.9");
	struct principal who;
	struct auth_ticket one, two;
	char first[44], second[44];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(first, f->outcome.session, sizeof(first));
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(second, f->outcome.session, sizeof(second));
	assert_int_equal(auth_session(f->auth, first, &peer, &who, &one), 0);
	assert_int_equal(auth_session(f->auth, second, &peer, &who, &two), 0);
	assert_true(one.tag != 0 && one.tag != two.tag);
	assert_true(auth_csrf_is_valid(f->auth, first, one.csrf));
	assert_false(auth_csrf_is_valid(f->auth, second, one.csrf));
	assert_false(auth_csrf_is_valid(f->auth, first, two.csrf));
	assert_false(auth_csrf_is_valid(f->auth, first, ""));
	assert_false(auth_csrf_is_valid(f->auth, first, NULL));
	assert_false(auth_csrf_is_valid(f->auth, "", one.csrf));
}

static void logout_ends_this_session_and_tells_its_streams(void **state)
{
	struct fixture *f = *state;
	struct addr peer = peer_of("192.0.2.9");
	struct principal who;
	struct auth_ticket ticket;
	char id[44];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(id, f->outcome.session, sizeof(id));
	assert_int_equal(auth_session(f->auth, id, &peer, &who, &ticket), 0);
	auth_logout(f->auth, id);
	assert_int_equal(session(f, id, NULL), -EACCES);
	assert_int_equal(f->ended_count, 1);
	assert_true(f->ended[0] == ticket.tag);
}

static void change_of_password_ends_every_session_and_gives_a_new_one(void **state)
{
	struct fixture *f = *state;
	struct principal who;
	char other[44], own[44];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.7"), 0);
	memcpy(other, f->outcome.session, sizeof(other));
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(own, f->outcome.session, sizeof(own));
	assert_int_equal(session(f, own, &who), 0);
	change(f, &who, GOOD_PASSWORD, OTHER_PASSWORD);
	assert_int_equal(f->outcome.error, 0);
	assert_int_equal(session(f, f->outcome.session, NULL), 0);
	assert_int_equal(session(f, other, NULL), -EACCES);
	assert_int_equal(session(f, own, NULL), -EACCES);
	assert_int_equal(f->ended_count, 2);
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), -EACCES);
	assert_int_equal(login(f, "admin", OTHER_PASSWORD, "192.0.2.9"), 0);
}

static void change_needs_the_old_password_and_a_good_new_one(void **state)
{
	struct fixture *f = *state;
	struct principal who, local = { .role = ROLE_ADMIN, .is_local = true, .name = "unix:root" };

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	assert_int_equal(session(f, f->outcome.session, &who), 0);
	change(f, &who, "wrong", OTHER_PASSWORD);
	assert_int_equal(f->outcome.error, -EACCES);
	change(f, &who, GOOD_PASSWORD, "short");
	assert_int_equal(f->outcome.error, -EINVAL);
	change(f, &who, GOOD_PASSWORD, GOOD_PASSWORD);
	assert_int_equal(f->outcome.error, -EINVAL);
	change(f, &local, GOOD_PASSWORD, OTHER_PASSWORD);
	assert_int_equal(f->outcome.error, -EPERM);
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
}

static void admin_peers_are_the_addresses_admins_use_now(void **state)
{
	struct fixture *f = *state;
	struct addr peers[4], moved = peer_of("198.51.100.20");
	struct principal who;
	char text[ADDR_TEXT_MAX];

	assert_int_equal(add_user(f, "vera", OTHER_PASSWORD, ROLE_VIEWER), 0);
	assert_int_equal(login(f, "vera", OTHER_PASSWORD, "192.0.2.66"), 0);
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	assert_int_equal(auth_admin_peers(f->auth, peers, 4), 1);
	assert_string_equal(addr_format(&peers[0], text), "192.0.2.9");
	assert_int_equal(auth_session(f->auth, f->outcome.session, &moved, &who, NULL), 0);
	assert_int_equal(auth_admin_peers(f->auth, peers, 4), 1);
	assert_string_equal(addr_format(&peers[0], text), "198.51.100.20");
	pass_s(30 * 60);
	assert_int_equal(auth_admin_peers(f->auth, peers, 4), 0);
}

static void oldest_session_of_a_user_makes_room(void **state)
{
	struct fixture *f = *state;
	char first[44];

	for (int i = 0; i <= SESSIONS_PER_USER; i++) {
		assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
		if (i == 0)
			memcpy(first, f->outcome.session, sizeof(first));
		pass_s(1);
	}
	assert_int_equal(session(f, first, NULL), -EACCES);
	assert_int_equal(session(f, f->outcome.session, NULL), 0);
	assert_int_equal(f->ended_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_password_opens_a_session),
		TEST(wrong_unknown_and_odd_all_get_the_same_answer),
		TEST(user_disabled_while_the_hash_runs_stays_out),
		TEST(too_many_hashes_at_once_are_refused_not_queued),
		TEST(every_login_has_its_own_id_and_only_hashes_are_stored),
		TEST(session_ends_after_half_an_hour_without_use),
		TEST(session_ends_after_twelve_hours_of_use),
		TEST(jump_of_wall_time_ends_no_session),
		TEST(session_survives_a_restart_with_its_age),
		TEST(what_an_order_wrote_of_a_user_counts_at_the_next_request),
		TEST(what_another_process_wrote_counts_within_a_second),
		TEST(ids_that_are_none_are_refused),
		TEST(csrf_token_is_valid_for_its_own_session_only),
		TEST(logout_ends_this_session_and_tells_its_streams),
		TEST(change_of_password_ends_every_session_and_gives_a_new_one),
		TEST(change_needs_the_old_password_and_a_good_new_one),
		TEST(admin_peers_are_the_addresses_admins_use_now),
		TEST(oldest_session_of_a_user_makes_room),
	};

	return cmocka_run_group_tests_name("auth_login", tests, NULL, NULL);
}
