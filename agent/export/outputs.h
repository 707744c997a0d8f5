/*
 * A part of export's face (export.h includes it): what goes out while the service runs. Core hands
 * lines, flows and incidents to the `export` role over a socket that never makes it wait; there
 * each output has a thread, a bounded queue and a counter of what it had to drop. Core's side may
 * be called by any thread.
 */
#ifndef SLUICE_EXPORT_OUTPUTS_H
#define SLUICE_EXPORT_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/flow.h"
#include "include/incident.h"

/* From the configuration; "" = not wanted. */
struct output_settings {
	const char *eve_file;	/* appended to, opened again when it was moved away */
	const char *eve_socket; /* Unix socket, stream or datagram, that somebody listens on */
	const char *evebox;	/* http or https address of an EveBox server */
	const char *evebox_user, *evebox_password; /* "": it asks for none */
	const char *syslog;			   /* udp://HOST:PORT, tcp:// or tls:// */
	const char *ipfix;			   /* HOST:PORT, UDP */
	const char *webhook;	    /* http or https; libcurl must be loaded (util/http.h) */
	const char *webhook_format; /* json, slack, mattermost, discord, ntfy, teams */
	const char *webhook_secret; /* "": not signed */
	const char *ca;		    /* PEM file to trust beside the system's; "": none */
	bool webhook_private;	    /* may be on a private address */
	bool is_cef;		    /* syslog's text is CEF instead of a sentence */
	const char *host;	    /* this machine's name in them */
	const char *version;
};

/* output_settings_check - -EINVAL with a sentence in @reason (256 bytes). */
int output_settings_check(const struct output_settings *settings, char *reason);
bool output_settings_are_empty(const struct output_settings *settings);

struct output_incident {
	int64_t id;
	struct finding finding; /* no evidence */
};

#define OUTPUTS_MAX	 6
#define OUTPUT_ERROR_MAX 120

struct output_state {
	char name[16]; /* "eve_file" */
	uint8_t is_up;
	uint64_t sent, dropped; /* lines, messages, flows */
	uint64_t failures;
	char error[OUTPUT_ERROR_MAX]; /* of the last failure, "" while all is well */
};

struct outputs;

int outputs_new(const struct output_settings *settings, struct outputs **out);
void outputs_free(struct outputs *outputs); /* accepts NULL, as all below */
DEFINE_CLEANUP(outputs_free, struct outputs)
/* outputs_link - takes @fd: the socket of a running export role. */
void outputs_link(struct outputs *outputs, int fd);
/* outputs_tick - read its states. Returns whether it is linked. */
bool outputs_tick(struct outputs *outputs);
/* outputs_is_beginning - it was never linked yet: what can wait is kept until it is. */
bool outputs_is_beginning(struct outputs *outputs);
size_t outputs_states(struct outputs *outputs, struct output_state states[static OUTPUTS_MAX]);
/* outputs_dropped - messages that fitted neither the socket nor the backlog (8 MiB), each with many
 * lines or flows. */
uint64_t outputs_dropped(struct outputs *outputs);

bool outputs_wants_text(const struct outputs *outputs);
bool outputs_wants_flows(const struct outputs *outputs);
/* outputs_text - whole EVE lines. */
void outputs_text(struct outputs *outputs, const char *text, size_t len);
/* outputs_flow - what it gained since its last cut; kept until a message is full or the flush. */
void outputs_flow(struct outputs *outputs, const struct flow *flow);
void outputs_flush(struct outputs *outputs);
void outputs_incident(struct outputs *outputs, const struct output_incident *incident);

/* outputs_run - the export role: until @fd ends. Returns 0 or -errno. */
int outputs_run(int fd, const struct output_settings *settings);

#endif
