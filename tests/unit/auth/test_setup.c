/* First start: the one-time token, the password file, the demo; users and who may change them. */
#include <sys/stat.h>

#include "tests/unit/auth/fixture.h"

static int set_up(struct fixture *f, const char *token, const char *name, const char *password)
{
	struct auth_claim claim = { .name = name, .password = password, .token = token };
	struct addr peer = peer_of("127.0.0.1");

	auth_setup(f->auth, &claim, &peer, on_outcome, f);
	return f->outcome.error;
}

static void token_path_of(const struct fixture *f, char path[static 96])
{
	(void)snprintf(path, 96, "%s/setup.token", f->dir);
}

static void first_start_has_a_token_in_a_private_file(void **state)
{
	struct fixture *f = *state;
	char path[96], line[64] = "";
	struct stat info;
	FILE *file;

	fixture_start(f);
	assert_true(auth_needs_setup(f->auth));
	assert_int_equal(strlen(f->token), 43);
	token_path_of(f, path);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_int_equal(fclose(file), 0);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, f->token);
	/* nobody can log in meanwhile */
	assert_int_equal(login(f, "admin", "", "127.0.0.1"), -EACCES);
	assert_int_equal(login(f, "admin", "admin", "127.0.0.1"), -EACCES);
}

static void token_sets_up_once_and_logs_in(void **state)
{
	struct fixture *f = *state;
	struct principal who;
	char path[96];
	struct stat info;

	fixture_start(f);
	assert_int_equal(set_up(f, "wrong", "", GOOD_PASSWORD), -EACCES);
	assert_int_equal(set_up(f, f->token, "", "short"), -EINVAL);
	assert_int_equal(set_up(f, f->token, "no spaces", GOOD_PASSWORD), -EINVAL);
	assert_int_equal(set_up(f, f->token, "ruth", GOOD_PASSWORD), 0);
	assert_int_equal(session(f, f->outcome.session, &who), 0);
	assert_string_equal(who.name, "ruth");
	assert_int_equal(who.role, ROLE_ADMIN);
	assert_false(auth_needs_setup(f->auth));
	token_path_of(f, path);
	assert_int_equal(stat(path, &info), -1);
	assert_int_equal(set_up(f, f->token, "", OTHER_PASSWORD), -EPERM);
	assert_int_equal(login(f, "ruth", GOOD_PASSWORD, "127.0.0.1"), 0);
	fixture_restart(f);
	assert_string_equal(f->token, "");
}

static void token_spent_twice_at_the_same_time_works_once(void **state)
{
	struct fixture *f = *state;

	fixture_start(f);
	f->holds = true;
	(void)set_up(f, f->token, "", GOOD_PASSWORD);
	assert_int_equal(f->answers, 0);
	assert_int_equal(set_up(f, f->token, "", OTHER_PASSWORD), -EAGAIN);
	release(f);
	assert_int_equal(f->outcome.error, 0);
	assert_int_equal(login(f, "admin", OTHER_PASSWORD, "127.0.0.1"), -EACCES);
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "127.0.0.1"), 0);
}

static void token_stays_the_same_for_a_day_and_is_new_after_it(void **state)
{
	struct fixture *f = *state;
	char first[44];

	fixture_start(f);
	memcpy(first, f->token, sizeof(first));
	pass_s(86399);
	fixture_restart(f);
	assert_string_equal(f->token, first);
	pass_s(1);
	assert_int_equal(set_up(f, first, "", GOOD_PASSWORD), -EACCES);
	fixture_restart(f);
	assert_string_not_equal(f->token, first);
	assert_int_equal(set_up(f, first, "", GOOD_PASSWORD), -EACCES);
	assert_int_equal(set_up(f, f->token, "", GOOD_PASSWORD), 0);
}

static void write_password_file(const struct fixture *f, const char *text)
{
	char path[96];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/password", f->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(setenv("SLUICE_ADMIN_PASSWORD_FILE", path, 1), 0);
}

