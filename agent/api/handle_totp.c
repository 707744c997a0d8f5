/*
 * One's own second factor and sessions.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/auth/auth.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"

#define SESSIONS_SHOWN_MAX 1024

/* ---- second factor ----------------------------------------------------------------------------
 */

static void answer_totp_error(struct call *call, int error, const char *message)
{
	static const struct {
		int error, status;
		const char *code, *field;
	} kinds[] = {
		{ -EACCES, 422, "wrong_code", "code" }, { -EAGAIN, 429, "throttled", NULL },
		{ -EPERM, 403, "forbidden", NULL },	{ -EEXIST, 409, "already_on", NULL },
		{ -ENOENT, 409, "not_on", NULL },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].error == error) {
			answer_error(call, kinds[i].status, kinds[i].code, kinds[i].field, message);
			return;
		}
	answer_failure(call, error);
}

struct json *encode_totp(const struct auth_totp_offer *offer, const struct auth_totp_codes *codes)
{
	struct json *body = json_new_object(), *list;

	if (offer) {
		json_set_string(body, "secret", offer->secret);
		json_set_string(body, "uri", offer->uri);
	}
	if (!codes)
		return body;
	list = json_new_array();
	for (size_t i = 0; i < TOTP_CODES; i++)
		json_add_string(list, codes->text[i]);
	json_set(body, "recovery_codes", list);
	return body;
}

void handle_totp(struct call *call)
{
	struct auth_totp_state state;
	struct json *body;
	int error = auth_totp_state(call->api->options.auth, &call->who, &state);

	if (error) {
		answer_totp_error(call, error, "Only a logged-in user has a second factor.");
		return;
	}
	body = json_new_object();
	json_set_bool(body, "active", state.is_active);
	json_set_bool(body, "offered", state.is_offered);
	json_set_int(body, "recovery_codes_left", state.codes_left);
	answer_json(call, 200, body);
}

void handle_totp_begin(struct call *call)
{
	struct auth_totp_offer offer;
	const char *message;
	int error = auth_totp_begin(call->api->options.auth, &call->who, &offer, &message);

	if (error)
		answer_totp_error(call, error, message);
	else
		answer_json(call, 200, encode_totp(&offer, NULL));
	crypto_wipe(&offer, sizeof(offer));
}

/* Steps that a code proves and that give recovery codes. */
static void answer_codes(struct call *call,
			 int (*step)(struct auth *auth, const struct principal *who,
				     const char *code, struct auth_totp_codes *codes,
				     const char **message))
{
	CLEANUP(json_free) struct json *body = NULL;
	struct auth_totp_codes codes;
	const char *code, *message;
	int error;

	if (body_json(call, &body) || body_text(call, body, "code", &code))
		return;
	error = step(call->api->options.auth, &call->who, code, &codes, &message);
	if (error)
		answer_totp_error(call, error, message);
	else
		answer_json(call, 200, encode_totp(NULL, &codes));
	crypto_wipe(&codes, sizeof(codes));
}

void handle_totp_confirm(struct call *call)
{
	answer_codes(call, auth_totp_confirm);
}

void handle_totp_codes(struct call *call)
{
	answer_codes(call, auth_totp_renew);
}

void handle_totp_off(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *code, *message;
	int error;

	if (body_json(call, &body) || body_text(call, body, "code", &code))
		return;
	error = auth_totp_end(call->api->options.auth, &call->who, code, &message);
	if (error)
		answer_totp_error(call, error, message);
	else
		answer_empty(call, 204);
}

/* ---- sessions ---------------------------------------------------------------------------------
 */

static struct json *encode_session(const struct call *call, const struct auth_session_info *info)
{
	struct json *item = json_new_object();
	struct user user = { .name = "" };
	char id[17];

	(void)snprintf(id, sizeof(id), "%016" PRIx64, info->tag);
	/* a user who is gone meanwhile has no name, and soon no session */
	(void)store_user_by_id(call->api->options.store, info->user_id, &user);
	json_set_string(item, "id", id);
	json_set_string(item, "user", user.name);
	encode_addr(item, "peer", &info->peer);
	json_set_time(item, "created", info->created_unix_ms);
	json_set_time(item, "last_seen", info->seen_unix_ms);
	json_set_bool(item, "current", info->tag == call->session_tag);
	crypto_wipe(&user, sizeof(user));
	return item;
}

void handle_sessions(struct call *call)
{
	CLEANUP(free) struct auth_session_info *infos = calloc(SESSIONS_SHOWN_MAX, sizeof(*infos));
	int64_t all = 0;
	struct json *items;
	int count;

	if (param_int(call, "all", 0, 1, &all))
		return;
	if (all && call->who.role < ROLE_ADMIN) {
		answer_error(call, 403, "forbidden", "all",
			     "You need administrator privileges to do this.");
		return;
	}
	if (!infos) {
		answer_failure(call, -ENOMEM);
		return;
	}
	/* the control socket has no sessions of its own: -1 is nobody's */
	count = auth_sessions(call->api->options.auth,
			      all		  ? 0
			      : call->who.user_id ? call->who.user_id
						  : -1,
			      infos, SESSIONS_SHOWN_MAX);
	items = json_new_array();
	for (int i = 0; i < count; i++)
		json_add(items, encode_session(call, &infos[i]));
	answer_list(call, items, 0);
}

void handle_session_end(struct call *call)
{
	char *end;
	uint64_t tag = strtoull(call->part, &end, 16);

	if (strlen(call->part) != 16 || *end ||
	    auth_end_session(call->api->options.auth, &call->who, tag))
		answer_error(call, 404, "not_found", NULL, "There is no such session any more.");
	else
		answer_empty(call, 204);
}

void handle_sessions_end_others(struct call *call)
{
	struct json *body = json_new_object();

	json_set_int(
		body, "ended",
		auth_end_other_sessions(call->api->options.auth, &call->who, call->session_tag));
	answer_json(call, 200, body);
}
