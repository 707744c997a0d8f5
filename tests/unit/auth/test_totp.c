/* The second factor and tokens: what lets in, once, and for how long. */
#include "agent/util/totp.h"
#include "tests/unit/auth/fixture.h"

static void code_at(struct fixture *f, int64_t user_id, int64_t drift, char code[TOTP_CODE_MAX])
{
	struct totp totp;

	assert_int_equal(store_totp_get(f->store, user_id, &totp), 0);
	assert_int_equal(totp_code(totp.secret, now_unix_ms / 1000 / TOTP_STEP_S + drift, code), 0);
}

static int login_with(struct fixture *f, const char *code)
{
	struct auth_claim claim = { .name = "admin", .password = GOOD_PASSWORD, .code = code };
	struct addr peer = peer_of("192.0.2.9");

	auth_login(f->auth, &claim, &peer, on_outcome, f);
	return f->outcome.error;
}

static struct principal log_in_first(struct fixture *f)
{
	struct principal who;

	assert_int_equal(login_with(f, ""), 0);
	assert_int_equal(session(f, f->outcome.session, &who), 0);
	return who;
}

/* On, and a minute later: no code of before fits. */
static struct principal turn_on(struct fixture *f, struct auth_totp_codes *codes)
{
	struct principal who = log_in_first(f);
	struct auth_totp_offer offer;
	char code[TOTP_CODE_MAX];
	const char *message;

	assert_int_equal(auth_totp_begin(f->auth, &who, &offer, &message), 0);
	assert_int_equal(strlen(offer.secret), 32);
	assert_non_null(strstr(offer.uri, offer.secret));
	assert_int_equal(login_with(f, ""), 0); /* not in force before its first code */
	code_at(f, who.user_id, 0, code);
	assert_int_equal(auth_totp_confirm(f->auth, &who, code, codes, &message), 0);
	pass_s(90);
	return who;
}

static void a_code_is_asked_for_and_good_once(void **state)
{
	struct fixture *f = *state;
	struct auth_totp_codes codes;
	struct principal who = turn_on(f, &codes);
	char code[TOTP_CODE_MAX];

	assert_int_equal(login_with(f, NULL), -ENOKEY);
	assert_string_equal(f->outcome.session, "");
	code_at(f, who.user_id, 0, code);
	assert_int_equal(login_with(f, code), 0);
	assert_int_equal(login_with(f, code), -EACCES);
}

static void codes_of_the_steps_beside_are_taken_and_no_others(void **state)
{
	struct fixture *f = *state;
	struct auth_totp_codes codes;
	struct principal who = turn_on(f, &codes);
	char code[TOTP_CODE_MAX];

	code_at(f, who.user_id, -2, code);
	assert_int_equal(login_with(f, code), -EACCES);
	code_at(f, who.user_id, 2, code);
	assert_int_equal(login_with(f, code), -EACCES);
	code_at(f, who.user_id, 1, code);
	assert_int_equal(login_with(f, code), 0);
	code_at(f, who.user_id, 0, code); /* older than the one that was used */
	assert_int_equal(login_with(f, code), -EACCES);
}

static void a_recovery_code_is_good_once_however_it_is_typed(void **state)
{
	struct fixture *f = *state;
	struct auth_totp_codes codes;
	struct auth_totp_state totp;
	struct principal who = turn_on(f, &codes);
	char typed[TOTP_CODE_TEXT];

	memcpy(typed, codes.text[3], sizeof(typed));
	typed[0] = (char)(typed[0] >= 'a' ? typed[0] - 'a' + 'A' : typed[0]);
	typed[4] = ' ';
	assert_int_equal(login_with(f, typed), 0);
	assert_int_equal(login_with(f, codes.text[3]), -EACCES);
	assert_int_equal(auth_totp_state(f->auth, &who, &totp), 0);
	assert_true(totp.is_active);
	assert_int_equal(totp.codes_left, TOTP_CODES - 1);
}

