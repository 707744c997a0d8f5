/*
 * Entries of exact addresses as the kernel counts them: in the entry, and in the slots of CPUs
 * (struct verdict_slot) that speak for it. Inside of kernel_source.c; the draining thread.
 */
#ifndef SLUICE_CAPTURE_KERNEL_VERDICTS_H
#define SLUICE_CAPTURE_KERNEL_VERDICTS_H

#include "agent/capture/kernel_source.h"

/* kernel_entry_lookup - @key's value with what slots have counted for it. @map: RULES_BLOCK4 or
 * RULES_BLOCK6. Returns 0 or -errno of the lookup. */
int kernel_entry_lookup(const struct kernel_source *source, enum rules_map map, const void *key,
			struct block_entry *entry);
/* kernel_batch_complete - the same for entries that were read in a batch; what a slot hands over
 * meanwhile is read once more. */
void kernel_batch_complete(const struct kernel_source *source, struct rules_batch *batch);
/* kernel_entry_born - before @entry is written: what slots count for its forerunner is not its. */
void kernel_entry_born(const struct kernel_source *source, struct block_entry *entry);
/* kernel_entry_moved - @map was written or tried to: no slot is believed any longer. */
void kernel_entry_moved(const struct kernel_source *source, enum rules_map map);
/* kernel_verdicts_packets - what slots hold altogether: packets of which no event was made. */
uint64_t kernel_verdicts_packets(const struct kernel_source *source);

#endif
