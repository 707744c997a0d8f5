/*
 * What really happened in the scenario, for whoever measures the detectors: one line per attack,
 * written when it ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/demo/internal.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/json.h"

struct truth {
	FILE *file;
};

int truth_open(const char *path, struct truth **out)
{
	struct truth *truth = calloc(1, sizeof(*truth));

	if (!truth)
		return -ENOMEM;
	if (path) {
		truth->file = fopen(path, "ae");
		if (!truth->file) {
			int error = -errno;

			free(truth);
			return error;
		}
	}
	*out = truth;
	return 0;
}

void truth_close(struct truth *truth)
{
	if (!truth)
		return;
	if (truth->file)
		(void)fclose(truth->file); /* each line was flushed */
	free(truth);
}

void truth_write(struct truth *truth, const struct truth_attack *attack)
{
	CLEANUP(json_free) struct json *line = NULL;
	CLEANUP(free) char *text = NULL;
	char addr[ADDR_TEXT_MAX];

	if (!truth->file)
		return;
	line = json_new_object();
	json_set_time(line, "start", attack->start_unix_ms);
	json_set_time(line, "end", attack->end_unix_ms);
	json_set_string(line, "detector", attack->detector);
	json_set_string(line, "src_ip", addr_format(&attack->src, addr));
	json_set_string(line, "dst_ip", addr_format(&attack->dst, addr));
	text = json_print(line, NULL);
	if (text) {
		(void)fprintf(truth->file, "%s\n",
			      text); /* a full disk loses truth, not the demo */
		(void)fflush(truth->file);
	}
}
