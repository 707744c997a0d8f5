/*
 * The SQL function that hands rows to a scan, for whoever opens connections.
 */
#ifndef SLUICE_STORE_SCAN_ROW_H
#define SLUICE_STORE_SCAN_ROW_H

struct sqlite3;

#define SCAN_SINK_TYPE "sluice scan sink"

/* scan_row_register - scan_take(sink, ...) on one connection. Returns SQLite's code. */
int scan_row_register(struct sqlite3 *handle);

#endif
