/*
 * Options and words of one command, checked against its row of the table.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/internal.h"

int usage_error(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fprintf(stderr, "sluice: ");
	vfprintf(stderr, format, list);
	fprintf(stderr, "\n");
	va_end(list);
	return CLI_USAGE;
}

enum option_kind {
	OPTION_UNKNOWN,
	OPTION_SWITCH,
	OPTION_VALUE
};

static enum option_kind find_option(const char *list, const char *name, size_t len)
{
	while (*list) {
		size_t entry = strcspn(list, " ");
		bool takes = list[entry - 1] == '=';

		if (entry - takes == len && !strncmp(list, name, len))
			return takes ? OPTION_VALUE : OPTION_SWITCH;
		list += entry;
		list += *list == ' ';
	}
	return OPTION_UNKNOWN;
}

static int take_output(const struct command *command, struct args *args, const char *value)
{
	if (command->run == command_replay && !strcmp(value, "eve")) {
		args->is_eve = true;
		return 0;
	}
	if (command->run == command_export_flows || command->run == command_export_incidents) {
		if (strcmp(value, "csv") != 0 && strcmp(value, "ndjson") != 0)
			return usage_error("-o takes csv or ndjson here, not \"%s\"", value);
		args->form = value;
		return 0;
	}
	if (!strcmp(value, "json"))
		args->is_json = true;
	else if (strcmp(value, "human") != 0)
		return usage_error("-o takes human or json, not \"%s\"", value);
	return 0;
}

/* One option at argv[*at]; "--name=value" and "--name value" are the same. */
static int take_option(const struct command *command, int argc, char **argv, int *at,
		       struct args *args)
{
	char *name = argv[*at];
	char *equals = !strncmp(name, "--", 2) ? strchr(name, '=') : NULL;
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	enum option_kind kind = find_option("-o= --output= --state=", name, len);
	const char *value = "";

	if (kind == OPTION_UNKNOWN)
		kind = find_option(command->options, name, len);
	if (kind == OPTION_UNKNOWN)
		return usage_error("%s%s%s has no option %s", command->noun,
				   *command->verb ? " " : "", command->verb, name);
	if (kind == OPTION_VALUE && equals)
		value = equals + 1;
	else if (kind == OPTION_VALUE && ++*at >= argc)
		return usage_error("%s needs a value", name);
	else if (kind == OPTION_VALUE)
		value = argv[*at];
	if (equals)
		*equals = '\0';
	if (!strcmp(name, "-o") || !strcmp(name, "--output"))
		return take_output(command, args, value);
	if (args->option_count == OPTIONS_MAX)
		return usage_error("too many options");
	args->options[args->option_count++] = (struct option_value){ name, value };
	return 0;
}

/* -dport:22 in a search means all but that; no option has a colon in its name. */
static bool is_negation(const struct command *command, const char *word)
{
	return !strcmp(command->words, "[QUERY]") && word[0] == '-' && word[1] != '-' &&
	       strcspn(word, ":=!<>") < strlen(word) && strncmp(word, "-o=", 3) != 0;
}

int args_parse(const struct command *command, int argc, char **argv, struct args *args)
{
	bool only_words = false;

	for (int i = 0; i < argc; i++) {
		int status = 0;

		if (!only_words && !strcmp(argv[i], "--"))
			only_words = true;
		else if (!only_words && argv[i][0] == '-' && argv[i][1] &&
			 !is_negation(command, argv[i]))
			status = take_option(command, argc, argv, &i, args);
		else if (args->word_count == WORDS_MAX)
			status = usage_error("too many words");
		else
			args->words[args->word_count++] = argv[i];
		if (status)
			return status;
	}
	if (*command->words && *command->words != '[' && !args->word_count)
		return usage_error("%s%s%s needs %s", command->noun, *command->verb ? " " : "",
				   command->verb, command->words);
	if (!*command->words && args->word_count)
		return usage_error("%s%s%s takes no \"%s\"", command->noun,
				   *command->verb ? " " : "", command->verb, args->words[0]);
	return 0;
}

const char *args_option(const struct args *args, const char *name)
{
	for (size_t i = 0; i < args->option_count; i++)
		if (!strcmp(args->options[i].name, name))
			return args->options[i].value;
	return NULL;
}

const char *args_state_dir(const struct args *args)
{
	const char *dir = args_option(args, "--state");

	if (!dir)
		dir = getenv("SLUICE_STATE");
	return dir && *dir ? dir : NULL;
}
