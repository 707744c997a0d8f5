/*
 * feed: add, del, list, refresh, offered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/internal.h"
#include "agent/util/cleanup.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define PATH_LEN      512
#define WAIT_STEPS    1300 /* a little longer than a server may take */
#define WAIT_STEP_NS  100000000L

static const struct json *find(const struct json *list, const char *name)
{
	const struct json *items = json_get(list, "items");

	for (size_t i = 0; i < json_array_len(items); i++)
		if (!strcmp(text_of(json_array_get(items, i), "name"), name))
			return json_array_get(items, i);
	return NULL;
}

/* Until it was looked at after @before ("" never); what came of it. */
static int wait_fetched(const struct args *args, const char *name, const char *before)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_NS };

	for (int i = 0; i < WAIT_STEPS; i++) {
		CLEANUP(json_free) struct json *list = NULL;
		int status = client_call(args, "GET", "/api/v1/feeds", NULL, &list);
		const struct json *feed = status ? NULL : find(list, name);

		if (!feed)
			return status ? status : CLI_FAILED;
		if (*text_of(feed, "checked") && strcmp(text_of(feed, "checked"), before) != 0) {
			if (args->is_json)
				(void)answer_print(feed);
			else
				say("feed %s: %s, %lld entries, %lld lines refused%s%s\n", name,
				    text_of(feed, "state"), (long long)number_of(feed, "entries"),
				    (long long)number_of(feed, "refused"),
				    *text_of(feed, "error") ? ". " : "", text_of(feed, "error"));
			return strcmp(text_of(feed, "state"), "ok") != 0 ? CLI_FAILED : CLI_OK;
		}
		(void)nanosleep(&step, NULL); /* an interrupt only shortens it */
	}
	fprintf(stderr, "sluice: the feed is still being fetched\n");
	return CLI_FAILED;
}

int command_feed_add(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *made = NULL;
	const char *every = args_option(args, "--every");
	const char *lifetime = args_option(args, "--lifetime");
	const char *column = args_option(args, "--column");
	char *rest;
	int status;

	if (args->word_count != 2)
		return usage_error("feed add needs a name and an address");
	json_set_string(body, "name", args->words[0]);
	json_set_string(body, "url", args->words[1]);
	if (every)
		json_set_string(body, "every", every);
	if (lifetime)
		json_set_string(body, "lifetime", lifetime);
	if (column) {
		int64_t number = strtoll(column, &rest, 10);

		if (*rest || !*column)
			return usage_error("--column is a number");
		json_set_int(body, "column", number);
	}
	if (args_option(args, "--count-only"))
		json_set_string(body, "action", "count");
	status = client_call(args, "POST", "/api/v1/feeds", body, &made);
	return status ? status : wait_fetched(args, args->words[0], "");
}

static int feed_path(const struct args *args, const char *tail, char path[static PATH_LEN])
{
	(void)snprintf(path, PATH_LEN, "/api/v1/feeds/");
	if (args->word_count != 1 || path_append(path, PATH_LEN - 16, args->words[0]))
		return usage_error("this needs the name of one feed");
	(void)strncat(path, tail, PATH_LEN - strlen(path) - 1);
	return 0;
}

int command_feed_del(const struct args *args)
{
	CLEANUP(json_free) struct json *answer = NULL;
	char path[PATH_LEN];

	if (feed_path(args, "", path))
		return CLI_USAGE;
	return client_call(args, "DELETE", path, NULL, &answer);
}

int command_feed_refresh(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	CLEANUP(json_free) struct json *list = NULL;
	char path[PATH_LEN], before[64];
	int status;

	if (feed_path(args, "/refresh", path))
		return CLI_USAGE;
	status = client_call(args, "GET", "/api/v1/feeds", NULL, &list);
	if (status)
		return status;
	(void)snprintf(before, sizeof(before), "%s",
		       text_of(find(list, args->words[0]), "checked"));
	json_set_bool(body, "accept", args_option(args, "--accept") != NULL);
	status = client_call(args, "POST", path, body, &answer);
	return status ? status : wait_fetched(args, args->words[0], before);
}

static void say_preview(const struct json *body)
{
	const struct json *met = json_get(body, "top_entries");

	say("%lld entries, %lld of %lld lines refused\n", (long long)number_of(body, "entries"),
	    (long long)number_of(body, "refused"), (long long)number_of(body, "lines"));
	say("%s\n", text_of(body, "summary"));
	for (size_t i = 0; i < json_array_len(met); i++)
		say("  %-40s %lld records\n", text_of(json_array_get(met, i), "entry"),
		    (long long)number_of(json_array_get(met, i), "records"));
	search_note_cut(body);
}

/* Until it was fetched, read and held against the history. */
int command_feed_preview(const struct args *args)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_NS };
	CLEANUP(json_free) struct json *order = json_new_object();
	CLEANUP(json_free) struct json *body = NULL;
	int status;

	if (args->word_count != 1)
		return usage_error("feed preview needs an address");
	json_set_string(order, "url", args->words[0]);
	status = client_call(args, "POST", "/api/v1/feeds/preview", order, &body);
	for (int i = 0; i < WAIT_STEPS && !status && !strcmp(text_of(body, "state"), "fetching");
	     i++) {
		(void)nanosleep(&step, NULL); /* an interrupt only shortens it */
		json_free(body);
		body = NULL;
		status = client_call(args, "GET", "/api/v1/feeds/preview", NULL, &body);
	}
	if (status)
		return status;
	if (args->is_json)
		(void)answer_print(body);
	else if (!strcmp(text_of(body, "state"), "ready"))
		say_preview(body);
	else
		fprintf(stderr, "sluice: no preview: %s\n", text_of(body, "error"));
	return strcmp(text_of(body, "state"), "ready") != 0 ? CLI_FAILED : CLI_OK;
}

int command_feed_list(const struct args *args)
{
	static const struct column feeds[] = {
		{ "NAME", "name", COLUMN_TEXT },	{ "STATE", "state", COLUMN_TEXT },
		{ "ACTION", "action", COLUMN_TEXT },	{ "ENTRIES", "entries", COLUMN_COUNT },
		{ "REFUSED", "refused", COLUMN_COUNT }, { "CHECKED", "checked", COLUMN_TIME },
		{ "CHANGED", "changed", COLUMN_TIME },	{ "EXPIRES", "expires", COLUMN_TIME },
		{ "WHY", "error", COLUMN_TEXT },
	};
	static const struct column offered[] = {
		{ "NAME", "name", COLUMN_TEXT },
		{ "WHAT", "what", COLUMN_TEXT },
		{ "TERMS", "licence", COLUMN_TEXT },
		{ "ADDRESS", "url", COLUMN_TEXT },
	};
	bool is_offered = args_option(args, "--offered") != NULL;
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(
		args, "GET", is_offered ? "/api/v1/feeds/offered" : "/api/v1/feeds", NULL, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	if (is_offered)
		table_print(body, offered, LENGTH(offered), "none");
	else
		table_print(body, feeds, LENGTH(feeds),
			    "no feeds; sluice feed list --offered names some");
	return CLI_OK;
}
