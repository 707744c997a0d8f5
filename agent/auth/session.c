/*
 * Sessions: 256-bit ids known only to the browser, kept hashed. In memory with their times of use,
 * which go to main.db once a minute; whether session and user still exist is asked when anything
 * was written since the last time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

/* Users looked at per tick for a changed role; everything else is told at once. */
#define CHECKS_PER_TICK 16

uint64_t session_tag_of(const uint8_t id_hash[static 32])
{
	uint64_t tag;

	memcpy(&tag, id_hash, sizeof(tag));
	return tag ? tag : 1; /* 0 means none */
}

static bool is_over(const struct auth *auth, const struct live_session *session)
{
	int64_t now = auth_boot_ms(auth);

	return now - session->seen_boot_ms >= SESSION_IDLE_MS ||
	       now - session->created_boot_ms >= SESSION_ABSOLUTE_MS;
}

void session_tell_end(struct auth *auth, uint64_t tag)
{
	if (auth->options.on_session_end)
		auth->options.on_session_end(auth->options.arg, tag);
}

/* Out of memory's table; the last one takes its place. */
static void forget(struct auth *auth, struct live_session *session)
{
	uint64_t tag = session->tag;

	*session = auth->sessions[--auth->session_count];
	crypto_wipe(&auth->sessions[auth->session_count], sizeof(*session));
	session_tell_end(auth, tag);
}

static void end(struct auth *auth, struct live_session *session)
{
	int error = store_session_delete(auth->options.store, session->row.id_hash);

	/* its age ends it in main.db too; here it is gone in any case */
	if (error && error != -ENOENT)
		log_warn("ended session not deleted: %s", strerror(-error));
	forget(auth, session);
}

static struct live_session *find(struct auth *auth, const char *text)
{
	uint8_t id[32], hash[CRYPTO_HASH_BYTES];
	struct live_session *found = NULL;
	uint64_t tag;

	if (!text || strlen(text) != CRYPTO_TOKEN_TEXT_MAX - 1 ||
	    crypto_base64url_decode(text, id, sizeof(id)) != sizeof(id))
		return NULL;
	crypto_digest(id, sizeof(id), hash);
	crypto_wipe(id, sizeof(id));
	tag = session_tag_of(hash);
	/* tags first: nobody can choose an id by its hash, so the time they take tells nothing */
	for (size_t i = 0; i < auth->session_count; i++) {
		if (auth->sessions[i].tag == tag &&
		    crypto_is_equal(auth->sessions[i].row.id_hash, hash, sizeof(hash)))
			found = &auth->sessions[i];
	}
	return found;
}

/* ---- begin ----------------------------------------------------------------------------------- */

static struct live_session *oldest(struct auth *auth, int64_t user_id, unsigned int *count)
{
	struct live_session *found = NULL;

	*count = 0;
	for (size_t i = 0; i < auth->session_count; i++) {
		struct live_session *session = &auth->sessions[i];

		if (user_id && session->row.user_id != user_id)
			continue;
		(*count)++;
		if (!found || session->seen_boot_ms < found->seen_boot_ms)
			found = session;
	}
	return found;
}

static void make_room(struct auth *auth, int64_t user_id)
{
	unsigned int count;
	struct live_session *session = oldest(auth, user_id, &count);

	if (count >= SESSIONS_PER_USER)
		end(auth, session);
	session = oldest(auth, 0, &count);
	if (count >= SESSIONS_MAX)
		end(auth, session);
}

static void fill_principal(const struct user *user, const struct addr *peer, struct principal *out)
{
	*out = (struct principal){
		.user_id = user->id,
		.role = user->role,
		.must_change = user->must_change,
		.peer = *peer,
	};
	memcpy(out->name, user->name, sizeof(user->name));
}

int session_create(struct auth *auth, const struct user *user, const struct addr *peer,
		   struct auth_outcome *outcome)
{
	struct live_session session = { .role = user->role };
	uint8_t id[32];
	int error;

	crypto_random(id, sizeof(id));
	crypto_digest(id, sizeof(id), session.row.id_hash);
	crypto_random(session.row.csrf, sizeof(session.row.csrf));
	session.row.user_id = user->id;
	session.row.peer = *peer;
	session.row.created_unix_ms = auth->unix_ms();
	session.row.seen_unix_ms = session.row.created_unix_ms;
	session.tag = session_tag_of(session.row.id_hash);
	session.created_boot_ms = auth_boot_ms(auth);
	session.seen_boot_ms = session.created_boot_ms;
	session.touched_boot_ms = session.created_boot_ms;
	make_room(auth, user->id);
	error = store_session_insert(auth->options.store, &session.row);
	if (!error) {
		auth->sessions[auth->session_count++] = session;
		crypto_base64url(id, sizeof(id), outcome->session);
		fill_principal(user, peer, &outcome->principal);
	}
	crypto_wipe(id, sizeof(id));
	crypto_wipe(&session, sizeof(session));
	return error;
}

