/*
 * Between reputation.c (queue, limits) and reputation_read.c (what may be asked, what answers
 * mean). Only agent/intel includes it.
 */
#ifndef SLUICE_INTEL_REPUTATION_INTERNAL_H
#define SLUICE_INTEL_REPUTATION_INTERNAL_H

#include "agent/intel/reputation.h"

/* reputation_canonical - lower case, addresses by RFC 5952. -EINVAL: neither address nor name;
 * -EPERM (@value is set): it is not public. */
int reputation_canonical(const char *text, char value[static REPUTATION_VALUE_MAX], bool *is_addr);
/* reputation_read - of an answer; provider and value are set. -EPROTO. */
int reputation_read(long status, const char *text, size_t len, struct reputation *out);

#endif
