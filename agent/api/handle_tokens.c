/*
 * API tokens, for admins: list, create (the text is shown once), revoke.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/auth/auth.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"

#define TOKENS_MAX    256
#define TTL_DEFAULT_S (90LL * 86400)
#define TTL_MAX_S     (3650LL * 86400)

static struct json *encode_token(const struct api_token *token)
{
	struct json *item = json_new_object(), *scopes = json_new_array();

	for (unsigned int bit = 1; bit <= SCOPE_ALL; bit <<= 1)
		if (token->scopes & bit)
			json_add_string(scopes, auth_scope_name((enum token_scope)bit));
	json_set_int(item, "id", token->id);
	json_set_string(item, "name", token->name);
	json_set_string(item, "role", auth_role_name((enum role)token->role));
	json_set(item, "scopes", scopes);
	json_set_string(item, "author", token->author);
	json_set_time(item, "created", token->created_unix_ms);
	json_set_time(item, "expires", token->expires_unix_ms);
	json_set_time(item, "last_used", token->used_unix_ms);
	return edit_tagged(EDITED_TOKEN, item);
}

void handle_tokens(struct call *call)
{
	CLEANUP(free) struct api_token *rows = calloc(TOKENS_MAX, sizeof(*rows));
	struct json *items;
	int count = rows ? store_token_list(call->api->options.store, rows, TOKENS_MAX) : -ENOMEM;

	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	items = json_new_array();
	for (int i = 0; i < count; i++)
		json_add(items, encode_token(&rows[i]));
	answer_list(call, items, 0);
}

static void answer_token_error(struct call *call, int error)
{
	static const struct {
		int error, status;
		const char *code, *field;
	} kinds[] = {
		{ -EINVAL, 422, "invalid", "name" }, { -EEXIST, 409, "exists", "name" },
		{ -ENOENT, 404, "not_found", NULL }, { -EACCES, 403, "forbidden", NULL },
		{ -ENOSPC, 409, "too_many", NULL },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].error == error) {
			answer_error(call, kinds[i].status, kinds[i].code, kinds[i].field,
				     auth_token_message(error));
			return;
		}
	answer_failure(call, error);
}

static int read_scopes(struct call *call, const struct json *body, uint8_t *scopes)
{
	const struct json *list = json_get(body, "scopes");
	const char *text;

	*scopes = list ? 0 : SCOPE_READ;
	if (list && !json_string(list, &text) && !auth_scopes_parse(text, scopes))
		return 0;
	for (size_t i = 0; json_is_array(list) && i < json_array_len(list); i++) {
		uint8_t one = 0;

		if (json_string(json_array_get(list, i), &text) || auth_scopes_parse(text, &one)) {
			*scopes = 0;
			break;
		}
		*scopes |= one;
	}
	if (*scopes)
		return 0;
	answer_error(call, 422, "invalid", "scopes",
		     "scopes are of read, incidents, blocks, admin, or all.");
	return -EINVAL;
}

static int read_lifetime(struct call *call, const struct json *body, int64_t *ttl_s)
{
	const char *text;

	*ttl_s = TTL_DEFAULT_S;
	if (body_text(call, body, "ttl", &text))
		return -EINVAL;
	if (!*text)
		return 0;
	if (!strcmp(text, "never"))
		*ttl_s = 0;
	else if (duration_parse(text, ttl_s) || *ttl_s <= 0 || *ttl_s > TTL_MAX_S)
		*ttl_s = -1;
	if (*ttl_s >= 0)
		return 0;
	answer_error(call, 422, "invalid", "ttl",
		     "A lifetime is a number with s, m, h, d or w, at most 3650d, or never.");
	return -EINVAL;
}

void handle_token_create(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct auth_token_order order = { .role = ROLE_VIEWER };
	char text[AUTH_TOKEN_TEXT_MAX];
	struct api_token token;
	struct json *answer;
	const char *role;
	int error;

	if (body_json(call, &body) || body_text(call, body, "name", &order.name) ||
	    body_text(call, body, "role", &role) || read_scopes(call, body, &order.scopes) ||
	    read_lifetime(call, body, &order.ttl_s))
		return;
	if (*role && auth_role_parse(role, &order.role)) {
		answer_error(call, 422, "invalid", "role", "role is viewer, analyst or admin.");
		return;
	}
	error = auth_token_create(call->api->options.store, &call->who, &order, &token, text);
	if (error) {
		answer_token_error(call, error);
		return;
	}
	answer = encode_token(&token);
	json_set_string(answer, "token", text);
	crypto_wipe(text, sizeof(text));
	answer_json(call, 201, answer);
}

/* The token of the path is as who asks saw it. */
static bool is_as_seen(struct call *call, int64_t id)
{
	CLEANUP(free) struct api_token *rows = calloc(TOKENS_MAX, sizeof(*rows));
	int count = rows ? store_token_list(call->api->options.store, rows, TOKENS_MAX) : -ENOMEM;

	for (int i = 0; i < count; i++)
		if (rows[i].id == id)
			return edit_goes_on(call, EDITED_TOKEN, encode_token(&rows[i]),
					    rows[i].name);
	return count < 0 || edit_goes_on(call, EDITED_TOKEN, NULL, call->part);
}

void handle_token_revoke(struct call *call)
{
	int64_t id;
	int error;

	if (part_id(call, &id) || !is_as_seen(call, id))
		return;
	error = auth_token_revoke(call->api->options.store, call->api->options.auth, &call->who,
				  id);
	if (error)
		answer_token_error(call, error);
	else
		answer_empty(call, 204);
}
