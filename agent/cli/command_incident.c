/*
 * incident: list, show, note, ack, resolve, reopen.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/internal.h"
#include "agent/util/cleanup.h"
#include "agent/util/units.h"

#define NUMBER_MAX 32

#define PATH_MAX_LEN  1024
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int append_filter(const struct args *args, const char *option, const char *name, char *path)
{
	const char *value = args_option(args, option);
	size_t used = strlen(path);

	if (!value)
		return 0;
	(void)snprintf(path + used, PATH_MAX_LEN - used, "&%s=", name);
	return path_append(path, PATH_MAX_LEN, value);
}

int command_incident_list(const struct args *args)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_COUNT },
		{ "LAST SEEN", "last_seen", COLUMN_TIME },
		{ "SEVERITY", "severity", COLUMN_TEXT },
		{ "STATE", "state", COLUMN_TEXT },
		{ "WHAT", "title", COLUMN_TEXT },
		{ "SOURCE", "src_ip", COLUMN_TEXT },
		{ "DESTINATION", "dst_ip", COLUMN_TEXT },
		{ "COUNT", "count", COLUMN_COUNT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	const char *limit = args_option(args, "--limit");
	char path[PATH_MAX_LEN] = "/api/v1/incidents?limit=";
	int status;

	if (path_append(path, sizeof(path), limit ? limit : "100") ||
	    append_filter(args, "--severity", "severity", path) ||
	    append_filter(args, "--incident-state", "state", path) ||
	    append_filter(args, "--detector", "detector", path) ||
	    append_filter(args, "--source", "src_ip", path) ||
	    append_filter(args, "--destination", "dst_ip", path) ||
	    append_filter(args, "--from", "from", path) ||
	    append_filter(args, "--to", "to", path) || append_filter(args, "--search", "q", path))
		return usage_error("an option is too long");
	status = client_call(args, "GET", path, NULL, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "no incidents");
	return CLI_OK;
}

static int incident_path(const struct args *args, const char *tail, char *path, size_t size)
{
	(void)snprintf(path, size, "/api/v1/incidents/");
	if (path_append(path, size, args->words[0]))
		return usage_error("\"%s\" is no incident number", args->words[0]);
	(void)strncat(path, tail, size - strlen(path) - 1);
	return 0;
}

static void print_lines(const struct json *list, const char *title)
{
	size_t count = list ? json_array_len(list) : 0;
	const char *text;

	for (size_t i = 0; i < count; i++)
		if (!json_string(json_array_get(list, i), &text))
			say("%s%s\n", i ? "         " : title, text);
}

static void print_notes(const struct json *notes)
{
	for (size_t i = 0; notes && i < json_array_len(notes); i++) {
		const struct json *note = json_array_get(notes, i);

		say("note     %.19s %s: %s\n", text_of(note, "time"), text_of(note, "author"),
		    text_of(note, "text"));
	}
}

static const char *format_number(double value, const char *unit, char text[static NUMBER_MAX])
{
	if (!strcmp(unit, "bytes") && value >= 0 && value < (double)INT64_MAX)
		units_format_bytes((uint64_t)value, text, NUMBER_MAX);
	else if (!strcmp(unit, "share"))
		(void)snprintf(text, NUMBER_MAX, "%.0f %%", 100 * value);
	else
		(void)snprintf(text, NUMBER_MAX, "%.4g", value);
	if (fabs(value) >= 1000 && fabs(value) < 1e9 && strcmp(unit, "bytes") != 0)
		(void)snprintf(text, NUMBER_MAX, "%.0f", value);
	return text;
}

static void print_features(const struct json *features)
{
	for (size_t i = 0; features && i < json_array_len(features); i++) {
		const struct json *item = json_array_get(features, i);
		const char *unit = text_of(item, "unit");
		bool is_shown = *unit && strcmp(unit, "bytes") != 0 && strcmp(unit, "share") != 0;
		double value = 0, low = 0, high = 0;
		char now[NUMBER_MAX], from[NUMBER_MAX], to[NUMBER_MAX];

		(void)json_double(json_get(item, "value"), &value); /* zero when it is none */
		(void)json_double(json_get(item, "normal_low"), &low);
		(void)json_double(json_get(item, "normal_high"), &high);
		say("number   %s: %s%s%s, normally ", text_of(item, "name"),
		    format_number(value, unit, now), is_shown ? " " : "", is_shown ? unit : "");
		if (low < high)
			say("%s to ", format_number(low, unit, from));
		say("%s\n", format_number(high, unit, to));
	}
}

