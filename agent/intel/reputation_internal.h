/*
 * Between reputation.c (queue, limits), reputation_look.c (one question on its way) and
 * reputation_read.c (what may be asked, what answers mean). Only agent/intel includes it.
 */
#ifndef SLUICE_INTEL_REPUTATION_INTERNAL_H
#define SLUICE_INTEL_REPUTATION_INTERNAL_H

#include <stdatomic.h>

#include "agent/intel/reputation.h"
#include "agent/util/buffer.h"

#define REPUTATION_URL_MAX 640

struct question {
	char value[REPUTATION_VALUE_MAX];
	uint8_t provider, priority;
	bool is_addr;
};

struct lookup {
	struct reputation_service *service;
	struct question question;
	int fetch;
	atomic_bool is_cancelled;
	bool is_test; /* of a test's server, which may be private */
	char url[REPUTATION_URL_MAX], key_header[300];
	/* out */
	struct buffer body;
	long status;
	int64_t retry_after_s;
	int error;
	char reason[160];
};

/* reputation_canonical - lower case, addresses by RFC 5952. -EINVAL: neither address nor name;
 * -EPERM (@value is set): it is not public. */
int reputation_canonical(const char *text, char value[static REPUTATION_VALUE_MAX], bool *is_addr);
/* reputation_is_completed - @name is below what a "search" or "domain" line names, resolv.conf(5):
 * what the resolver completes short names with is this house's. @resolv_conf: the file's text. */
bool reputation_is_completed(const char *resolv_conf, const char *name);
/* reputation_read - of an answer; provider and value are set. -EPROTO. */
int reputation_read(long status, const char *text, size_t len, struct reputation *out);

/* reputation_look_up - @arg is struct lookup; its results and its error. */
void reputation_look_up(void *arg);

#endif
