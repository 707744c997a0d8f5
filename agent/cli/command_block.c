/*
 * block and safe: orders to the one block service.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/internal.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"

#define PATH_MAX_LEN  1024
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void set_option(const struct args *args, struct json *body, const char *option,
		       const char *key)
{
	const char *value = args_option(args, option);

	if (value)
		json_set_string(body, key, value);
}

static int print_block(const struct args *args, const struct json *block, const char *done)
{
	const struct json *notes = json_get(block, "notes");
	const char *note;

	if (args->is_json)
		return answer_print(block);
	say("%s %s (number %lld)\n", done, text_of(block, "value"),
	    (long long)number_of(block, "id"));
	if (number_of(block, "addresses_blocked"))
		say("and %lld of its addresses\n",
		    (long long)number_of(block, "addresses_blocked"));
	for (size_t i = 0; notes && i < json_array_len(notes); i++)
		if (!json_string(json_array_get(notes, i), &note))
			say("%s\n", note);
	if (!strcmp(text_of(block, "state"), "pending"))
		say("It ends at %s unless you confirm: sluice block confirm %lld\n",
		    text_of(block, "confirm_by"), (long long)number_of(block, "id"));
	return CLI_OK;
}

int block_set_options(const struct args *args, struct json *body)
{
	const char *port = args_option(args, "--port");
	char *end = NULL;

	set_option(args, body, "--ttl", "ttl");
	set_option(args, body, "--reason", "reason");
	set_option(args, body, "--direction", "direction");
	set_option(args, body, "--proto", "proto");
	if (args_option(args, "--count-only") && args_option(args, "--refuse"))
		return usage_error("--count-only and --refuse exclude each other");
	if (args_option(args, "--count-only"))
		json_set_string(body, "action", "count");
	if (args_option(args, "--refuse"))
		json_set_string(body, "action", "refuse");
	if (port) {
		long number = strtol(port, &end, 10);

		if (*end || end == port || number < 1 || number > 65535)
			return usage_error("--port takes 1 to 65535, not \"%s\"", port);
		json_set_int(body, "port", number);
	}
	return 0;
}

int command_block_add(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	const char *file = args_option(args, "--file");
	int status;

	if (file && args->word_count)
		return usage_error("give an address or --file, not both");
	if (file)
		return list_add_file(args, file);
	if (args->word_count != 1)
		return usage_error("block add takes one address, prefix or name, or --file");
	if (args_option(args, "--list") || args_option(args, "--all-or-nothing"))
		return usage_error("--list and --all-or-nothing go with --file");
	json_set_string(body, "value", args->words[0]);
	if (args_option(args, "--addresses"))
		json_set_bool(body, "addresses", true);
	status = block_set_options(args, body);
	if (!status)
		status = client_call(args, "POST", "/api/v1/blocks", body, &answer);
	return status ? status : print_block(args, answer, "blocked");
}

/* The number of the entry of @path's list whose @key is @prefix; 0 = none. */
static int64_t find_by_prefix(const struct args *args, const char *path, const char *key,
			      const struct prefix *prefix)
{
	CLEANUP(json_free) struct json *body = NULL;
	const struct json *items;

	if (client_call(args, "GET", path, NULL, &body))
		return -1;
	items = json_get(body, "items");
	for (size_t i = 0; items && i < json_array_len(items); i++) {
		const struct json *item = json_array_get(items, i);
		struct prefix other;

		if (!prefix_parse(text_of(item, key), true, &other) &&
		    prefix_is_equal(prefix, &other) && number_of(item, "id"))
			return number_of(item, "id");
	}
	return 0;
}

/* The number of the block whose value is the text @name; 0 = none. */
static int64_t find_by_name(const struct args *args, const char *path, const char *name,
			    const char *kind)
{
	CLEANUP(json_free) struct json *body = NULL;
	const struct json *items;

	if (client_call(args, "GET", path, NULL, &body))
		return -1;
	items = json_get(body, "items");
	for (size_t i = 0; items && i < json_array_len(items); i++) {
		const struct json *item = json_array_get(items, i);

		if (!strcmp(text_of(item, "value"), name) &&
		    (!kind || !strcmp(text_of(item, "kind"), kind)))
			return number_of(item, "id");
	}
	return 0;
}

int64_t block_find_list(const struct args *args, const char *name)
{
	int64_t id = find_by_name(args, "/api/v1/blocks?active=1&limit=10000", name, "list");

	if (id == 0)
		fprintf(stderr, "sluice: there is no list %s\n", name);
	return id > 0 ? id : -1;
}

/* A word is a number of the list, or the address it names. Says what is wrong: -1. */
static int64_t find_id(const struct args *args, const char *path, const char *key)
{
	const char *word = args->words[0];
	struct prefix prefix;
	char *end;
	int64_t id;

	if (args->word_count != 1) {
		(void)usage_error("name one entry, by number or by address");
		return -1;
	}
	errno = 0;
	id = strtoll(word, &end, 10);
	if (!*end && end != word && !errno && id > 0)
		return id;
	if (!prefix_parse(word, true, &prefix))
		id = find_by_prefix(args, path, key, &prefix);
	else
		id = find_by_name(args, path, word, NULL);
	if (id == 0) {
		fprintf(stderr, "sluice: %s is not on the list\n", word);
		return -1;
	}
	return id;
}

int command_block_del(const struct args *args)
{
	CLEANUP(json_free) struct json *answer = NULL;
	int64_t id = find_id(args, "/api/v1/blocks?active=1&limit=10000", "value");
	char path[64];
	int status;

	if (id < 0)
		return CLI_FAILED;
	(void)snprintf(path, sizeof(path), "/api/v1/blocks/%lld", (long long)id);
	status = client_call(args, "DELETE", path, NULL, &answer);
	return status ? status : print_block(args, answer, "no longer blocked:");
}