static void guessing_codes_is_slowed_as_guessing_passwords_is(void **state)
{
	struct fixture *f = *state;
	struct auth_totp_codes codes;
	int error = 0;

	(void)turn_on(f, &codes);
	for (int i = 0; i < 30 && error != -EAGAIN; i++)
		error = login_with(f, "000000");
	assert_int_equal(error, -EAGAIN);
}

static void a_wrong_or_overlong_code_turns_nothing_on_or_off(void **state)
{
	struct fixture *f = *state;
	struct auth_totp_codes codes;
	struct principal who = turn_on(f, &codes);
	struct auth_totp_state totp;
	const char *message;

	assert_int_equal(auth_totp_end(f->auth, &who, "123", &message), -EACCES);
	assert_int_equal(auth_totp_end(f->auth, &who, "0000000000000000000000000000", &message),
			 -EACCES);
	assert_int_equal(auth_totp_state(f->auth, &who, &totp), 0);
	assert_true(totp.is_active);
	assert_int_equal(auth_totp_end(f->auth, &who, codes.text[0], &message), 0);
	assert_int_equal(login_with(f, ""), 0);
	assert_int_equal(auth_totp_end(f->auth, &who, codes.text[1], &message), -ENOENT);
}

static void the_secret_is_sealed_and_survives_a_new_key(void **state)
{
	struct fixture *f = *state;
	struct auth_totp_codes codes;
	struct principal who = turn_on(f, &codes);
	struct store_rotation rotation;
	char code[TOTP_CODE_MAX], error[256];

	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, error), 0);
	code_at(f, who.user_id, 0, code);
	assert_int_equal(login_with(f, code), 0);
}

/* ---- tokens -----------------------------------------------------------------------------------
 */

static int use_token(struct fixture *f, const char *text, struct principal *out)
{
	struct addr peer = peer_of("192.0.2.7");
	struct principal ignored;

	return auth_bearer(f->auth, text, &peer, out ? out : &ignored, NULL);
}

static void a_token_has_its_role_and_scopes_until_it_ends(void **state)
{
	const struct auth_token_order order = {
		.name = "ci", .role = ROLE_ANALYST, .scopes = SCOPE_READ, .ttl_s = 3600
	};
	struct fixture *f = *state;
	struct principal who = log_in_first(f), token_who;
	char text[AUTH_TOKEN_TEXT_MAX];
	struct api_token token;

	now_unix_ms = clock_unix_ms();
	assert_int_equal(auth_token_create(f->store, &who, &order, &token, text), 0);
	assert_int_equal(use_token(f, text, &token_who), 0);
	assert_int_equal(token_who.role, ROLE_ANALYST);
	assert_int_equal(token_who.scopes, SCOPE_READ);
	assert_string_equal(token_who.name, "token:ci");
	assert_int_equal(token_who.user_id, 0);
	text[10] ^= 1;
	assert_int_equal(use_token(f, text, NULL), -EACCES);
	text[10] ^= 1;
	assert_int_equal(auth_token_create(f->store, &who, &order, &token, text), -EEXIST);
	pass_s(3601);
	assert_int_equal(use_token(f, text, NULL), -EACCES);
}

static void a_token_never_may_more_than_who_made_it(void **state)
{
	const struct auth_token_order order = { .name = "ops",
						.role = ROLE_ADMIN,
						.scopes = SCOPE_ALL };
	struct fixture *f = *state;
	struct principal admin = log_in_first(f), vera = admin, who;
	char text[AUTH_TOKEN_TEXT_MAX];
	struct api_token token;
	struct user user;
	const char *message;

	assert_int_equal(add_user(f, "vera", OTHER_PASSWORD, ROLE_ADMIN), 0);
	assert_int_equal(store_user_by_name(f->store, "vera", &user), 0);
	vera.user_id = user.id;
	assert_int_equal(auth_token_create(f->store, &vera, &order, &token, text), 0);
	assert_int_equal(auth_set_role(f->auth, &admin, "vera", ROLE_VIEWER, &message), 0);
	assert_int_equal(use_token(f, text, &who), 0);
	assert_int_equal(who.role, ROLE_VIEWER);
	assert_int_equal(auth_token_create(f->store, &who, &order, &token, text), -EACCES);
	assert_int_equal(auth_disable_user(f->auth, &admin, "vera", true, &message), 0);
	assert_int_equal(use_token(f, text, NULL), -EACCES);
}

