/*
 * A configuration read again while everything runs (SIGHUP). What can change at once does; what
 * cannot is named; a wrong file changes nothing.
 */
#ifndef SLUICE_APP_RELOAD_H
#define SLUICE_APP_RELOAD_H

#include <stdbool.h>

#include "agent/config/config.h"

struct app;

/* reload_begin - loader: read the files again, make app->config the new one, follow other
 * interfaces, and tell core on @core_control (-1: it is not there; it gets all when it starts).
 * Returns 0, or -EINVAL when the files are wrong: said, and nothing changed. */
int reload_begin(struct app *app, int core_control);
/* reload_take - core: what reload_begin wrote to @fd, into @config. Returns how many values are
 * others now, or -errno. The caller closes @fd. */
int reload_take(struct config *config, int fd);
/* reload_is_live - a change of @key is in force without a restart. */
bool reload_is_live(enum config_key key);

#endif
