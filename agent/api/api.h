/*
 * The API: one route table (method, path, role, handler) for every request, whoever asks. Handlers
 * parse, call one service, encode. Runs on the service thread; sees snapshots and services only.
 */
#ifndef SLUICE_API_API_H
#define SLUICE_API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/config/config.h"
#include "agent/util/cleanup.h"
#include "include/request.h"
#include "include/snapshot.h"
#include "include/user.h"

struct addr;
struct addr_facts;
struct api;
struct auth;
struct block;
struct block_service;
struct feed_service;
struct flow_record;
struct geo_state;
struct incident;
struct incident_service;
struct learning;
struct learning_host;
struct mail_service;
struct outputs;
struct report_service;
struct reputation_service;
struct reverse_service;
struct store;
struct upkeep_status;

struct api_options {
	struct auth *auth;
	struct block_service *block;
	struct incident_service *incident;
	struct report_service *reports;
	struct feed_service *feeds;
	struct reputation_service *reputation;
	struct reverse_service *reverse; /* NULL: nobody is asked */
	struct mail_service *mail;	 /* NULL: none is sent */
	struct outputs *outputs;	 /* NULL: nothing goes out */
	struct store *store;
	const struct config *config;
	/* the newest snapshot with a reference for the caller, or NULL before the first */
	struct snapshot *(*snapshot)(void *arg);
	bool (*is_panicked)(void *arg);	  /* `sluice panic` is in force */
	int (*panic)(void *arg, bool on); /* end all drops, or allow them again */
	/* work on a thread for searches, then done on this one; -EAGAIN: too many wait */
	int (*run)(void *arg, void (*work)(void *job), void (*done)(void *job), void *job);
	/* [Sniffer] filter: what lists, sums and exports show; NULL = all. Any thread. */
	bool (*is_in_view)(void *arg, const struct flow_record *record);
	/* what is known of an address; @out is whole. Any thread. */
	void (*facts)(void *arg, const struct addr *addr, struct addr_facts *out);
	/* the geography files: count, states of GEO_FILES_MAX */
	size_t (*geography)(void *arg, struct geo_state *out);
	int (*rotate)(void *arg);  /* begin a rotation of the vault's key; -EBUSY */
	int (*back_up)(void *arg); /* begin a backup into the configured folder; -EBUSY */
	void (*upkeep)(void *arg, struct upkeep_status *out);
	void (*pause)(void *arg, bool on); /* nothing is counted or detected; blocks go on */
	bool (*is_paused)(void *arg);
	int (*reload)(void *arg);	      /* begin to read the configuration again */
	bool (*is_live)(enum config_key key); /* a change is in force without a restart */
	config_check_fn check_filter;	      /* of [Sniffer] filter */
	const char *settings_path;	      /* what the settings page keeps */
	/* what the anomaly model has learned; one host beside it (-ENOENT) */
	int (*learning)(void *arg, struct learning *out);
	int (*learning_host)(void *arg, const struct addr *addr, struct learning_host *out);
	void *arg;
	const char *version;
	const char *mode; /* "live", "demo" */
	bool is_dry_run;  /* nothing is dropped, by option */
	bool is_loopback; /* the listener is on loopback */
	int64_t started_unix_ms;
};

int api_new(const struct api_options *options, struct api **out);
void api_free(struct api *api);
DEFINE_CLEANUP(api_free, struct api)

/* Called exactly once per request, on the service thread, now or later. @response is borrowed. */
typedef void (*api_reply_fn)(void *arg, const struct response *response);

/*
 * api_handle - answer one request. @local: who asks through the control socket, or NULL for the
 * web, where session and CSRF of the request decide. @request is borrowed until the return.
 */
void api_handle(struct api *api, const struct request *request, const struct principal *local,
		api_reply_fn reply, void *arg);

/* Live events' bodies, made by the same encoders; caller frees; NULL without memory. */
char *api_encode_live(struct api *api, const struct snapshot *snapshot); /* "snapshot" */
char *api_encode_statistics(struct api *api,
			    const struct snapshot *snapshot); /* statistics_update */
char *api_encode_status(struct api *api);		      /* analyzer_status */
char *api_encode_incidents(struct api *api);		      /* incidents_update */
char *api_encode_incident(struct api *api, const struct incident *incident, const char *reason,
			  bool is_new);				    /* new_incident, incident */
char *api_encode_block(struct api *api, const struct block *block); /* block */

#endif
