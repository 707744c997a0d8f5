/*
 * A host's window as a row of the model, include/features.def. Only agent/model includes it.
 */
#ifndef SLUICE_MODEL_ROW_H
#define SLUICE_MODEL_ROW_H

#include <stdint.h>

#include "agent/model/hosts.h"
#include "agent/model/model.h"

/* row_fill - of window @w as it stands; it does not become part of the host's past by that. */
void row_fill(const struct host *host, int w, uint64_t now_ns, float row[static FEATURE_COUNT]);
/* row_remember - the window is over: from now on it is part of the host's past. */
void row_remember(struct host *host, int w, const float row[static FEATURE_COUNT]);

#endif
