/*
 * What a detector's incidents may do by themselves: nothing, ask, or block one address for a while.
 * Until an admin turns the dry run off, a block is only written into the incident's history as one
 * that would have been.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/incident/internal.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

#define SETTING_LIVE "incident.response"
#define LIVE	     "live"
/* A question that nobody answered is asked again after an hour: with the next incident. */
#define ASK_MS	(3600 * 1000LL)
#define OVER_MS (3600 * 1000LL)
/* How long a block that was there already is not asked for again. */
#define BLOCKED_MS (60 * 1000LL)
/* Automatic blocks of IPv6 hold what one customer gets at least: RFC 6177 2. */
#define IPV6_LEN 64

int response_load(struct incident_service *service)
{
	char value[16];
	int error = store_setting_get(service->options.store, SETTING_LIVE, value, sizeof(value));

	if (error && error != -ENOENT && error != -ENOBUFS)
		return error;
	service->is_live = !error && !strcmp(value, LIVE);
	return store_response_load(service->options.store, service->policies);
}

/* ---- the policies ------------------------------------------------------------------------------
 */

struct response_policy incident_response_policy(const struct incident_service *service,
						uint8_t detector)
{
	struct response_policy policy = { 0 };

	if (detector < DETECTOR_COUNT)
		policy = service->policies[detector];
	if (*policy.author)
		return policy;
	policy.ttl_s = RESPONSE_TTL_DEFAULT_S;
	if (service->options.default_response)
		policy.kind = (uint8_t)service->options.default_response(service->options.arg);
	return policy;
}

static struct json *describe(const struct response_policy *policy)
{
	struct json *detail = json_new_object();

	json_set_string(detail, "response",
			policy ? incident_response_name(policy->kind) : "default");
	if (policy)
		json_set_int(detail, "ttl_s", policy->ttl_s);
	return detail;
}

static void audit(struct incident_service *service, const struct principal *who, const char *target,
		  struct json *detail)
{
	CLEANUP(json_free) struct json *owned = detail;
	CLEANUP(free) char *text = json_print(owned, NULL);
	const struct audit_entry entry = { .who = who->name,
					   .peer = &who->peer,
					   .action = "response.set",
					   .target = target,
					   .detail = text };
	int error = store_audit_write(service->options.store, &entry);

	if (error)
		log_error("audit line not written action=response.set target=%s: %s", target,
			  strerror(-error));
}

int incident_response_set(struct incident_service *service, const struct principal *who,
			  uint8_t detector, const struct response_policy *policy)
{
	struct response_policy fresh = { 0 };
	int error;

	if (who->role < ROLE_ADMIN)
		return -EACCES;
	if (detector >= DETECTOR_COUNT)
		return -EINVAL;
	if (policy && (policy->kind > RESPONSE_BLOCK || policy->ttl_s < 1 ||
		       policy->ttl_s > RESPONSE_TTL_MAX_S))
		return -EINVAL;
	if (policy) {
		fresh = *policy;
		fresh.changed_unix_ms = incident_now(service);
		(void)snprintf(fresh.author, sizeof(fresh.author), "%s", who->name); /* fits */
	}
	error = store_response_set(service->options.store, detector, policy ? &fresh : NULL);
	if (error)
		return error;
	service->policies[detector] = fresh;
	audit(service, who, incident_detector_name(detector), describe(policy));
	return 0;
}

bool incident_response_is_dry(const struct incident_service *service)
{
	return !service->is_live;
}

int incident_response_set_dry(struct incident_service *service, const struct principal *who,
			      bool is_dry)
{
	struct json *detail;
	int error;

	if (who->role < ROLE_ADMIN)
		return -EACCES;
	error = store_setting_set(service->options.store, SETTING_LIVE, is_dry ? "dry" : LIVE);
	if (error)
		return error;
	service->is_live = !is_dry;
	detail = json_new_object();
	json_set_bool(detail, "dry_run", is_dry);
	audit(service, who, "dry_run", detail);
	return 0;
}

/* ---- whom it meets -----------------------------------------------------------------------------
 */

/* What this host itself is blamed for is ended at the other end, where that is one. */
static bool is_about_destination(uint8_t detector)
{
	return detector == DETECTOR_BEACON || detector == DETECTOR_EXFILTRATION ||
	       detector == DETECTOR_LISTED_CONTACT;
}

