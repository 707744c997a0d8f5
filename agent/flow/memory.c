/*
 * The table's big arrays come from the kernel directly, so that they are aligned for huge pages and
 * take memory only as flows come.
 */
#include <sys/mman.h>

#include "agent/flow/internal.h"

#define HUGE_BYTES (2UL << 20) /* of x86-64 and of arm64 with 4 KiB pages */

static size_t rounded(size_t size)
{
	return (size + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

void *memory_new(size_t size)
{
	size_t span = rounded(size), before, after;
	char *at = mmap(NULL, span + HUGE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)at & (HUGE_BYTES - 1);
	after = HUGE_BYTES - before;
	if (before)
		(void)munmap(at, before); /* our own pages: cannot fail but by limits, harmless */
	if (after)
		(void)munmap(at + before + span, after);
	(void)madvise(at + before, span, MADV_HUGEPAGE); /* where refused: small pages */
	return at + before;
}

void memory_free(void *memory, size_t size)
{
	if (memory)
		(void)munmap(memory, rounded(size)); /* as above */
}
