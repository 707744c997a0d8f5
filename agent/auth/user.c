/*
 * Users: added, given a password, disabled. Two ways to the same rows: from pages while the
 * service runs, and from the command line without one.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/auth/internal.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"

static const char bad_name[] = "A user name has 1 to 64 letters, digits or . _ @ -";
static const char bad_email[] = "This is no e-mail address.";
static const char taken[] = "A user of this name or e-mail address exists already.";
static const char unknown[] = "There is no such user.";
static const char last_admin[] = "This is the last admin who can log in.";
static const char no_admin[] = "Only an admin may change users.";
static const char busy[] = "Too many passwords are being checked at this moment. Try again.";
static const char broken[] = "This did not work because of a fault on the server; see its log.";

static const char *message_of(int error)
{
	switch (error) {
	case 0:
		return "";
	case -EEXIST:
		return taken;
	case -ENOENT:
		return unknown;
	case -EPERM:
		return last_admin;
	case -EAGAIN:
		return busy;
	default:
		return broken;
	}
}

int user_is_last_admin(struct store *store, int64_t user_id)
{
	CLEANUP(free) struct user *users = calloc(USERS_MAX, sizeof(*users));
	int count = users ? store_user_list(store, users, USERS_MAX) : -ENOMEM;
	bool is_admin = false, has_other = false;

	for (int i = 0; i < count; i++) {
		bool can = users[i].role == ROLE_ADMIN && !users[i].disabled &&
			   users[i].password_hash[0];

		is_admin |= can && users[i].id == user_id;
		has_other |= can && users[i].id != user_id;
	}
	if (count > 0)
		crypto_wipe(users, (size_t)count * sizeof(*users));
	return count < 0 ? count : is_admin && !has_other;
}

static int check_new(const struct auth_user_order *order, const char **message)
{
	if (!user_name_is_valid(order->name))
		*message = bad_name;
	else if (order->email && !user_email_is_valid(order->email))
		*message = bad_email;
	else if (order->role < ROLE_VIEWER || order->role > ROLE_ADMIN)
		*message = "The role is viewer, analyst or admin.";
	else
		return password_check(order->password, order->name, message);
	return -EINVAL;
}

static void make_user(const struct auth_user_order *order, const char *hash, int64_t now_unix_ms,
		      struct user *out)
{
	*out = (struct user){ .role = order->role, .created_unix_ms = now_unix_ms };
	memcpy(out->name, order->name, strlen(order->name) + 1);
	if (order->email)
		memcpy(out->email, order->email, strlen(order->email) + 1);
	memcpy(out->password_hash, hash, strlen(hash) + 1);
}

static struct json *describe_role(enum role role)
{
	struct json *detail = json_new_object();

	json_set_string(detail, "role", auth_role_name(role));
	return detail;
}

/* Sessions end with the password they were opened by; in main.db, memory follows. */
static int set_hash(struct store *store, const char *name, const char *hash, bool must_change)
{
	struct user user;
	int error = store_user_by_name(store, name, &user);

	if (error)
		return error;
	memcpy(user.password_hash, hash, strlen(hash) + 1);
	user.must_change = must_change;
	error = store_user_update(store, &user);
	if (!error)
		error = store_session_delete_user(store, user.id);
	crypto_wipe(&user, sizeof(user));
	return error;
}

static int set_disabled(struct store *store, const char *name, bool disabled)
{
	struct user user;
	int error = store_user_by_name(store, name, &user);

	if (error)
		return error;
	error = disabled ? user_is_last_admin(store, user.id) : 0;
	if (error > 0)
		error = -EPERM;
	user.disabled = disabled;
	if (!error)
		error = store_user_update(store, &user);
	if (!error && disabled)
		error = store_session_delete_user(store, user.id);
	crypto_wipe(&user, sizeof(user));
	return error;
}

/* ---- while the service runs -------------------------------------------------------------------
 */

