/*
 * "Expected here": what a person said is no incident. The list is in memory, as findings ask for it
 * each time; main.db has it for the next start.
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

int expected_load(struct incident_service *service)
{
	int count;

	service->expected = calloc(EXPECTED_MAX, sizeof(*service->expected));
	service->expected_unsaved = calloc(EXPECTED_MAX, sizeof(*service->expected_unsaved));
	if (!service->expected || !service->expected_unsaved)
		return -ENOMEM;
	count = store_expected_list(service->options.store, service->expected, EXPECTED_MAX);
	if (count < 0)
		return count;
	service->expected_count = (size_t)count;
	return 0;
}

static void save_counter(struct incident_service *service, size_t i)
{
	int error = store_expected_save(service->options.store, &service->expected[i]);

	if (error)
		log_warn("what an expectation silenced is not kept id=%" PRId64 ": %s",
			 service->expected[i].id, strerror(-error));
	service->expected_unsaved[i] = 0;
}

void expected_done(struct incident_service *service)
{
	for (size_t i = 0; i < service->expected_count; i++)
		if (service->expected_unsaved[i])
			save_counter(service, i);
	free(service->expected);
	free(service->expected_unsaved);
}

/* ---- what it silences --------------------------------------------------------------------------
 */

static bool holds(const struct prefix *prefix, const struct addr *addr)
{
	return prefix->addr.family == ADDR_NONE || prefix_has_addr(prefix, addr);
}

static bool matches(const struct expected *expected, const struct finding *finding)
{
	return (expected->detector < 0 || expected->detector == finding->detector) &&
	       (!expected->dst_port || expected->dst_port == finding->dst_port) &&
	       holds(&expected->src, &finding->src) && holds(&expected->dst, &finding->dst);
}

static bool is_over(const struct expected *expected, int64_t now_unix_ms)
{
	return expected->expires_unix_ms && expected->expires_unix_ms <= now_unix_ms;
}

bool expected_silences(struct incident_service *service, const struct finding *finding)
{
	int64_t now = incident_now(service);

	for (size_t i = 0; i < service->expected_count; i++) {
		struct expected *expected = &service->expected[i];

		if (is_over(expected, now) || !matches(expected, finding))
			continue;
		expected->silenced++;
		expected->last_unix_ms = finding->last_unix_ms;
		service->expected_unsaved[i]++;
		return true;
	}
	return false;
}

/* ---- people ------------------------------------------------------------------------------------
 */

static bool has_scope_of(const struct expected *a, const struct expected *b)
{
	return a->detector == b->detector && a->dst_port == b->dst_port &&
	       prefix_is_equal(&a->src, &b->src) && prefix_is_equal(&a->dst, &b->dst);
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int admit(const struct incident_service *service, const struct expected *expected)
{
	bool is_everything = expected->detector < 0 && !expected->dst_port &&
			     expected->src.addr.family == ADDR_NONE &&
			     expected->dst.addr.family == ADDR_NONE;
	struct incident incident;

	if (is_everything || expected->detector >= DETECTOR_COUNT || !is_plain(expected->note) ||
	    is_over(expected, incident_now(service)))
		return -EINVAL;
	for (size_t i = 0; i < service->expected_count; i++)
		if (has_scope_of(&service->expected[i], expected))
			return -EEXIST;
	if (service->expected_count == EXPECTED_MAX)
		return -ENOSPC;
	if (!expected->incident_id)
		return 0;
	return store_incident_get(service->options.store, expected->incident_id, &incident, NULL);
}

int incident_expected_add(struct incident_service *service, const struct principal *who,
			  struct expected *expected)
{
	int error = who->role < ROLE_ANALYST ? -EACCES : admit(service, expected);

	if (error)
		return error;
	(void)snprintf(expected->author, sizeof(expected->author), "%s", who->name); /* fits */
	expected->created_unix_ms = incident_now(service);
	expected->silenced = 0;
	expected->last_unix_ms = 0;
	error = store_expected_insert(service->options.store, expected);
	if (error)
		return error;
	service->expected_unsaved[service->expected_count] = 0;
	service->expected[service->expected_count++] = *expected;
	people_audit(service, who, "expected.add", expected->id, incident_expected_json(expected));
	return expected->incident_id ? people_resolve(service, who, expected) : 0;
}

static void forget(struct incident_service *service, size_t i)
{
	size_t behind = --service->expected_count - i;

	memmove(&service->expected[i], &service->expected[i + 1],
		behind * sizeof(service->expected[0]));
	memmove(&service->expected_unsaved[i], &service->expected_unsaved[i + 1],
		behind * sizeof(service->expected_unsaved[0]));
}

static int end(struct incident_service *service, const struct principal *who, size_t i,
	       const char *what)
{
	struct expected gone = service->expected[i];
	int error = store_expected_delete(service->options.store, gone.id);

	if (error && error != -ENOENT)
		return error;
	forget(service, i);
	people_audit(service, who, what, gone.id, incident_expected_json(&gone));
	return 0;
}

int incident_expected_remove(struct incident_service *service, const struct principal *who,
			     int64_t id, struct expected *out)
{
	if (who->role < ROLE_ANALYST)
		return -EACCES;
	for (size_t i = 0; i < service->expected_count; i++)
		if (service->expected[i].id == id) {
			*out = service->expected[i];
			return end(service, who, i, "expected.remove");
		}
	return -ENOENT;
}

const struct expected *incident_expected_list(const struct incident_service *service, size_t *count)
{
	*count = service->expected_count;
	return service->expected;
}

struct expected incident_expected_scope(const struct incident *incident)
{
	struct expected scope = { .detector = incident->detector,
				  .dst_port = incident->dst_port,
				  .incident_id = incident->id };

	if (incident_is_one(&incident->src))
		scope.src = prefix_from_addr(&incident->src);
	if (incident_is_one(&incident->dst))
		scope.dst = prefix_from_addr(&incident->dst);
	return scope;
}

/* ---- time --------------------------------------------------------------------------------------
 */

/* What was silenced is kept within a minute: one of so many a second. */
#define SAVE_AFTER_S 60

void expected_tick(struct incident_service *service)
{
	static const struct principal self = { .name = "sluice" };
	int64_t now = incident_now(service);

	for (size_t i = service->expected_count; i-- > 0;) {
		if (is_over(&service->expected[i], now)) {
			int error = end(service, &self, i, "expected.expire");

			if (error)
				log_warn("an expectation that is over is not removed: %s",
					 strerror(-error));
		} else if (service->expected_unsaved[i] &&
			   now / 1000 % SAVE_AFTER_S == (int64_t)(i % SAVE_AFTER_S)) {
			save_counter(service, i);
		}
	}
}
