/*
 * One cell of a CSV file. Pure function; any thread.
 */
#ifndef SLUICE_UTIL_CSV_H
#define SLUICE_UTIL_CSV_H

#include "agent/util/buffer.h"

/* csv_append_text - quoted where it must be, and no spreadsheet takes it for a formula: what begins
 * like one gets an apostrophe. NULL is empty. Source: RFC 4180 2; OWASP "CSV Injection". */
void csv_append_text(struct buffer *out, const char *text);

#endif
