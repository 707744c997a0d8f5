/*
 * A part of intel's face (intel.h includes it): names of this house's addresses by reverse look-ups
 * of our own, at resolvers that the user named. A batch now and then by a fetch process, each
 * question from a port and with an id of its own; what was learned and what has no name is
 * remembered for its lifetime; a resolver that is down is asked ever more seldom. Owned by the
 * service thread.
 */
#ifndef SLUICE_INTEL_REVERSE_H
#define SLUICE_INTEL_REVERSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"
#include "include/device.h"

struct reverse_service;

#define REVERSE_RESOLVERS_MAX 3	  /* as resolv.conf(5) has */
#define REVERSE_QUEUE_MAX     256 /* addresses that wait; others are seen again */
#define REVERSE_BATCH_MAX     16

struct reverse_options {
	/* who is asked, at most REVERSE_RESOLVERS_MAX; read before each batch. Returns the count */
	size_t (*resolvers)(void *arg, struct addr *out);
	void (*learn)(void *arg, const struct device_name *device);
	int (*ask_fetch)(void *arg); /* its socket comes to reverse_service_take_fetch */
	int (*run)(void *arg, void (*work)(void *job), void (*done)(void *job), void *job);
	void *arg;
};

int reverse_service_new(const struct reverse_options *options, struct reverse_service **out);
void reverse_service_stop(struct reverse_service *service);
void reverse_service_free(struct reverse_service *service); /* accepts NULL */
DEFINE_CLEANUP(reverse_service_free, struct reverse_service)

/* reverse_ask - queue @addr, unless it is known, waits already, or the queue is full. */
void reverse_ask(struct reverse_service *service, const struct addr *addr);
/* reverse_service_tick - once a second: begins the next batch when it is due. */
void reverse_service_tick(struct reverse_service *service);
/* reverse_service_take_fetch - takes @fd, or -1: none can be had. */
void reverse_service_take_fetch(struct reverse_service *service, int fd);

struct reverse_state {
	bool is_up;
	uint64_t asked, named, failures, dropped; /* since the start */
	size_t waiting;
	char error[160]; /* of the last failure; "" while all is well */
};

/* reverse_state - false: @service is NULL, nobody is asked. */
bool reverse_state(const struct reverse_service *service, struct reverse_state *out);

#endif
