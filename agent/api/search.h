/*
 * Searches of the history: asked on the service thread, worked on a thread of their own, answered
 * back on the service thread. And records as text: JSON, CSV. Only agent/api includes it.
 */
#ifndef SLUICE_API_SEARCH_H
#define SLUICE_API_SEARCH_H

#include "agent/api/internal.h"
#include "agent/query/query.h"
#include "agent/store/store.h"
#include "agent/util/buffer.h"
#include "include/device.h"
#include "include/history.h"

/* A search is cut after this long and says so: front gives up on core after 10 s (ask.h), and a
 * search may wait for another one first. */
#define SEARCH_LIMIT_S 4
/* One answer, or one part of an export: a fraction of FRAME_BODY_MAX. */
#define SEARCH_BODY_MAX (4U << 20)
#define EXPORT_PART_MAX (1U << 20)

#define CURSOR_TEXT_MAX 48
#define IFACE_TEXT_MAX	16

struct prefix_set;
struct search_job;
/* On the search's thread: @job->body and @job->next. Returns 0 or -errno. */
typedef int (*search_work_fn)(struct search_job *job);

enum record_form {
	RECORD_JSON,
	RECORD_CSV
};

/* Facts of both ends of a record, asked once of each address while it is near. Bounded: an address
 * that hashes to a taken place takes it. */
#define ENDS_KEPT 256

struct known_ends {
	const struct api_options *options;
	struct flow_ends ends; /* lent */
	struct {
		struct addr addr;
		struct addr_facts facts;
	} * kept; /* of ENDS_KEPT; NULL: none */
};

/* known_ends_of - flow_ends_fn; @arg is struct known_ends. */
const struct flow_ends *known_ends_of(void *arg, const struct flow_record *record);
void known_ends_done(struct known_ends *ends);
DEFINE_CLEANUP(known_ends_done, struct known_ends)

/* One search with all it needs of its request; lives until its answer. */
struct search_job {
	struct search_job *next_job;
	struct call call;
	struct request request; /* only path and request_id are set */
	char path[64], request_id[64];
	search_work_fn work;
	struct flow_query *query;
	struct history_search search;
	char ifaces[HISTORY_IFACES][IFACE_TEXT_MAX];
	struct known_ends ends;
	int64_t limit;
	/* of one kind of search */
	struct history_grouping grouping;
	enum top_by sums_by;
	enum record_form form;
	struct indicator *indicators;
	size_t indicator_count;
	struct prefix_set *set; /* a reference; NULL: none */
	void *more;		/* what one kind gathers; freed with it */
	/* the answer */
	struct buffer body;
	const char *content_type, *disposition; /* literals */
	char next[CURSOR_TEXT_MAX];
	int error;
};

/*
 * search_job_new - with the request's q, from, to and after; answers itself when one is wrong or
 * memory is short, and returns NULL.
 */
struct search_job *search_job_new(struct call *call);
/* search_job_bare - without a search: what is asked for is read by the caller. NULL as above. */
struct search_job *search_job_bare(struct call *call);
void search_job_free(struct search_job *job); /* accepts NULL */
DEFINE_CLEANUP(search_job_free, struct search_job)
/* search_job_start - takes @job; its work runs, then the answer is given. */
void search_job_start(struct search_job *job, search_work_fn work);
/* search_free_all - those that will not be answered any more. */
void search_free_all(struct api *api);

/* search_shows_all - view=all: also what the view filter would hide. */
bool search_shows_all(const struct call *call);
/* search_read_query - q of the request; answers 422 itself. -EINVAL, -ENOMEM. Caller frees. */
int search_read_query(struct call *call, struct flow_query **out);

/* A place in the history as text: "h" HOUR "-" ROW. */
void cursor_format(int64_t hour, int64_t row, char text[static CURSOR_TEXT_MAX]);
/* cursor_parse - -EINVAL. */
int cursor_parse(const char *text, int64_t *hour, int64_t *row);
/* append_reach - how far a search came: ',"complete":...'. */
void append_reach(struct buffer *out, const struct history_reach *reach, bool is_complete);

/* ---- record.c -------------------------------------------------------------------------------- */

/* record_append - one object without a line break, or one line; a failure sticks in @out. */
void record_append_json(struct buffer *out, const struct flow_record *record,
			const struct flow_texts *texts);
void record_append_csv(struct buffer *out, const struct flow_record *record,
		       const struct flow_texts *texts);
void record_append_csv_head(struct buffer *out);
/* record_from_flow - a live flow as a record. */
void record_from_flow(const struct flow *flow, struct flow_record *record);
void append_json_text(struct buffer *out, const char *text); /* NULL and "": null */
/* append_csv_text - one cell that no spreadsheet takes for a formula. */
void append_csv_text(struct buffer *out, const char *text);
void append_time(struct buffer *out, int64_t unix_ms, const char *quote);

/* ifaces_fill - names by index, of the interfaces watched now. */
void ifaces_fill(const struct snapshot *snapshot, char (*names)[IFACE_TEXT_MAX]);

/* ---- handle_top.c, for the original's chart ----------------------------------------------------
 */

/* answer_protocol_chart - labels and data of the protocols between from and to of the query. */
void answer_protocol_chart(struct call *call, enum history_order of);

#endif
