/*
 * The parts of the flow table and what they share. Only agent/flow includes it.
 *   table.c     the face: add, expire, flush; ends flows and cuts records
 *   index.c     hash and open-addressing index: five-tuple to entry
 *   merge.c     one delta into one entry: counters, times, initiator, state
 *   wheel.c     when an entry is due: idle or cut
 *   memory.c    the two big arrays
 *   names.c     what flows call themselves
 *   hosts.c     the last minute by host and protocol
 *   snapshot.c  the picture for readers
 */
#ifndef SLUICE_FLOW_INTERNAL_H
#define SLUICE_FLOW_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/flow/flow.h"

#define NONE UINT32_MAX /* no entry */

enum way {
	WAY_OUT = 0, /* from the initiator */
	WAY_IN = 1,
};

/* Whole cache lines: a delta touches all of them. */
struct entry {
	_Alignas(64) struct flow flow; /* id 0: free */
	uint32_t hash;
	uint32_t next, prev;  /* in its wheel slot; next also chains free entries */
	uint32_t settle_scan; /* scan count when both ways were first known */
	uint64_t due_tick;    /* of its wheel slot */
	uint64_t first_ns[2]; /* by way; UINT64_MAX: not seen */
	uint64_t floor_ns;    /* a slot begun before it also served an earlier flow */
	uint64_t cut_ns;      /* last cut, or the beginning */
	uint8_t stale[2];     /* flag bits such a slot may have from before */
	bool has_stale[2];
	bool enters[2];	     /* seen as ingress; on a mirror port, or forwarded, both ways are */
	bool has_opening[2]; /* a SYN without ACK, or an echo request, was sent that way */
	bool is_fixed;	     /* the initiator is decided */
};

/* ---- hash and index ---------------------------------------------------------------------------
 */

struct flow_seed {
	uint64_t word[4]; /* random, so that nobody outside can choose who collides */
};

struct index_slot {
	uint32_t hash;
	uint32_t entry; /* NONE: empty */
};

struct index {
	struct index_slot *slots;
	uint32_t mask;
};

/* hash_addr - of one address; also places hosts. */
uint64_t hash_addr(const struct flow_seed *seed, const struct addr *addr);
/* hash_flow - the same for both directions. @src, @dst: hash_addr of the tuple's addresses. */
uint32_t hash_flow(const struct flow_seed *seed, const struct five_tuple *tuple, uint8_t iface,
		   uint64_t src, uint64_t dst);

int index_init(struct index *index, unsigned int capacity);
void index_done(struct index *index);
/* index_expect - the slot will be asked for soon. */
void index_expect(const struct index *index, uint32_t hash);
/* index_find - the entry of the tuple in either direction, or NONE. */
uint32_t index_find(const struct index *index, const struct entry *entries, uint32_t hash,
		    const struct flow_delta *delta);
void index_add(struct index *index, uint32_t hash, uint32_t entry);
void index_remove(struct index *index, uint32_t hash, uint32_t entry);

/* ---- memory -----------------------------------------------------------------------------------
 */

/* memory_new - zeroed, untouched, in huge pages where the kernel has them: a lookup at random costs
 * a cache miss, not two TLB misses more. Caller frees with the same size; NULL without memory. */
void *memory_new(size_t size);
/* memory_free - accepts NULL. */
void memory_free(void *memory, size_t size);

/* ---- merge ------------------------------------------------------------------------------------
 */

/* merge_begin - an empty entry for the flow whose first delta is @delta. */
void merge_begin(struct entry *entry, const struct flow_delta *delta, uint64_t floor_ns);
/* merge_delta - @scan: how often the table was expired, so which scan this is. */
void merge_delta(struct entry *entry, const struct flow_delta *delta, int64_t unix_minus_mono_ms,
		 uint32_t scan);
/* merge_is_reopened - the delta begins the next connection of a closed five-tuple. */
bool merge_is_reopened(const struct entry *entry, const struct flow_delta *delta);
uint64_t merge_idle_ns(const struct entry *entry);

/* ---- wheel ------------------------------------------------------------------------------------
 */

#define WHEEL_SLOTS 512
#define WHEEL_SHIFT 27 /* 134 ms a slot: 68 s round, longer than the longest wait (a cut, 60 s) */

struct wheel {
	uint32_t head[WHEEL_SLOTS];
	uint64_t tick; /* all before it are done */
};

void wheel_init(struct wheel *wheel);
/* wheel_add - into the slot of @due_ns. */
void wheel_add(struct wheel *wheel, struct entry *entries, uint32_t entry, uint64_t due_ns);
void wheel_remove(struct wheel *wheel, struct entry *entries, uint32_t entry);
/* wheel_sooner - move it when it is due before its slot; later is found out when the slot is due.
 */
