/* The two kernel filters of rights.c: system calls and files. Only rights*.c includes it. */
#ifndef SLUICE_UTIL_RIGHTS_INTERNAL_H
#define SLUICE_UTIL_RIGHTS_INTERNAL_H

#include "agent/util/rights.h"

/* rights_seccomp - install the role's filter. Returns 0 or -errno. */
int rights_seccomp(enum rights_role role);

/*
 * rights_landlock - leave only @paths reachable; without any, no file at all. The newest ABI the
 * kernel has is used: TCP bind and connect are refused to front, signals leave no role.
 * @abi: out, 0 where the kernel has no Landlock. Returns 0 or -errno.
 */
int rights_landlock(const struct rights_request *request, int *abi);

#endif
