/*
 * Where an address lives: this machine, its networks, anywhere else. The pipeline asks; the service
 * thread says which addresses are the machine's own.
 */
#ifndef SLUICE_APP_PLACES_H
#define SLUICE_APP_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"

struct config;
struct places;

#define PLACES_OWN_MAX \
	512 /* addresses of one machine; further ones are taken for local or remote */

/* places_new - networks: private ranges (RFC 1918, 6598, 3927, 4193, 4291) and [Capture]
 * local_networks. Returns 0, -ENOMEM, or -EINVAL for a wrong prefix. */
int places_new(const struct config *config, struct places **out);
void places_free(struct places *places);
DEFINE_CLEANUP(places_free, struct places)
/* places_set_own - as the pipeline's thread only. */
void places_set_own(struct places *places, const struct addr *own, size_t count);
/* places_of - enum learning_place. */
uint8_t places_of(const struct places *places, const struct addr *addr);

#endif
