/*
 * Login, set-up and change of one's password: throttled first, hashed on another thread, decided
 * again here on what the rows say then. Every way takes one verification's time, user or not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/auth/internal.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

static const char wrong_login[] = "Wrong user name or password.";
static const char wrong_code[] = "This code is wrong, or was used before.";
static const char too_many[] = "Too many attempts. Please wait and try again.";
static const char busy[] = "Too many people are logging in at this moment. Please try again.";
static const char broken[] = "This did not work because of a fault on the server; see its log.";

static void reply(const struct auth_job *job, struct auth_outcome *outcome)
{
	job->done(job->arg, outcome);
	crypto_wipe(outcome, sizeof(*outcome));
}

static void refuse(auth_done_fn done, void *arg, int error, const char *message)
{
	struct auth_outcome outcome = { .error = error, .message = message };

	if (error == -EAGAIN)
		outcome.retry_after_s = 1;
	done(arg, &outcome);
}

/* The last step of all three: new session, last login, audit line, answer. */
static void grant(struct auth_job *job, struct user *user, const char *action)
{
	struct auth *auth = job->auth;
	struct auth_outcome outcome = { .message = "" };
	int error = session_create(auth, user, &job->peer, &outcome);

	if (error) {
		log_error("no session for a login: %s", strerror(-error));
		outcome.error = error;
		outcome.message = broken;
		reply(job, &outcome);
		return;
	}
	user->last_login_unix_ms = auth->unix_ms();
	error = store_user_update(auth->options.store, user);
	if (error)
		log_warn("time of a login not stored: %s", strerror(-error));
	auth_audit(auth->options.store, &outcome.principal, action, user->name, NULL);
	reply(job, &outcome);
}

static uint64_t now_s(const struct auth *auth)
{
	return auth->boot_ns() / NS_PER_S;
}

/* Count the attempt or refuse it. True when it may go on. */
static bool admit(struct auth *auth, const struct throttle_attempt *attempt, auth_done_fn done,
		  void *arg)
{
	struct auth_outcome outcome = { .error = -EAGAIN, .message = too_many };

	if (throttle_admit(auth->throttle, attempt, now_s(auth), &outcome.retry_after_s) == 0)
		return true;
	auth->audit_limit.suppressed++;
	done(arg, &outcome);
	return false;
}

static int start(struct auth_job *job)
{
	int error = job_start(job);

	if (!error)
		return 0;
	throttle_cancel(job->auth->throttle, &job->attempt, now_s(job->auth));
	refuse(job->done, job->arg, error, error == -EAGAIN ? busy : broken);
	job_free(job);
	return error;
}

/* The hash itself failed, for want of memory: that was no guess. */
static void fail(struct auth_job *job, const char *what)
{
	log_error("%s failed: %s", what, strerror(-job->error));
	throttle_cancel(job->auth->throttle, &job->attempt, now_s(job->auth));
	refuse(job->done, job->arg, job->error, broken);
}

/* ---- login ----------------------------------------------------------------------------------- */

/* The demo's known password opens it from this machine only. */
static bool may_log_in(const struct auth *auth, const struct user *user, const struct addr *peer)
{
	if (user->disabled || !user->password_hash[0])
		return false;
	return !(auth->has_demo_login && user->must_change) || auth_addr_is_loopback(peer);
}

/* The password was right. Without a code that was no guess; with a wrong one it was. */
static void finish_second_step(struct auth_job *job, struct user *user)
{
	struct auth *auth = job->auth;
	int error = *job->code ? totp_take(auth, user->id, job->code) : -ENOKEY;

	if (error == -ENOKEY) {
		throttle_cancel(auth->throttle, &job->attempt, now_s(auth));
		refuse(job->done, job->arg, error, "Enter the code of your app, too.");
	} else if (error == -EACCES) {
		auth_audit_failure(auth, "login.failed", job->name, &job->peer);
		refuse(job->done, job->arg, -EACCES, wrong_code);
	} else if (error) {
		log_error("second factor of a login failed: %s", strerror(-error));
		throttle_cancel(auth->throttle, &job->attempt, now_s(auth));
		refuse(job->done, job->arg, error, broken);
	} else {
		throttle_succeed(auth->throttle, &job->attempt, now_s(auth));
		grant(job, user, "login");
	}
}

