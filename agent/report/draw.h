/*
 * What a document becomes on paper: page 1 for a manager, page 2 for an engineer, then tables.
 */
#ifndef SLUICE_REPORT_DRAW_H
#define SLUICE_REPORT_DRAW_H

#include "agent/report/chart.h"
#include "agent/report/internal.h"
#include "agent/report/page.h"

struct draw {
	struct paper *paper;
	const struct json *document;
	int64_t from_unix_s, to_unix_s;
	struct clock_face clock;
	const struct render_progress *progress;
};

void draw_first_page(const struct draw *draw);	/* draw.c */
void draw_main_chart(const struct draw *draw);	/* draw_charts.c: the curve of page 1 */
void draw_second_page(const struct draw *draw); /* draw_charts.c */
void draw_tables(const struct draw *draw);	/* draw_tables.c */

/* Numbers and text of a document, which was checked for neither: absent is 0 or "". */
double draw_number(const struct json *object, const char *key);
const char *draw_text(const struct json *object, const char *key);
/* draw_moment - an RFC 3339 member as unix seconds; 0 when absent. */
int64_t draw_moment(const struct json *object, const char *key);
/* draw_time - "2026-11-24 13:45" in the document's own time; "" for 0. */
const char *draw_time(const struct draw *draw, int64_t unix_s, char text[static 32]);
/* draw_period - "FROM to TO (Europe/Berlin, UTC+01:00, then UTC+02:00)". */
void draw_period(const struct draw *draw, char text[static 160]);

#endif
