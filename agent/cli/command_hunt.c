/*
 * hunt: where indicators of compromise were seen, over the whole history, however long it takes. A
 * search that was cut goes on where it was, and what its parts found is put together here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/internal.h"
#include "agent/query/query.h"
#include "agent/util/cleanup.h"

#define INDICATORS_MAX 100000
#define BATCH	       5000 /* indicators of one request */
#define HOSTS_MAX      64
#define TIME_TEXT_MAX  25

/* One indicator and what was found of it; times as RFC 3339, which sorts as text. */
struct found {
	struct indicator indicator;
	int64_t count;
	char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];
	struct json *hosts; /* array of texts, at most HOSTS_MAX; NULL: none yet */
	bool more_hosts;
};

struct hunt {
	const struct args *args;
	struct found *found;
	size_t count, capacity;
};

static void hunt_done(struct hunt *hunt)
{
	for (size_t i = 0; i < hunt->count; i++)
		json_free(hunt->found[i].hosts);
	free(hunt->found);
}

static void hunt_done_cleanup(struct hunt *hunt)
{
	hunt_done(hunt);
}

/* ---- what is hunted -------------------------------------------------------------------------- */

static int add_indicator(struct hunt *hunt, const char *text, const char *where)
{
	struct indicator indicator;

	if (indicator_parse(text, &indicator))
		return usage_error("%s: \"%.64s\" is no address, prefix, name or JA4 fingerprint",
				   where, text);
	if (hunt->count == INDICATORS_MAX)
		return usage_error("%s: more than %d indicators", where, INDICATORS_MAX);
	if (hunt->count == hunt->capacity) {
		size_t capacity = hunt->capacity ? 2 * hunt->capacity : 64;
		struct found *grown = reallocarray(hunt->found, capacity, sizeof(*grown));

		if (!grown)
			return usage_error("%s: no memory for more indicators", where);
		hunt->found = grown;
		hunt->capacity = capacity;
	}
	hunt->found[hunt->count++] = (struct found){ .indicator = indicator };
	return CLI_OK;
}

/* One a line; "#" begins a comment; in CSV, the first cell. */
static int read_file(struct hunt *hunt, const char *name)
{
	bool is_stdin = !strcmp(name, "-");
	FILE *file = is_stdin ? stdin : fopen(name, "re");
	char line[1024], where[320];
	unsigned int number = 0;
	int status = CLI_OK;

	if (!file)
		return usage_error("%s: %s", name, strerror(errno));
	while (!status && fgets(line, sizeof(line), file)) {
		char *text = line + strspn(line, " \t\xef\xbb\xbf\"");

		(void)snprintf(where, sizeof(where), "%.255s line %u", name, ++number);
		if (!strchr(line, '\n') && !feof(file))
			status = usage_error("%s: longer than 1022 bytes", where);
		text[strcspn(text, " \t\r\n,;#\"")] = '\0';
		if (!status && *text)
			status = add_indicator(hunt, text, where);
	}
	if (!status && ferror(file))
		status = usage_error("%s: %s", name, strerror(errno));
	if (!is_stdin)
		(void)fclose(file); /* read only */
	return status;
}

static int read_indicators(struct hunt *hunt)
{
	const char *file = args_option(hunt->args, "-f");
	int status = CLI_OK;

	if (!file)
		file = args_option(hunt->args, "--file");
	for (size_t i = 0; i < hunt->args->word_count && !status; i++)
		status = add_indicator(hunt, hunt->args->words[i], "hunt");
	if (!status && file)
		status = read_file(hunt, file);
	if (!status && !hunt->count)
		status = usage_error("hunt needs an INDICATOR, or a file of them: -f FILE");
	return status;
}

/* ---- what is found --------------------------------------------------------------------------- */

static size_t host_count(const struct found *found)
{
	return found->hosts ? json_array_len(found->hosts) : 0;
}

static const char *host_of(const struct found *found, size_t index)
{
	const char *host;

	return json_string(json_array_get(found->hosts, index), &host) ? "" : host;
}

static bool has_host(const struct found *found, const char *host)
{
	for (size_t i = 0; i < host_count(found); i++)
		if (!strcmp(host_of(found, i), host))
			return true;
	return false;
}

static void add_host(struct found *found, const char *host)
{
	if (has_host(found, host))
		return;
	if (host_count(found) == HOSTS_MAX) {
		found->more_hosts = true;
		return;
	}
	if (!found->hosts)
		found->hosts = json_new_array();
	json_add_string(found->hosts, host);
}

static void add_sighting(struct found *found, const struct json *item)
{
	const struct json *hosts = json_get(item, "hosts");
	const char *first = text_of(item, "first_seen"), *last = text_of(item, "last_seen");
	bool is_complete = true;

	found->count += number_of(item, "count");
	if (*first && (!*found->first || strcmp(first, found->first) < 0))
		(void)snprintf(found->first, sizeof(found->first), "%s", first);
	if (strcmp(last, found->last) > 0)
		(void)snprintf(found->last, sizeof(found->last), "%s", last);
	for (size_t i = 0; hosts && i < json_array_len(hosts); i++) {
		const char *host;

		if (!json_string(json_array_get(hosts, i), &host))
			add_host(found, host);
	}
	(void)json_get_bool(item, "hosts_complete", &is_complete);
	found->more_hosts |= !is_complete;
}