static void print_history(const struct json *history)
{
	for (size_t i = 0; history && i < json_array_len(history); i++) {
		const struct json *event = json_array_get(history, i);
		const char *to = text_of(event, "to"), *text = text_of(event, "text");

		say("history  %.19s %s: %s%s%s%s%s\n", text_of(event, "time"),
		    text_of(event, "who"), text_of(event, "action"), *to ? " " : "", to,
		    *text ? ", " : "", text);
	}
}

static int print_incident(const struct args *args, const struct json *body)
{
	static const struct column evidence[] = {
		{ "PROTO", "proto", COLUMN_TEXT },
		{ "SOURCE", "src_ip", COLUMN_TEXT },
		{ "PORT", "src_port", COLUMN_COUNT },
		{ "DESTINATION", "dst_ip", COLUMN_TEXT },
		{ "PORT", "dst_port", COLUMN_COUNT },
		{ "PACKETS OUT", "packets_out", COLUMN_COUNT },
		{ "PACKETS IN", "packets_in", COLUMN_COUNT },
		{ "STATE", "state", COLUMN_TEXT },
	};
	const struct json *flows = json_get(body, "evidence");

	if (args->is_json)
		return answer_print(body);
	say("%s (%s, %s), number %lld\n", text_of(body, "title"), text_of(body, "severity"),
	    text_of(body, "state"), (long long)number_of(body, "id"));
	say("from     %s to %s, counted %lld\n", text_of(body, "src_ip"), text_of(body, "dst_ip"),
	    (long long)number_of(body, "count"));
	say("seen     %.19s to %.19s UTC\n", text_of(body, "first_seen"),
	    text_of(body, "last_seen"));
	say("why      %s\n", text_of(body, "reason"));
	say("ATT&CK   %s\n", text_of(body, "technique"));
	print_lines(json_get(body, "actions"), "next     ");
	print_features(json_get(body, "features"));
	print_notes(json_get(body, "notes"));
	print_history(json_get(body, "history"));
	if (flows && json_is_array(flows) && json_array_len(flows)) {
		say("evidence\n");
		table_print(flows, evidence, LENGTH(evidence), "");
	}
	return CLI_OK;
}

int command_incident_show(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	char path[PATH_MAX_LEN];
	int status = incident_path(args, "", path, sizeof(path));

	if (!status)
		status = client_call(args, "GET", path, NULL, &body);
	return status ? status : print_incident(args, body);
}

static int post(const struct args *args, const char *tail, struct json *body)
{
	CLEANUP(json_free) struct json *answer = NULL;
	char path[PATH_MAX_LEN];
	int status = incident_path(args, tail, path, sizeof(path));

	if (!status)
		status = client_call(args, "POST", path, body, &answer);
	return status ? status : print_incident(args, answer);
}

int command_incident_note(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();

	if (args->word_count != 2)
		return usage_error("incident note takes a number and one text in quotes");
	json_set_string(body, "text", args->words[1]);
	return post(args, "/notes", body);
}

/* One is shown as it is now; several are changed in one go. */
static int change_many(const struct args *args, const char *state)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	struct json *ids = json_new_array();
	const struct json *failed;
	int status;

	for (size_t i = 0; i < args->word_count; i++) {
		char *end;
		long long id = strtoll(args->words[i], &end, 10);

		if (*end || id <= 0) {
			json_free(ids);
			return usage_error("\"%s\" is no incident number", args->words[i]);
		}
		json_add_int(ids, id);
	}
	json_set(body, "ids", ids);
	json_set_string(body, "state", state);
	status = client_call(args, "POST", "/api/v1/incidents/bulk", body, &answer);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(answer);
	failed = json_get(answer, "failed");
	say("%zu changed\n", json_array_len(json_get(answer, "changed")));
	for (size_t i = 0; failed && i < json_array_len(failed); i++)
		say("%lld: %s\n", (long long)number_of(json_array_get(failed, i), "id"),
		    text_of(json_array_get(failed, i), "message"));
	return failed && json_array_len(failed) ? CLI_FAILED : CLI_OK;
}

static int change(const struct args *args, const char *state)
{
	CLEANUP(json_free) struct json *body = json_new_object();

	if (args->word_count > 1)
		return change_many(args, state);
	json_set_string(body, "state", state);
	return post(args, "/state", body);
}

int command_incident_ack(const struct args *args)
{
	return change(args, "acknowledged");
}

int command_incident_resolve(const struct args *args)
{
	return change(args, args_option(args, "--false-positive") ? "false_positive" : "resolved");
}

int command_incident_reopen(const struct args *args)
{
	return change(args, "open");
}
