/*
 * The kernel's side of bpf/env.h and bpf/maps.h for a process: arrays, keyed maps and rings as
 * plain memory, one CPU, the caller's clock. A user source (user.c) owns one struct usermaps; the
 * datapath built from bpf/ (user_datapath.c) finds it through the frame. One thread.
 */
#ifndef SLUICE_CAPTURE_USERMAPS_H
#define SLUICE_CAPTURE_USERMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/util/cleanup.h"
#include "bpf/walk.h"
#include "include/abi.h"

/* ---- keyed maps: hash or longest prefix, as BPF_MAP_TYPE_HASH and _LPM_TRIE -------------- */

struct usermap_node;

struct usermap {
	size_t key_size, value_size;
	bool is_prefix; /* the key begins with its length, __u32, then the address */
	uint32_t max, count;
	struct usermap_node **buckets; /* grows with count */
	uint32_t bucket_mask;
	struct usermap_node *oldest, *newest; /* order of insertion, for next_key */
	uint32_t lens[129];		      /* entries by prefix length */
};

/* usermap_init - empty, at most @max entries. Returns 0 or -ENOMEM. */
int usermap_init(struct usermap *map, size_t key_size, size_t value_size, uint32_t max,
		 bool is_prefix);
void usermap_done(struct usermap *map);
/* usermap_lookup - the value, valid until it is removed, or NULL. A prefix map answers with the
 * longest one of at most the key's length. */
void *usermap_lookup(const struct usermap *map, const void *key);
/* usermap_update - add, or overwrite the value in place. -E2BIG when full, -EINVAL, -ENOMEM. */
int usermap_update(struct usermap *map, const void *key, const void *value);
int usermap_remove(struct usermap *map, const void *key); /* -ENOENT */
/* usermap_next_key - as bpf_map_get_next_key; the first one for NULL or a key that is gone. */
int usermap_next_key(const struct usermap *map, const void *key, void *next);

/* ---- rings: a buffer that is emptied whole ------------------------------------------------- */

struct userring {
	uint8_t *at;
	size_t size, used;
};

/* Called with one record; must not add to the ring. */
typedef void (*userring_fn)(void *arg, const void *record, size_t len);

/* userring_reserve - room for a record, which is in the ring from now on; NULL when full. */
void *userring_reserve(struct userring *ring, size_t size);
void userring_consume(struct userring *ring, userring_fn fn, void *arg);

/* ---- all maps of the datapath, by the names of bpf/maps.h ------------------------------------ */

#define USERMAP_ARRAY(type)   \
	struct {              \
		type *at;     \
		uint32_t len; \
	}

struct usermaps {
	uint32_t flow_sets;
	USERMAP_ARRAY(struct flow4_set) flows4;
	USERMAP_ARRAY(struct flow6_set) flows6;
	USERMAP_ARRAY(struct flow_shadow) shadow4;
	USERMAP_ARRAY(struct flow_shadow) shadow6;
	USERMAP_ARRAY(struct ledger) ledger;
	USERMAP_ARRAY(struct iface_counters) counters;
	USERMAP_ARRAY(struct cpu_state) cpus;
	USERMAP_ARRAY(struct iface_entry) ifaces;
	USERMAP_ARRAY(struct control) control;
	USERMAP_ARRAY(struct rule) rules;
	USERMAP_ARRAY(uint8_t) nets16;
	USERMAP_ARRAY(uint64_t) bits24;
	USERMAP_ARRAY(uint64_t) bits48;
	USERMAP_ARRAY(uint64_t) bits_names;
	USERMAP_ARRAY(struct rule_set) rule_sets;
	USERMAP_ARRAY(struct name_walk) name_walks;
	struct usermap block4, block6, lpm4, lpm6, safe4, safe6, domains, flow_blocks;
	struct userring events, evict;
	/* struct name_text of bpf/env.h */
	uint64_t
		name_text[28 + (sizeof(struct event_payload) + PAYLOAD_MAX + 8) / sizeof(uint64_t)];
};

/*
 * usermaps_new - @flow_sets sets in each flow cache, a power of two; rings that hold the records of
 * @burst frames. Returns 0 or -ENOMEM.
 */
int usermaps_new(uint32_t flow_sets, uint32_t burst, struct usermaps **out);
void usermaps_free(struct usermaps *maps); /* accepts NULL */
DEFINE_CLEANUP(usermaps_free, struct usermaps)

/* A frame on its way through the datapath: what the kernel calls the context. */
struct user_frame {
	const uint8_t *data;
	uint32_t len;
	uint32_t ifindex;
	struct usermaps *maps;
};

/* user_datapath_run - the entry program of @direction (ABI_INGRESS, ABI_EGRESS). True: passes. */
bool user_datapath_run(const struct user_frame *frame, uint8_t direction);

/* Entries that the keyed maps of bpf/maps.h hold by default. */
#define USER_BLOCK_ENTRIES  1048576
#define USER_SAFE_ENTRIES   4096
#define USER_DOMAIN_ENTRIES 131072
#define USER_FLOW_BLOCKS    16384

#endif