/* One part of one batch; @next: where it goes on, "" at the end. */
static int ask_part(struct hunt *hunt, size_t begin, size_t count, char next[static 64])
{
	struct json *body = json_new_object(), *list = json_new_array();
	CLEANUP(json_free) struct json *answer = NULL;
	char path[PATH_QUERY_MAX] = "/api/v1/hunt?";
	const struct json *items;
	int status;

	for (size_t i = 0; i < count; i++)
		json_add_string(list, hunt->found[begin + i].indicator.text);
	json_set(body, "indicators", list);
	status = path_add(path, sizeof(path), "from", args_option(hunt->args, "--from")) ||
				 path_add(path, sizeof(path), "to",
					  args_option(hunt->args, "--to")) ||
				 path_add(path, sizeof(path), "after", *next ? next : NULL)
			 ? usage_error("--from or --to is too long")
			 : client_call(hunt->args, "POST", path, body, &answer);
	json_free(body);
	if (status)
		return status;
	items = json_get(answer, "items");
	for (size_t i = 0; items && i < json_array_len(items) && i < count; i++)
		add_sighting(&hunt->found[begin + i], json_array_get(items, i));
	(void)snprintf(next, 64, "%s", text_of(answer, "next"));
	if (*next && isatty(STDERR_FILENO))
		fprintf(stderr, "\rsearching: back to %.19s ", text_of(answer, "scanned_to"));
	return CLI_OK;
}

static int ask_all(struct hunt *hunt)
{
	int status = CLI_OK;

	for (size_t begin = 0; begin < hunt->count && !status; begin += BATCH) {
		size_t left = hunt->count - begin;
		char next[64] = "";

		do {
			status = ask_part(hunt, begin, left < BATCH ? left : BATCH, next);
		} while (!status && *next);
	}
	return status;
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* Takes its hosts. */
static struct json *encode_found(struct found *found)
{
	struct json *item = json_new_object();

	json_set_string(item, "indicator", found->indicator.text);
	json_set_string(item, "kind", indicator_kind_name(found->indicator.kind));
	json_set_int(item, "count", found->count);
	json_set_string(item, "first_seen", *found->first ? found->first : NULL);
	json_set_string(item, "last_seen", *found->last ? found->last : NULL);
	json_set(item, "hosts", found->hosts ? TAKE(found->hosts) : json_new_array());
	json_set_bool(item, "hosts_complete", !found->more_hosts);
	return item;
}

static void print_json(struct hunt *hunt)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	struct json *items = json_new_array();

	for (size_t i = 0; i < hunt->count; i++)
		json_add(items, encode_found(&hunt->found[i]));
	json_set(body, "items", items);
	json_set_null(body, "next");
	(void)answer_print(body);
}

#define HOSTS_SHOWN 3

static void print_found(const struct found *found)
{
	say("%-40s %-8s %10lld  %.19s  %.19s  ", found->indicator.text,
	    indicator_kind_name(found->indicator.kind), (long long)found->count, found->first,
	    found->last);
	for (size_t i = 0; i < host_count(found) && i < HOSTS_SHOWN; i++)
		say("%s%s", i ? ", " : "", host_of(found, i));
	if (host_count(found) > HOSTS_SHOWN)
		say(" and %s%zu more", found->more_hosts ? "at least " : "",
		    host_count(found) - HOSTS_SHOWN);
	else if (found->more_hosts)
		say(" and more");
	say("\n");
}

static size_t print_all(struct hunt *hunt)
{
	size_t seen = 0;

	for (size_t i = 0; i < hunt->count; i++)
		seen += hunt->found[i].count > 0;
	if (hunt->args->is_json) {
		print_json(hunt);
		return seen;
	}
	if (seen)
		say("%-40s %-8s %10s  %-19s  %-19s  %s\n", "INDICATOR", "KIND", "RECORDS",
		    "FIRST SEEN", "LAST SEEN", "HOSTS");
	for (size_t i = 0; i < hunt->count; i++)
		if (hunt->found[i].count)
			print_found(&hunt->found[i]);
	say("%zu of %zu indicators were seen\n", seen, hunt->count);
	return seen;
}

/* 0: something was seen; 1: nothing was, or the service failed. */
int command_hunt(const struct args *args)
{
	CLEANUP(hunt_done) struct hunt hunt = { .args = args };
	int status = read_indicators(&hunt);

	if (!status)
		status = ask_all(&hunt);
	if (status)
		return status;
	return print_all(&hunt) ? CLI_OK : CLI_FAILED;
}
