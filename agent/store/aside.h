/*
 * Setting a damaged database aside: renamed, never deleted, but only the latest one is kept, so
 * that damage cannot fill the disk.
 */
#ifndef SLUICE_STORE_ASIDE_H
#define SLUICE_STORE_ASIDE_H

#include <stdint.h>

/* aside_move - PATH, PATH-wal and PATH-shm become PATH.corrupt-<@unix_s> and the like. */
int aside_move(const char *path, int64_t unix_s);

#endif
