/*
 * What the files of block share: the service, its table of active blocks, its safe lists. Only the
 * service thread touches them. Clocks are members so that tests hand in their own.
 */
#ifndef SLUICE_BLOCK_INTERNAL_H
#define SLUICE_BLOCK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/block/block.h"
#include "agent/block/host.h"
#include "agent/block/safe_list.h"
#include "agent/util/clock.h"

/* A rule id rests that long before another rule gets it: events of the old rule are still read. */
#define RULE_REST_S 60
/* What a block is called in sentences and in the audit. */
#define BLOCK_TEXT_MAX (DOMAIN_TEXT_MAX + 8)

/* Which safe list; in the order in which a refusal looks for its reason. */
enum safe_source {
	SAFE_FROM_SPECIAL,
	SAFE_FROM_ADDRESSES,
	SAFE_FROM_GATEWAYS,
	SAFE_FROM_RESOLVERS,
	SAFE_FROM_ADMINS,
	SAFE_FROM_SSH,
	SAFE_FROM_CONFIG,
	SAFE_FROM_MANUAL,
	SAFE_SOURCE_COUNT
};

/* The content of a list in force. A version that waits for its confirmation is a second rule that
 * holds what it adds; the old one stays until then. */
struct active_list {
	char name[BLOCK_LIST_MAX];
	struct prefix_set *set;	    /* in force; NULL: none confirmed yet */
	struct prefix_set *pending; /* all of the version that waits */
	struct block_list_facts facts;
	bool is_merging; /* confirmed; the second rule goes once the first holds everything */
};

/* One block in force. */
struct active_block {
	int64_t id, parent_id, incident_id;
	char *domain;		  /* a name instead of the target; NULL: none */
	struct active_list *list; /* a list instead of the target; NULL: none */
	uint8_t state;
	uint64_t confirm_boot_ns; /* drops no longer, unless confirmed; 0 = nothing to confirm */
	struct prefix target;
	uint32_t rule_id;
	uint8_t action, direction, proto;
	uint16_t port;
	uint64_t end_boot_ns;	 /* 0 = never */
	struct block_hits base;	 /* counted before the datapath's present entry began */
	struct block_hits hits;	 /* base and the datapath's, as last read */
	struct block_hits saved; /* as main.db has them */
	uint64_t read_boot_ns;	 /* when hits were read */
	bool is_adopting;	 /* what the datapath counted before this start is in base, too */
};

/* When a part of the host was read last, and how long that took. */
struct safe_clock {
	uint64_t at_ns; /* boot; 0 = never */
	uint64_t took_ns;
};

struct block_service {
	struct block_options options;
	uint64_t (*boot_ns)(void);
	int64_t (*unix_ms)(void);

	struct active_block *active; /* in no order */
	size_t active_count, active_capacity;
	uint32_t *rule_state; /* BLOCK_RULES_MAX: 0 free, UINT32_MAX used, else second freed + 1 */
	struct upload *uploads;		/* lists on their way in */
	char own_name[DOMAIN_TEXT_MAX]; /* this host's; "" unknown */
	size_t save_cursor;		/* next active block whose hits are read and saved */

	struct safe_list safe[SAFE_SOURCE_COUNT];
	bool is_safe_changed; /* the datapath has not got the list yet */
	struct host *host;    /* NULL when the host is not read */
	struct safe_clock network_read, files_read, ssh_read;
};

