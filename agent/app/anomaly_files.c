/*
 * Names of the files, and what is done about one that cannot be read.
 */
#include "agent/app/anomaly_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/model/model.h"
#include "agent/util/cleanup.h"
#include "agent/util/file.h"
#include "agent/util/log.h"

static const char *make_path(const char *dir, unsigned int kind, char path[static 4096])
{
	char name[MODEL_KIND_MAX];

	(void)snprintf(path, 4096, "%.3900s/models/%s.model", dir, model_kind_name(kind, name));
	return path;
}

static void load_one(const char *dir, struct model_watch *watch, unsigned int kind)
{
	char path[4096], aside[4096 + 8], reason[MODEL_REASON_MAX] = "";
	CLEANUP(free) char *data = NULL;
	size_t len = 0;
	int error = file_read(make_path(dir, kind, path), MODEL_SAVE_MAX, &data, &len);

	if (error == -ENOENT)
		return;
	if (!error)
		error = model_watch_load(watch, kind, data, len, reason);
	if (!error)
		return;
	log_warn("what the anomaly model had learned cannot be read, this part begins anew "
		 "file=%s reason=\"%s\"",
		 path, *reason ? reason : strerror(-error));
	(void)snprintf(aside, sizeof(aside), "%s.bad", path);
	if (rename(path, aside))
		log_warn("it could not be set aside either error=%s", strerror(errno));
}

void anomaly_files_load(const char *dir, struct model_watch *watch)
{
	char folder[4096];

	(void)snprintf(folder, sizeof(folder), "%.3900s/models", dir);
	if (mkdir(folder, 0700) && errno != EEXIST)
		log_warn("what the anomaly model learns cannot be kept folder=%s error=%s", folder,
			 strerror(errno));
	for (unsigned int kind = 0; kind < MODEL_KINDS; kind++)
		load_one(dir, watch, kind);
}

bool anomaly_files_next(const char *dir, struct model_watch *watch, unsigned int *at,
			struct anomaly_file *out)
{
	while (*at < MODEL_KINDS) {
		unsigned int kind = (*at)++;

		buffer_init(&out->bytes, MODEL_SAVE_MAX);
		model_watch_save(watch, kind, &out->bytes);
		if (out->bytes.len && !out->bytes.error) {
			(void)make_path(dir, kind, out->path);
			return true;
		}
		if (out->bytes.error)
			log_warn("no memory to keep what the anomaly model learned");
		buffer_done(&out->bytes);
	}
	return false;
}

int anomaly_file_write(const struct anomaly_file *file)
{
	return file_write(file->path, file->bytes.data, file->bytes.len, 0600);
}

void anomaly_file_done(struct anomaly_file *file)
{
	buffer_done(&file->bytes);
}