/* Wall ages onto the boot clock; a clock set back makes no age negative. */
static int64_t boot_ms_of(const struct auth *auth, int64_t unix_ms)
{
	int64_t age = auth->unix_ms() - unix_ms;

	return auth_boot_ms(auth) - (age > 0 ? age : 0);
}

static void adopt(struct auth *auth, const struct session *row)
{
	struct live_session session = {
		.row = *row,
		.tag = session_tag_of(row->id_hash),
		.created_boot_ms = boot_ms_of(auth, row->created_unix_ms),
		.seen_boot_ms = boot_ms_of(auth, row->seen_unix_ms),
		.touched_boot_ms = auth_boot_ms(auth),
	};
	struct throttle_attempt attempt;
	struct user user;

	if (is_over(auth, &session) ||
	    store_user_by_id(auth->options.store, row->user_id, &user) != 0 || user.disabled) {
		/* tried again at the next start when it fails; over is over */
		(void)store_session_delete(auth->options.store, row->id_hash);
		return;
	}
	session.role = user.role;
	auth->sessions[auth->session_count++] = session;
	attempt = throttle_attempt_of(auth->throttle, user.name, user.id, &row->peer);
	throttle_know(auth->throttle, &attempt, auth->boot_ns() / NS_PER_S);
	crypto_wipe(&user, sizeof(user));
}

int session_load(struct auth *auth)
{
	CLEANUP(free) struct session *rows = calloc(SESSIONS_MAX, sizeof(*rows));
	int count;

	if (!rows)
		return -ENOMEM;
	count = store_session_list(auth->options.store, rows, SESSIONS_MAX);
	auth->session_count = 0;
	for (int i = 0; i < count; i++)
		adopt(auth, &rows[i]);
	if (count > 0)
		crypto_wipe(rows, (size_t)count * sizeof(*rows));
	return count < 0 ? count : 0;
}

/* ---- use ------------------------------------------------------------------------------------- */

static void touch(struct auth *auth, struct live_session *session)
{
	int64_t now = auth_boot_ms(auth);
	int64_t seen_unix_ms = auth->unix_ms() - (now - session->seen_boot_ms);
	int error;

	if (session->seen_boot_ms <= session->touched_boot_ms)
		return;
	error = store_session_touch(auth->options.store, session->row.id_hash, seen_unix_ms);
	if (error && error != -ENOENT)
		log_warn("use of a session not stored: %s", strerror(-error));
	session->touched_boot_ms = now;
}

void session_flush(struct auth *auth)
{
	for (size_t i = 0; i < auth->session_count; i++)
		touch(auth, &auth->sessions[i]);
}

/* The rows decide: another order to main.db may have ended the session or the user. */
static int read_rows(struct auth *auth, const struct live_session *session, struct user *user)
{
	struct session row;
	int error = store_session_by_hash(auth->options.store, session->row.id_hash, &row);

	if (!error)
		error = store_user_by_id(auth->options.store, session->row.user_id, user);
	if (!error && user->disabled)
		error = -ENOENT;
	crypto_wipe(&row, sizeof(row));
	return error;
}

/* Nothing was written since the rows were read, nor is that so long ago that another process could
 * have. Two look-ups and four locks of the file less for nearly every request. */
static bool still_stands(const struct auth *auth, const struct live_session *live)
{
	return live->read_boot_ms && live->read_changes == store_changes(auth->options.store) &&
	       auth_boot_ms(auth) - live->read_boot_ms < SESSION_BELIEVED_MS;
}

static int refresh(struct auth *auth, struct live_session *live)
{
	uint64_t changes = store_changes(auth->options.store); /* before: a later write counts */
	struct user user;
	int error;

	if (still_stands(auth, live))
		return 0;
	error = read_rows(auth, live, &user);
	if (!error) {
		fill_principal(&user, &live->row.peer, &live->principal);
		live->role = user.role;
		live->read_changes = changes;
		live->read_boot_ms = auth_boot_ms(auth);
	}
	crypto_wipe(&user, sizeof(user));
	return error;
}

int auth_session(struct auth *auth, const char *session, const struct addr *peer,
		 struct principal *out, struct auth_ticket *ticket)
{
	struct live_session *live = find(auth, session);
	int error;

	if (!live)
		return -EACCES;
	if (is_over(auth, live)) {
		end(auth, live);
		return -EACCES;
	}
	error = refresh(auth, live);
	if (error) {
		if (error == -ENOENT)
			end(auth, live);
		return -EACCES;
	}
	live->row.peer = *peer;
	live->seen_boot_ms = auth_boot_ms(auth);
	if (live->seen_boot_ms - live->touched_boot_ms >= SESSION_TOUCH_MS)
		touch(auth, live);
	*out = live->principal;
	out->peer = *peer;
	if (ticket) {
		crypto_base64url(live->row.csrf, sizeof(live->row.csrf), ticket->csrf);
		ticket->tag = live->tag;
	}
	return 0;
}