/* outcome_fail - fill @outcome with a plain sentence. Returns @error. */
int outcome_fail(struct block_outcome *outcome, int error, const char *field, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/* order_require_admin - 0, or -EACCES with @outcome filled. */
int order_require_admin(const struct principal *who, struct block_outcome *outcome);

/*
 * order_parse - the request's words into @block (target, scope, life, reason), all but ids.
 * Returns 0 or -EINVAL with @outcome filled.
 */
int order_parse(const struct block_service *service, const struct block_request *request,
		struct block *block, struct block_outcome *outcome);
/* order_parse_target - canonical prefix; default routes and too wide ones refused. */
int order_parse_target(const char *text, const char *field, struct prefix *target,
		       struct block_outcome *outcome);

/* ---- active.c: the table of blocks in force ------------------------------------------------- */

struct active_block *active_by_id(const struct block_service *service, int64_t id);
/* active_same - same target, direction, protocol and port; a list: same name. NULL: none. */
struct active_block *active_same(const struct block_service *service, const struct block *block);
/* active_overlapping - the narrowest block that overlaps @prefix, or NULL. */
struct active_block *active_overlapping(const struct block_service *service,
					const struct prefix *prefix);
/* active_reserve - room for one more. Returns 0 or -ENOMEM. */
int active_reserve(struct block_service *service);
/* active_insert - after active_reserve; takes the row's rule id. Borrowed until the next call.
 * NULL without memory. */
struct active_block *active_insert(struct block_service *service, const struct block *block,
				   uint64_t end_boot_ns);
/* active_delete - the last one takes its place; the rule id rests. */
void active_delete(struct block_service *service, struct active_block *active);
void active_done(struct active_block *active); /* what it owns */
struct block_rule active_rule(const struct active_block *active);
/* active_text - "192.0.2.0/24", "example.com", "list drop". Returns @text. */
const char *active_text(const struct active_block *active, char text[static BLOCK_TEXT_MAX]);
const char *block_text(const struct block *block, char text[static BLOCK_TEXT_MAX]);
/* active_read_hits - from the datapath, unless read less than a second ago. */
void active_read_hits(struct block_service *service, struct active_block *active);
/* active_adopt_hits - @kept: what the datapath had counted before this start; once a block. */
void active_adopt_hits(struct active_block *active, const struct block_hits *kept);
/* active_save_hits - to main.db when they changed since. */
void active_save_hits(struct block_service *service, struct active_block *active);
/* rule_find_free - lowest id that is free and rested, or 0. */
uint32_t rule_find_free(const struct block_service *service);
bool rule_is_free(const struct block_service *service, uint32_t rule_id);

/* ---- service.c ------------------------------------------------------------------------------- */

/* block_end - out of the datapath, then the row; @outcome tells. Returns 0 or -errno. */
int block_end(struct block_service *service, struct active_block *active, enum block_state state,
	      struct block_outcome *outcome);
/* block_read_row - the row of @id with live hits. Returns 0, -ENOENT, -errno. */
int block_read_row(struct block_service *service, int64_t id, struct block *out);
/* block_audit - one line of what was done to @target; @detail is taken. */
struct json;
void block_audit(struct block_service *service, const struct principal *who, const char *action,
		 const char *target, struct json *detail);

/* block_tell - the row as it is now, to whoever listens. */
void block_tell(struct block_service *service, int64_t id);

/* ---- confirm.c ------------------------------------------------------------------------------ */

/* confirm_mark - decide whether @block goes live with a countdown; sets its state. */
void confirm_mark(const struct block_service *service, struct block *block);
/* confirm_end_ns - the countdown on the boot clock by what is left of it on the wall clock, never
 * more than [Block] confirm. 0: over. */
uint64_t confirm_end_ns(const struct block_service *service, int64_t confirm_by_unix_ms);
/* confirm_tick - roll back what was not confirmed in time. */
void confirm_tick(struct block_service *service);

/* ---- domain.c ------------------------------------------------------------------------------- */

/* domain_is_meant - @text is to be read as a name, not as an address. */
bool domain_is_meant(const char *text);
/* domain_parse - canonical: lower case, without "*." and final dot. 0, or -EINVAL, -EPERM with
 * @outcome. Source: RFC 1035 2.3.1, 2.3.4; underscores as in RFC 8552. */
int domain_parse(const struct block_service *service, const char *text,
		 char out[static DOMAIN_TEXT_MAX], struct block_outcome *outcome);
/* domain_canonical - the same for the host called @own_name ("" unknown); on any thread. */
int domain_canonical(const char *own_name, const char *text, char out[static DOMAIN_TEXT_MAX],
		     struct block_outcome *outcome);
/* domain_is_under - @name is @domain or lies below it; both canonical. */
bool domain_is_under(const char *name, const char *domain);

/* ---- lists.c -------------------------------------------------------------------------------- */

/* list_end - out of the datapath. Returns 0 or -errno. */
int list_end(struct block_service *service, struct active_block *active);
int list_confirm(struct block_service *service, struct active_block *active,
		 struct block_outcome *outcome);
/* list_roll_back - to the version before; -ENOENT when there was none: the block is to end. */
int list_roll_back(struct block_service *service, struct active_block *active);
/* list_replay - at start: the sets of main.db into the datapath. Returns 0 or -errno. */
int list_replay(struct block_service *service, struct active_block *active);
/* list_read_hits - of both rules. */
int list_read_hits(struct block_service *service, const struct active_block *active,
		   struct block_hits *hits);
int list_load(struct block_service *service, struct active_block *active);
/* list_set_words - turned on or off, another end: both rules. */
int list_set_words(struct block_service *service, struct active_block *active);
/* list_tick - second rules whose work is done go; uploads given up go. */
void list_tick(struct block_service *service);
void list_free(struct active_list *list);  /* accepts NULL */
void uploads_free(struct upload *uploads); /* accepts NULL */
/* rule_take, rule_release - an id beside the blocks' own, for second rules. 0 when none is free. */
uint32_t rule_take(struct block_service *service);
void rule_release(struct block_service *service, uint32_t rule_id);

/* ---- lines.c: a file of addresses and names, read on any thread ------------------------------ */

struct lines_input {
	const char *data;
	size_t len;
	const struct safe_entry *safe; /* never blocked */
	size_t safe_count;
	const char *own_name; /* this host's, never blocked; "" unknown */
};

/* lines_read - @report's numbers, notes and set; the caller frees set and notes. 0 or -errno. */
int lines_read(const struct lines_input *input, struct block_list_report *report);

/* ---- safe.c: what may never be blocked ------------------------------------------------------- */

/* safe_init - special ranges and [Block] safe=. Returns 0, -EINVAL, -ENOMEM. */
int safe_init(struct block_service *service);
void safe_done(struct block_service *service);
/* safe_exchange - @fresh becomes the list of @source; the caller frees what @fresh holds then. */
void safe_exchange(struct block_service *service, enum safe_source source, struct safe_list *fresh);
/* safe_load_manual - from main.db. Returns 0 or -errno. */
int safe_load_manual(struct block_service *service);
/* How old addresses, gateways and SSH peers may get. */
#define SAFE_AGE_NS (5 * NS_PER_S)
/* safe_refresh_host - read again what is older than @age_ns (the resolver files: than a minute). */
void safe_refresh_host(struct block_service *service, uint64_t age_ns);
/* safe_push - to the datapath when changed. Returns 0 or -errno (tried again at the next tick). */
int safe_push(struct block_service *service);
/* safe_check - 0 when @target is free to block, else -EPERM with the reason in @outcome. */
int safe_check(const struct block_service *service, const struct principal *who,
	       const struct prefix *target, struct block_outcome *outcome);
/* safe_copy - every entry, and @who's own address; caller frees. NULL without memory. */
struct safe_entry *safe_copy(const struct block_service *service, const struct principal *who,
			     size_t *count);
/* safe_refuse - the sentence why @target may not be blocked. Returns -EPERM. */
int safe_refuse(const struct safe_entry *entry, const struct prefix *target,
		struct block_outcome *outcome);
/* order_check_width - no default route, none wider than one order may name. 0 or -EINVAL. */
int order_check_width(const struct prefix *prefix, const char *field,
		      struct block_outcome *outcome);

#endif