static void answer(struct auth_job *job, int error)
{
	job->user_done(job->arg, error, message_of(error));
}

/* An admin who sets another's password knows it: only on the machine itself is that the same one.
 */
static bool must_change(const struct auth_job *job)
{
	return !job->who.is_local && strcmp(job->who.name, job->name) != 0;
}

static void finish_create(struct auth_job *job)
{
	struct auth *auth = job->auth;
	struct auth_user_order order = { .name = job->name,
					 .email = job->email,
					 .role = job->role };
	struct user user;
	int error = job->error;

	if (!error) {
		make_user(&order, job->new_hash, auth->unix_ms(), &user);
		user.must_change = must_change(job);
		error = store_user_insert(auth->options.store, &user);
		crypto_wipe(&user, sizeof(user));
	}
	if (!error)
		auth_audit(auth->options.store, &job->who, "user.add", job->name,
			   describe_role(job->role));
	answer(job, error);
}

static void end_sessions_of(struct auth *auth, const char *name)
{
	struct user user;

	if (store_user_by_name(auth->options.store, name, &user) != 0)
		return;
	/* the rows went with the change already */
	(void)session_end_user(auth, user.id);
	crypto_wipe(&user, sizeof(user));
}

static void finish_reset(struct auth_job *job)
{
	struct auth *auth = job->auth;
	int error = job->error;

	if (!error)
		error = set_hash(auth->options.store, job->name, job->new_hash, must_change(job));
	if (!error) {
		end_sessions_of(auth, job->name);
		auth_audit(auth->options.store, &job->who, "user.password", job->name, NULL);
	}
	answer(job, error);
}

/* A job for @order, started; or the answer given at once. */
static void start_order(struct auth *auth, const struct principal *who,
			const struct auth_user_order *order, job_finish_fn finish,
			struct auth_job *reply)
{
	struct auth_job *job = job_new(auth, finish);
	int error = job ? 0 : -EAGAIN;

	if (!error) {
		job->user_done = reply->user_done;
		job->arg = reply->arg;
		job->who = *who;
		job->role = order->role;
		memcpy(job->name, order->name, strlen(order->name) + 1);
		if (order->email)
			memcpy(job->email, order->email, strlen(order->email) + 1);
		(void)job_copy_password(order->password, job->new_password); /* checked before */
		error = job_start(job);
	}
	if (!error)
		return;
	job_free(job);
	answer(reply, error);
}

void auth_create_user(struct auth *auth, const struct principal *who,
		      const struct auth_user_order *order, auth_user_done_fn done, void *arg)
{
	struct auth_job reply = { .user_done = done, .arg = arg };
	const char *message = no_admin;
	int error = who->role < ROLE_ADMIN ? -EACCES : check_new(order, &message);

	if (error)
		done(arg, error, message);
	else
		start_order(auth, who, order, finish_create, &reply);
}

void auth_reset_password(struct auth *auth, const struct principal *who,
			 const struct auth_user_order *order, auth_user_done_fn done, void *arg)
{
	struct auth_job reply = { .user_done = done, .arg = arg };
	struct auth_user_order reset = { .name = order->name, .password = order->password };
	const char *message = no_admin;
	int error = who->role < ROLE_ADMIN ? -EACCES : 0;

	if (!error && !user_name_is_valid(order->name)) {
		message = unknown;
		error = -ENOENT;
	}
	if (!error)
		error = password_check(order->password, order->name, &message);
	if (error)
		done(arg, error, message);
	else
		start_order(auth, who, &reset, finish_reset, &reply);
}

int auth_disable_user(struct auth *auth, const struct principal *who, const char *name,
		      bool disabled, const char **message)
{
	int error = who->role < ROLE_ADMIN ? -EACCES : 0;

	*message = no_admin;
	if (error)
		return error;
	error = user_name_is_valid(name) ? set_disabled(auth->options.store, name, disabled)
					 : -ENOENT;
	*message = message_of(error);
	if (error)
		return error;
	if (disabled)
		end_sessions_of(auth, name);
	auth_audit(auth->options.store, who, disabled ? "user.disable" : "user.enable", name, NULL);
	return 0;
}

