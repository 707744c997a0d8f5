/*
 * Sessions: who am I, set-up, log in, change the password, log out; the event stream's permission.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/auth/auth.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"

/* A log-in that waits for the hash: what the answer needs, copied off the request. */
struct pending {
	struct api *api;
	struct request request; /* only path, request_id and peer are set */
	char path[32];
	char request_id[64];
	char former[44]; /* the session of the same browser, which the new one replaces */
	api_reply_fn reply;
	void *reply_arg;
	bool is_form;
	struct addr peer;
};

static bool is_loopback(const struct addr *addr)
{
	static const uint8_t v6[16] = { [15] = 1 };

	if (addr->family == ADDR_IPV4)
		return addr->bytes[12] == 127;
	return addr->family == ADDR_IPV6 && !memcmp(addr->bytes, v6, sizeof(v6));
}

void handle_session(struct call *call)
{
	const struct api_options *options = &call->api->options;
	struct json *body = json_new_object();
	bool has_user = call->who.role != ROLE_NONE;

	if (has_user)
		json_set(body, "user", encode_principal(&call->who));
	else
		json_set_null(body, "user");
	json_set_string(body, "csrf", has_user && *call->csrf ? call->csrf : NULL);
	json_set_bool(body, "needs_setup", auth_needs_setup(options->auth));
	json_set_bool(body, "setup_allowed",
		      call->who.is_local || is_loopback(&call->request->peer));
	json_set_string(body, "mode", options->mode);
	json_set_string(body, "version", options->version);
	json_set_bool(body, "demo_login", auth_has_demo_login(options->auth));
	answer_json(call, 200, body);
}

void handle_events(struct call *call)
{
	answer_stream(call);
}

/* ---- answers that come later ------------------------------------------------------------------
 */

static struct pending *keep(const struct call *call, bool is_form)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (!pending)
		return NULL;
	pending->api = call->api;
	pending->reply = call->reply;
	pending->reply_arg = call->reply_arg;
	pending->is_form = is_form;
	pending->peer = call->request->peer;
	(void)snprintf(pending->path, sizeof(pending->path), "%s", call->request->path);
	(void)snprintf(pending->request_id, sizeof(pending->request_id), "%s",
		       call->request->request_id);
	if (strlen(call->request->session) < sizeof(pending->former))
		(void)snprintf(pending->former, sizeof(pending->former), "%s",
			       call->request->session);
	return pending;
}

static void answer_refused_login(struct call *call, const struct auth_outcome *outcome)
{
	bool is_setup = !strcmp(call->request->path, "/api/v1/setup");

	switch (outcome->error) {
	case -EAGAIN:
		answer_throttled(call, outcome->retry_after_s, outcome->message);
		return;
	case -EINVAL:
		answer_error(call, 422, "weak_password", "password", outcome->message);
		return;
	case -ENOKEY:
		answer_error(call, 401, "totp_required", "code", outcome->message);
		return;
	case -EACCES:
	case -EPERM:
		answer_error(call, 401, is_setup ? "wrong_token" : "wrong_login", NULL,
			     outcome->message);
		return;
	default:
		answer_failure(call, outcome->error);
	}
}

static void login_done(void *arg, const struct auth_outcome *outcome)
{
	struct pending *pending = arg;
	const struct request request = { .path = pending->path,
					 .request_id = pending->request_id,
					 .peer = pending->peer };
	struct call call = { .api = pending->api,
			     .request = &request,
			     .reply = pending->reply,
			     .reply_arg = pending->reply_arg };
	struct auth_ticket ticket;

	if (!outcome->error && *pending->former)
		auth_logout(pending->api->options.auth, pending->former);
	/* the answer carries the new session's token: the page goes on with it */
	if (!outcome->error && auth_session(pending->api->options.auth, outcome->session,
					    &pending->peer, &call.who, &ticket) == 0) {
		memcpy(call.csrf, ticket.csrf, sizeof(call.csrf));
		call.session_tag = ticket.tag;
	}
	if (pending->is_form && outcome->error)
		answer_redirect(
			&call, outcome->error == -ENOKEY ? "/login?totp=1" : "/login?failed=1", "");
	else if (pending->is_form)
		answer_redirect(&call, "/dashboard", outcome->session);
	else if (outcome->error)
		answer_refused_login(&call, outcome);
	else
		answer_login(&call, &outcome->principal, outcome->session);
	crypto_wipe(pending->former, sizeof(pending->former));
	free(pending);
}

static void start_login(struct call *call, const struct auth_claim *claim, bool is_form)
{
	struct pending *pending = keep(call, is_form);

	if (!pending) {
		answer_failure(call, -ENOMEM);
		return;
	}
	auth_login(call->api->options.auth, claim, &call->request->peer, login_done, pending);
}

void handle_login(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct auth_claim claim = { .token = "" };

	if (body_json(call, &body) || body_text(call, body, "username", &claim.name) ||
	    body_text(call, body, "password", &claim.password) ||
	    body_text(call, body, "code", &claim.code))
		return;
	start_login(call, &claim, false);
}

void handle_form_login(struct call *call)
{
	char name[PARAM_MAX], password[PARAM_MAX], code[PARAM_MAX];
	const struct auth_claim claim = { .name = name, .password = password, .code = code };

	if (param_text(call->request->body, "username", name) ||
	    param_text(call->request->body, "password", password) ||
	    param_text(call->request->body, "code", code)) {
		answer_redirect(call, "/login?failed=1", "");
		return;
	}
	start_login(call, &claim, true);
}

void handle_setup(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct auth_claim claim;
	struct pending *pending;

	if (!call->who.is_local && !is_loopback(&call->request->peer)) {
		answer_error(call, 403, "loopback_only", NULL,
			     "Set-up works from this machine only. Or run there: "
			     "sluice user add NAME --role admin");
		return;
	}
	if (body_json(call, &body) || body_text(call, body, "token", &claim.token) ||
	    body_text(call, body, "username", &claim.name) ||
	    body_text(call, body, "password", &claim.password))
		return;
	pending = keep(call, false);
	if (!pending) {
		answer_failure(call, -ENOMEM);
		return;
	}
	auth_setup(call->api->options.auth, &claim, &call->request->peer, login_done, pending);
}

void handle_password(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct auth_change change;
	struct pending *pending;

	if (call->who.is_local) {
		answer_error(call, 422, "invalid", NULL, "Use: sluice user passwd NAME");
		return;
	}
	if (body_json(call, &body) || body_text(call, body, "old", &change.old_password) ||
	    body_text(call, body, "new", &change.new_password))
		return;
	pending = keep(call, false);
	if (!pending) {
		answer_failure(call, -ENOMEM);
		return;
	}
	auth_change_password(call->api->options.auth, &call->who, &change, login_done, pending);
}

static void log_out(struct call *call, int status, const char *location)
{
	const struct response response = { .status = status,
					   .content_type = "",
					   .location = location,
					   .set_session = "-",
					   .body = "" };

	if (*call->request->session)
		auth_logout(call->api->options.auth, call->request->session);
	call->reply(call->reply_arg, &response);
}

void handle_logout(struct call *call)
{
	log_out(call, 204, "");
}

void handle_form_logout(struct call *call)
{
	log_out(call, 303, "/login");
}
