/*
 * The parts of the wiring and what they share. Only agent/app includes it.
 *   run.c       options and config -> struct app, then the supervisor
 *   prepare.c   state directory, lock, listener, certificate, control socket, datapath
 *   reload.c    a configuration read again while everything runs
 *   supervise.c the loader role: starts core and front, restarts them, watches interfaces
 *   roles.c     what each forked role keeps and drops
 *   core.c      the core role: opens everything, starts the threads, stops them in reverse
 *   pipeline.c  thread: drain -> flows -> detectors -> snapshot; orders.c brings it block orders
 *   service.c   thread: requests, events, incidents, blocks; links.c holds its sockets
 *   selftest*.c the service attacked in a room of its own: room, link, drops
 *   past.c      the demo's day before its start
 *   rehearse.c  a scenario of the demo run through at once
 *   jobs.c      thread: slow work (password hashes)
 *   service_respond.c  what incidents do by themselves
 *   anomaly.c   the anomaly model in the pipeline; anomaly_desk.c the service's side of it
 *   service_api.c  what the API is handed
 *   service_reports.c  reports: their thread, and the render processes they need
 *   outlet.c    EVE lines and flows on their way out; service_outputs.c the export role
 *   service_mail.c  mail: a thread, and the processes that send it
 *   service_feeds.c  feeds: their thread, and the fetch processes they need
 *   upkeep.c    scheduled backups and key rotation, on a jobs thread of their own
 */
#ifndef SLUICE_APP_INTERNAL_H
#define SLUICE_APP_INTERNAL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/cli/cli.h"
#include "agent/config/config.h"
#include "agent/util/laps.h"
#include "agent/util/tls.h"

struct capture;
struct capture_kernel;

/* Everything decided before roles part; read-only afterwards. */
struct app {
	const struct cli_service_options *options;
	struct config *config;
	bool is_demo;
	bool is_dry_run;
	bool is_state_temporary; /* demo without a place of its own: named on stdout */
	char state_dir[PATH_MAX];
	char work_dir[PATH_MAX]; /* the same folder by a path that the roles' user can walk */
	char key_file[PATH_MAX];
	char settings_path[PATH_MAX]; /* values of the settings page; empty until the place is known
				       */
	char control_path[PATH_MAX];
	char pin_dir[PATH_MAX]; /* empty: unpinned */
	uid_t uid;		/* to become; the caller's own when not root */
	gid_t gid;
	int lock_fd;
	int listen_fd;
	int control_fd; /* listening */
	bool is_loopback;
	bool tls;
	struct tls_identity identity; /* empty without TLS */
	char url[128];
	struct capture_view *view;     /* [Sniffer] filter, NULL = all is shown */
	struct capture_kernel *kernel; /* NULL in the demo */
	struct capture *capture;       /* core only, opened by core_prepare */
	int64_t control_group;	       /* members may use the control socket; -1 = none */
	int64_t started_unix_ms;
	struct laps start; /* the steps until core serves, each role's copy its own */
};

/* app_read_config - files, environment and command line into a new @out; says what is wrong.
 * Returns 0 or an exit status of cli.h. */
int app_read_config(const struct app *app, struct config **out);
/* app_take_settings - values of the settings page, once the state directory is known: over those of
 * files, below environment and command line. Returns 0 or an exit status of cli.h. */
int app_take_settings(struct app *app);

/* app_end_step - a step of the start is over; core says how long each took, in debug. */
void app_end_step(struct app *app, const char *name);

/* prepare - the privileged part. Prints its own error. Returns 0 or an exit status of cli.h. */
int app_prepare(struct app *app);
void app_done(struct app *app);

/*
 * app_reach_state - set work_dir. Below a folder that only root may enter (/root, a private
 * temporary one) the state directory is bound to a reachable place in a mount namespace of our
 * own, which ends with us. Returns 0 or -errno.
 */
int app_reach_state(struct app *app);

/* The supervisor and its children: one SOCK_SEQPACKET pair each, messages of one fixed size. */
enum supervise_kind {
	SUPERVISE_PEER = 1,    /* to a child, with a descriptor: the new link to the other role */
	SUPERVISE_STOP = 2,    /* to core: stop cleanly */
	SUPERVISE_READY = 3,   /* from core: serving; text = set-up token or empty */
	SUPERVISE_BEAT = 4,    /* from either, once a second while its threads move */
	SUPERVISE_SUMMARY = 5, /* from core at a clean stop: one sentence */
	SUPERVISE_CONFIG = 7, /* to core, with a descriptor: values of a configuration read again */
	SUPERVISE_MAIL = 13,  /* as RENDER: a process that sends one letter */
	SUPERVISE_NAMES = 15, /* as FETCH, for reverse look-ups */
	SUPERVISE_LOOKUP = 12,	/* the same, for reputation */
	SUPERVISE_FETCH = 11,	/* as RENDER: a process that asks one server once */
	SUPERVISE_EXPORT = 10,	/* as RENDER: the process that sends things out, until core ends */
	SUPERVISE_RENDER = 9,	/* from core: start one; to core: its socket, or none */
	SUPERVISE_PASSWORD = 6, /* from core: random admin password of a demo off loopback */
	SUPERVISE_FILLED = 14,	/* from core: all rules are in the datapath */
	SUPERVISE_RELOAD = 8,	/* from core: settings were changed, read the configuration again */
};

struct supervise_message {
	uint32_t kind;
	char text[508];
};

/* @fd -1: none. Never waits for the reader. Returns 0 or -errno (-EAGAIN: it reads nothing). */
int supervise_send(int socket, enum supervise_kind kind, const char *text, int fd);
/* @fd: out, -1 when none came. Returns 1, 0 at the end, or -errno (-EPROTO: wrong size). */
int supervise_receive(int socket, struct supervise_message *message, int *fd);

/* supervise_run - until stopped. Returns the exit status. */
int supervise_run(struct app *app);

/* The forked roles; never return to the supervisor's code. @control: the role's end. */
int role_core(struct app *app, int control, int front_link);
int role_front(struct app *app, int control, int core_link);
/* role_fetch - one request of core on @fd to a server, and its answer back. */
int role_fetch(struct app *app, int fd);
/* role_export - what core hands over goes to its outputs, until @fd ends. */
int role_export(struct app *app, int fd);
/* role_mail - one letter of core on @fd to the mail server. */
int role_mail(struct app *app, int fd);
/* role_render - one report is read from @fd and its PDF written back. */
int role_render(struct app *app, int fd);
/* role_loader - the supervisor's own drop. */
int role_loader(const struct app *app);

/* core_prepare - what core opens before it drops its rights. Returns 0 or -errno, said. */
int core_prepare(struct app *app);
/* core_run - the core role after its descriptors are in order. Returns the exit status. */
int core_run(struct app *app, int control, int front_link);

#endif
