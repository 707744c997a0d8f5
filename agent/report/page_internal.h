/*
 * What page.c (pages, head and foot, the file) and pen.c (text and shapes) share.
 */
#ifndef SLUICE_REPORT_PAGE_INTERNAL_H
#define SLUICE_REPORT_PAGE_INTERNAL_H

#include <hpdf.h>

#include "agent/report/page.h"
#include "agent/report/subset.h"

#define PAGES_MAX     10000
#define BOOKMARKS_MAX 64

struct bookmark {
	const char *title; /* a literal */
	size_t page;	   /* index */
	float y;
};

struct paper {
	struct paper_facts facts;
	HPDF_Doc pdf;
	struct characters characters; /* that both fonts have */
	HPDF_Font fonts[2];	      /* regular, bold */
	HPDF_Page page;		      /* being drawn on */
	HPDF_Page *pages;
	size_t page_count, page_capacity;
	float y;
	float contents_y; /* of page 1, where contents may begin; 0 = no room */
	struct bookmark bookmarks[BOOKMARKS_MAX];
	size_t bookmark_count;
	int error;
};

#endif