bool auth_csrf_is_valid(struct auth *auth, const char *session, const char *csrf)
{
	const struct live_session *live = find(auth, session);
	uint8_t given[32];

	if (!live || !csrf || strlen(csrf) != CRYPTO_TOKEN_TEXT_MAX - 1 ||
	    crypto_base64url_decode(csrf, given, sizeof(given)) != sizeof(given))
		return false;
	return crypto_is_equal(given, live->row.csrf, sizeof(given));
}

int auth_admin_peers(struct auth *auth, struct addr *out, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < auth->session_count && count < max; i++) {
		const struct live_session *session = &auth->sessions[i];
		size_t known = 0;

		if (session->role != ROLE_ADMIN || is_over(auth, session) ||
		    session->row.peer.family == ADDR_NONE)
			continue;
		while (known < count && !addr_is_equal(&out[known], &session->row.peer))
			known++;
		if (known == count)
			out[count++] = session->row.peer;
	}
	return (int)count;
}

/* ---- end ------------------------------------------------------------------------------------- */

int session_end_user(struct auth *auth, int64_t user_id)
{
	for (size_t i = auth->session_count; i-- > 0;) {
		if (auth->sessions[i].row.user_id == user_id)
			forget(auth, &auth->sessions[i]);
	}
	return store_session_delete_user(auth->options.store, user_id);
}

void session_set_role(struct auth *auth, int64_t user_id, enum role role)
{
	for (size_t i = 0; i < auth->session_count; i++) {
		struct live_session *session = &auth->sessions[i];

		if (session->row.user_id != user_id || session->role == role)
			continue;
		session->role = (uint8_t)role;
		session_tell_end(auth, session->tag); /* its streams were opened by the old role */
	}
}

int auth_end_session(struct auth *auth, const struct principal *who, uint64_t tag)
{
	for (size_t i = 0; i < auth->session_count; i++) {
		struct live_session *session = &auth->sessions[i];

		if (session->tag != tag)
			continue;
		if (who->role < ROLE_ADMIN && session->row.user_id != who->user_id)
			break; /* as one that is not there */
		end(auth, session);
		return 0;
	}
	return -ENOENT;
}

int auth_end_other_sessions(struct auth *auth, const struct principal *who, uint64_t keep_tag)
{
	int count = 0;

	for (size_t i = auth->session_count; i-- > 0;) {
		struct live_session *session = &auth->sessions[i];

		if (session->row.user_id != who->user_id || session->tag == keep_tag)
			continue;
		end(auth, session);
		count++;
	}
	return count;
}

/* Newest use first; the table is small and in no order. */
static int compare_infos(const void *left, const void *right)
{
	const struct auth_session_info *a = left, *b = right;

	return a->seen_unix_ms == b->seen_unix_ms ? 0 : a->seen_unix_ms > b->seen_unix_ms ? -1 : 1;
}

int auth_sessions(struct auth *auth, int64_t user_id, struct auth_session_info *out, size_t max)
{
	int64_t now = auth_boot_ms(auth), now_unix_ms = auth->unix_ms();
	size_t count = 0;

	for (size_t i = 0; i < auth->session_count && count < max; i++) {
		const struct live_session *session = &auth->sessions[i];

		if ((user_id && session->row.user_id != user_id) || is_over(auth, session))
			continue;
		out[count++] = (struct auth_session_info){
			.tag = session->tag,
			.user_id = session->row.user_id,
			.peer = session->row.peer,
			.created_unix_ms = session->row.created_unix_ms,
			.seen_unix_ms = now_unix_ms - (now - session->seen_boot_ms),
		};
	}
	if (count)
		qsort(out, count, sizeof(*out), compare_infos);
	return (int)count;
}

void auth_logout(struct auth *auth, const char *session)
{
	struct live_session *live = find(auth, session);
	struct principal who;
	struct user user;

	if (!live)
		return;
	if (store_user_by_id(auth->options.store, live->row.user_id, &user) == 0) {
		fill_principal(&user, &live->row.peer, &who);
		auth_audit(auth->options.store, &who, "logout", user.name, NULL);
	}
	crypto_wipe(&user, sizeof(user));
	end(auth, live);
}

static void check_some_users(struct auth *auth)
{
	for (int i = 0; i < CHECKS_PER_TICK && auth->session_count > 0; i++) {
		struct live_session *session;
		struct user user;
		int error;

		if (auth->check_cursor >= auth->session_count) {
			auth->check_cursor = 0;
			return; /* once round is enough for one tick */
		}
		session = &auth->sessions[auth->check_cursor++];
		error = read_rows(auth, session, &user);
		if (error == -ENOENT) {
			end(auth, session);
		} else if (!error && session->role != user.role) {
			session->role = user.role;
			session_tell_end(
				auth, session->tag); /* its streams were opened by the old role */
		}
		crypto_wipe(&user, sizeof(user));
	}
}

void auth_tick(struct auth *auth)
{
	for (size_t i = auth->session_count; i-- > 0;) {
		struct live_session *session = &auth->sessions[i];

		if (is_over(auth, session))
			end(auth, session);
		else if (auth_boot_ms(auth) - session->touched_boot_ms >= SESSION_TOUCH_MS)
			touch(auth, session);
	}
	check_some_users(auth);
}
