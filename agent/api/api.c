/*
 * The way of a request: find the route, find out who asks, decide whether they may, hand on.
 */
#include "agent/api/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/api/search.h"
#include "agent/auth/auth.h"

static const struct route routes[] = {
#define ROUTE(method, path, role, flags, handler) { method, path, role, flags, handler },
#include "agent/api/routes.def"
#undef ROUTE
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

const struct route *api_routes(size_t *count)
{
	*count = ROUTE_COUNT;
	return routes;
}

int api_new(const struct api_options *options, struct api **out)
{
	CLEANUP(api_free) struct api *api = calloc(1, sizeof(*api));
	int error;

	if (!api)
		return -ENOMEM;
	api->options = *options;
	error = idempotent_new(&api->idempotent);
	if (!error)
		*out = TAKE(api);
	return error;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	search_free_all(api);
	idempotent_free(api->idempotent);
	free(api);
}

struct snapshot *api_snapshot(const struct api *api)
{
	return api->options.snapshot(api->options.arg);
}

/* Whether @path is the route's; the part that '*' stands for goes to @part. */
static bool matches(const char *pattern, const char *path, char part[static PATH_PART_MAX])
{
	size_t len;

	part[0] = '\0';
	while (*pattern && *pattern == *path) {
		pattern++;
		path++;
	}
	if (*pattern != '*')
		return !*pattern && !*path;
	len = strcspn(path, "/");
	if (!len || len >= PATH_PART_MAX)
		return false;
	memcpy(part, path, len);
	part[len] = '\0';
	return !strcmp(pattern + 1, path + len);
}

/*
 * The first row that fits, so that /blocks/test goes before /blocks/ID. @allow: the methods of
 * the path when it exists with others only, for 405.
 */
static const struct route *find_route(const struct request *request, char *part, char *allow,
				      size_t allow_size)
{
	char other[PATH_PART_MAX];

	allow[0] = '\0';
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		size_t used = strlen(allow);

		if (!matches(routes[i].path, request->path, other))
			continue;
		if (!strcmp(routes[i].method, request->method)) {
			memcpy(part, other, PATH_PART_MAX);
			return &routes[i];
		}
		if (!strstr(allow, routes[i].method))
			(void)snprintf(allow + used, allow_size - used, "%s%s", used ? ", " : "",
				       routes[i].method);
	}
	return NULL;
}

static void identify(struct call *call, const struct principal *local)
{
	const struct request *request = call->request;
	struct auth_ticket ticket;

	if (local) {
		call->who = *local;
		return;
	}
	/* a token speaks for itself: a cookie beside it does not count */
	if (*request->bearer) {
		if (!auth_bearer(call->api->options.auth, request->bearer, &request->peer,
				 &call->who, &ticket))
			call->session_tag = ticket.tag;
		else
			call->who = (struct principal){ .peer = request->peer };
		return;
	}
	if (*request->session && !auth_session(call->api->options.auth, request->session,
					       &request->peer, &call->who, &ticket)) {
		memcpy(call->csrf, ticket.csrf, sizeof(call->csrf));
		call->session_tag = ticket.tag;
		return;
	}
	call->who = (struct principal){ .peer = request->peer };
}

static bool has_csrf(struct call *call, const struct route *route)
{
	const struct request *request = call->request;
	char field[PARAM_MAX] = "";
	const char *token = request->csrf;

	if (call->who.is_local || call->who.scopes || !strcmp(route->method, "GET") ||
	    (route->flags & ROUTE_NO_CSRF))
		return true;
	if ((route->flags & ROUTE_FORM) && !*token && !param_text(request->body, "csrf", field))
		token = field;
	return auth_csrf_is_valid(call->api->options.auth, request->session, token);
}

/* What a token must have to be let in to @route. */
static enum token_scope scope_of(const struct route *route)
{
	static const struct {
		const char *begin;
		enum token_scope scope;
	} scopes[] = {
		{ "/api/v1/hunt", SCOPE_READ }, /* a question too long for an address */
		{ "/api/v1/incidents", SCOPE_INCIDENTS },
		{ "/api/v1/expected", SCOPE_INCIDENTS },
		{ "/api/v1/reputation", SCOPE_INCIDENTS },
		{ "/api/v1/blocks", SCOPE_BLOCKS },
		{ "/api/v1/lists", SCOPE_BLOCKS },
		{ "/api/v1/safe", SCOPE_BLOCKS },
		{ "/api/v1/feeds", SCOPE_BLOCKS },
	};

	if (!strcmp(route->method, "GET"))
		return SCOPE_READ;
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (!strncmp(route->path, scopes[i].begin, strlen(scopes[i].begin)))
			return scopes[i].scope;
	return SCOPE_ADMIN;
}

static bool token_may(struct call *call, const struct route *route)
{
	char message[96];

	if (!call->who.scopes)
		return true;
	if (route->flags & (ROUTE_NO_TOKEN | ROUTE_FORM)) {
		answer_error(call, 403, "forbidden", NULL, "This is for people: no token may.");
		return false;
	}
	if (call->who.scopes & scope_of(route))
		return true;
	(void)snprintf(message, sizeof(message), "This token lacks the scope %s.",
		       auth_scope_name(scope_of(route)));
	answer_error(call, 403, "scope", NULL, message);
	return false;
}

/* Everything that keeps @call from its handler. Answers and returns false. */
static bool is_authorised(struct call *call, const struct route *route)
{
	if (route->flags & ROUTE_PUBLIC)
		return true;
	if (call->who.role == ROLE_NONE) {
		if (route->flags & ROUTE_FORM)
			answer_redirect(call, "/login", "");
		else
			answer_error(call, 401, "login_required", NULL, "Log in first.");
		return false;
	}
	if (!has_csrf(call, route)) {
		answer_error(call, 403, "csrf", NULL,
			     "This page is out of date. Reload it and try again.");
		return false;
	}
	if (call->who.must_change && !(route->flags & ROUTE_ANY_PASSWORD)) {
		answer_error(call, 403, "password_change_required", NULL,
			     "Change the password first.");
		return false;
	}
	if (call->who.role < route->role && (route->flags & ROUTE_FORM)) {
		answer_redirect(call, "/dashboard?refused=1", ""); /* the page says why */
		return false;
	}
	if (call->who.role < route->role) {
		answer_error(call, 403, "forbidden", NULL,
			     route->role == ROLE_ADMIN
				     ? "You need administrator privileges to do this."
				     : "You need the analyst role to do this.");
		return false;
	}
	return token_may(call, route);
}

/* Changes may come with a key; not where the answer is a secret or a session. */
static bool takes_key(const struct call *call, const struct route *route)
{
	return *call->request->idempotency_key && strcmp(route->method, "GET") != 0 &&
	       !(route->flags & (ROUTE_SECRET | ROUTE_PUBLIC | ROUTE_FORM | ROUTE_ANY_PASSWORD));
}

void api_handle(struct api *api, const struct request *request, const struct principal *local,
		api_reply_fn reply, void *arg)
{
	struct call call = { .api = api, .request = request, .reply = reply, .reply_arg = arg };
	char allow[64];
	const struct route *route = find_route(request, call.part, allow, sizeof(allow));

	if (!route) {
		if (*allow)
			answer_not_allowed(&call, allow);
		else
			answer_error(&call, 404, "not_found", NULL,
				     "There is no such address here.");
		return;
	}
	identify(&call, local);
	if (is_authorised(&call, route) && (!takes_key(&call, route) || idempotent_passes(&call)))
		route->handler(&call);
}
