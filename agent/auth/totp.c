/*
 * The second factor: offered, confirmed by a code, asked for at each login; recovery codes for a
 * lost phone. A code is good once, in its step and the two beside it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/auth/internal.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/totp.h"

#define CODE_BYTES 10 /* 80 bits: no search through hashes finds one */

static const char no_user[] = "Only a user who is logged in has a second factor.";
static const char wrong_code[] = "This code is wrong, or was used before.";
static const char too_many[] = "Too many attempts. Please wait and try again.";
static const char is_on[] = "The second factor is on already.";
static const char is_off[] = "No second factor is on.";
static const char not_offered[] = "Begin again: no secret waits for its first code.";
static const char broken[] = "This did not work because of a fault on the server; see its log.";

/* ---- codes ------------------------------------------------------------------------------------
 */

/* As typed: blanks and dashes do not count, nor does case. Returns the length. */
static size_t normalise(const char *typed, char out[static TOTP_CODE_TEXT])
{
	size_t len = 0;

	for (; *typed && len + 1 < TOTP_CODE_TEXT; typed++) {
		char c = *typed;

		if (c == ' ' || c == '-')
			continue;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		out[len++] = c;
	}
	out[len] = '\0';
	return len;
}

static void hash_code(const char *code, uint8_t hash[static CRYPTO_HASH_BYTES])
{
	crypto_digest(code, strlen(code), hash);
}

/* The step whose code this is, or -EACCES. Source: RFC 6238 5.2, one step of drift either way. */
static int64_t find_step(const struct totp *totp, int64_t unix_ms, const char *code)
{
	int64_t now = unix_ms / 1000 / TOTP_STEP_S, found = -EACCES;

	for (int64_t step = now - 1; step <= now + 1; step++) {
		char right[TOTP_CODE_MAX];

		if (totp_code(totp->secret, step, right))
			return -EIO;
		if (crypto_is_equal(right, code, TOTP_DIGITS) && step > totp->last_step)
			found = step;
	}
	return found;
}

static int take_app_code(struct auth *auth, const struct totp *totp, const char *code)
{
	int64_t step = find_step(totp, auth->unix_ms(), code);
	int error;

	if (step < 0)
		return (int)step;
	error = store_totp_spend(auth->options.store, totp->user_id, step);
	return error == -ENOENT ? -EACCES : error;
}

int totp_take(struct auth *auth, int64_t user_id, const char *code)
{
	uint8_t hash[CRYPTO_HASH_BYTES];
	char plain[TOTP_CODE_TEXT];
	struct totp totp;
	size_t len = normalise(code, plain);
	int error;

	if (len == TOTP_DIGITS) {
		error = store_totp_get(auth->options.store, user_id, &totp);
		if (!error)
			error = take_app_code(auth, &totp, plain);
		crypto_wipe(&totp, sizeof(totp));
		return error;
	}
	hash_code(plain, hash);
	error = store_code_spend(auth->options.store, user_id, hash);
	return error == -ENOENT ? -EACCES : error;
}

/* New recovery codes, in force. */
static int make_codes(struct store *store, int64_t user_id, struct auth_totp_codes *out)
{
	uint8_t hashes[TOTP_CODES][CRYPTO_HASH_BYTES];

	for (size_t i = 0; i < TOTP_CODES; i++) {
		uint8_t random[CODE_BYTES];
		char text[TOTP_CODE_TEXT], plain[TOTP_CODE_TEXT];

		crypto_random(random, sizeof(random));
		totp_base32(random, sizeof(random), text);
		(void)snprintf(out->text[i], TOTP_CODE_TEXT, "%.4s-%.4s-%.4s-%.4s", text, text + 4,
			       text + 8, text + 12);
		for (char *c = out->text[i]; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		(void)normalise(out->text[i], plain);
		hash_code(plain, hashes[i]);
	}
	return store_codes_set(store, user_id, (const uint8_t(*)[32])hashes, TOTP_CODES);
}

/* ---- one's own --------------------------------------------------------------------------------
 */

static void tell_offer(const struct totp *totp, const char *name, struct auth_totp_offer *out)
{
	totp_base32(totp->secret, sizeof(totp->secret), out->secret);
	/* names have no character that must be escaped but '@', which labels may hold as it is
	 * (RFC 3986 3.3) */
	(void)snprintf(out->uri, sizeof(out->uri),
		       "otpauth://totp/Sluice:%s?secret=%s&issuer=Sluice&algorithm=SHA1&digits=%d"
		       "&period=%d",
		       name, out->secret, TOTP_DIGITS, TOTP_STEP_S);
}

static int fail(int error, const char **message)
{
	static const struct {
		int error;
		const char *text;
	} texts[] = { { 0, "" },
		      { -EACCES, wrong_code },
		      { -EAGAIN, too_many },
		      { -EPERM, no_user },
		      { -EEXIST, is_on },
		      { -ENOENT, is_off },
		      { -ENODATA, not_offered } };

	*message = broken;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].error == error)
			*message = texts[i].text;
	return error == -ENODATA ? -ENOENT : error;
}