bool incident_response_target(const struct incident_service *service,
			      const struct incident *incident, struct prefix *target)
{
	const struct addr *addr = &incident->src;

	if (incident_is_one(addr) && incident_place_of(service, addr) == PLACE_OWN) {
		if (!is_about_destination(incident->detector))
			return false;
		addr = &incident->dst;
	}
	if (!incident_is_one(addr) || incident_place_of(service, addr) == PLACE_OWN)
		return false;
	*target = prefix_from_addr(addr);
	if (addr->family == ADDR_IPV6) {
		memset(target->addr.bytes + IPV6_LEN / 8, 0,
		       sizeof(target->addr.bytes) - IPV6_LEN / 8);
		target->len = IPV6_LEN;
	}
	return true;
}

/* ---- doing it ----------------------------------------------------------------------------------
 */

/* "90 s", "1 h": whole units only. */
static const char *say_ttl(int64_t ttl_s, char *text, size_t size)
{
	if (ttl_s % 86400 == 0)
		(void)snprintf(text, size, "%" PRId64 " d", ttl_s / 86400);
	else if (ttl_s % 3600 == 0)
		(void)snprintf(text, size, "%" PRId64 " h", ttl_s / 3600);
	else if (ttl_s % 60 == 0)
		(void)snprintf(text, size, "%" PRId64 " min", ttl_s / 60);
	else
		(void)snprintf(text, size, "%" PRId64 " s", ttl_s);
	return text;
}

static void remember(struct incident_service *service, struct incident *incident,
		     const char *outcome, const char *text, int64_t until_unix_ms)
{
	struct incident_event event = { .who = "sluice", .action = "response" };
	int error;

	(void)snprintf(event.after, sizeof(event.after), "%s", outcome); /* fits */
	(void)snprintf(event.text, sizeof(event.text), "%s", text);	 /* may cut */
	if (*text)
		people_remember(service, incident->id, &event);
	incident->response_until_unix_ms = until_unix_ms;
	error = store_incident_update(service->options.store, incident, NULL);
	if (error)
		log_error("a response is not noted in its incident id=%" PRId64 ": %s",
			  incident->id, strerror(-error));
	if (*text)
		log_info("response incident=%" PRId64 " outcome=%s: %s", incident->id, outcome,
			 text);
}

static void ask(struct incident_service *service, struct incident *incident,
		const struct response_policy *policy, const struct prefix *target)
{
	char text[INCIDENT_TEXT_MAX], span[32], what[PREFIX_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "asks: block %s for %s?", prefix_format(target, what),
		       say_ttl(policy->ttl_s, span, sizeof(span)));
	remember(service, incident, "asked", text, incident_now(service) + ASK_MS);
}

static void block(struct incident_service *service, struct incident *incident,
		  const struct response_policy *policy, const struct prefix *target)
{
	const struct addr *src = &incident->src;
	struct incident_response order = { .target = *target,
					   .about = prefix_has_addr(target, src) ? *src
										 : incident->dst,
					   .ttl_s = policy->ttl_s,
					   .incident_id = incident->id,
					   .is_dry = !service->is_live };
	char message[INCIDENT_TEXT_MAX] = "", text[2 * INCIDENT_TEXT_MAX], span[32];
	char what[PREFIX_TEXT_MAX];
	int64_t now = incident_now(service);
	int error;

	(void)snprintf(order.reason, sizeof(order.reason), "%s, incident %" PRId64,
		       incident_detector_title(incident->detector), incident->id);
	(void)prefix_format(target, what);
	(void)say_ttl(policy->ttl_s, span, sizeof(span));
	error = service->options.respond(service->options.arg, &order, message);
	if (error == -EEXIST) {
		remember(service, incident, "", "", now + BLOCKED_MS);
		return;
	}
	if (error)
		(void)snprintf(text, sizeof(text), "%s %s: %s",
			       order.is_dry ? "would not have blocked" : "did not block", what,
			       *message ? message : strerror(-error));
	else
		(void)snprintf(text, sizeof(text), "%s %s for %s",
			       order.is_dry ? "would have blocked" : "blocked", what, span);
	remember(service, incident,
		 error		? "refused"
		 : order.is_dry ? "dry_run"
				: "blocked",
		 text, now + policy->ttl_s * 1000);
}

void response_act(struct incident_service *service, struct incident *incident)
{
	const struct response_policy policy = incident_response_policy(service, incident->detector);
	struct prefix target;

	/* what has been over for an hour needs no answer any more */
	if (policy.kind == RESPONSE_NONE || !service->options.respond ||
	    incident_now(service) > incident->last_unix_ms + OVER_MS ||
	    incident_now(service) < incident->response_until_unix_ms ||
	    !incident_response_target(service, incident, &target))
		return;
	if (policy.kind == RESPONSE_ASK)
		ask(service, incident, &policy, &target);
	else
		block(service, incident, &policy, &target);
}