void wheel_sooner(struct wheel *wheel, struct entry *entries, uint32_t entry, uint64_t due_ns);
/* wheel_span - how many slots from wheel->tick on are due at @now_ns, at most all. */
uint64_t wheel_span(const struct wheel *wheel, uint64_t now_ns);
/* wheel_take - empties the slot of @tick: its entries, chained by next. */
uint32_t wheel_take(struct wheel *wheel, uint64_t tick);

/* ---- hosts and protocols over the last minute ----------------------------------------------- */

#define HOST_SETS      512
#define HOST_WAYS      8
#define MINUTE_BUCKETS 6
#define BUCKET_NS      10000000000ULL /* 10 s; the last of the six is being filled */

struct minute {
	uint64_t packets[MINUTE_BUCKETS];
	uint64_t bytes[MINUTE_BUCKETS];
	uint64_t epoch; /* number of the newest bucket in it */
};

struct host {
	struct addr addr;
	uint16_t rank; /* 1..: its place in the snapshot being made; 0: not in it */
	struct minute minute;
	int64_t last_unix_ms;
};

struct host_set {
	uint32_t tag[HOST_WAYS];  /* 0: free */
	uint64_t heat[HOST_WAYS]; /* bytes, halved with every bucket: who makes room */
	uint64_t epoch;		  /* of heat */
	struct host way[HOST_WAYS];
};

struct ranked {
	uint64_t bytes;
	uint32_t set, way;
};

struct hosts {
	struct host_set *sets;
	struct ranked *ranked; /* room to sort them */
	struct minute protos[256];
	uint8_t *ports; /* a bitmap of 65536 for each host of a snapshot */
	uint64_t epoch;
};

int hosts_init(struct hosts *hosts);
void hosts_done(struct hosts *hosts);
/* hosts_advance - time moves on; back is ignored. */
void hosts_advance(struct hosts *hosts, uint64_t now_ns);
/* hosts_add - @hash: of the tuple's addresses, source first. */
void hosts_add(struct hosts *hosts, const struct flow_delta *delta, const uint64_t hash[2],
	       int64_t last_unix_ms);

/* hosts_fill - hosts by bytes and protocols into the snapshot, flows and ports still 0. */
void hosts_fill(struct hosts *hosts, struct snapshot *snapshot);
/* hosts_fill_flow - count one flow for its hosts and protocol. */
void hosts_fill_flow(struct hosts *hosts, const struct flow_seed *seed, const struct flow *flow,
		     struct snapshot *snapshot);
/* hosts_fill_end - forget ranks and ports again. */
void hosts_fill_end(struct hosts *hosts, const struct snapshot *snapshot);

/* ---- names --------------------------------------------------------------------------------------
 */

#define NAMES_POOL_MAX 16384 /* flows with a name at once; about 2 MB of names */
#define NAMES_WAITING_MAX \
	4096 /* namings of one second; the kernel's event budget is in that order */

struct pool_names {
	struct flow_names *names; /* NULL: free */
	uint32_t users;		  /* the live flow and the one in the ring of ended ones */
	uint32_t next_free;
};

struct naming_wait {
	struct five_tuple tuple;
	uint8_t iface;
	struct flow_names *names;
	uint64_t until_ns;
};

struct naming {
	struct pool_names *pool;
	uint32_t high, free; /* never used from high on; chain of freed ones, by number */
	struct naming_wait *waiting;
	uint32_t waiting_count;
	uint64_t lost;
};

int naming_init(struct naming *naming);
void naming_done(struct naming *naming);
/* naming_keep, naming_drop - one more, one less flow of that name number; 0 is none. */
void naming_keep(struct naming *naming, uint32_t number);
void naming_drop(struct naming *naming, uint32_t number);
struct flow_names *naming_get(const struct naming *naming, uint32_t number);
/* naming_settle - hand what waits to the flows that came meanwhile. */
void naming_settle(struct flow_table *table, uint64_t now_ns);

/* ---- the table --------------------------------------------------------------------------------
 */

struct flow_table {
	struct flow_options options;
	struct flow_seed seed;
	struct entry *entries;
	uint32_t free; /* chain of freed entries */
	uint32_t high; /* entries never used begin here, so memory grows with use */
	uint32_t len;
	struct index index;
	struct wheel wheel;
	struct hosts hosts;
	struct naming naming;
	struct flow *ended; /* ring of options.ended_kept */
	uint64_t ended_count;
	uint64_t next_id;
	uint64_t now_ns, floor_ns; /* times of the last expire and the one before */
	uint32_t scan;
	uint64_t full;
	struct totals second;
};

/* table_find - the entry of @tuple in either direction, or NONE. */
uint32_t table_find(const struct flow_table *table, const struct five_tuple *tuple, uint8_t iface);

#endif
