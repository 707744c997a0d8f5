/*
 * The parts of reports and what they share. Only agent/report includes it.
 *   service.c   queue, files, retention; schedule.c: what is due
 *   gather*.c   the store -> one document
 *   csv.c       the document as CSV
 *   wire.c      the document to the render role, progress and PDF back
 *   render.c    the render role; page.c pen.c text.c chart*.c draw*.c put it on paper
 *   subset.c    fonts of a document's characters only; font_source.c reads the whole ones
 */
#ifndef SLUICE_REPORT_INTERNAL_H
#define SLUICE_REPORT_INTERNAL_H

#include <stdatomic.h>

#include "agent/report/report.h"
#include "agent/util/json.h"
#include "agent/util/packet.h"
#include "agent/util/zone.h"

#define DOCUMENT_VERSION 1
/* A document of 20,000 incidents has 8 MB; more than this is a mistake. */
#define DOCUMENT_MAX (64U << 20)
/* 10,000 pages of tables. */
#define PDF_MAX (256U << 20)
/* Incidents listed one by one; the counts are of all, and what is left out is said. */
#define INCIDENTS_LISTED_MAX 20000

#define MS_PER_S    1000LL
#define MS_PER_HOUR 3600000LL
#define S_PER_HOUR  3600
#define SEVERITIES  3

/* ---- gather.c ---------------------------------------------------------------------------------
 */

struct gather {
	struct store *store;
	const struct report *report;
	const struct zone *zone;
	const char *version;
	bool is_demo;
	void (*facts)(void *arg, const struct addr *addr, struct addr_facts *out); /* or NULL */
	void *arg;
	atomic_uint *percent; /* out: how far it is */
	const atomic_bool *is_cancelled;
};

/* report_gather - the whole document; caller frees. -ECANCELED, -ETIMEDOUT, -ENOMEM, -errno. */
int report_gather(const struct gather *gather, struct json **out);

/* gather_facts - what is known of an address into @item: name, country, as ("AS64500"), as_owner,
 * each only where it is known. @prefix before each. */
void gather_facts(const struct gather *gather, const struct addr *addr, const char *prefix,
		  struct json *item);
/* gather_incidents - everything of incidents into @document. */
int gather_incidents(const struct gather *gather, struct json *document);
/* gather_findings - sentences for page 1, from what @document has. */
void gather_findings(struct json *document);
/* gather_step_s - the width of one step when @max of them are to cover the period; whole hours with
 * @is_hours. */
int64_t gather_step_s(const struct report *report, int64_t max, bool is_hours);

/* What each kind holds beside its summary and findings. */
enum section {
	SECTION_SERIES = 1 << 0,
	SECTION_PROTOCOLS = 1 << 1,
	SECTION_HEAT = 1 << 2,
	SECTION_TOPS = 1 << 3,
	SECTION_INCIDENTS = 1 << 4, /* counts, by severity and detector, over time */
	SECTION_LIST = 1 << 5,	    /* each incident */
	SECTION_SCORES = 1 << 6,
	SECTION_BLOCKS = 1 << 7,
};
unsigned int report_sections(uint8_t kind);

/* ---- csv.c ------------------------------------------------------------------------------------
 */

/* report_csv - a table per section, an empty line between two (RFC 4180 otherwise). */
void report_csv(const struct json *document, struct buffer *out);

/* ---- schedule.c -------------------------------------------------------------------------------
 */

/* One due time and the period that ended before it. */
struct due {
	int64_t at_unix_ms;
	int64_t from_unix_ms, to_unix_ms;
};

/* schedule_due - the newest due time not after @now. */
void schedule_due(const struct report_schedule *schedule, const struct zone *zone,
		  int64_t now_unix_ms, struct due *out);

/* ---- wire.c -----------------------------------------------------------------------------------
 */

/* wire_draw - have @document drawn by the process behind @exchange. A PDF cut short is an error. */
int wire_draw(const struct exchange *exchange, const struct json *document, atomic_uint *percent,
	      struct buffer *pdf);

/* ---- render.c ---------------------------------------------------------------------------------
 */

/* render_document - the PDF of a parsed document into @out. @progress may be NULL. */
struct render_progress {
	void (*tell)(void *arg, unsigned int percent);
	void *arg;
};
int render_document(const struct json *document, const struct render_progress *progress,
		    struct buffer *out);

#endif
