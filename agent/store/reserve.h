/*
 * Disk kept back for main.db: a file of zeros beside it that is given up when the disk is full, so
 * that a login, a block or a restart still finds room. While it is gone no flow rows are written.
 */
#ifndef SLUICE_STORE_RESERVE_H
#define SLUICE_STORE_RESERVE_H

#include <stdbool.h>

/* reserve_keep - make the file if it is missing and twice its room is free. Returns whether it is
 * there now. */
bool reserve_keep(const char *path);
/* reserve_release - give its room back. Returns whether there was any. */
bool reserve_release(const char *path);

#endif
