/*
 * What restore.c (files) and restore_check.c (what is in them) share.
 */
#ifndef SLUICE_STORE_RESTORE_H
#define SLUICE_STORE_RESTORE_H

#include <limits.h>
#include <stdbool.h>

#include "agent/store/backup_file.h"
#include "agent/store/internal.h"
#include "agent/store/keyring.h"

struct restore {
	const struct store_restore *order;
	struct store_restored *out;
	char *error;
	char part[PATH_MAX]; /* the folder where everything is checked first */
	bool has_main;
	bool has_ring; /* @ring replaces the key file */
	struct keyring ring;
};

int restore_fail(struct restore *restore, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void restore_clean(struct restore *restore);

/* restore_check - the databases are whole, of a version that is known, and their keys are there;
 * makes them ready. Returns 0 or -errno with a sentence. */
int restore_check(struct restore *restore);

#endif
