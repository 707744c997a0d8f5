/*
 * Blocklists for measuring, each in the maps of the program that reads them, with the same entries.
 */
#ifndef SLUICE_TESTS_BENCH_BLOCKLIST_H
#define SLUICE_TESTS_BENCH_BLOCKLIST_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/program.h"

#define LISTED	  0xcb007107 /* 203.0.113.7: on every list */
#define NEIGHBOUR 0xcb000107 /* 203.0.1.7: not, but its /16 has entries */
#define SOURCE	  0xc0000201 /* 192.0.2.1, as put_ipv4: nothing near it is on the list */
#define FLOWS_AT  0xc6120000 /* 198.18.0.0/15 (RFC 2544): sources of varied packets, not listed */

/* blocklist_ours - @entries of each family in sluice_ingress's maps, LISTED among them, under a
 * rule with an end, within a lease, beside a safe list. Returns 0 or -errno. */
int blocklist_ours(const struct program *ours, uint32_t entries);
/* blocklist_add_flows - the first @flows varied sources, too. */
int blocklist_add_flows(const struct program *ours, uint32_t flows);
/* blocklist_xdp_filter - the IPv4 ones in xdp-filter's map, and as many varied sources. */
int blocklist_xdp_filter(const struct program *peer, uint32_t entries, uint32_t flows);
/* blocklist_prototype - the IPv4 ones in the maps bit24 and lpm4. */
int blocklist_prototype(const struct program *peer, uint32_t entries);
/* blocklist_counted - whether the interface's counters say so many, none unattributed. */
bool blocklist_counted(const struct program *ours, uint32_t cpu, uint64_t seen, uint64_t dropped);
/* blocklist_watch - the device has a row in the counters: index 1. */
int blocklist_watch(const struct program *ours, uint32_t ifindex);

#endif
