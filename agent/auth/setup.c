/*
 * The first start: an admin nobody can log in as, and a one-time token that gives it a password;
 * or a password from a file; or the demo's. Runs before threads and before the listener opens.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/auth/internal.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/file.h"
#include "agent/util/log.h"

#define TOKEN_HASH_KEY "setup.token_hash"
#define TOKEN_TIME_KEY "setup.created_unix_ms"
#define ADMIN_NAME     "admin"
#define PASSWORD_FILE  "SLUICE_ADMIN_PASSWORD_FILE"
#define TOKEN_FILE_MAX 160
#define DEMO_PASSWORD  "admin"

/* ---- the admin --------------------------------------------------------------------------------
 */

/* First user that @accept likes. Returns 0, -ENOENT, -errno. */
static int find_user(struct store *store, bool (*accept)(const struct user *), struct user *out)
{
	CLEANUP(free) struct user *users = calloc(USERS_MAX, sizeof(*users));
	int count = users ? store_user_list(store, users, USERS_MAX) : -ENOMEM;
	int error = count < 0 ? count : -ENOENT;

	for (int i = 0; i < count && error; i++) {
		if (!accept(&users[i]))
			continue;
		*out = users[i];
		error = 0;
	}
	if (count > 0)
		crypto_wipe(users, (size_t)count * sizeof(*users));
	return error;
}

static bool is_usable_admin(const struct user *user)
{
	return user->role == ROLE_ADMIN && !user->disabled && user->password_hash[0];
}

static bool is_fresh_admin(const struct user *user)
{
	return user->role == ROLE_ADMIN && !user->password_hash[0];
}

int setup_find_admin(struct store *store, struct user *out)
{
	return find_user(store, is_fresh_admin, out);
}

bool auth_needs_setup(struct auth *auth)
{
	struct user user;
	int error;

	if (auth->is_set_up)
		return false;
	error = find_user(auth->options.store, is_usable_admin, &user);
	crypto_wipe(&user, sizeof(user));
	auth->is_set_up = error == 0;
	return error == -ENOENT; /* a store that cannot be read opens no set-up */
}

/* The admin that set-up is for; made when there is none. */
static int ensure_admin(struct auth *auth, struct user *out)
{
	int error = setup_find_admin(auth->options.store, out);

	if (error != -ENOENT)
		return error;
	*out = (struct user){
		.name = ADMIN_NAME,
		.role = ROLE_ADMIN,
		.created_unix_ms = auth->unix_ms(),
	};
	error = store_user_insert(auth->options.store, out);
	if (error == -EEXIST)
		log_error("user %s exists and is no admin: add one with `sluice user add NAME "
			  "--role admin`",
			  ADMIN_NAME);
	return error;
}

static int give_password(struct auth *auth, struct user *user, const char *password,
			 bool must_change)
{
	int error = crypto_password_hash(password, user->password_hash);

	if (error)
		return error;
	user->must_change = must_change;
	return store_user_update(auth->options.store, user);
}

/* ---- the token --------------------------------------------------------------------------------
 */

