/*
 * The parts of the API and what they share. Only agent/api includes it.
 *   api.c       the way of a request: route, who asks, may they, handler
 *   routes.def  the one route table
 *   answer.c    answers and errors
 *   params.c    query strings, forms and JSON bodies
 *   encode*.c   nouns to JSON
 *   edit.c      two people, one thing: If-Match
 *   handle_*.c  handlers, a file per resource
 *   live.c      bodies of live events
 *   search.h    searches on their own threads, records as text
 */
#ifndef SLUICE_API_INTERNAL_H
#define SLUICE_API_INTERNAL_H

#include "agent/api/api.h"
#include "agent/util/json.h"
#include "include/block.h"
#include "include/incident.h"

#define SESSION_TEXT_MAX 44
#define PATH_PART_MAX	 128
#define PARAM_MAX	 2049 /* a search of FLOW_QUERY_TEXT_MAX bytes */
#define CALL_VERSION_MAX 40

struct idempotent;
struct search_job;

struct api {
	struct api_options options;
	struct search_job *searches; /* under way */
	struct idempotent *idempotent;
	bool has_released; /* whoever stopped counting ended all drops, too */
};

/* One request on its way through; on the stack unless a slow job keeps a copy. */
struct call {
	struct api *api;
	const struct request *request;
	struct principal who; /* role ROLE_NONE: nobody */
	char csrf[SESSION_TEXT_MAX];
	uint64_t session_tag;
	char version[CALL_VERSION_MAX]; /* of what the answer shows, for its ETag; "" has none */
	bool is_live;			/* the answer is of this second: front may give it again */
	char part[PATH_PART_MAX];	/* what stood for * in the route's path */
	api_reply_fn reply;
	void *reply_arg;
};

enum route_flag {
	ROUTE_PUBLIC = 1 << 0,	/* no session needed */
	ROUTE_NO_CSRF = 1 << 1, /* changes something before a session exists */
	ROUTE_FORM = 1 << 2,	/* the original's form post: csrf is a field, errors lead back */
	ROUTE_ANY_PASSWORD = 1 << 3, /* also while a password change is due */
	ROUTE_NO_TOKEN = 1 << 4,     /* of a person: no API token may */
	ROUTE_SECRET = 1 << 5,	     /* its answer is shown once: never kept for a second */
	ROUTE_EDIT = 1 << 6,	     /* honours If-Match: 412 when somebody was faster */
};

struct route {
	const char *method;
	const char *path; /* '*' stands for one part */
	enum role role;
	unsigned int flags;
	void (*handler)(struct call *call);
};

/* api_routes - the one route table (api.c). */
const struct route *api_routes(size_t *count);

/* ---- idempotent.c ------------------------------------------------------------------------------
 */

int idempotent_new(struct idempotent **out);
void idempotent_free(struct idempotent *table); /* accepts NULL */
/* idempotent_passes - a change with a key goes on, and its answer is kept; false: answered. */
bool idempotent_passes(struct call *call);

/* ---- answer.c ------------------------------------------------------------------------------- */

/*
 * tag_version - the version in an If-Match of this request, as an earlier answer's ETag had it.
 * Returns 0, -ENOENT when none is asked for (absent, or "*"), -ESTALE for a tag that names none.
 */
int tag_version(const struct call *call, int64_t *version);
/* answer_json - takes @body; NULL or no memory answers 500. */
void answer_json(struct call *call, int status, struct json *body);
void answer_text(struct call *call, int status, const char *text, size_t len);
void answer_empty(struct call *call, int status);

struct buffer;

/* A body, or one part of it. */
struct part {
	const char *type;
	const char *disposition; /* Content-Disposition; "" none */
	const char *next;	 /* response.next; "" the last part */
	const struct buffer *body;
};

void answer_part(struct call *call, const struct part *part);
/* answer_error - @field NULL: none is at fault. */
void answer_error(struct call *call, int status, const char *code, const char *field,
		  const char *message);
/* answer_overtaken - changed_meanwhile; @more: an object with what else is told of it; taken. */
void answer_overtaken(struct call *call, int status, const char *field, const char *message,
		      struct json *more);
/* answer_failure - -errno of a store or service as a plain error. */
void answer_failure(struct call *call, int error);
void answer_redirect(struct call *call, const char *location, const char *set_session);
/* answer_login - 200 with the user and the cookie. @session borrowed. */
void answer_login(struct call *call, const struct principal *who, const char *session);
void answer_throttled(struct call *call, int64_t retry_after_s, const char *message);
void answer_stream(struct call *call);
void answer_not_allowed(struct call *call, const char *allow);
/* answer_list - {"items":...,"next":...}; takes @items; @next 0 = none. */
void answer_list(struct call *call, struct json *items, int64_t next);

/* ---- edit.c -----------------------------------------------------------------------------------
 */

/* What people change in place. */
enum edited {
	EDITED_USER,
	EDITED_BLOCK,
	EDITED_SAFE,
	EDITED_FEED,
	EDITED_TOKEN,
	EDITED_SCHEDULE,
	EDITED_RESPONSE,
	EDITED_EXPECTED,
	EDITED_COUNT
};

