/*
 * The OpenAPI document, made of the route table and describe.def. Source: OpenAPI 3.0.3.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/api/shape.h"
#include "agent/auth/auth.h"
#include "agent/util/cleanup.h"

#define NAME_MAX_TEXT 160

struct description {
	const char *method, *path, *summary, *query, *body, *answer;
};

static const struct description descriptions[] = {
#define DESCRIBE(method, path, summary, query, body, answer) \
	{ method, path, summary, query, body, answer },
#include "agent/api/describe.def"
#undef DESCRIBE
};

static const struct {
	const char *name, *members;
} schemas[] = {
#define SCHEMA(name, members) { name, members },
#include "agent/api/schemas.def"
#undef SCHEMA
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* "/a/{id}/b" is the route's pattern with a star for the part in braces. */
static bool is_path_of(const char *path, const char *pattern)
{
	while (*path && *pattern) {
		if (*path == '{' && *pattern == '*') {
			path += strcspn(path, "}");
			path += *path == '}';
			pattern++;
		} else if (*path++ != *pattern++) {
			return false;
		}
	}
	return *path == *pattern;
}

/* NULL: described, and not there; a test finds it. */
static const struct route *find_route(const struct description *description)
{
	size_t count;
	const struct route *routes = api_routes(&count);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(description->method, routes[i].method) &&
		    is_path_of(description->path, routes[i].path))
			return &routes[i];
	return NULL;
}

/* ---- parts of an operation --------------------------------------------------------------------
 */

static struct json *parameter(const char *name, const char *where, bool must, struct json *schema)
{
	struct json *item = json_new_object();

	json_set_string(item, "name", name);
	json_set_string(item, "in", where);
	json_set_bool(item, "required", must);
	json_set(item, "schema", schema);
	return item;
}

static void add_path_part(struct json *list, const char *path)
{
	const char *open = strchr(path, '{');
	char name[NAME_MAX_TEXT];

	if (!open)
		return;
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(open + 1, "}"), open + 1);
	json_add(list, parameter(name, "path", true, shape_type("text")));
}

/* One "name:type" of the query at a time. */
static void add_query(struct json *list, const char *query)
{
	while (*query) {
		size_t len = strcspn(query, " "), name_len = strcspn(query, "!:");
		size_t head = name_len + (query[name_len] == '!') + 1;
		char name[NAME_MAX_TEXT], type[NAME_MAX_TEXT];

		(void)snprintf(name, sizeof(name), "%.*s", (int)name_len, query);
		(void)snprintf(type, sizeof(type), "%.*s", len > head ? (int)(len - head) : 0,
			       query + head);
		json_add(list, parameter(name, "query", query[name_len] == '!', shape_type(type)));
		query += len + (query[len] == ' ');
	}
}

static struct json *parameters(const struct route *route, const struct description *description)
{
	struct json *list = json_new_array();

	add_path_part(list, description->path);
	add_query(list, description->query);
	if (route->flags & ROUTE_EDIT)
		json_add(list, parameter("If-Match", "header", false, shape_type("text")));
	return list;
}

static struct json *content(const char *type, struct json *schema)
{
	struct json *by_type = json_new_object(), *media = json_new_object();

	json_set(media, "schema", schema);
	json_set(by_type, type, media);
	return by_type;
}

static struct json *body_of(const struct route *route, const struct description *description)
{
	struct json *body = json_new_object();

	json_set(body, "content",
		 content(route->flags & ROUTE_FORM ? "application/x-www-form-urlencoded"
						   : "application/json",
			 shape_parse(description->body, true)));
	return body;
}

/* The type of an answer that is no JSON, or NULL. */
static const char *media_type(const char *answer)
{
	static const char *const types[][2] = { { "csv", "text/csv" },
						{ "ndjson", "application/x-ndjson" },
						{ "file", "application/octet-stream" },
						{ "sse", "text/event-stream" },
						{ "text", "text/plain" } };

	for (size_t i = 0; i < COUNT(types); i++)
		if (!strcmp(types[i][0], answer))
			return types[i][1];
	return NULL;
}

static struct json *error_response(void)
{
	struct json *response = json_new_object();

	json_set_string(response, "description", "Refused or failed: what, why, and which field");
	json_set(response, "content", content("application/json", shape_parse("@Error", false)));
	return response;
}

static struct json *responses(const char *answer)
{
	struct json *list = json_new_object(), *response = json_new_object();
	char status[4] = "200";
	const char *type;

	if (isdigit((unsigned char)answer[0])) {
		memcpy(status, answer, 3);
		answer += 3 + (answer[3] == ' ');
	}
	type = media_type(answer);
	json_set_string(response, "description", status[0] == '3' ? "Leads on to a page" : "Done");
	if (type)
		json_set(response, "content", content(type, shape_type("text")));
	else if (*answer)
		json_set(response, "content",
			 content("application/json", shape_parse(answer, false)));
	json_set(list, status, response);
	json_set(list, "default", error_response());
	return list;
}

