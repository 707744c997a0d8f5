/*
 * The original's forms (ORIGINAL.md 4.2): each does what its page did and leads back to the page of
 * today, with one word in the address when it was refused. Errors have no body: people see pages.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/auth/auth.h"
#include "agent/block/block.h"
#include "agent/incident/incident.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"

/* A field of the form; false when it cannot be decoded. */
static bool field(const struct call *call, const char *name, char out[static PARAM_MAX])
{
	return !param_text(call->request->body, name, out);
}

/* A check box: browsers send "on", scripts anything else but nothing. */
static bool is_checked(const struct call *call, const char *name)
{
	char text[PARAM_MAX];

	return field(call, name, text) && *text && strcmp(text, "0") != 0 &&
	       strcmp(text, "false") != 0;
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

/* The field "ttl": a lifetime, "never" (0), or nothing (-1, the default). */
static bool lifetime(const struct call *call, int64_t *ttl_s)
{
	char text[PARAM_MAX];

	*ttl_s = -1;
	if (!field(call, "ttl", text))
		return false;
	if (!*text)
		return true;
	*ttl_s = 0;
	return !strcmp(text, "never") || (!duration_parse(text, ttl_s) && *ttl_s > 0);
}

static void block(struct call *call, const char *name)
{
	char value[PARAM_MAX], reason[PARAM_MAX];
	struct block_request request = { .value = value,
					 .action = "",
					 .direction = "",
					 .proto = "",
					 .ttl_s = -1,
					 .reason = reason };
	struct block_outcome outcome = { .error = -EINVAL };

	if (field(call, name, value) && field(call, "reason", reason) &&
	    lifetime(call, &request.ttl_s))
		(void)block_add(call->api->options.block, &call->who, &request, &outcome);
	answer_redirect(call, outcome.error ? "/blocks?refused=1" : "/blocks", "");
}

void handle_form_block(struct call *call)
{
	block(call, "ip_address");
}

void handle_form_block_domain(struct call *call)
{
	block(call, "domain");
}

void handle_form_unblock(struct call *call)
{
	struct block_outcome outcome;
	int64_t id;

	if (part_id(call, &id))
		return;
	(void)block_remove(call->api->options.block, &call->who, id, &outcome);
	answer_redirect(call, outcome.error ? "/blocks?refused=1" : "/blocks", "");
}

/* ---- one incident -----------------------------------------------------------------------------
 */

static int block_source(struct call *call, int64_t id)
{
	char value[ADDR_TEXT_MAX], reason[64];
	struct block_request request = { .value = value,
					 .action = "",
					 .direction = "",
					 .proto = "",
					 .ttl_s = -1,
					 .reason = reason,
					 .incident_id = id };
	struct block_outcome outcome;
	struct incident incident;
	int error = call->who.role < ROLE_ADMIN
			    ? -EACCES
			    : store_incident_get(call->api->options.store, id, &incident, NULL);

	if (error)
		return error;
	(void)addr_format(&incident.src, value);
	(void)snprintf(reason, sizeof(reason), "Blocked from incident #%lld", (long long)id);
	return block_add(call->api->options.block, &call->who, &request, &outcome);
}

/* Notes are added, as they have authors; the check box is the state. */
static int work_on(struct call *call, int64_t id)
{
	struct incident_service *service = call->api->options.incident;
	const struct incident_target target = { id, -1 };
	struct incident incident;
	char notes[PARAM_MAX];
	bool resolved = is_checked(call, "resolved");
	int error = store_incident_get(call->api->options.store, id, &incident, NULL);

	if (!error && !field(call, "notes", notes))
		error = -EINVAL;
	if (!error && *notes)
		error = incident_add_note(service, &call->who, &target, notes);
	if (!error && resolved != (incident.state >= INCIDENT_RESOLVED))
		error = incident_set_state(service, &call->who, &target,
					   resolved ? INCIDENT_RESOLVED : INCIDENT_OPEN);
	if (!error && is_checked(call, "block_src_ip"))
		error = block_source(call, id);
	return error;
}

void handle_form_incident(struct call *call)
{
	char location[64];
	int64_t id;
	int error;

	if (part_id(call, &id))
		return;
	error = work_on(call, id);
	(void)snprintf(location, sizeof(location), "/incidents/%lld%s", (long long)id,
		       error ? "?refused=1" : "");
	answer_redirect(call, location, "");
}

/* ---- users ------------------------------------------------------------------------------------
 */

struct register_job {
	struct call call;
	struct request request;
};

static void registered(void *arg, int error, const char *message)
{
	struct register_job *job = arg;

	(void)message; /* the page says it in its own words */
	answer_redirect(&job->call,
			!error		   ? "/users"
			: error == -EEXIST ? "/users?refused=exists"
					   : "/users?refused=invalid",
			"");
	free(job);
}

void handle_form_register(struct call *call)
{
	char name[PARAM_MAX], email[PARAM_MAX], password[PARAM_MAX], role[PARAM_MAX];
	struct auth_user_order order = {
		.name = name, .email = email, .password = password, .role = ROLE_VIEWER
	};
	struct register_job *job;

	if (!field(call, "username", name) || !field(call, "email", email) ||
	    !field(call, "password", password) || !field(call, "role", role) ||
	    (*role && auth_role_parse(role, &order.role))) {
		answer_redirect(call, "/users?refused=invalid", "");
		return;
	}
	if (is_checked(call, "is_admin"))
		order.role = ROLE_ADMIN;
	job = calloc(1, sizeof(*job));
	if (!job) {
		answer_failure(call, -ENOMEM);
		return;
	}
	/* the call outlives its request, of which a redirect needs nothing */
	job->call = *call;
	job->request = (struct request){ .path = "/register", .request_id = "" };
	job->call.request = &job->request;
	auth_create_user(call->api->options.auth, &call->who, &order, registered, job);
}

/* ---- pages that have another name now ---------------------------------------------------------
 */

void handle_page_register(struct call *call)
{
	answer_redirect(call, "/users", "");
}

void handle_page_config(struct call *call)
{
	answer_redirect(call, "/settings", "");
}
