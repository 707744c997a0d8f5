/*
 * What would have been dropped: gathered from records of the history. Between handle_preview.c (one
 * block) and handle_feed_preview.c (a list). Only agent/api includes it.
 */
#ifndef SLUICE_API_PREVIEW_H
#define SLUICE_API_PREVIEW_H

#include "agent/api/search.h"

struct preview;

/* preview_prepare - room in @job->more, safe prefixes, the last 7 days. Answers itself: -ENOMEM. */
int preview_prepare(struct call *call, struct search_job *job);
/* preview_add - one record that would have been dropped. */
void preview_add(struct preview *preview, const struct flow_record *record);
/* preview_append - ',"flows":...' up to the end of the object. */
void preview_append(struct search_job *job, const struct history_reach *reach);

#endif
