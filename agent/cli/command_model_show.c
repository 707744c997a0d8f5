/*
 * `sluice model show`: what the running service has learned, or one host beside what is normal.
 */
#include <stdio.h>
#include <string.h>

#include "agent/cli/internal.h"
#include "agent/util/units.h"

#define NUMBER_MAX 24

static double double_of(const struct json *object, const char *key)
{
	double value = 0;

	(void)json_get_double(object, key, &value); /* null: 0 */
	return value;
}

static const char *window_text(int64_t seconds, char text[static NUMBER_MAX])
{
	if (seconds >= 3600)
		(void)snprintf(text, NUMBER_MAX, "%lld h", (long long)seconds / 3600);
	else if (seconds >= 60)
		(void)snprintf(text, NUMBER_MAX, "%lld min", (long long)seconds / 60);
	else
		(void)snprintf(text, NUMBER_MAX, "%lld s", (long long)seconds);
	return text;
}

/* ---- all of it ----------------------------------------------------------------------------------
 */

static void print_state(const struct json *body)
{
	const struct json *verdicts = json_get(body, "verdicts");
	const char *state = text_of(body, "state");
	double false_rate;

	if (!strcmp(state, "settling"))
		say("settling: for another %lld s everything is new, nothing is judged\n",
		    (long long)number_of(body, "settle_s"));
	else if (!strcmp(state, "learning"))
		say("learning: no kind of hosts has a model yet, nothing is judged\n");
	else
		say("active\n");
	say("budget   %.1f alerts a day, of %.0f for larger networks; since the start %lld told, "
	    "%lld "
	    "withheld\n",
	    double_of(body, "budget"), double_of(body, "alerts_per_day"),
	    (long long)number_of(body, "alarms"), (long long)number_of(body, "withheld"));
	say("hosts    %lld of at most %lld; %lld found no room\n",
	    (long long)number_of(body, "hosts"), (long long)number_of(body, "hosts_max"),
	    (long long)number_of(body, "full"));
	if (json_get_double(verdicts, "false_rate", &false_rate))
		say("false    not known: no incident of the model was judged in %lld days\n\n",
		    (long long)number_of(verdicts, "days"));
	else
		say("false    %.0f %% of %lld judged in %lld days\n\n", 100 * false_rate,
		    (long long)number_of(verdicts, "resolved") +
			    (long long)number_of(verdicts, "false_positive"),
		    (long long)number_of(verdicts, "days"));
}

static void add_row(struct json *rows, const struct json *kind)
{
	struct json *row;
	char length[NUMBER_MAX], name[64];

	if (!strcmp(text_of(kind, "state"), "idle"))
		return;
	row = json_new_object();
	(void)snprintf(name, sizeof(name), "%s, %s, %s",
		       window_text(number_of(kind, "window_s"), length), text_of(kind, "place"),
		       text_of(kind, "role"));
	json_set_string(row, "kind", name);
	json_set_string(row, "state", text_of(kind, "state"));
	json_set_int(row, "learned", number_of(kind, "learned"));
	json_set_int(row, "kept_out", number_of(kind, "kept_out"));
	json_set_int(row, "alarms", number_of(kind, "alarms"));
	json_set_string(row, "trained", text_of(kind, "trained"));
	json_set_int(row, "trained_rows", number_of(kind, "trained_rows"));
	json_set_int(row, "refused", number_of(kind, "refused"));
	json_add(rows, row);
}

static void print_kinds(const struct json *kinds)
{
	static const struct column columns[] = {
		{ "WINDOWS", "kind", COLUMN_TEXT },	{ "STATE", "state", COLUMN_TEXT },
		{ "LEARNED", "learned", COLUMN_COUNT }, { "KEPT OUT", "kept_out", COLUMN_COUNT },
		{ "ALARMS", "alarms", COLUMN_COUNT },	{ "TRAINED", "trained", COLUMN_TIME },
		{ "ON", "trained_rows", COLUMN_COUNT }, { "REFUSED", "refused", COLUMN_COUNT },
	};
	CLEANUP(json_free) struct json *rows = json_new_array();

	for (size_t i = 0; kinds && i < json_array_len(kinds); i++)
		add_row(rows, json_array_get(kinds, i));
	table_print(rows, columns, sizeof(columns) / sizeof(columns[0]),
		    "no windows have been counted yet");
}

/* ---- one host -----------------------------------------------------------------------------------
 */

static void feature_text(const char *unit, double value, char text[static NUMBER_MAX])
{
	if (!strcmp(unit, "bytes"))
		units_format_bytes(value > 0 ? (uint64_t)value : 0, text, NUMBER_MAX);
	else if (!strcmp(unit, "share"))
		(void)snprintf(text, NUMBER_MAX, "%.0f %%", 100 * value);
	else
		(void)snprintf(text, NUMBER_MAX, "%.4g", value);
}

static void print_feature(const struct json *feature)
{
	const char *unit = text_of(feature, "unit");
	char value[NUMBER_MAX], low[NUMBER_MAX], high[NUMBER_MAX];
	bool is_plain = !strcmp(unit, "bytes") || !strcmp(unit, "share");
	double normal;

	feature_text(unit, double_of(feature, "value"), value);
	say("  %-28s %12s %-10s", text_of(feature, "name"), value, is_plain ? "" : unit);
	if (!json_get_double(feature, "low", &normal)) {
		feature_text(unit, normal, low);
		feature_text(unit, double_of(feature, "high"), high);
		say(" normal %s to %s", low, high);
	}
	say("\n");
}

static void print_window(const struct json *window)
{
	const struct json *features = json_get(window, "features");
	char length[NUMBER_MAX];
	bool is_open = false, is_unusual;

	(void)json_get_bool(window, "open", &is_open);
	say("\nwindow of %s: ", window_text(number_of(window, "window_s"), length));
	if (!is_open) {
		say("nothing in it\n");
		return;
	}
	say("open for %.0f s, as a %s", double_of(window, "since_s"), text_of(window, "role"));
	if (json_get_bool(window, "unusual", &is_unusual))
		say(", no model yet\n");
	else
		say(", score %.1f of %.1f%s\n", double_of(window, "score"),
		    double_of(window, "threshold"), is_unusual ? ": unusual" : "");
	for (size_t i = 0; features && i < json_array_len(features); i++)
		print_feature(json_array_get(features, i));
}

static void print_host(const struct json *body)
{
	const struct json *windows = json_get(body, "windows");
	bool is_flagged = false, is_open = false;

	(void)json_get_bool(body, "flagged", &is_flagged);
	(void)json_get_bool(body, "open_incident", &is_open);
	say("%s, %s, known for %.0f s%s%s\n", text_of(body, "ip"), text_of(body, "place"),
	    double_of(body, "known_s"), is_flagged ? "; flagged by a detector, so not learned" : "",
	    is_open ? "; an incident is open, so not learned" : "");
	for (size_t i = 0; windows && i < json_array_len(windows); i++)
		print_window(json_array_get(windows, i));
}

int command_model_show(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	char path[PATH_QUERY_MAX] = "/api/v1/model?";
	int status;

	if (args->word_count > 1)
		return usage_error("model show takes one address at most");
	if (args->word_count && path_add(path, sizeof(path), "ip", args->words[0]))
		return usage_error("that is no address");
	status = client_call(args, "GET", path, NULL, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	if (args->word_count) {
		print_host(body);
		return CLI_OK;
	}
	print_state(body);
	print_kinds(json_get(body, "kinds"));
	return CLI_OK;
}