static int token_path(const struct auth *auth, char *path, size_t size)
{
	int len = snprintf(path, size, "%s/%s", auth->state_dir, SETUP_TOKEN_FILE);

	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static void hash_token(const char *token, char text[static CRYPTO_TOKEN_TEXT_MAX])
{
	uint8_t hash[CRYPTO_HASH_BYTES];

	crypto_digest(token, strlen(token), hash);
	crypto_base64url(hash, sizeof(hash), text);
}

bool setup_is_token(struct auth *auth, const char *token)
{
	char stored[CRYPTO_TOKEN_TEXT_MAX] = "", given[CRYPTO_TOKEN_TEXT_MAX], created[24] = "";
	struct store *store = auth->options.store;
	int64_t age_ms;

	hash_token(token, given);
	if (store_setting_get(store, TOKEN_HASH_KEY, stored, sizeof(stored)) != 0 ||
	    store_setting_get(store, TOKEN_TIME_KEY, created, sizeof(created)) != 0)
		return false;
	age_ms = auth->unix_ms() - strtoll(created, NULL, 10);
	return crypto_is_equal(stored, given, sizeof(given)) && age_ms < SETUP_VALID_MS;
}

void setup_clear_token(struct auth *auth)
{
	char path[4096];
	int error = store_setting_set(auth->options.store, TOKEN_HASH_KEY, "");

	/* useless from now on in any case: nothing needs set-up any more */
	if (error)
		log_warn("spent set-up token not removed: %s", strerror(-error));
	if (token_path(auth, path, sizeof(path)) == 0 && unlink(path) != 0 && errno != ENOENT)
		log_warn("spent set-up token file not removed path=%s: %s", path, strerror(errno));
}

/* The token of an earlier start, when it is still good. */
static bool read_token(struct auth *auth, char token[static CRYPTO_TOKEN_TEXT_MAX])
{
	CLEANUP(free) char *data = NULL;
	char path[4096];
	size_t len;
	bool is_good = false;

	if (token_path(auth, path, sizeof(path)) != 0 ||
	    file_read(path, TOKEN_FILE_MAX, &data, &len) != 0)
		return false;
	if (len >= CRYPTO_TOKEN_TEXT_MAX - 1) {
		memcpy(token, data, CRYPTO_TOKEN_TEXT_MAX - 1);
		token[CRYPTO_TOKEN_TEXT_MAX - 1] = '\0';
		is_good = setup_is_token(auth, token);
	}
	crypto_wipe(data, len);
	return is_good;
}

static int write_token_file(const struct auth *auth, const char *token, int64_t created_unix_ms)
{
	char path[4096], time[CLOCK_TEXT_MAX], text[TOKEN_FILE_MAX];
	int error = token_path(auth, path, sizeof(path));
	int len;

	if (error)
		return error;
	len = snprintf(text, sizeof(text), "%s\ncreated %s, valid 24 hours, for one use\n", token,
		       clock_format(created_unix_ms, time)); /* fits */
	error = file_write(path, text, (size_t)len, 0600);
	crypto_wipe(text, sizeof(text));
	return error;
}

static int make_token(struct auth *auth, char token[static CRYPTO_TOKEN_TEXT_MAX])
{
	struct store *store = auth->options.store;
	char hash[CRYPTO_TOKEN_TEXT_MAX], created[24];
	int64_t now = auth->unix_ms();
	uint8_t random[32];
	int error;

	crypto_random(random, sizeof(random));
	crypto_base64url(random, sizeof(random), token);
	crypto_wipe(random, sizeof(random));
	hash_token(token, hash);
	(void)snprintf(created, sizeof(created), "%" PRId64, now); /* fits */
	error = store_setting_set(store, TOKEN_TIME_KEY, created);
	if (!error)
		error = store_setting_set(store, TOKEN_HASH_KEY, hash);
	return error ? error : write_token_file(auth, token, now);
}

/* ---- a password from a file -------------------------------------------------------------------
 */

/* First line of $SLUICE_ADMIN_PASSWORD_FILE. Returns 0, -ENOENT when not asked for, -EINVAL. */
static int read_password_file(char password[static PASSWORD_BYTES_MAX])
{
	const char *path = getenv(PASSWORD_FILE);
	CLEANUP(free) char *data = NULL;
	const char *message = "";
	size_t len = 0;
	int error;

	if (!path || !*path)
		return -ENOENT;
	error = file_read(path, PASSWORD_BYTES_MAX, &data, &len); /* a newline may follow */
	if (error) {
		log_error("%s=%s: %s", PASSWORD_FILE, path, strerror(-error));
		return -EINVAL;
	}
	data[strcspn(data, "\r\n")] = '\0';
	if (password_check(data, ADMIN_NAME, &message) != 0 || !job_copy_password(data, password)) {
		log_error("%s=%s: %s", PASSWORD_FILE, path, message);
		error = -EINVAL;
	}
	crypto_wipe(data, len);
	return error;
}

/* Returns 1 when the file gave the admin a password, 0 when there is none, -errno. */
static int use_password_file(struct auth *auth, struct user *admin)
{
	struct principal self = { .name = "sluice" };
	char password[PASSWORD_BYTES_MAX];
	int error = read_password_file(password);

	if (error == -ENOENT)
		return 0;
	if (!error)
		error = give_password(auth, admin, password, false);
	crypto_wipe(password, sizeof(password));
	if (error)
		return error;
	auth_audit(auth->options.store, &self, "setup", admin->name, NULL);
	return 1;
}

/* ---- the two ways -----------------------------------------------------------------------------
 */

static int prepare_service(struct auth *auth, char token[static CRYPTO_TOKEN_TEXT_MAX])
{
	struct user admin;
	int result;

	if (!auth_needs_setup(auth)) {
		if (!auth->is_set_up)
			return -EIO; /* main.db could not say */
		return 0;
	}
	result = ensure_admin(auth, &admin);
	if (!result)
		result = use_password_file(auth, &admin);
	crypto_wipe(&admin, sizeof(admin));
	if (result < 0)
		return result;
	if (result > 0) {
		setup_clear_token(auth);
		return 0;
	}
	return read_token(auth, token) ? 0 : make_token(auth, token);
}

static bool is_demo_admin(const struct user *user)
{
	return strcmp(user->name, ADMIN_NAME) == 0;
}

/*
 * The demo's admin, as long as nobody chose a password: the well-known one on loopback, a random
 * one of this start elsewhere, changed at first login in both.
 */
static int prepare_demo(struct auth *auth)
{
	struct user admin;
	uint8_t random[15]; /* 120 bits, 20 characters */
	int result = find_user(auth->options.store, is_demo_admin, &admin);

	if (result == -ENOENT)
		result = ensure_admin(auth, &admin);
	if (result)
		return result;
	if (admin.password_hash[0] && !admin.must_change)
		return 0;
	result = use_password_file(auth, &admin);
	if (result)
		return result < 0 ? result : 0;
	if (auth->options.is_loopback) {
		auth->has_demo_login = true;
		return give_password(auth, &admin, DEMO_PASSWORD, true);
	}
	crypto_random(random, sizeof(random));
	crypto_base64url(random, sizeof(random), auth->demo_password);
	return give_password(auth, &admin, auth->demo_password, true);
}

bool auth_has_demo_login(struct auth *auth)
{
	struct user user;

	if (auth->has_demo_login)
		auth->has_demo_login = find_user(auth->options.store, is_demo_admin, &user) == 0 &&
				       user.must_change && !user.disabled;
	return auth->has_demo_login;
}

int auth_prepare(struct auth *auth, char setup_token[static CRYPTO_TOKEN_TEXT_MAX])
{
	int error;

	setup_token[0] = '\0';
	crypto_password_hash_of_nobody(auth->dummy_hash); /* to hash one takes most of a start */
	error = session_load(auth);
	if (error)
		return error;
	return auth->options.is_demo ? prepare_demo(auth) : prepare_service(auth, setup_token);
}
