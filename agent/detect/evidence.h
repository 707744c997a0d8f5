/*
 * The flows behind a finding: a few of each case that is under way, kept apart because most rows of
 * a detector never come to one. Only agent/detect includes it.
 */
#ifndef SLUICE_DETECT_EVIDENCE_H
#define SLUICE_DETECT_EVIDENCE_H

#include "agent/detect/rowset.h"
#include "include/incident.h"

struct evidence {
	struct rowset cases;
};

/* evidence_init - returns 0 or -ENOMEM; evidence_done is due either way. */
int evidence_init(struct evidence *evidence);
void evidence_done(struct evidence *evidence);
/* evidence_keep - @flow belongs to case @key; a flow kept before is brought up to date. */
void evidence_keep(struct evidence *evidence, uint64_t key, const struct flow *flow);
/* evidence_give - into @finding, whatever is kept of the case. */
void evidence_give(const struct evidence *evidence, uint64_t key, struct finding *finding);

#endif
