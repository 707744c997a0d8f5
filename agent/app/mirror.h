/*
 * Mirror ports: what a switch copies to the interface enters it whichever way it went. [Capture]
 * local_networks says who is inside; packets from there count as leaving. Pure; any thread.
 */
#ifndef SLUICE_APP_MIRROR_H
#define SLUICE_APP_MIRROR_H

#include "agent/util/cleanup.h"

struct config;
struct flow_delta;
struct mirror;

/*
 * mirror_new - from [Capture] promisc and local_networks. @out is NULL when there is no mirror
 * port: without promisc, whose own packets are then the only ones, or without networks.
 * Returns 0, -EINVAL for a network that is no prefix (logged), or -ENOMEM.
 */
int mirror_new(const struct config *config, struct mirror **out);
void mirror_free(struct mirror *mirror); /* accepts NULL */
DEFINE_CLEANUP(mirror_free, struct mirror)

/* mirror_turn - what entered and was sent from inside is leaving. @mirror NULL: nothing happens. */
void mirror_turn(const struct mirror *mirror, struct flow_delta *delta);

#endif
