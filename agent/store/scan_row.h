/*
 * The SQL function that hands rows to a scan, for whoever opens connections.
 */
#ifndef SLUICE_STORE_SCAN_ROW_H
#define SLUICE_STORE_SCAN_ROW_H

struct sqlite3;
struct scan_sink;

/* scan_row_register - scan_take(...) on one connection; rows go to what @sink points at while they
 * come, and nowhere while that is NULL. @sink outlives @handle. Returns SQLite's code. */
int scan_row_register(struct sqlite3 *handle, struct scan_sink **sink);

#endif
