/*
 * The readers' side of the flow records: over the hours of a time range, newest or oldest first,
 * from a place that may be kept and resumed. Records are read a block of 8192 at a time; between
 * two blocks no connection is held, so a slow reader pins nothing. A scan belongs to one thread.
 */
#ifndef SLUICE_STORE_SCAN_H
#define SLUICE_STORE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/history.h"

struct store;
struct scan;

/* What is read of a record; the rest of it is 0. hour and end_unix_ms always are, and without
 * SCAN_BARE row and verdict. */
enum scan_column {
	SCAN_ADDRS = 1 << 0,
	SCAN_PORTS = 1 << 1,
	SCAN_PROTO = 1 << 2,
	SCAN_BYTES = 1 << 3,
	SCAN_PACKETS = 1 << 4,
	SCAN_START = 1 << 5,
	SCAN_TCP = 1 << 6,   /* flags of TCP, with SCAN_STATE the end */
	SCAN_STATE = 1 << 7, /* state, iface, ingress, is_final, end */
	SCAN_VLAN = 1 << 8,
	SCAN_ID = 1 << 9,
	SCAN_NAMES = 1 << 10, /* name and scan_names; rule, incident, pid, uid */
	SCAN_ALL = (1 << 11) - 1,
	SCAN_SRC = 1 << 11, /* one of SCAN_ADDRS alone */
	SCAN_DST = 1 << 12,
	SCAN_BARE = 1 << 13 /* not with SCAN_STATE; a place within a block is not told */
};

/* A place between two records; {0} is before the first one in either direction. */
struct scan_place {
	int64_t hour, row;
};

struct scan_options {
	int64_t from_unix_ms, to_unix_ms; /* ends of records: from <= end < to */
	bool is_oldest_first;
	unsigned int columns; /* enum scan_column */
	/* only records with one of these as source or destination; copied. 0 = all records.
	 * Blocks that hold none of them are passed over by their filters. */
	const struct addr *addrs;
	size_t addr_count;
	struct scan_place after; /* go on behind this record */
	uint64_t deadline_ns;	 /* monotonic; 0 = none */
};

/* scan_new - Returns 0, -EINVAL (times, more than SCAN_ADDRS_MAX addresses), -ENOMEM. */
#define SCAN_ADDRS_MAX 4096
int scan_new(struct store *store, const struct scan_options *options, struct scan **out);
void scan_free(struct scan *scan); /* accepts NULL */
DEFINE_CLEANUP(scan_free, struct scan)

/*
 * scan_next - the next record, borrowed until the next call.
 * Returns 1, 0 at the end; -ETIMEDOUT past the deadline: scan_place says how far it came, and the
 * scan may go on after scan_set_deadline; -EBADMSG (the file is set aside), other -errno.
 */
int scan_next(struct scan *scan, const struct flow_record **out);
/* scan_block - all that is left of the present block, or the next one, as an array; borrowed until
 * the next call. Returns the count or as scan_next. */
int scan_block(struct scan *scan, const struct flow_record **out);
/* scan_names - needs SCAN_NAMES; borrowed until the next scan_next or scan_block. */
const struct record_names *scan_names(const struct scan *scan, const struct flow_record *record);
/* scan_iface - needs SCAN_STATE; the name of its interface, "" = not stored. Borrowed as above. */
const char *scan_iface(const struct scan *scan, const struct flow_record *record);
/* scan_place - behind what was handed out, or passed over: where to go on. */
struct scan_place scan_place(const struct scan *scan);
/* scan_reached_unix_ms - the time down (oldest first: up) to which all has been looked at. */
int64_t scan_reached_unix_ms(const struct scan *scan);
void scan_set_deadline(struct scan *scan, uint64_t deadline_ns);

#endif
