/*
 * What one flow says of an attempt. Pure functions; only agent/detect includes it.
 */
#ifndef SLUICE_DETECT_TRY_H
#define SLUICE_DETECT_TRY_H

#include <stdbool.h>

#include "include/flow.h"

/* try_is_try - its source tried to reach a port, as far as is known by now. */
bool try_is_try(const struct flow *flow);
/* try_has_answered - whoever it was about accepted it, or spoke. */
bool try_has_answered(const struct flow *flow);
/* try_is_group - multicast and broadcast. */
bool try_is_group(const struct addr *addr);
/* try_is_private - an address of no public network: RFC 1918, RFC 6598, RFC 4193, link-local. */
bool try_is_private(const struct addr *addr);

#endif
