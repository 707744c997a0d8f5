/*
 * The one service for every block, whoever asks: shape, safe list, row in main.db, kernel, expiry,
 * audit; and the safe list itself. Owned by the service thread; reaches the kernel through the
 * callbacks that app.c hands it.
 */
#ifndef SLUICE_BLOCK_BLOCK_H
#define SLUICE_BLOCK_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/block.h"
#include "include/user.h"

struct store;
struct config;
struct prefix_set;
struct name_addr;
struct block_service;

/* The way to the datapath; each returns when the kernel has it (posted to the pipeline thread). */
struct block_datapath {
	void *arg;
	int (*block)(void *arg, const struct block_rule *rule);
	int (*unblock)(void *arg, uint32_t rule_id);
	int (*hits)(void *arg, uint32_t rule_id, struct block_hits *hits);
	int (*sync)(void *arg, const struct block_rule *rules, size_t count);
	/* after sync and every list_set of a start: what nobody owns goes */
	int (*settle)(void *arg);
	int (*safe_set)(void *arg, const struct prefix *prefixes, size_t count);
	/* lists (capture.h): begun when it returns; is_busy until all entries are in force */
	int (*list_set)(void *arg, const struct block_rule *rule, struct prefix_set *set);
	int (*list_remove)(void *arg, uint32_t rule_id);
	bool (*is_busy)(void *arg);
	int (*rule_set)(void *arg, const struct block_rule *rule);
	int (*target_hits)(void *arg, const struct prefix *target, struct block_hits *hits);
	int (*list_hits)(void *arg, uint32_t rule_id, struct block_hits *hits);
	/* addresses a name was seen on; the count or -errno */
	int (*addrs_of)(void *arg, const char *domain, struct name_addr *out, size_t max);
};

struct block_options {
	struct store *store;
	const struct config *config;
	struct block_datapath datapath;
	/* something changed in the list: a live event */
	void (*on_change)(void *arg, const struct block *block);
	void *arg;
	bool reads_host; /* fill own, gateway, resolver, SSH entries from this host; not in the demo
			  */
	/* further entries that never change: the demo's own host; borrowed */
	const struct safe_entry *fixed;
	size_t fixed_count;
};

/*
 * block_service_new - opens what later rights would forbid: a routing socket, the TCP tables.
 * -EINVAL when [Block] safe= holds something that is no prefix (logged).
 */
int block_service_new(const struct block_options *options, struct block_service **out);
/* block_service_free - saves the hits; the datapath's callbacks must still answer or fail. */
void block_service_free(struct block_service *service);
DEFINE_CLEANUP(block_service_free, struct block_service)

/*
 * block_start - read the host's own addresses, end what expired meanwhile, then replay main.db
 * into the datapath. Before threads run or on the service thread. Returns 0 or -errno.
 */
int block_start(struct block_service *service);

struct block_request {
	const char *value;     /* address or prefix */
	const char *action;    /* "drop" (default when empty), "count" */
	const char *direction; /* "both" (default), "in", "out" */
	const char *proto;     /* "" any, "tcp", "udp", "icmp", or a number */
	int64_t port;	       /* 0 any */
	int64_t ttl_s;	       /* 0 never, -1 the configured default */
	const char *reason;
	int64_t incident_id;
};

struct block_outcome {
	/* 0; -EACCES no admin; -EINVAL; -EPERM safe list; -EEXIST; -ENOENT; -ENOSPC; -EBUSY a block
	 * overlaps a new safe prefix; other -errno of store or datapath */
	int error;
	const char *field;  /* which field is wrong; static, "" when none */
	char message[256];  /* plain sentence with the reason */
	struct block block; /* valid with error 0, and for -EEXIST the existing one */
};

/*
 * block_add - row in main.db first, then the datapath; the row ends again when that fails.
 * Host bits must be zero (the message suggests the prefix meant); no default route, none wider
 * than /8 or IPv6 /19; nothing that overlaps the safe list, in either direction.
 * Returns outcome->error.
 */
int block_add(struct block_service *service, const struct principal *who,
	      const struct block_request *request, struct block_outcome *outcome);
/* block_remove - datapath first: a row never says removed while the kernel drops. */
int block_remove(struct block_service *service, const struct principal *who, int64_t id,
		 struct block_outcome *outcome);
/* block_list - newest first with live hits; keyset @before. Returns the count. */
int block_list(struct block_service *service, bool active_only, int64_t before, struct block *out,
	       size_t max);
int block_get(struct block_service *service, int64_t id, struct block *out);
/* block_tick - once a second: expiry, hits, fresh own addresses. */
void block_tick(struct block_service *service);

/*
 * block_test - what would happen to @addr, an address or prefix: outcome->error -EPERM safe,
 * -EEXIST blocked (the narrowest block that holds it, see its action, in outcome->block), 0 free,
 * -EINVAL.
 */
int block_test(struct block_service *service, const char *addr, struct block_outcome *outcome);

/* block_safe_list - own entries first, then what was found, then special ranges. The count. */
int block_safe_list(struct block_service *service, struct safe_entry *out, size_t max);
int block_safe_add(struct block_service *service, const struct principal *who, const char *prefix,
		   const char *note, struct block_outcome *outcome);
int block_safe_remove(struct block_service *service, const struct principal *who, int64_t id,
		      struct block_outcome *outcome);
/* block_set_admin_peers - addresses of admins logged in now; kept on the safe list. */
void block_set_admin_peers(struct block_service *service, const struct addr *peers, size_t count);

/* Names shown to people. */
const char *block_action_name(uint8_t action);
const char *block_direction_name(uint8_t direction);
const char *block_state_name(uint8_t state);
const char *block_source_name(uint8_t source);
const char *block_safe_kind_name(uint8_t kind);

#endif
