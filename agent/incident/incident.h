/*
 * Findings become incidents: one per source, cause and hour; details sealed from the first row.
 * Owned by the service thread.
 */
#ifndef SLUICE_INCIDENT_INCIDENT_H
#define SLUICE_INCIDENT_INCIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/incident.h"
#include "include/user.h"

struct json;
struct store;
struct incident_filter;
struct incident_service;

/* How near an address is. */
enum incident_place {
	PLACE_REMOTE = 0,
	PLACE_LOCAL, /* a private network, or one that the configuration names */
	PLACE_OWN,   /* this host */
};

struct incident_response {
	struct prefix target; /* one address, or /64 of IPv6 */
	struct addr about;    /* the address itself */
	int64_t ttl_s, incident_id;
	bool is_dry;
	char reason[INCIDENT_TEXT_MAX];
};

struct incident_options {
	struct store *store;
	/* opened (@is_new) or updated: a live event */
	void (*on_change)(void *arg, const struct incident *incident, const char *reason,
			  bool is_new);
	/* name of an interface index, for the evidence; NULL: not known. May be absent. */
	const char *(*iface_name)(void *arg, uint8_t iface);
	/* where an address is, for what is advised; absent: all are remote */
	enum incident_place (*place)(void *arg, const struct addr *addr);
	/*
	 * An automatic block, or the question what it would do (@order->is_dry). Returns 0: it is
	 * so, or would be; -EPERM: safe, -EMLINK: a shared address, -EEXIST: blocked already, other
	 * -errno; @message: a sentence of why not. Absent: nothing is done by itself.
	 */
	int (*respond)(void *arg, const struct incident_response *order,
		       char message[static INCIDENT_TEXT_MAX]);
	/* [Detect] response as it is now; absent: none */
	enum response_kind (*default_response)(void *arg);
	int64_t (*unix_ms)(void); /* wall time; absent: the clock's */
	void *arg;
};

int incident_service_new(const struct incident_options *options, struct incident_service **out);
void incident_service_free(struct incident_service *service);
DEFINE_CLEANUP(incident_service_free, struct incident_service)

/*
 * incident_report - what is expected is counted and silenced. Else open an incident, or update the
 * one of the same source and detector that began less than 60 minutes before. The row and its
 * details describe the strongest finding (by count); the last time and the severity only grow. A
 * resolved or false one stays so and takes what the rest of its hour brings; the next hour opens a
 * new one, and so does what is expected no longer.
 * Returns 0, -EINVAL for a finding that cannot be, or the store's error.
 */
int incident_report(struct incident_service *service, const struct finding *finding);
/* incident_tick - once a second: expectations end, their counters are kept. */
void incident_tick(struct incident_service *service);

/* ---- people.c: what people do ----------------------------------------------------------------
 */

/* Which incident, and in which version the person saw it. */
struct incident_target {
	int64_t id;
	int64_t version; /* -1: whichever */
};

/*
 * incident_set_state - in history and audit. Returns 0 (also when it has that state), -EACCES below
 * analyst, -ENOENT, -EINVAL for no such state, -ESTALE: somebody changed it since that version
 * (incident_last_change says who), or the store's error.
 */
int incident_set_state(struct incident_service *service, const struct principal *who,
		       const struct incident_target *target, enum incident_state state);
/*
 * incident_add_note - appended with author and time to the sealed notes, a JSON array of
 * {"time","author","text"}, oldest first; history and audit have it without its text.
 * Returns 0, -EACCES below analyst, -ENOENT, -EINVAL: blank or over 4 KiB, -ENOSPC: 512 KiB of
 * notes are there, -ESTALE as above, or the store's error.
 */
int incident_add_note(struct incident_service *service, const struct principal *who,
		      const struct incident_target *target, const char *text);
/* incident_last_change - the newest event by a person. -ENOENT: there is none. */
int incident_last_change(struct incident_service *service, int64_t id, struct incident_event *out);
/* incident_history_json - [{"time","who","action","from","to","text"}], oldest first, the opening
 * among them. Caller owns. */
