/*
 * Whether blocks drop: real datagrams and questions before a block, under it, after it; then panic.
 */
#ifndef SLUICE_APP_SELFTEST_DROPS_H
#define SLUICE_APP_SELFTEST_DROPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct room;

#define DROPS_EACH 3 /* packets of a probe */
#define DROPS_MAX  9

/* What one block did; numbers of packets that arrived, of DROPS_EACH. */
struct drop_report {
	const char *what, *value;
	unsigned int before, under, after;
	uint64_t hits;
	bool is_ok;
};

/* drops_check - in the room, after room_give_addresses. Returns how many reports, or -errno. */
int drops_check(struct room *room, struct drop_report out[static DROPS_MAX]);

#endif
