/*
 * Names that an answer led on to another name (CNAME): who asks for a service by the alias of a
 * blocked name is to be judged by what it stands for. A bounded table in which the oldest of a
 * bucket makes room. Pipeline thread.
 */
#ifndef SLUICE_APP_ALIASES_H
#define SLUICE_APP_ALIASES_H

#include <stdint.h>

#include "agent/util/cleanup.h"

struct aliases;

int aliases_new(struct aliases **out);	    /* 0 or -ENOMEM */
void aliases_free(struct aliases *aliases); /* accepts NULL */
DEFINE_CLEANUP(aliases_free, struct aliases)

/* aliases_put - @name stands for @target until @end_ns; case does not count. */
void aliases_put(struct aliases *aliases, const char *name, const char *target, uint64_t end_ns);
/* aliases_find - what @name stands for at @now_ns; borrowed until the next put. NULL: nothing. */
const char *aliases_find(const struct aliases *aliases, const char *name, uint64_t now_ns);

#endif