struct json *incident_history_json(struct incident_service *service,
				   const struct incident *incident);

/* ---- expected.c ------------------------------------------------------------------------------ */

#define EXPECTED_MAX 1024

/*
 * incident_expected_add - @expected without id, author and time; at least one of detector, source,
 * destination and port must be named. An incident that it is said of (incident_id) is resolved.
 * Sets what was left out. -EACCES below analyst, -EINVAL, -EEXIST: there is one of that scope,
 * -ENOENT: no such incident, -ENOSPC: EXPECTED_MAX are there, or the store's error.
 */
int incident_expected_add(struct incident_service *service, const struct principal *who,
			  struct expected *expected);
/* incident_expected_remove - findings alert again. @out: what it was. -EACCES, -ENOENT. */
int incident_expected_remove(struct incident_service *service, const struct principal *who,
			     int64_t id, struct expected *out);
/* incident_expected_list - borrowed until the next call of the service, oldest first. */
const struct expected *incident_expected_list(const struct incident_service *service,
					      size_t *count);
/* incident_expected_scope - the scope a person means who says it of @incident. */
struct expected incident_expected_scope(const struct incident *incident);
struct json *incident_expected_json(const struct expected *expected);

/* ---- response.c ------------------------------------------------------------------------------ */

#define RESPONSE_TTL_DEFAULT_S 3600
#define RESPONSE_TTL_MAX_S     (30LL * 86400)

/* incident_response_policy - of one detector, the default filled in. */
struct response_policy incident_response_policy(const struct incident_service *service,
						uint8_t detector);
/* incident_response_set - admin; @policy NULL: back to the default. -EACCES, -EINVAL. */
int incident_response_set(struct incident_service *service, const struct principal *who,
			  uint8_t detector, const struct response_policy *policy);
/* incident_response_is_dry - responses only write what they would have done. */
bool incident_response_is_dry(const struct incident_service *service);
int incident_response_set_dry(struct incident_service *service, const struct principal *who,
			      bool is_dry);
/* incident_response_target - what an automatic block of it would hold; false: nothing fits. */
bool incident_response_target(const struct incident_service *service,
			      const struct incident *incident, struct prefix *target);
const char *incident_response_name(uint8_t kind);
int incident_response_parse(const char *text, uint8_t *kind);

/* ---- advice.c -------------------------------------------------------------------------------- */

/* incident_advice - what to do next, sentences, the most urgent first. @numbers: the features of
 * its details, an array as text, or NULL for who may not read them. Caller owns. */
struct json *incident_advice(const struct incident_service *service,
			     const struct incident *incident, const char *numbers, bool is_blocked);
enum incident_place incident_place_of(const struct incident_service *service,
				      const struct addr *addr);
const char *incident_place_name(enum incident_place place);

/* ---- names and JSON -------------------------------------------------------------------------- */

/* Names are static; "" for a number that is none. */
const char *incident_detector_name(uint8_t detector);
const char *incident_detector_title(uint8_t detector);
const char *incident_detector_technique(uint8_t detector);
const char *incident_severity_name(uint8_t severity);
const char *incident_state_name(uint8_t state);
/* Returns 0 or -EINVAL. */
int incident_severity_parse(const char *text, uint8_t *severity);
int incident_state_parse(const char *text, uint8_t *state);
int incident_detector_parse(const char *text, uint8_t *detector);

/* incident_to_json - the contract's fields; @reason NULL is null. Caller owns the result. */
struct json *incident_to_json(const struct incident *incident, const char *reason);
/* incident_to_legacy_json - id,timestamp,src_ip,dst_ip,protocol,details,severity,resolved, as the
 * original's /api/recent_incidents; @reason NULL is null. Caller owns the result. */
struct json *incident_to_legacy_json(const struct incident *incident, const char *reason);

#endif
