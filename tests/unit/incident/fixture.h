/*
 * An incident service on a real store in a temporary folder, and a clock that tests set.
 */
#ifndef SLUICE_TESTS_INCIDENT_FIXTURE_H
#define SLUICE_TESTS_INCIDENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/incident/incident.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

#define T0   1700000000000LL /* 2023-11-14T22:13:20Z */
#define MIN  60000LL
#define HOUR (60 * MIN)

struct fixture {
	char dir[64], key[96];
	struct store *store;
	struct incident_service *service;
	struct incident last;
	char reason[FINDING_REASON_MAX];
	bool is_new, has_reason;
	unsigned int changes, opened;
	/* what the service asked for by itself, and what it was told */
	struct incident_response order;
	unsigned int orders;
	int answer;
	enum response_kind default_kind;
};

static int64_t fixture_now = T0;

static const struct principal analyst = { .role = ROLE_ANALYST, .name = "kim" };
static const struct principal admin = { .role = ROLE_ADMIN, .name = "root" };
static const struct principal viewer = { .role = ROLE_VIEWER, .name = "eve" };

static inline void on_change(void *arg, const struct incident *incident, const char *reason,
			     bool is_new)
{
	struct fixture *f = arg;

	f->last = *incident;
	f->is_new = is_new;
	f->has_reason = reason != NULL;
	(void)snprintf(f->reason, sizeof(f->reason), "%s", reason ? reason : "");
	f->changes++;
	f->opened += is_new;
}

static inline const char *iface_name(void *arg, uint8_t iface)
{
	(void)arg;
	return iface == 3 ? "eth0" : NULL;
}

static inline int64_t now_unix_ms(void)
{
	return fixture_now;
}

/* 198.18.0.1 is this host, 192.168/16 its network. */
static inline enum incident_place place_of(void *arg, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	(void)arg;
	(void)addr_format(addr, text);
	if (!strcmp(text, "198.18.0.1"))
		return PLACE_OWN;
	return strncmp(text, "192.168.", 8) == 0 ? PLACE_LOCAL : PLACE_REMOTE;
}

static inline int respond(void *arg, const struct incident_response *order,
			  char message[static INCIDENT_TEXT_MAX])
{
	struct fixture *f = arg;

	f->order = *order;
	f->orders++;
	(void)snprintf(message, INCIDENT_TEXT_MAX, "%s", f->answer ? "it is the gateway" : "");
	return f->answer;
}

static inline enum response_kind default_response(void *arg)
{
	const struct fixture *f = arg;

	return f->default_kind;
}

static inline int start_service(struct fixture *f)
{
	const struct incident_options options = { .store = f->store,
						  .on_change = on_change,
						  .iface_name = iface_name,
						  .place = place_of,
						  .respond = respond,
						  .default_response = default_response,
						  .unix_ms = now_unix_ms,
						  .arg = f };

	return incident_service_new(&options, &f->service);
}

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store_options store = { .flows_max_bytes = 1 << 30, .flows_max_age_s = 86400 };
	char error[256];

	assert_non_null(f);
	log_set_level(LOG_LEVEL_ERROR);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/sluice-incident-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->key, sizeof(f->key), "%s/secret.key", f->dir);
	store.dir = f->dir;
	store.key_file = f->key;
	assert_int_equal(store_open(&store, &f->store, error), 0);
	fixture_now = T0;
	assert_int_equal(start_service(f), 0);
	*state = f;
	return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	incident_service_free(f->service);
	store_close(f->store);
	(void)nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static inline struct finding scan(const char *src, uint64_t count, int64_t last_unix_ms)
{
	struct finding finding = { .detector = DETECTOR_PORT_SCAN,
				   .severity = SEVERITY_MEDIUM,
				   .score = 0.5,
				   .proto = IPPROTO_TCP,
				   .first_unix_ms = last_unix_ms - 2000,
				   .last_unix_ms = last_unix_ms,
				   .count = count,
				   .evidence_count = 1 };
	struct flow *flow = &finding.evidence[0];

	assert_int_equal(addr_parse(src, &finding.src), 0);
	assert_int_equal(addr_parse("198.18.0.1", &finding.dst), 0);
	(void)snprintf(finding.reason, sizeof(finding.reason), "%s tried %llu ports", src,
		       (unsigned long long)count);
	*flow = (struct flow){ .id = 77,
			       .tuple = { .src = finding.src,
					  .dst = finding.dst,
					  .src_port = 45000,
					  .dst_port = 23,
					  .proto = IPPROTO_TCP },
			       .iface = 3,
			       .state = FLOW_CLOSED,
			       .tcp_flags_out = TCP_FLAG_SYN,
			       .tcp_flags_in = TCP_FLAG_RST | TCP_FLAG_ACK,
			       .packets_out = 1,
			       .bytes_out = 44,
			       .packets_in = 1,
			       .bytes_in = 40,
			       .start_unix_ms = last_unix_ms - 2000,
			       .end_unix_ms = last_unix_ms };
	return finding;
}

static inline void report(struct fixture *f, struct finding finding)
{
	assert_int_equal(incident_report(f->service, &finding), 0);
}

static inline struct incident stored(struct fixture *f, int64_t id,
				     struct incident_details *details)
{
	struct incident incident;

	memset(details, 0, sizeof(*details));
	assert_int_equal(store_incident_get(f->store, id, &incident, details), 0);
	return incident;
}

static inline int set_state(struct fixture *f, const struct principal *who, int64_t id,
			    enum incident_state state)
{
	const struct incident_target target = { id, -1 };

	return incident_set_state(f->service, who, &target, state);
}

static inline int add_note(struct fixture *f, const struct principal *who, int64_t id,
			   const char *text)
{
	const struct incident_target target = { id, -1 };

	return incident_add_note(f->service, who, &target, text);
}

/* The same state after a restart of the program. */
static inline void restart(struct fixture *f)
{
	incident_service_free(f->service);
	f->service = NULL;
	assert_int_equal(start_service(f), 0);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
