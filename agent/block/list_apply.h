/* What lists.c (versions in force) and list_apply.c (from an upload to a version) share. */
#ifndef SLUICE_BLOCK_LIST_APPLY_H
#define SLUICE_BLOCK_LIST_APPLY_H

#include "agent/block/internal.h"

/* list_count_changes - added and removed of @report. */
void list_count_changes(const struct prefix_set *before, const struct prefix_set *after,
			struct block_list_report *report);
/* list_take - report->set becomes the list, at once or with a countdown; @row is written. */
int list_take(struct block_service *service, struct active_block *active, struct block *row,
	      const struct block_list_report *report);
/* uploads_tick - those that nobody went on with are given up. */
void uploads_tick(struct block_service *service);

#endif
