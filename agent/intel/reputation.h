/*
 * A part of intel's face (intel.h includes it): VirusTotal and AbuseIPDB, with the user's own keys.
 * Asked one after the other, within their limits, and never about what is not public: private,
 * reserved, own and safe addresses, names of this house. Owned by the service thread. Wire: WIRE
 * 3.5; docs.virustotal.com (API v3), docs.abuseipdb.com (API v2).
 */
#ifndef SLUICE_INTEL_REPUTATION_H
#define SLUICE_INTEL_REPUTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/reputation.h"

struct addr;
struct block_service;
struct reputation_service;
struct store;

/* Asked for and not answered yet; of the background the newest give way. */
#define REPUTATION_QUEUE_MAX 256

enum reputation_priority {
	REPUTATION_BACKGROUND,
	REPUTATION_INCIDENT, /* a new incident's other side */
	REPUTATION_CLICK,    /* a person waits */
};

struct reputation_options {
	struct store *store;
	struct block_service *block;
	const char *keys[REPUTATION_PROVIDER_COUNT]; /* "" = that one is off; borrowed */
	const char *urls[REPUTATION_PROVIDER_COUNT]; /* "" = theirs; else a test's server */
	bool (*is_inside)(void *arg, const struct addr *addr); /* never told to others */
	int (*ask_fetch)(void *arg);
	int (*run)(void *arg, void (*work)(void *job), void (*done)(void *job), void *job);
	void *arg;
};

int reputation_service_new(const struct reputation_options *options,
			   struct reputation_service **out);
void reputation_service_stop(struct reputation_service *service);
void reputation_service_free(struct reputation_service *service); /* accepts NULL */
DEFINE_CLEANUP(reputation_service_free, struct reputation_service)
void reputation_service_tick(struct reputation_service *service);
void reputation_service_take_fetch(struct reputation_service *service, int fd);

/*
 * reputation_ask - queue it, unless what is known is fresh. Returns 1 queued (or was already), 0
 * known; -ENODATA: no key is configured; -EPERM: it is never told to others; -EINVAL: neither
 * address nor name; -EAGAIN: the queue is full.
 */
int reputation_ask(struct reputation_service *service, const char *value,
		   enum reputation_priority priority);
/* reputation_is_on - a key is set. */
bool reputation_is_on(const struct reputation_service *service);
bool reputation_is_queued(const struct reputation_service *service, const char *value);

struct reputation_state {
	bool is_on;
	int64_t left_today;
	char error[160]; /* of the last failure; "" while all is well */
};

void reputation_state(const struct reputation_service *service,
		      struct reputation_state out[static REPUTATION_PROVIDER_COUNT]);
const char *reputation_provider_name(uint8_t provider); /* static */
const char *reputation_verdict_name(uint8_t verdict);	/* static */
/* reputation_link - where a person reads more; "" for none. @text: 400 bytes. */
const char *reputation_link(const struct reputation *reputation, char *text);

#endif
