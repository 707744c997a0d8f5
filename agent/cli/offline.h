/*
 * Commands that work on the state itself when no service holds it: where it is, its lock, the store
 * opened here. And secrets that are typed or read from a file.
 */
#ifndef SLUICE_CLI_OFFLINE_H
#define SLUICE_CLI_OFFLINE_H

#include <limits.h>

#include "agent/cli/internal.h"

struct store;

#define STATE_DIR_DEFAULT "/var/lib/sluice"
#define SECRET_TEXT_MAX	  520 /* 128 characters of four bytes, a line end and the end */

/* Where a state is. */
struct state_place {
	const char *dir;
	bool is_demo; /* it holds a demo's files */
	char key_file[PATH_MAX];
	char settings[PATH_MAX]; /* what the settings page keeps; "" when not readable */
};

/* state_find - as the service finds it: configured, below --state DIR, or the packaged place. */
void state_find(const struct args *args, struct state_place *place);

struct offline {
	struct store *store;
	const char *dir;
	int lock;
};

/* offline_lock - the state's lock. Says what is wrong. Returns a cli_exit. */
int offline_lock(const char *dir, struct offline *offline);
/* offline_open - lock and store. offline_done is due also after a failure. */
int offline_open(const struct args *args, struct offline *offline);
/* offline_done - what root made here becomes the service's. */
void offline_done(struct offline *offline);
/* offline_audit - one line in who the caller is. Takes @detail. Returns 0 or -errno, said. */
int offline_audit(struct store *store, const char *action, const char *target, struct json *detail);

/* read_secret - first line of the option's file, else asked for without echo, else of standard
 * input. @what: "password". Returns 0 or -errno, said. */
int read_secret(const struct args *args, const char *option, const char *what,
		char out[static SECRET_TEXT_MAX]);

/* check_audit - `sluice check --audit` (command_store.c). */
int check_audit(const struct args *args);
/* check_rebuild - `sluice check --rebuild` (command_rebuild.c). */
int check_rebuild(const struct args *args);

#endif
