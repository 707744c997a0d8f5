/*
 * Users, for admins: list, add, set a password, a role, the second factor; disable.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/auth/auth.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"

#define USERS_MAX 1000

/* An order that waits for the hash: what its answer needs. */
struct user_pending {
	struct call call;
	struct request request;
	char name[USER_NAME_MAX];
	char path[160];
	char request_id[64];
	int status;
};

static struct json *encode_user(const struct user *user)
{
	struct json *item = json_new_object();

	json_set_int(item, "id", user->id);
	json_set_string(item, "name", user->name);
	json_set_string(item, "email", user->email);
	json_set_string(item, "role", auth_role_name((enum role)user->role));
	json_set_bool(item, "disabled", user->disabled);
	json_set_bool(item, "must_change", user->must_change);
	json_set_bool(item, "totp", user->has_totp);
	json_set_time(item, "created", user->created_unix_ms);
	json_set_time(item, "last_login", user->last_login_unix_ms);
	return edit_tagged(EDITED_USER, item);
}

/* The user of the path is as who asks saw it; nobody at all is the order's own error. */
static bool is_as_seen(struct call *call)
{
	struct user user;

	return store_user_by_name(call->api->options.store, call->part, &user) != 0 ||
	       edit_goes_on(call, EDITED_USER, encode_user(&user), call->part);
}

void handle_users(struct call *call)
{
	CLEANUP(free) struct user *users = calloc(USERS_MAX, sizeof(*users));
	struct json *items;
	int count = users ? store_user_list(call->api->options.store, users, USERS_MAX) : -ENOMEM;

	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	items = json_new_array();
	for (int i = 0; i < count; i++)
		json_add(items, encode_user(&users[i]));
	answer_list(call, items, 0);
}

static void answer_user(struct call *call, int status, const char *name)
{
	struct user user;
	int error = store_user_by_name(call->api->options.store, name, &user);

	if (error)
		answer_failure(call, error);
	else
		answer_json(call, status, encode_user(&user));
}

static void answer_user_error(struct call *call, int error, const char *message)
{
	static const struct {
		int error, status;
		const char *code;
	} kinds[] = {
		{ -EINVAL, 422, "invalid" },   { -EEXIST, 409, "exists" },
		{ -ENOENT, 404, "not_found" }, { -EPERM, 409, "last_admin" },
		{ -EACCES, 403, "forbidden" }, { -EAGAIN, 429, "throttled" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].error == error) {
			answer_error(call, kinds[i].status, kinds[i].code, NULL, message);
			return;
		}
	answer_failure(call, error);
}

static void user_done(void *arg, int error, const char *message)
{
	struct user_pending *pending = arg;

	if (error)
		answer_user_error(&pending->call, error, message);
	else
		answer_user(&pending->call, pending->status, pending->name);
	free(pending);
}

/* The call outlives its request: what answers need is copied, the rest is empty. */
static struct user_pending *keep(const struct call *call, const char *name, int status)
{
	struct user_pending *pending = calloc(1, sizeof(*pending));

	if (!pending)
		return NULL;
	pending->status = status;
	(void)snprintf(pending->name, sizeof(pending->name), "%s", name);
	(void)snprintf(pending->path, sizeof(pending->path), "%s", call->request->path);
	(void)snprintf(pending->request_id, sizeof(pending->request_id), "%s",
		       call->request->request_id);
	pending->call = *call;
	pending->request =
		(struct request){ .path = pending->path, .request_id = pending->request_id };
	pending->call.request = &pending->request;
	return pending;
}

void handle_user_add(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct auth_user_order order = { 0 };
	struct user_pending *pending;
	const char *role;

	if (body_json(call, &body) || body_text(call, body, "name", &order.name) ||
	    body_text(call, body, "email", &order.email) ||
	    body_text(call, body, "password", &order.password) ||
	    body_text(call, body, "role", &role))
		return;
	order.role = ROLE_VIEWER;
	if (*role && auth_role_parse(role, &order.role)) {
		answer_error(call, 422, "invalid", "role", "role is viewer, analyst or admin.");
		return;
	}
	pending = keep(call, order.name, 201);
	if (!pending)
		answer_failure(call, -ENOMEM);
	else
		auth_create_user(call->api->options.auth, &call->who, &order, user_done, pending);
}

void handle_user_password(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct auth_user_order order = { .name = call->part };
	struct user_pending *pending;

	if (body_json(call, &body) || body_text(call, body, "password", &order.password) ||
	    !is_as_seen(call))
		return;
	pending = keep(call, call->part, 200);
	if (!pending)
		answer_failure(call, -ENOMEM);
	else
		auth_reset_password(call->api->options.auth, &call->who, &order, user_done,
				    pending);
}

void handle_user_disabled(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *message;
	bool disabled;
	int error;

	if (body_json(call, &body))
		return;
	if (json_get_bool(body, "disabled", &disabled)) {
		answer_error(call, 422, "invalid", "disabled", "disabled is true or false.");
		return;
	}
	if (!is_as_seen(call))
		return;
	error = auth_disable_user(call->api->options.auth, &call->who, call->part, disabled,
				  &message);
	if (error)
		answer_user_error(call, error, message);
	else
		answer_user(call, 200, call->part);
}

void handle_user_role(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *text, *message;
	enum role role;
	int error;

	if (body_json(call, &body) || body_text(call, body, "role", &text))
		return;
	if (auth_role_parse(text, &role)) {
		answer_error(call, 422, "invalid", "role", "role is viewer, analyst or admin.");
		return;
	}
	if (!is_as_seen(call))
		return;
	error = auth_set_role(call->api->options.auth, &call->who, call->part, role, &message);
	if (error)
		answer_user_error(call, error, message);
	else
		answer_user(call, 200, call->part);
}

void handle_user_totp(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct auth_totp_gift gift;
	bool on;
	int error;

	if (body_json(call, &body))
		return;
	if (json_get_bool(body, "on", &on)) {
		answer_error(call, 422, "invalid", "on", "on is true or false.");
		return;
	}
	if (!is_as_seen(call))
		return;
	error = auth_totp_set(call->api->options.store, &call->who, call->part, on, &gift);
	if (error == -ENOENT)
		answer_error(call, 404, "not_found", NULL,
			     on ? "There is no such user."
				: "There is no such user, or no second factor of theirs.");
	else if (error)
		answer_failure(call, error);
	else if (on)
		answer_json(call, 200, encode_totp(&gift.offer, &gift.codes));
	else
		answer_user(call, 200, call->part);
	crypto_wipe(&gift, sizeof(gift));
}