/* @id: out, whose role it is. */
static int change_role(struct store *store, const char *name, enum role role, int64_t *id)
{
	struct user user;
	int error = user_name_is_valid(name) ? store_user_by_name(store, name, &user) : -ENOENT;

	if (error)
		return error;
	*id = user.id;
	if (role < ROLE_ADMIN)
		error = user_is_last_admin(store, user.id);
	if (error > 0)
		error = -EPERM;
	user.role = (uint8_t)role;
	if (!error)
		error = store_user_update(store, &user);
	crypto_wipe(&user, sizeof(user));
	return error;
}

int auth_set_role(struct auth *auth, const struct principal *who, const char *name, enum role role,
		  const char **message)
{
	int64_t id = 0;
	int error = who->role < ROLE_ADMIN ? -EACCES : 0;

	*message = no_admin;
	if (error)
		return error;
	error = change_role(auth->options.store, name, role, &id);
	*message = message_of(error);
	if (error)
		return error;
	session_set_role(auth, id, role);
	auth_audit(auth->options.store, who, "user.role", name, describe_role(role));
	return 0;
}

/* ---- without a service -------------------------------------------------------------------------
 */

void auth_local_principal(struct principal *out)
{
	const struct passwd *entry = getpwuid(getuid());

	*out = (struct principal){ .role = ROLE_ADMIN, .is_local = true };
	if (entry)
		(void)snprintf(out->name, sizeof(out->name), "unix:%.64s", entry->pw_name);
	else
		(void)snprintf(out->name, sizeof(out->name), "unix:%u", getuid()); /* fits */
}

static void audit_local(struct store *store, const char *action, const char *name,
			struct json *detail)
{
	struct principal who;

	auth_local_principal(&who);
	auth_audit(store, &who, action, name, detail);
}

static int tell(int error, const char *text, const char **message)
{
	if (message)
		*message = text;
	return error;
}

int auth_user_add(struct store *store, const struct auth_user_order *order, const char **message)
{
	char hash[CRYPTO_PASSWORD_HASH_MAX];
	const char *text = "";
	struct user user;
	int error = check_new(order, &text);

	if (error)
		return tell(error, text, message);
	error = crypto_password_hash(order->password, hash);
	if (!error) {
		make_user(order, hash, clock_unix_ms(), &user);
		error = store_user_insert(store, &user);
		crypto_wipe(&user, sizeof(user));
	}
	if (!error)
		audit_local(store, "user.add", order->name, describe_role(order->role));
	return tell(error, message_of(error), message);
}

int auth_user_set_password(struct store *store, const char *name, const char *password,
			   const char **message)
{
	char hash[CRYPTO_PASSWORD_HASH_MAX];
	const char *text = "";
	int error = user_name_is_valid(name) ? 0 : -ENOENT;

	if (error)
		return tell(error, unknown, message);
	error = password_check(password, name, &text);
	if (error)
		return tell(error, text, message);
	error = crypto_password_hash(password, hash);
	if (!error)
		error = set_hash(store, name, hash, false);
	if (!error)
		audit_local(store, "user.password", name, NULL);
	return tell(error, message_of(error), message);
}

int auth_user_set_disabled(struct store *store, const char *name, bool disabled,
			   const char **message)
{
	int error = user_name_is_valid(name) ? set_disabled(store, name, disabled) : -ENOENT;

	if (!error)
		audit_local(store, disabled ? "user.disable" : "user.enable", name, NULL);
	return tell(error, message_of(error), message);
}

int auth_user_set_role(struct store *store, const char *name, enum role role, const char **message)
{
	int64_t id;
	int error = change_role(store, name, role, &id);

	if (!error)
		audit_local(store, "user.role", name, describe_role(role));
	return tell(error, message_of(error), message);
}
