/*
 * What the detectors of new ports and devices knew when the service ended: read from the store at
 * the start, and told to it as it is seen. On the pipeline thread, or before it runs.
 */
#ifndef SLUICE_APP_KNOWN_H
#define SLUICE_APP_KNOWN_H

#include <stdint.h>

struct detect;
struct store;

/* known_load - what the store has seen is not new to @detect; the learning is over when it has seen
 * things for @learn_s. A store that cannot be read is logged: learning begins anew. */
void known_load(struct store *store, struct detect *detect, uint64_t learn_s);

#endif