static struct json *security(const struct route *route)
{
	struct json *list = json_new_array();
	const char *const ways[] = { "session", "token" };
	size_t count = route->flags & (ROUTE_NO_TOKEN | ROUTE_FORM) ? 1 : 2;

	for (size_t i = 0; i < count && !(route->flags & ROUTE_PUBLIC); i++) {
		struct json *way = json_new_object();

		json_set(way, ways[i], json_new_array());
		json_add(list, way);
	}
	return list;
}

/* "/api/v1/blocks/{id}" is of "blocks". */
static void tag_of(const char *path, char out[static NAME_MAX_TEXT])
{
	const char *begin = strncmp(path, "/api/v1/", 8) == 0 ? path + 8 : NULL;

	(void)snprintf(out, NAME_MAX_TEXT, "%.*s", begin ? (int)strcspn(begin, "/.") : 8,
		       begin ? begin : "original");
}

static struct json *operation(const struct route *route, const struct description *description)
{
	struct json *item = json_new_object(), *tags = json_new_array();
	char name[NAME_MAX_TEXT];

	(void)snprintf(name, sizeof(name), "%s%s", route->method, description->path);
	for (char *c = name; *c; c++)
		*c = isalnum((unsigned char)*c) ? (char)tolower((unsigned char)*c) : '_';
	json_set_string(item, "operationId", name);
	json_set_string(item, "summary", description->summary);
	tag_of(description->path, name);
	json_add_string(tags, name);
	json_set(item, "tags", tags);
	json_set_string(item, "x-role", auth_role_name(route->role));
	json_set_bool(item, "x-csrf",
		      strcmp(route->method, "GET") != 0 &&
			      !(route->flags & (ROUTE_PUBLIC | ROUTE_NO_CSRF)));
	json_set(item, "parameters", parameters(route, description));
	if (*description->body)
		json_set(item, "requestBody", body_of(route, description));
	json_set(item, "responses", responses(description->answer));
	json_set(item, "security", security(route));
	return item;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

/* All methods of the path of @first, which is the first description of it. */
static struct json *path_item(const struct description *first)
{
	const struct description *end = descriptions + COUNT(descriptions);
	struct json *item = json_new_object();

	for (const struct description *d = first; d < end; d++) {
		const struct route *route = strcmp(d->path, first->path) ? NULL : find_route(d);
		char method[8];

		if (!route)
			continue;
		(void)snprintf(method, sizeof(method), "%s", d->method);
		for (char *c = method; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		json_set(item, method, operation(route, d));
	}
	return item;
}

static bool is_first_of_path(size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcmp(descriptions[i].path, descriptions[index].path))
			return false;
	return true;
}

static struct json *security_schemes(void)
{
	struct json *all = json_new_object(), *session = json_new_object(),
		    *token = json_new_object();

	json_set_string(session, "type", "apiKey");
	json_set_string(session, "in", "cookie");
	json_set_string(session, "name", "__Host-sluice");
	json_set_string(session, "description",
			"The session's cookie (sluice_PORT on plain loopback HTTP); changes carry "
			"X-CSRF-Token, too, whose value is in GET /api/v1/session.");
	json_set_string(token, "type", "http");
	json_set_string(token, "scheme", "bearer");
	json_set(all, "session", session);
	json_set(all, "token", token);
	return all;
}

static struct json *components(void)
{
	struct json *all = json_new_object(), *shapes = json_new_object();

	for (size_t i = 0; i < COUNT(schemas); i++)
		json_set(shapes, schemas[i].name, shape_parse(schemas[i].members, false));
	json_set(all, "schemas", shapes);
	json_set(all, "securitySchemes", security_schemes());
	return all;
}

void handle_openapi(struct call *call)
{
	struct json *document = json_new_object(), *info = json_new_object(),
		    *paths = json_new_object();

	json_set_string(info, "title", "Sluice");
	json_set_string(info, "version", call->api->options.version);
	json_set_string(
		info, "description",
		"Network traffic analyzer and blocker. Lists are {items, next}; errors name "
		"the field; times are RFC 3339 UTC; bytes are IP bytes.");
	for (size_t i = 0; i < COUNT(descriptions); i++)
		if (is_first_of_path(i))
			json_set(paths, descriptions[i].path, path_item(&descriptions[i]));
	json_set_string(document, "openapi", "3.0.3");
	json_set(document, "info", info);
	json_set(document, "paths", paths);
	json_set(document, "components", components());
	answer_json(call, 200, document);
}