static void finish_login(struct auth_job *job)
{
	struct auth *auth = job->auth;
	struct user user = { .id = 0 };
	bool is_right = job->error == 0 && job->user_id != 0;

	if (job->error && job->error != -EACCES) {
		fail(job, "login");
		return;
	}
	/* the user may have been disabled or changed while the hash was computed */
	if (is_right && (store_user_by_id(auth->options.store, job->user_id, &user) != 0 ||
			 strcmp(user.password_hash, job->old_hash) != 0 ||
			 !may_log_in(auth, &user, &job->peer)))
		is_right = false;
	if (is_right && user.has_totp) {
		finish_second_step(job, &user);
	} else if (is_right) {
		throttle_succeed(auth->throttle, &job->attempt, now_s(auth));
		grant(job, &user, "login");
	} else {
		auth_audit_failure(auth, "login.failed", job->user_id ? job->name : NULL,
				   &job->peer);
		refuse(job->done, job->arg, -EACCES, wrong_login);
	}
	crypto_wipe(&user, sizeof(user));
}

void auth_login(struct auth *auth, const struct auth_claim *claim, const struct addr *peer,
		auth_done_fn done, void *arg)
{
	struct user user = { .id = 0 };
	bool is_user = user_name_is_valid(claim->name) &&
		       store_user_by_name(auth->options.store, claim->name, &user) == 0;
	struct throttle_attempt attempt =
		throttle_attempt_of(auth->throttle, claim->name, is_user ? user.id : 0, peer);
	struct auth_job *job;

	if (!admit(auth, &attempt, done, arg))
		return;
	job = job_new(auth, finish_login);
	if (!job) {
		throttle_cancel(auth->throttle, &attempt, now_s(auth));
		refuse(done, arg, -EAGAIN, busy);
		return;
	}
	job->attempt = attempt;
	job->peer = *peer;
	job->done = done;
	job->arg = arg;
	if (job_copy_password(claim->password, job->old_password) && is_user &&
	    may_log_in(auth, &user, peer)) {
		job->user_id = user.id;
		memcpy(job->old_hash, user.password_hash, sizeof(job->old_hash));
	} else {
		memcpy(job->old_hash, auth->dummy_hash, sizeof(job->old_hash));
	}
	if (is_user)
		memcpy(job->name, user.name, sizeof(job->name));
	/* one that is too long is none, but was one: '?' is never right */
	if (claim->code)
		(void)snprintf(job->code, sizeof(job->code), "%s",
			       strlen(claim->code) < sizeof(job->code) ? claim->code : "?");
	crypto_wipe(&user, sizeof(user));
	(void)start(job); /* answered in any case */
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static int set_up_admin(struct auth_job *job, struct user *user)
{
	struct store *store = job->auth->options.store;
	int error = job->error ? job->error : setup_find_admin(store, user);

	if (error)
		return error;
	memcpy(user->name, job->name, sizeof(user->name));
	memcpy(user->password_hash, job->new_hash, sizeof(user->password_hash));
	user->must_change = false;
	user->disabled = false;
	return store_user_update(store, user);
}

static void finish_setup(struct auth_job *job)
{
	struct auth *auth = job->auth;
	struct user user = { .id = 0 };
	int error = set_up_admin(job, &user);

	auth->is_setup_running = false;
	throttle_cancel(auth->throttle, &job->attempt, now_s(auth));
	if (error == -EEXIST) {
		refuse(job->done, job->arg, -EINVAL, "Another user has this name.");
	} else if (error) {
		log_error("set-up failed: %s", strerror(-error));
		refuse(job->done, job->arg, error, broken);
	} else {
		auth->is_set_up = true;
		setup_clear_token(auth);
		grant(job, &user, "setup");
	}
	crypto_wipe(&user, sizeof(user));
}

/* The new job of an accepted token, or NULL after an answer was given. */
static struct auth_job *accept_token(struct auth *auth, const char *token, const struct addr *peer,
				     auth_done_fn done, void *arg)
{
	struct throttle_attempt attempt = throttle_attempt_of(auth->throttle, NULL, 0, peer);
	struct auth_job *job;

	if (!auth_needs_setup(auth)) {
		refuse(done, arg, -EPERM, "Sluice is set up already: log in.");
		return NULL;
	}
	if (!admit(auth, &attempt, done, arg))
		return NULL;
	if (!setup_is_token(auth, token)) {
		auth_audit_failure(auth, "setup.failed", NULL, peer);
		refuse(done, arg, -EACCES,
		       "This set-up link is wrong or older than 24 hours: restart sluice for a "
		       "new one.");
		return NULL;
	}
	job = auth->is_setup_running ? NULL : job_new(auth, finish_setup);
	if (!job) {
		throttle_cancel(auth->throttle, &attempt, now_s(auth));
		refuse(done, arg, -EAGAIN, busy);
		return NULL;
	}
	job->attempt = attempt;
	job->peer = *peer;
	job->done = done;
	job->arg = arg;
	return job;
}

void auth_setup(struct auth *auth, const struct auth_claim *claim, const struct addr *peer,
		auth_done_fn done, void *arg)
{
	struct auth_job *job = accept_token(auth, claim->token, peer, done, arg);
	const char *name = *claim->name ? claim->name : "admin";
	const char *message = "";

	if (!job)
		return;
	if (!user_name_is_valid(name))
		message = "A user name has 1 to 64 letters, digits or . _ @ -";
	else
		(void)password_check(claim->password, name, &message); /* the message says it */
	if (*message || !job_copy_password(claim->password, job->new_password)) {
		throttle_cancel(auth->throttle, &job->attempt, now_s(auth));
		job_free(job);
		refuse(done, arg, -EINVAL, message);
		return;
	}
	memcpy(job->name, name, strlen(name) + 1);
	auth->is_setup_running = true;
	if (start(job) != 0)
		auth->is_setup_running = false;
}

/* ---- change of one's password ---------------------------------------------------------------- */

static int store_change(struct auth_job *job, struct user *user)
{
	struct store *store = job->auth->options.store;
	int error = job->error ? job->error : store_user_by_id(store, job->user_id, user);

	if (error)
		return error;
	if (user->disabled || strcmp(user->password_hash, job->old_hash) != 0)
		return -EACCES; /* changed meanwhile */
	memcpy(user->password_hash, job->new_hash, sizeof(user->password_hash));
	user->must_change = false;
	error = store_user_update(store, user);
	return error ? error : session_end_user(job->auth, user->id);
}

static void finish_change(struct auth_job *job)
{
	struct auth *auth = job->auth;
	struct user user = { .id = 0 };
	int error = store_change(job, &user);

	if (error == -EACCES) {
		auth_audit_failure(auth, "password.failed", job->name, &job->peer);
		refuse(job->done, job->arg, -EACCES, "The old password is wrong.");
	} else if (error) {
		log_error("password not changed: %s", strerror(-error));
		refuse(job->done, job->arg, error, broken);
	} else {
		throttle_succeed(auth->throttle, &job->attempt, now_s(auth));
		grant(job, &user, "password.change");
	}
	crypto_wipe(&user, sizeof(user));
}

/* What can be said without a hash. Returns 0 with @user, or the error with @message. */
static int check_change(struct auth *auth, const struct principal *who,
			const struct auth_change *change, struct user *user, const char **message)
{
	int error =
		who->user_id ? store_user_by_id(auth->options.store, who->user_id, user) : -ENOENT;

	*message = "Only a logged-in user has a password to change.";
	if (error || user->disabled || !user->password_hash[0])
		return -EPERM;
	error = password_check(change->new_password, user->name, message);
	if (!error && strcmp(change->old_password, change->new_password) == 0) {
		*message = "The new password is the old one.";
		error = -EINVAL;
	}
	return error;
}

void auth_change_password(struct auth *auth, const struct principal *who,
			  const struct auth_change *change, auth_done_fn done, void *arg)
{
	struct user user = { .id = 0 };
	const char *message;
	int error = check_change(auth, who, change, &user, &message);
	struct throttle_attempt attempt;
	struct auth_job *job;

	if (error) {
		crypto_wipe(&user, sizeof(user));
		refuse(done, arg, error, message);
		return;
	}
	attempt = throttle_attempt_of(auth->throttle, user.name, user.id, &who->peer);
	if (!admit(auth, &attempt, done, arg))
		return;
	job = job_new(auth, finish_change);
	if (!job) {
		throttle_cancel(auth->throttle, &attempt, now_s(auth));
		refuse(done, arg, -EAGAIN, busy);
		return;
	}
	job->attempt = attempt;
	job->peer = who->peer;
	job->done = done;
	job->arg = arg;
	job->user_id = user.id;
	memcpy(job->name, user.name, sizeof(job->name));
	memcpy(job->old_hash, user.password_hash, sizeof(job->old_hash));
	if (!job_copy_password(change->old_password, job->old_password))
		memcpy(job->old_hash, auth->dummy_hash, sizeof(job->old_hash));
	(void)job_copy_password(change->new_password, job->new_password); /* checked above */
	crypto_wipe(&user, sizeof(user));
	(void)start(job); /* answered in any case */
}