static void password_file_sets_up_without_a_token(void **state)
{
	struct fixture *f = *state;

	write_password_file(f, GOOD_PASSWORD "\n");
	fixture_start(f);
	assert_string_equal(f->token, "");
	assert_false(auth_needs_setup(f->auth));
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	assert_false(f->outcome.principal.must_change);
	write_password_file(f, OTHER_PASSWORD "\n"); /* never replaces one */
	fixture_restart(f);
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
}

static void weak_or_missing_password_file_stops_the_start(void **state)
{
	struct fixture *f = *state;

	log_init("test", 0); /* the lines are expected */
	assert_int_equal(auth_new(&f->options, &f->auth), 0);
	write_password_file(f, "password1234\n");
	assert_int_equal(auth_prepare(f->auth, f->token), -EINVAL);
	assert_int_equal(setenv("SLUICE_ADMIN_PASSWORD_FILE", "/nonexistent", 1), 0);
	assert_int_equal(auth_prepare(f->auth, f->token), -EINVAL);
}

static void demo_opens_with_its_known_password_from_loopback_only(void **state)
{
	struct fixture *f = *state;
	struct auth_change change = { "admin", GOOD_PASSWORD };
	struct principal who;

	f->options.is_demo = true;
	fixture_start(f);
	assert_true(auth_has_demo_login(f->auth));
	assert_int_equal(login(f, "admin", "admin", "192.0.2.9"), -EACCES);
	assert_int_equal(login(f, "admin", "admin", "127.0.0.1"), 0);
	assert_int_equal(session(f, f->outcome.session, &who), 0);
	assert_true(who.must_change);
	auth_change_password(f->auth, &who, &change, on_outcome, f);
	assert_int_equal(f->outcome.error, 0);
	assert_false(f->outcome.principal.must_change);
	assert_false(auth_has_demo_login(f->auth));
	fixture_restart(f);
	assert_int_equal(login(f, "admin", "admin", "127.0.0.1"), -EACCES);
	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
}

static void demo_off_loopback_has_a_random_password_to_change(void **state)
{
	struct fixture *f = *state;
	char first[24];

	f->options.is_demo = true;
	f->options.is_loopback = false;
	fixture_start(f);
	(void)snprintf(first, sizeof(first), "%s", auth_demo_password(f->auth));
	assert_int_equal(strlen(first), 20);
	assert_int_equal(login(f, "admin", "admin", "127.0.0.1"), -EACCES);
	assert_int_equal(login(f, "admin", first, "192.0.2.9"), 0);
	assert_true(f->outcome.principal.must_change);
	fixture_restart(f);
	assert_string_not_equal(auth_demo_password(f->auth), first);
	assert_int_equal(login(f, "admin", first, "192.0.2.9"), -EACCES);
}

/* ---- users ------------------------------------------------------------------------------------
 */

static const struct principal boss = { .user_id = 1, .role = ROLE_ADMIN, .name = "admin" };

static int create(struct fixture *f, const struct principal *who, const char *name,
		  const char *email)
{
	struct auth_user_order order = {
		.name = name, .email = email, .password = OTHER_PASSWORD, .role = ROLE_ANALYST
	};

	auth_create_user(f->auth, who, &order, on_user, f);
	return f->user_error;
}

static void admin_makes_a_user_who_must_change_the_password(void **state)
{
	struct fixture *f = *state;
	struct principal analyst = { .user_id = 2, .role = ROLE_ANALYST, .name = "ana" };

	assert_int_equal(create(f, &boss, "ana", "ana@example.org"), 0);
	assert_int_equal(login(f, "ana", OTHER_PASSWORD, "192.0.2.9"), 0);
	assert_int_equal(f->outcome.principal.role, ROLE_ANALYST);
	assert_true(f->outcome.principal.must_change);
	assert_int_equal(create(f, &boss, "ana", ""), -EEXIST);
	assert_int_equal(create(f, &boss, "unix:root", ""), -EINVAL);
	assert_int_equal(create(f, &boss, "", ""), -EINVAL);
	assert_int_equal(create(f, &boss, "ben", "not an address"), -EINVAL);
	assert_int_equal(create(f, &analyst, "ben", ""), -EACCES);
}