static int change(const struct args *args, const char *verb, const char *done)
{
	CLEANUP(json_free) struct json *answer = NULL;
	int64_t id = find_id(args, "/api/v1/blocks?active=1&limit=10000", "value");
	char path[64];
	int status;

	if (id < 0)
		return CLI_FAILED;
	(void)snprintf(path, sizeof(path), "/api/v1/blocks/%lld/%s", (long long)id, verb);
	status = client_call(args, "POST", path, NULL, &answer);
	return status ? status : print_block(args, answer, done);
}

int command_block_confirm(const struct args *args)
{
	return change(args, "confirm", "confirmed");
}

int command_block_on(const struct args *args)
{
	return change(args, "on", "blocked again:");
}

int command_block_off(const struct args *args)
{
	return change(args, "off", "off:");
}

int command_block_list(const struct args *args)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_COUNT },	       { "KIND", "kind", COLUMN_TEXT },
		{ "VALUE", "value", COLUMN_TEXT },     { "ENTRIES", "entries", COLUMN_COUNT },
		{ "ACTION", "action", COLUMN_TEXT },   { "STATE", "state", COLUMN_TEXT },
		{ "HITS", "hits", COLUMN_COUNT },      { "LAST HIT", "last_hit", COLUMN_TIME },
		{ "EXPIRES", "expires", COLUMN_TIME }, { "BY", "author", COLUMN_TEXT },
		{ "REASON", "reason", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	const char *limit = args_option(args, "--limit");
	const char *list = args_option(args, "--list");
	char path[PATH_MAX_LEN];
	int status;

	if (list)
		return list_print_entries(args, list);
	(void)snprintf(path, sizeof(path),
		       "/api/v1/blocks?active=%d&limit=", args_option(args, "--all") ? 0 : 1);
	if (path_append(path, sizeof(path), limit ? limit : "1000"))
		return usage_error("--limit is too long");
	status = client_call(args, "GET", path, NULL, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "nothing is blocked");
	return CLI_OK;
}

/* Every block that holds it, narrowest first; an arrow at the one that decides. */
static void print_matches(const struct json *body)
{
	const struct json *matches = json_get(body, "matches");

	for (size_t i = 0; matches && i < json_array_len(matches); i++) {
		const struct json *match = json_array_get(matches, i);
		const struct json *block = json_get(match, "block");
		const char *entry = text_of(match, "entry"), *note = text_of(match, "note");
		bool decides = false;

		(void)json_get_bool(match, "decides", &decides); /* false when absent */
		say("  %s block %lld: %s %s%s%s%s%s\n", decides ? "->" : "  ",
		    (long long)number_of(block, "id"), text_of(block, "kind"),
		    text_of(block, "value"), *entry ? ", entry " : "", entry, *note ? ": " : "",
		    note);
	}
}

static int append_option(const struct args *args, char *path, const char *option, const char *key)
{
	const char *value = args_option(args, option);
	size_t used = strlen(path);

	if (!value)
		return 0;
	(void)snprintf(path + used, PATH_MAX_LEN - used, "&%s=", key); /* cut: too long below */
	return path_append(path, PATH_MAX_LEN, value);
}

int command_block_test(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	char path[PATH_MAX_LEN] = "/api/v1/blocks/test?value=";
	const char *enforcement;
	int status;

	if (args->word_count != 1 || path_append(path, sizeof(path), args->words[0]) ||
	    append_option(args, path, "--proto", "proto") ||
	    append_option(args, path, "--port", "port") ||
	    append_option(args, path, "--direction", "direction"))
		return usage_error("block test takes one address, prefix or name");
	status = client_call(args, "GET", path, NULL, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	say("%s: %s%s%s\n", text_of(body, "value"), text_of(body, "verdict"),
	    *text_of(body, "reason") ? ": " : "", text_of(body, "reason"));
	print_matches(body);
	enforcement = text_of(body, "enforcement");
	if (strcmp(enforcement, "on") != 0)
		say("Nothing is dropped now: %s\n",
		    strcmp(enforcement, "panic") == 0 ? "sluice panic is in force" : "dry run");
	return CLI_OK;
}

int command_safe_add(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	int status;

	if (args->word_count != 1)
		return usage_error("safe add takes one address or prefix");
	json_set_string(body, "prefix", args->words[0]);
	set_option(args, body, "--note", "note");
	status = client_call(args, "POST", "/api/v1/safe", body, &answer);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(answer);
	say("safe: %s\n", text_of(answer, "prefix"));
	return CLI_OK;
}

int command_safe_del(const struct args *args)
{
	CLEANUP(json_free) struct json *answer = NULL;
	int64_t id = find_id(args, "/api/v1/safe", "prefix");
	char path[64];
	int status;

	if (id < 0)
		return CLI_FAILED;
	(void)snprintf(path, sizeof(path), "/api/v1/safe/%lld", (long long)id);
	status = client_call(args, "DELETE", path, NULL, &answer);
	if (!status && !args->is_json)
		say("no longer on the safe list: %s\n", args->words[0]);
	return status;
}

int command_safe_list(const struct args *args)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_COUNT },
		{ "PREFIX", "prefix", COLUMN_TEXT },
		{ "KIND", "kind", COLUMN_TEXT },
		{ "NOTE", "note", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(args, "GET", "/api/v1/safe", NULL, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "the safe list is empty");
	return CLI_OK;
}
