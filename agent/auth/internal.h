/*
 * What the files of auth share: the service, its live sessions, its jobs. Only the service thread
 * touches them, apart from a job's own fields while its work runs. The clock is a member so that
 * tests hand in their own.
 */
#ifndef SLUICE_AUTH_INTERNAL_H
#define SLUICE_AUTH_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/auth/auth.h"
#include "agent/auth/throttle.h"
#include "agent/util/crypto.h"

struct json;

/* Source: ASVS 4.0.3 3.3.2, level 2; facts/server.md 4.3. */
#define SESSION_IDLE_MS	    (30LL * 60 * 1000)
#define SESSION_ABSOLUTE_MS (12LL * 3600 * 1000)
#define SESSION_TOUCH_MS    (60LL * 1000)
#define SESSIONS_MAX	    1024
#define SESSIONS_PER_USER   16
#define USERS_MAX	    1024

/* What was read of a session and its user is believed this long (DESIGN 3). */
#define SESSION_BELIEVED_MS 1000

/* Hashes that may wait: 16 x 114 ms is the longest a login waits (facts/server.md 4.3). */
#define JOBS_MAX 16

#define SETUP_VALID_MS	 (24LL * 3600 * 1000)
#define SETUP_TOKEN_FILE "setup.token"

/* 128 code points of at most four bytes, and the end. */
#define PASSWORD_BYTES_MAX 513

/* One session in force. Ages are on the boot clock: a jump of wall time ends nobody's session. */
struct live_session {
	struct session row; /* peer: where it was used last */
	uint64_t tag;
	int64_t created_boot_ms, seen_boot_ms, touched_boot_ms;
	uint8_t role; /* as last read */
	/* what the rows said, and when: session.c, still_stands */
	struct principal principal;
	uint64_t read_changes;
	int64_t read_boot_ms; /* 0: not read yet */
};

struct auth_job;
typedef void (*job_finish_fn)(struct auth_job *job);

/* One slow hash on its way; work() uses what is above the line, the service thread the rest. */
struct auth_job {
	char old_password[PASSWORD_BYTES_MAX]; /* to verify; with old_hash */
	char old_hash[CRYPTO_PASSWORD_HASH_MAX];
	char new_password[PASSWORD_BYTES_MAX]; /* to hash; empty = none */
	char new_hash[CRYPTO_PASSWORD_HASH_MAX];
	int error; /* of the verification or the hash */
	/* ---- */
	struct auth *auth;
	struct auth_job *next;
	job_finish_fn finish;
	int64_t user_id; /* 0 = no such user */
	struct throttle_attempt attempt;
	struct addr peer;
	struct principal who; /* whose order; not in a login */
	char name[USER_NAME_MAX];
	char email[USER_EMAIL_MAX];
	char code[TOTP_CODE_TEXT]; /* of a login, as typed; longer ones are no code */
	uint8_t role;
	auth_done_fn done;
	auth_user_done_fn user_done;
	void *arg;
};

/* Failed logins in the audit log: a few lines a minute, then a count. */
struct audit_limit {
	int64_t window_boot_ms;
	unsigned int in_window;
	uint64_t suppressed;
};

struct auth {
	struct auth_options options;
	char *state_dir; /* copy */
	uint64_t (*boot_ns)(void);
	int64_t (*unix_ms)(void);

	char dummy_hash[CRYPTO_PASSWORD_HASH_MAX]; /* nobody's: equal time */
	struct live_session *sessions;		   /* SESSIONS_MAX */
	size_t session_count, check_cursor;
	struct throttle *throttle;
	struct audit_limit audit_limit;

	struct auth_job *jobs; /* handed to run, not done yet */
	unsigned int job_count;
	bool is_set_up;	       /* never becomes false again */
	bool is_setup_running; /* a set-up holds the token */
	bool has_demo_login;
	char demo_password[24];
};

int64_t auth_boot_ms(const struct auth *auth);
bool auth_addr_is_loopback(const struct addr *addr);

/* ---- audit.c ----------------------------------------------------------------------------------
 */

/* auth_audit - one line; @detail is taken, may be NULL. */
void auth_audit(struct store *store, const struct principal *who, const char *action,
		const char *target, struct json *detail);
/* auth_audit_failure - limited; @name is NULL when unknown: people type passwords there. */
void auth_audit_failure(struct auth *auth, const char *action, const char *name,
			const struct addr *peer);

/* ---- password.c -------------------------------------------------------------------------------
 */

/* password_check - Returns 0 or -EINVAL with a plain sentence. Source: ASVS 4.0.3 2.1. */
int password_check(const char *password, const char *name, const char **message);
bool user_name_is_valid(const char *name);
bool user_email_is_valid(const char *email);

/* ---- job.c ------------------------------------------------------------------------------------
 */

/* job_new - NULL without memory or when JOBS_MAX wait. */
struct auth_job *job_new(struct auth *auth, job_finish_fn finish);
/* job_free - wipes it. */
void job_free(struct auth_job *job);
/* job_start - takes @job; its finish is called later. On failure the job is the caller's still. */
int job_start(struct auth_job *job);
/* job_copy_password - false when longer than any password (@out is then empty). */
bool job_copy_password(const char *password, char out[static PASSWORD_BYTES_MAX]);

/* ---- session.c --------------------------------------------------------------------------------
 */

int session_load(struct auth *auth);
/* session_create - a new session of @user; its id and principal go to @outcome. */
int session_create(struct auth *auth, const struct user *user, const struct addr *peer,
		   struct auth_outcome *outcome);
/* session_flush - times of use to main.db, at the end. */
void session_flush(struct auth *auth);
/* session_end_user - all of a user's, in memory and in main.db. Returns 0 or -errno of the store.
 */
int session_end_user(struct auth *auth, int64_t user_id);

/* session_set_role - of a user's live sessions; their streams close. */
void session_set_role(struct auth *auth, int64_t user_id, enum role role);
/* session_tell_end - the streams of @tag close. */
void session_tell_end(struct auth *auth, uint64_t tag);
uint64_t session_tag_of(const uint8_t id_hash[static 32]);

/* ---- totp.c -----------------------------------------------------------------------------------
 */

/* totp_take - @code is right, and is used up by this: a code of the app or a recovery code. Returns
 * 0, -EACCES, -errno. */
int totp_take(struct auth *auth, int64_t user_id, const char *code);

/* ---- setup.c ----------------------------------------------------------------------------------
 */

/* setup_find_admin - the admin without a password that set-up is for. Returns 0, -ENOENT, -errno.
 */
int setup_find_admin(struct store *store, struct user *out);
/* setup_clear_token - spent: setting and file go. */
void setup_clear_token(struct auth *auth);
/* setup_is_token - constant time; false when expired. */
bool setup_is_token(struct auth *auth, const char *token);

/* ---- user.c -----------------------------------------------------------------------------------
 */

/* user_is_last_admin - no other enabled admin has a password. Returns 1, 0 or -errno. */
int user_is_last_admin(struct store *store, int64_t user_id);

#endif