static void disabled_user_is_out_at_once_and_back_when_enabled(void **state)
{
	struct fixture *f = *state;
	const char *message;
	char id[44];

	assert_int_equal(create(f, &boss, "ana", ""), 0);
	assert_int_equal(login(f, "ana", OTHER_PASSWORD, "192.0.2.9"), 0);
	memcpy(id, f->outcome.session, sizeof(id));
	assert_int_equal(auth_disable_user(f->auth, &boss, "ana", true, &message), 0);
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(session(f, id, NULL), -EACCES);
	assert_int_equal(login(f, "ana", OTHER_PASSWORD, "192.0.2.9"), -EACCES);
	assert_int_equal(auth_disable_user(f->auth, &boss, "ana", false, &message), 0);
	assert_int_equal(login(f, "ana", OTHER_PASSWORD, "192.0.2.9"), 0);
}

static void last_admin_cannot_be_disabled(void **state)
{
	struct fixture *f = *state;
	const char *message = "";

	assert_int_equal(create(f, &boss, "ana", ""), 0);
	assert_int_equal(auth_disable_user(f->auth, &boss, "admin", true, &message), -EPERM);
	assert_non_null(strstr(message, "last admin"));
	assert_int_equal(auth_user_set_disabled(f->store, "admin", true, NULL), -EPERM);
	assert_int_equal(auth_user_set_disabled(f->store, "nobody", true, NULL), -ENOENT);
}

static void password_reset_ends_the_sessions_of_that_user(void **state)
{
	struct fixture *f = *state;
	struct auth_user_order order = { .name = "ana", .password = GOOD_PASSWORD };
	char id[44];

	assert_int_equal(create(f, &boss, "ana", ""), 0);
	assert_int_equal(login(f, "ana", OTHER_PASSWORD, "192.0.2.9"), 0);
	memcpy(id, f->outcome.session, sizeof(id));
	auth_reset_password(f->auth, &boss, &order, on_user, f);
	assert_int_equal(f->user_error, 0);
	assert_int_equal(session(f, id, NULL), -EACCES);
	assert_int_equal(login(f, "ana", GOOD_PASSWORD, "192.0.2.9"), 0);
	assert_true(f->outcome.principal.must_change);
	order.name = "nobody";
	auth_reset_password(f->auth, &boss, &order, on_user, f);
	assert_int_equal(f->user_error, -ENOENT);
}

static void change_behind_the_service_is_noticed(void **state)
{
	struct fixture *f = *state;
	char id[44];

	assert_int_equal(login(f, "admin", GOOD_PASSWORD, "192.0.2.9"), 0);
	memcpy(id, f->outcome.session, sizeof(id));
	assert_int_equal(auth_user_set_password(f->store, "admin", OTHER_PASSWORD, NULL), 0);
	auth_tick(f->auth);
	assert_int_equal(f->ended_count, 1);
	assert_int_equal(session(f, id, NULL), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BARE(first_start_has_a_token_in_a_private_file),
		TEST_BARE(token_sets_up_once_and_logs_in),
		TEST_BARE(token_spent_twice_at_the_same_time_works_once),
		TEST_BARE(token_stays_the_same_for_a_day_and_is_new_after_it),
		TEST_BARE(password_file_sets_up_without_a_token),
		TEST_BARE(weak_or_missing_password_file_stops_the_start),
		TEST_BARE(demo_opens_with_its_known_password_from_loopback_only),
		TEST_BARE(demo_off_loopback_has_a_random_password_to_change),
		TEST(admin_makes_a_user_who_must_change_the_password),
		TEST(disabled_user_is_out_at_once_and_back_when_enabled),
		TEST(last_admin_cannot_be_disabled),
		TEST(password_reset_ends_the_sessions_of_that_user),
		TEST(change_behind_the_service_is_noticed),
	};

	return cmocka_run_group_tests_name("auth_setup", tests, NULL, NULL);
}
