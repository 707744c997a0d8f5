/*
 * Lists of blocks: a file goes to the service in parts and becomes a list.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/internal.h"
#include "agent/util/cleanup.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
/* Below the largest frame (util/frame.h), and a short stop of the service's loop each. */
#define PART_BYTES   (2U << 20)
#define NAME_MAX_LEN 64
#define PATH_LEN     512
/* The service goes on by itself; a person wants to know, not to wait for ever. */
#define WAIT_STEPS   600
#define WAIT_STEP_NS 100000000L

/* "drop.txt" of "/tmp/drop.txt" is "drop". */
static int list_name(const struct args *args, const char *file, char name[static NAME_MAX_LEN + 1])
{
	const char *given = args_option(args, "--list");
	const char *slash = strrchr(file, '/');
	const char *base = given ? given : slash ? slash + 1 : file;
	size_t len = given ? strlen(base) : strcspn(base, ".");

	if (len == 0 || len > NAME_MAX_LEN)
		return usage_error("name the list with --list");
	memcpy(name, base, len);
	name[len] = '\0';
	return 0;
}

static int send_parts(const struct args *args, const char *name, FILE *file)
{
	CLEANUP(free) char *data = malloc(PART_BYTES);
	char path[PATH_LEN] = "/api/v1/lists/";
	size_t offset = 0, len, used;
	int status = CLI_OK;

	if (!data || path_append(path, sizeof(path), name))
		return CLI_FAILED;
	used = strlen(path);
	do {
		len = fread(data, 1, PART_BYTES, file);
		if (ferror(file)) {
			fprintf(stderr, "sluice: the file cannot be read: %s\n", strerror(errno));
			return CLI_FAILED;
		}
		(void)snprintf(path + used, sizeof(path) - used, "/part?offset=%zu", offset);
		if (len || !offset)
			status = client_upload(args, path, data, len);
		offset += len;
	} while (!status && len);
	return status;
}

static void print_report(const struct json *report)
{
	const struct json *notes = json_get(report, "notes");
	const struct json *block = json_get(report, "block");

	for (size_t i = 0; notes && i < json_array_len(notes); i++) {
		const struct json *note = json_array_get(notes, i);

		say("line %lld: %s: %s (%s)\n", (long long)number_of(note, "line"),
		    text_of(note, "level"), text_of(note, "reason"), text_of(note, "text"));
	}
	say("%lld lines, %lld refused, %lld with a warning, %lld twice\n",
	    (long long)number_of(report, "lines"), (long long)number_of(report, "refused"),
	    (long long)number_of(report, "warned"), (long long)number_of(report, "duplicates"));
	if (*text_of(report, "message"))
		say("%s\n", text_of(report, "message"));
	if (!block || json_is_null(block))
		return;
	say("list %s (number %lld): %lld entries, %lld new, %lld gone\n", text_of(block, "value"),
	    (long long)number_of(block, "id"),
	    (long long)(number_of(block, "pending_entries") ? number_of(block, "pending_entries")
							    : number_of(block, "entries")),
	    (long long)number_of(report, "added"), (long long)number_of(report, "removed"));
	if (!strcmp(text_of(block, "state"), "pending"))
		say("It is rolled back at %s unless you confirm: sluice block confirm %lld\n",
		    text_of(block, "confirm_by"), (long long)number_of(block, "id"));
}

/* Until every entry is in the kernel. */
static int wait_applied(const struct args *args, int64_t id)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_NS };
	char path[64];

	(void)snprintf(path, sizeof(path), "/api/v1/blocks/%lld", (long long)id);
	for (int i = 0; i < WAIT_STEPS; i++) {
		CLEANUP(json_free) struct json *block = NULL;
		bool is_applying = false;
		int status = client_call(args, "GET", path, NULL, &block);

		if (status || json_get_bool(block, "applying", &is_applying) || !is_applying)
			return status;
		(void)nanosleep(&step, NULL); /* an interrupt only shortens it */
	}
	fprintf(stderr, "sluice: the list is still on its way into the kernel\n");
	return CLI_FAILED;
}

int list_add_file(const struct args *args, const char *file)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *report = NULL;
	FILE *opened = strcmp(file, "-") == 0 ? NULL : fopen(file, "re");
	char name[NAME_MAX_LEN + 1], path[PATH_LEN] = "/api/v1/lists/";
	bool is_applied = false;
	int status;

	if (!opened && strcmp(file, "-") != 0) {
		fprintf(stderr, "sluice: %s: %s\n", file, strerror(errno));
		return CLI_FAILED;
	}
	status = list_name(args, file, name);
	if (!status)
		status = block_set_options(args, body);
	if (!status)
		status = send_parts(args, name, opened ? opened : stdin);
	if (opened)
		(void)fclose(opened); /* read only */
	if (args_option(args, "--all-or-nothing"))
		json_set_bool(body, "all_or_nothing", true);
	if (!status && path_append(path, sizeof(path), name))
		status = CLI_FAILED;
	if (!status)
		status = client_call(args, "POST", path, body, &report);
	if (status)
		return status;
	(void)json_get_bool(report, "applied", &is_applied); /* false when absent */
	if (is_applied)
		status = wait_applied(args, number_of(json_get(report, "block"), "id"));
	if (args->is_json)
		(void)answer_print(report);
	else
		print_report(report);
	return is_applied ? status : CLI_FAILED;
}

int list_print_entries(const struct args *args, const char *name)
{
	static const struct column columns[] = {
		{ "VALUE", "value", COLUMN_TEXT },
		{ "HITS", "hits", COLUMN_COUNT },
		{ "BYTES", "hit_bytes", COLUMN_BYTES },
		{ "LAST HIT", "last_hit", COLUMN_TIME },
	};
	CLEANUP(json_free) struct json *body = NULL;
	const char *limit = args_option(args, "--limit"), *from = args_option(args, "--from");
	int64_t id = block_find_list(args, name);
	char path[PATH_LEN];
	int status;

	if (id < 0)
		return CLI_FAILED;
	(void)snprintf(path, sizeof(path), "/api/v1/blocks/%lld/entries?from=%.12s&limit=%.12s",
		       (long long)id, from ? from : "0", limit ? limit : "100");
	status = client_call(args, "GET", path, NULL, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "the list holds no more entries");
	if (number_of(body, "next"))
		say("more with --from %lld\n", (long long)number_of(body, "next"));
	return CLI_OK;
}
