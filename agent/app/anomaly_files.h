/*
 * STATE/models/: a file for each kind of windows, what model_watch_save made of it. Reading is of
 * the pipeline's start; writing may be on any thread.
 */
#ifndef SLUICE_APP_ANOMALY_FILES_H
#define SLUICE_APP_ANOMALY_FILES_H

#include <stdbool.h>

#include "agent/util/buffer.h"

struct model_watch;

struct anomaly_file {
	char path[4096];
	struct buffer bytes;
};

/* anomaly_files_load - every file that is there. One that is no such file, or damaged, is said and
 * set aside (NAME.bad); that kind begins anew. */
void anomaly_files_load(const char *dir, struct model_watch *watch);
/* anomaly_files_next - the next kind from *@at on that changed, as a file to be written and then
 * anomaly_file_done. Returns false when there is none. */
bool anomaly_files_next(const char *dir, struct model_watch *watch, unsigned int *at,
			struct anomaly_file *out);
/* anomaly_file_write - whole or not at all. Returns 0 or -errno. */
int anomaly_file_write(const struct anomaly_file *file);
void anomaly_file_done(struct anomaly_file *file);

#endif