static void a_revoked_token_ends_with_its_streams(void **state)
{
	const struct auth_token_order order = { .name = "x",
						.role = ROLE_VIEWER,
						.scopes = SCOPE_READ };
	struct fixture *f = *state;
	struct principal who = log_in_first(f);
	char text[AUTH_TOKEN_TEXT_MAX];
	struct api_token token;
	size_t ended = f->ended_count;

	assert_int_equal(auth_token_create(f->store, &who, &order, &token, text), 0);
	assert_int_equal(auth_token_revoke(f->store, f->auth, &who, token.id), 0);
	assert_int_equal(f->ended_count, ended + 1);
	assert_int_equal(use_token(f, text, NULL), -EACCES);
	assert_int_equal(auth_token_revoke(f->store, f->auth, &who, token.id), -ENOENT);
}

/* ---- roles and sessions -----------------------------------------------------------------------
 */

static void the_last_admin_stays_one(void **state)
{
	struct fixture *f = *state;
	struct principal who = log_in_first(f);
	const char *message;

	assert_int_equal(auth_set_role(f->auth, &who, "admin", ROLE_VIEWER, &message), -EPERM);
	assert_int_equal(add_user(f, "vera", OTHER_PASSWORD, ROLE_ADMIN), 0);
	assert_int_equal(auth_set_role(f->auth, &who, "admin", ROLE_VIEWER, &message), 0);
	assert_int_equal(f->ended_count, 1); /* its streams begin anew */
	assert_int_equal(session(f, f->outcome.session, &who), 0);
	assert_int_equal(who.role, ROLE_VIEWER);
}

static void others_sessions_are_an_admins_to_end(void **state)
{
	struct auth_session_info infos[8];
	struct fixture *f = *state;
	struct principal vera, admin;
	char id[44];

	assert_int_equal(add_user(f, "vera", OTHER_PASSWORD, ROLE_VIEWER), 0);
	assert_int_equal(login(f, "vera", OTHER_PASSWORD, "192.0.2.5"), 0);
	memcpy(id, f->outcome.session, sizeof(id));
	assert_int_equal(session(f, id, &vera), 0);
	admin = log_in_first(f);
	assert_int_equal(auth_sessions(f->auth, admin.user_id, infos, 8), 1);
	assert_int_equal(auth_end_session(f->auth, &vera, infos[0].tag), -ENOENT);
	assert_int_equal(auth_sessions(f->auth, vera.user_id, infos, 8), 1);
	assert_int_equal(auth_sessions(f->auth, 0, infos, 8), 2);
	assert_int_equal(auth_sessions(f->auth, vera.user_id, infos, 8), 1);
	assert_int_equal(auth_end_session(f->auth, &admin, infos[0].tag), 0);
	assert_int_equal(session(f, id, NULL), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_code_is_asked_for_and_good_once),
		TEST(codes_of_the_steps_beside_are_taken_and_no_others),
		TEST(a_recovery_code_is_good_once_however_it_is_typed),
		TEST(guessing_codes_is_slowed_as_guessing_passwords_is),
		TEST(a_wrong_or_overlong_code_turns_nothing_on_or_off),
		TEST(the_secret_is_sealed_and_survives_a_new_key),
		TEST(a_token_has_its_role_and_scopes_until_it_ends),
		TEST(a_token_never_may_more_than_who_made_it),
		TEST(a_revoked_token_ends_with_its_streams),
		TEST(the_last_admin_stays_one),
		TEST(others_sessions_are_an_admins_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