/* edit_seen_tag - the first tag of If-Match up to its dash, behind which an answer's whole ETag
 * goes on. False: nothing is asked for (absent, or "*"). */
bool edit_seen_tag(const struct call *call, char out[static CALL_VERSION_MAX]);
/* edit_tagged - @item with its `etag`, which a change sends back as If-Match. Returns @item. */
struct json *edit_tagged(enum edited kind, struct json *item);
/* edit_show - the answer shows @item: its ETag begins with the same tag. */
void edit_show(struct call *call, enum edited kind, const struct json *item);
/*
 * edit_goes_on - may this change be made, as far as others are concerned?
 * @item:   the thing as it is now, taken; NULL: it is gone
 * @target: its name in the audit log
 *
 * Returns true without If-Match, or when it names @item's tag; else 412 was answered.
 */
bool edit_goes_on(struct call *call, enum edited kind, struct json *item, const char *target);

/* ---- params.c ------------------------------------------------------------------------------- */

/* What stands in place of a value that cannot be decoded: no number, time, word or address. */
#define PARAM_REFUSED "?"

/* param_text - decoded value of a query or form text; "" when absent. Returns 0, or -EINVAL with
 * PARAM_REFUSED in @out. */
int param_text(const char *query, const char *name, char out[static PARAM_MAX]);
/* param_is_there - also when its value is empty. */
bool param_is_there(const char *query, const char *name);
/* param_int - within bounds; @value keeps its default when absent. Answers 422 itself: -EINVAL. */
int param_int(struct call *call, const char *name, int64_t min, int64_t max, int64_t *value);
/* body_json - the body as an object; answers 400 itself. Caller frees. */
int body_json(struct call *call, struct json **out);
/* body_text - a member that is text, "" when absent; answers 422 itself. Borrowed from @body. */
int body_text(struct call *call, const struct json *body, const char *name, const char **out);
int part_id(struct call *call, int64_t *id);

/* ---- encode.c ------------------------------------------------------------------------------- */

struct json *encode_principal(const struct principal *who);
struct json *encode_block(const struct block *block);
void encode_hits(struct json *item, const struct block_hits *hits);
struct json *encode_host(const struct api *api, const struct host_total *host);
/* encode_facts - name, name_source, country, asn, as_owner; null where unknown. */
struct json *encode_facts(const struct api *api, const struct addr *addr);
struct json *encode_proto(const struct proto_total *proto);
struct json *encode_ifaces(const struct coverage *coverage);
void encode_addr(struct json *object, const char *key, const struct addr *addr);
const char *encode_enforcement(const struct api *api);
const char *attach_mode_name(uint8_t mode);

/* ---- handle_totp.c ---------------------------------------------------------------------------
 */

struct auth_totp_codes;
struct auth_totp_offer;
/* encode_totp - what is shown once; either may be NULL. */
struct json *encode_totp(const struct auth_totp_offer *offer, const struct auth_totp_codes *codes);

/* ---- handle_blocks.c, for handle_lists.c -------------------------------------------------------
 */

struct block_outcome;
struct block_request;
/* answer_outcome - the block with @status, or the error. */
void answer_outcome(struct call *call, int status, const struct block_outcome *outcome);
/* read_ttl - "ttl": seconds, a text such as "4h", "never" (0) or nothing (-1). Answers 422 itself.
 */
int read_ttl(struct call *call, const struct json *body, int64_t *ttl_s);
/* read_order - the members of @body that orders share; answers 422 itself. */
int read_order(struct call *call, const struct json *body, struct block_request *request);

/* ---- incident_filter.c -------------------------------------------------------------------------
 */

struct incident_filter;
/* read_incident_filter - severity, state, resolved, detector, protocol, src_ip, dst_ip, from, to,
 * sort and before of the query; answers 422 itself. */
int read_incident_filter(struct call *call, struct incident_filter *filter);

/* ---- handle_incident.c, for handle_expected.c ---------------------------------------------------
 */

/* answer_incident - one with its details, or 404. */
void answer_incident(struct call *call, int64_t id);
bool sees_details(const struct call *call);
/* read_prefix - an address, a prefix, or the begin of an IPv4 address ("192.0.2."). */
int read_prefix(const char *text, struct prefix *prefix);

/* ---- handle_traffic.c: the last minute --------------------------------------------------------
 */

/* snapshot_or_answer - a reference for the caller, or NULL and the answer was given. */
struct snapshot *snapshot_or_answer(struct call *call);
void answer_live_hosts(struct call *call);
void answer_live_protos(struct call *call);

/* ---- handlers -------------------------------------------------------------------------------- */

#define ROUTE(method, path, role, flags, handler) void handler(struct call *call);
#include "agent/api/routes.def"
#undef ROUTE

/* analyzer_word - "running", or "stopped" by a person (live.c). */
const char *analyzer_word(const struct api *api);

/* ---- snapshot
 * ----------------------------------------------------------------------------------*/

struct snapshot *api_snapshot(const struct api *api);

#endif
