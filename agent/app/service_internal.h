/*
 * The service thread's state, shared by service.c (loop), service_request.c (in and out) and
 * service_publish.c (live events).
 */
#ifndef SLUICE_APP_SERVICE_INTERNAL_H
#define SLUICE_APP_SERVICE_INTERNAL_H

#include "agent/app/anomaly_desk.h"
#include "agent/app/links.h"
#include "agent/app/service.h"
#include "agent/incident/incident.h"
#include "include/coverage.h"

struct addr_facts;
struct api;
struct auth;
struct block;
struct block_service;
struct event;
struct incident;
struct feed_service;
struct geo_state;
struct incident_service;
struct jobs;
struct mail_service;
struct outlet;
struct report;
struct report_service;
struct reputation_service;
struct reverse_service;
struct upkeep;

/* Commands are short: more clients at once than this is a mistake or an attack from inside. */
#define CONTROL_CLIENTS_MAX 32

/* Two people search at once without waiting; a reader's connection each (store's pool has 4). */
#define SEARCHERS 2

/* epoll tags below the first link id */
enum service_tag {
	TAG_SUPERVISOR,
	TAG_LISTENER,
	TAG_QUEUE,
	TAG_SIGNAL,
	TAG_TICK,
	TAG_HOST, /* addresses or routes changed */
	TAG_FIRST_LINK
};

struct service {
	struct service_options options;
	struct jobs *jobs;
	struct jobs *searchers[SEARCHERS];
	unsigned int next_searcher;
	struct upkeep *upkeep;
	struct jobs *reporter, *fetcher, *asker, *mailer;
	struct reputation_service *reputation;
	struct reverse_service *reverse; /* NULL: nobody is asked */
	struct feed_service *feeds;
	struct mail_service *mail; /* NULL: none is wanted */
	struct report_service *reports;
	struct outlet *outlet;
	uint64_t export_asked_ns; /* when the export role may be asked for again */
	struct auth *auth;
	struct block_service *block;
	struct incident_service *incident;
	struct api *api;
	int epoll, signals, tick;
	int64_t group; /* of the control socket, -1 = none */
	enum role group_role;
	struct link front;
	struct link clients[CONTROL_CLIENTS_MAX];
	uint64_t next_link_id;
	uint64_t next_event_id;
	uint64_t last_beats;
	unsigned int told_resets; /* of flows.db */
	struct anomaly_desk desk;
	bool is_stopping;
	bool is_filled; /* the loader knows that what was begun at the start is in force */
	bool incidents_changed;
	unsigned int facts_ticks;
	bool is_reading_geo;
	bool is_finding_new;
	unsigned int novelty_ticks;
	int64_t asked_until_unix_s; /* of what is new to this house */
	char iface_name[IFACE_NAME_MAX];
};

/* service_api.c */
int service_api_start(struct service *service);

/* service_facts.c; @arg is the service */
void service_facts_tick(struct service *service);
void service_facts_of(void *arg, const struct addr *addr, struct addr_facts *out);
size_t service_geography(void *arg, struct geo_state *out);

/* service_feeds.c */
int service_feeds_start(struct service *service);
void service_feeds_stop(struct service *service);

/* service_reputation.c */
int service_reputation_start(struct service *service);
void service_reputation_stop(struct service *service);
void service_reputation_tick(struct service *service);
void service_reputation_incident(struct service *service, const struct incident *incident);

/* service_reverse.c; stopped with reputation, whose thread it shares */
int service_reverse_start(struct service *service);
void service_reverse_tick(struct service *service);

/* service_mail.c */
int service_mail_start(struct service *service);
void service_mail_stop(struct service *service);
/* @arg is the service */
void service_mail_report(void *arg, const struct report *report);

/* service_outputs.c */
int service_outputs_start(struct service *service);
void service_outputs_stop(struct service *service);
void service_outputs_tick(struct service *service);
void service_outputs_link(struct service *service, int fd);
void service_outputs_incident(struct service *service, const struct incident *incident,
			      const char *reason);

/* service_reports.c */
int service_reports_start(struct service *service);
void service_reports_stop(struct service *service);

/* service_request.c */
/* questions of the API; @arg is the service */
int service_learning(void *arg, struct learning *out);
int service_learning_host(void *arg, const struct addr *addr, struct learning_host *out);
void service_serve_link(struct service *service, struct link *link);
void service_accept(struct service *service);
struct link *service_find_link(struct service *service, uint64_t id);

/* service_pause.c; @arg is the service */
void service_pause(void *arg, bool on);
bool service_is_paused(void *arg);

/* service_publish.c */
/* @event without its id; no data, nothing sent */
void service_publish(struct service *service, const struct event *event);
void service_publish_second(struct service *service);
void service_publish_status(struct service *service);
/* callbacks of the services; @arg is the service */
void service_on_incident(void *arg, const struct incident *incident, const char *reason,
			 bool is_new);
void service_on_block(void *arg, const struct block *block);
void service_on_session_end(void *arg, uint64_t session_tag);

/* service_respond.c: what the incident service asks of others; @arg is the service */
enum incident_place service_place(void *arg, const struct addr *addr);
enum response_kind service_default_response(void *arg);
int service_respond(void *arg, const struct incident_response *order,
		    char message[static INCIDENT_TEXT_MAX]);

#endif
