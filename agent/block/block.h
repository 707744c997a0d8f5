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
	int (*name_hits)(void *arg, const char *name, struct block_hits *hits);
	int (*list_hits)(void *arg, uint32_t rule_id, struct block_hits *hits);
	/* addresses a name was seen on; the count or -errno */
	int (*addrs_of)(void *arg, const char *domain, struct name_addr *out, size_t max);
	/* 1: names of different owners were seen on @about->addr, one is filled in; 0; -errno */
	int (*is_shared)(void *arg, struct name_addr *about);
};

struct block_options {
	struct store *store;
	const struct config *config;
	struct block_datapath datapath;
	/* something changed in the list: a live event */
	void (*on_change)(void *arg, const struct block *block);
	void *arg;
	/* slow work on another thread, then @done on the service thread; NULL: done at once */
	int (*run)(void *arg, void (*work)(void *), void (*done)(void *), void *job);
	void *run_arg;
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

/* block_reload - [Block] safe of the configuration as it is now. Returns 0 or -errno (the old list
 * stays). */
int block_reload(struct block_service *service);

struct block_request {
	const char *value;     /* address, prefix, or a name with everything below it */
	const char *list;      /* a list instead of @value: its name; NULL: none */
	const char *action;    /* "drop" (default when empty), "count"; names and lists: "refuse" */
	const char *direction; /* "both" (default), "in", "out" */
	const char *proto;     /* "" any, "tcp", "udp", "icmp", or a number */
	int64_t port;	       /* 0 any */
	int64_t ttl_s;	       /* 0 never, -1 the configured default */
	const char *reason;
	int64_t incident_id;
	/* by itself, because of this address: one address or /64 wide, and not a shared one;
	 * NULL: a person asks */
	const struct addr *automatic;
	bool is_trial;		   /* only say what would come of it */
	bool with_addresses;	   /* a name: also the addresses that only it was seen on */
	struct block_notes *notes; /* out: what of the addresses was left out; may be NULL */
};

/* What an order did not do, one sentence each. */
#define BLOCK_NOTES_MAX 32
struct block_notes {
	size_t added; /* addresses blocked beside the name */
	size_t count; /* of all sentences */
	char text[BLOCK_NOTES_MAX][320];
};

struct block_outcome {
	/* 0; -EMLINK a shared address (automatic orders); -EACCES no admin; -EINVAL; -EPERM safe
	 * list; -EEXIST; -ENOENT; -ENOSPC; -EBUSY a block overlaps a new safe prefix; other -errno
	 * of store or datapath */
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
/* block_is_own - one of this host's own addresses. */
bool block_is_own(const struct block_service *service, const struct addr *addr);
/* block_confirm - what waits for its confirmation stays; -ETIME when its time is over. */
int block_confirm(struct block_service *service, const struct principal *who, int64_t id,
		  struct block_outcome *outcome);
/* block_set_off - the row stays, and drops nothing (or again). */
int block_set_off(struct block_service *service, const struct principal *who, int64_t id, bool off,
		  struct block_outcome *outcome);
/* block_remove - datapath first: a row never says removed while the kernel drops. */
int block_remove(struct block_service *service, const struct principal *who, int64_t id,
		 struct block_outcome *outcome);
/* block_list - newest first with live hits; keyset @before. Returns the count. */
int block_list(struct block_service *service, bool active_only, int64_t before, struct block *out,
	       size_t max);
int block_get(struct block_service *service, int64_t id, struct block *out);
/* block_tick - once a second: expiry, hits, fresh own addresses. */
void block_tick(struct block_service *service);

struct block_question {
	const char *value;	       /* address, prefix or name */
	const char *direction, *proto; /* as in block_request; "" any */
	int64_t port;
};

/* A block that holds what was asked for, and whether it decides. */
struct block_match {
	struct block block;
	struct prefix entry;		  /* of a list; else ADDR_NONE */
	char entry_name[DOMAIN_TEXT_MAX]; /* of a list: a name instead; "" none */
	bool applies;
	char why[160]; /* of a block that does not apply, or what is said beside one that does */
};

#define BLOCK_MATCHES_MAX 32
struct block_verdict {
	struct block_outcome outcome; /* error -EPERM: safe, with the reason; -EINVAL */
	size_t match_count;	      /* narrowest first */
	int decides;		      /* index of the match that decides; -1 = none: it passes */
	struct block_match matches[BLOCK_MATCHES_MAX];
};

/* block_test - what would happen to packets of @question, and why. Returns 0, -EPERM, -EINVAL. */
int block_test(struct block_service *service, const struct block_question *question,
	       struct block_verdict *verdict);

/* ---- lists ---------------------------------------------------------------------------------- */

#define BLOCK_LIST_ENTRIES_MAX 1048576
#define BLOCK_LIST_NAMES_MAX   131072 /* all names together: DOMAIN_ENTRIES of bpf/maps.h */
#define BLOCK_LIST_BYTES_MAX   (64U << 20)
#define BLOCK_LIST_NOTES_MAX   1000

/* A line that was refused, or taken in another form. */
struct block_line_note {
	uint32_t line;
	bool is_warning;
	char text[48]; /* of the line, cut, printable */
	char reason[160];
};

struct block_list_report {
	size_t lines, refused, warned, duplicates;
	size_t added, removed;	       /* against the version before */
	bool is_applied;	       /* false: nothing was changed */
	struct prefix_set *set;	       /* its names with it */
	struct block_line_note *notes; /* the first BLOCK_LIST_NOTES_MAX */
	size_t note_count;
};

/* The next bytes of the file for list @name; @offset 0 begins anew. */
struct block_list_part {
	const char *name;
	int64_t offset;
	const void *data;
	size_t len;
};

/*
 * block_list_part - -EINVAL: not the next bytes, or a wrong name; -E2BIG beyond
 * BLOCK_LIST_BYTES_MAX; -EBUSY: other uploads take all room.
 */
int block_list_part(struct block_service *service, const struct principal *who,
		    const struct block_list_part *part, struct block_outcome *outcome);

/* Called once on the service thread; both are borrowed. */
typedef void (*block_list_done_fn)(void *arg, const struct block_outcome *outcome,
				   const struct block_list_report *report);

struct block_list_order {
	struct block_request request; /* list, scope, end, reason */
	bool is_all_or_nothing;
	bool is_dry; /* read and judged only: nothing is changed */
	block_list_done_fn done;
	void *arg;
};

/* block_list_apply - what was uploaded becomes the list, or its next version. @done is called, now
 * or later, whatever happens. */
void block_list_apply(struct block_service *service, const struct principal *who,
		      const struct block_list_order *order);
/* block_list_renew - the list @name in force ends @ttl_s from now; its entries stay. -ENOENT: none
 * is in force; other -errno: its end is as before. */
int block_list_renew(struct block_service *service, const char *name, int64_t ttl_s);
/* block_list_is_busy - entries are still on their way to the datapath. */
bool block_list_is_busy(struct block_service *service);

struct block_list_entry {
	struct prefix prefix;
	char name[DOMAIN_TEXT_MAX]; /* a name instead of @prefix; "" none */
	struct block_hits hits;
};
/* block_list_entries - of the list @id from index @from on, prefixes before names. The count,
 * -ENOENT. */
int block_list_entries(struct block_service *service, int64_t id, size_t from,
		       struct block_list_entry *out, size_t max);

/* ---- host: new own addresses and gateways are safe at once ------------------------------------
 */

/* block_host_fd - readable when addresses or routes changed; -1: the host is not watched. */
int block_host_fd(const struct block_service *service);
void block_host_ready(struct block_service *service);

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