int auth_totp_state(struct auth *auth, const struct principal *who, struct auth_totp_state *out)
{
	struct totp totp = { .is_active = false };
	int left, error;

	if (!who->user_id)
		return -EPERM;
	error = store_totp_get(auth->options.store, who->user_id, &totp);
	*out = (struct auth_totp_state){ .is_active = totp.is_active,
					 .is_offered = !error && !totp.is_active };
	crypto_wipe(&totp, sizeof(totp));
	if (error)
		return error == -ENOENT ? 0 : error;
	left = store_codes_left(auth->options.store, who->user_id);
	out->codes_left = left > 0 ? (unsigned int)left : 0;
	return left < 0 ? left : 0;
}

int auth_totp_begin(struct auth *auth, const struct principal *who, struct auth_totp_offer *out,
		    const char **message)
{
	struct totp totp = { .user_id = who->user_id };
	struct auth_totp_state state;
	int error = auth_totp_state(auth, who, &state);

	if (!error && state.is_active)
		error = -EEXIST;
	if (error)
		return fail(error, message);
	crypto_random(totp.secret, sizeof(totp.secret));
	error = store_totp_set(auth->options.store, &totp);
	if (!error)
		tell_offer(&totp, who->name, out);
	crypto_wipe(&totp, sizeof(totp));
	return fail(error, message);
}

/* One guess of a code, throttled as guesses of the password are. */
static int guess(struct auth *auth, const struct principal *who, const char *code)
{
	uint64_t now_s = auth->boot_ns() / NS_PER_S;
	struct throttle_attempt attempt =
		throttle_attempt_of(auth->throttle, who->name, who->user_id, &who->peer);
	int64_t retry_after_s;
	int error = throttle_admit(auth->throttle, &attempt, now_s, &retry_after_s);

	if (error)
		return error;
	error = strlen(code) < TOTP_CODE_TEXT ? totp_take(auth, who->user_id, code) : -EACCES;
	if (error != -EACCES)
		throttle_cancel(auth->throttle, &attempt, now_s);
	else
		auth_audit_failure(auth, "totp.failed", who->name, &who->peer);
	return error;
}

int auth_totp_confirm(struct auth *auth, const struct principal *who, const char *code,
		      struct auth_totp_codes *codes, const char **message)
{
	struct store *store = auth->options.store;
	struct auth_totp_state state;
	struct totp totp;
	int error = auth_totp_state(auth, who, &state);

	if (!error && !state.is_offered)
		error = state.is_active ? -EEXIST : -ENODATA;
	if (!error)
		error = guess(auth, who, code);
	if (!error)
		error = store_totp_get(store, who->user_id, &totp);
	if (error)
		return fail(error, message);
	totp.is_active = true;
	error = make_codes(store, who->user_id, codes);
	if (!error)
		error = store_totp_set(store, &totp);
	crypto_wipe(&totp, sizeof(totp));
	if (!error)
		auth_audit(store, who, "totp.on", who->name, NULL);
	return fail(error, message);
}

/* A code of who has the factor on. */
static int prove(struct auth *auth, const struct principal *who, const char *code)
{
	struct auth_totp_state state;
	int error = auth_totp_state(auth, who, &state);

	if (!error && !state.is_active)
		error = -ENOENT;
	return error ? error : guess(auth, who, code);
}

int auth_totp_renew(struct auth *auth, const struct principal *who, const char *code,
		    struct auth_totp_codes *codes, const char **message)
{
	int error = prove(auth, who, code);

	if (!error)
		error = make_codes(auth->options.store, who->user_id, codes);
	if (!error)
		auth_audit(auth->options.store, who, "totp.codes", who->name, NULL);
	return fail(error, message);
}

int auth_totp_end(struct auth *auth, const struct principal *who, const char *code,
		  const char **message)
{
	int error = prove(auth, who, code);

	if (!error)
		error = store_totp_delete(auth->options.store, who->user_id);
	if (!error)
		auth_audit(auth->options.store, who, "totp.off", who->name, NULL);
	return fail(error, message);
}

/* ---- somebody else's --------------------------------------------------------------------------
 */

static int turn_on(struct store *store, const struct user *user, struct auth_totp_gift *gift)
{
	struct totp totp = { .user_id = user->id, .is_active = true };
	int error;

	crypto_random(totp.secret, sizeof(totp.secret));
	error = make_codes(store, user->id, &gift->codes);
	if (!error)
		error = store_totp_set(store, &totp);
	if (!error)
		tell_offer(&totp, user->name, &gift->offer);
	crypto_wipe(&totp, sizeof(totp));
	return error;
}

int auth_totp_set(struct store *store, const struct principal *who, const char *name, bool on,
		  struct auth_totp_gift *gift)
{
	struct user user;
	int error = who->role < ROLE_ADMIN ? -EACCES : 0;

	if (error)
		return error;
	error = user_name_is_valid(name) ? store_user_by_name(store, name, &user) : -ENOENT;
	if (error)
		return error;
	error = on ? turn_on(store, &user, gift) : store_totp_delete(store, user.id);
	crypto_wipe(&user, sizeof(user));
	if (!error)
		auth_audit(store, who, on ? "totp.on" : "totp.off", name, NULL);
	return error;
}
