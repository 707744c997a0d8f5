/*
 * The values themselves: defaults first, then files, then the environment, each through the same
 * check. Nothing is kept from a value that was refused.
 */
#include "agent/config/config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/config/internal.h"
#include "agent/util/crypto.h"

#define DEFAULT_FILE  "/etc/sluice/sluice.conf"
#define ENV_NAME_MAX  96
#define DIR_FILES_MAX 256 /* files of one conf.d */

static const struct config_option options[CONFIG_KEY_COUNT] = {
#define OPTION(id, section, key, type, dflt, min, max, words, unit, help) \
	[CONFIG_##id] = { section, key, type, dflt, min, max, words, unit, help },
#include "agent/config/options.def"
#undef OPTION
};

const struct config_option *config_option(enum config_key key)
{
	return &options[key];
}

enum config_key config_find(const char *section, const char *key)
{
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (strcasecmp(options[i].section, section) == 0 &&
		    strcasecmp(options[i].key, key) == 0)
			return (enum config_key)i;
	}
	return CONFIG_KEY_COUNT;
}

enum config_key config_find_name(const char *name)
{
	const char *dot = strchr(name, '.');
	char section[ENV_NAME_MAX];

	if (!dot || (size_t)(dot - name) >= sizeof(section))
		return CONFIG_KEY_COUNT;
	(void)snprintf(section, sizeof(section), "%.*s", (int)(dot - name), name);
	return config_find(section, dot + 1);
}

static void free_text(enum config_key key, char *text)
{
	if (text && options[key].type == CONFIG_SECRET)
		crypto_wipe(text, strlen(text));
	free(text);
}

/* A copy of @value without blanks at its ends. Caller frees. */
static char *trim(const char *value)
{
	size_t len;

	while (isspace((unsigned char)*value))
		value++;
	len = strlen(value);
	while (len > 0 && isspace((unsigned char)value[len - 1]))
		len--;
	return strndup(value, len);
}

int config_set(struct config *config, enum config_key key, const char *value, char *reason)
{
	CLEANUP(free) char *text = trim(value);
	int64_t number = 0;

	if (!text) {
		(void)snprintf(reason, CONFIG_REASON_MAX, "no memory");
		return -EINVAL;
	}
	if (config_check(key, text, &number, reason))
		return -EINVAL;
	if (config->check && key == config->checked_key && config->check(text, reason))
		return -EINVAL;
	free_text(key, config->values[key].text);
	config->values[key].text = TAKE(text);
	config->values[key].number = number;
	config->values[key].is_set = true;
	config->values[key].source = (uint8_t)config->source;
	return 0;
}

void config_begin_source(struct config *config, enum config_source source)
{
	config->source = source;
}

enum config_source config_source(const struct config *config, enum config_key key)
{
	return (enum config_source)config->values[key].source;
}

void config_unset(struct config *config, enum config_key key)
{
	char reason[CONFIG_REASON_MAX];

	/* a default passes its own check, so only memory can be short: then the value stays */
	if (config_set(config, key, options[key].dflt, reason))
		return;
	config->values[key].is_set = false;
	config->values[key].source = CONFIG_FROM_DEFAULT;
}

void config_add_check(struct config *config, enum config_key key, config_check_fn check)
{
	config->checked_key = key;
	config->check = check;
}

struct config *config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));
	char reason[CONFIG_REASON_MAX];

	if (!config)
		return NULL;
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (config_set(config, (enum config_key)i, options[i].dflt, reason)) {
			config_free(config); /* no memory: a test checks every default */
			return NULL;
		}
		config->values[i].is_set = false;
	}
	config->source = CONFIG_FROM_COMMAND_LINE;
	return config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++)
		free_text((enum config_key)i, config->values[i].text);
	for (size_t i = 0; i < config->file_count; i++)
		free(config->files[i]);
	free(config);
}

const char *config_file(const struct config *config, size_t index)
{
	return index < config->file_count ? config->files[index] : NULL;
}

/* Where the next problem goes; NULL when there is no room for it. */
static struct config_problem *place_for_problem(struct config *config, bool is_error)
{
	if (config->problem_count < CONFIG_PROBLEMS_MAX)
		return &config->problems[config->problem_count++];
	for (size_t i = CONFIG_PROBLEMS_MAX; i > 0; i--) {
		if (is_error && !config->problems[i - 1].is_error)
			return &config->problems[i - 1];
	}
	return NULL;
}

void config_note(struct config *config, const struct config_place *place, bool is_error,
		 const char *format, ...)
{
	struct config_problem *problem = place_for_problem(config, is_error);
	va_list args;

	config->has_error |= is_error;
	if (!problem)
		return;
	*problem = (struct config_problem){ .line = place->line, .is_error = is_error };
	/* Cut where too long: these are for people. */
	(void)snprintf(problem->file, sizeof(problem->file), "%s", place->file);
	if (place->key)
		(void)snprintf(problem->key, sizeof(problem->key), "%s.%s", place->section,
			       place->key);
	va_start(args, format);
	(void)vsnprintf(problem->reason, sizeof(problem->reason), format, args);
	va_end(args);
}

void config_apply(struct config *config, enum config_key key, const char *text,
		  const struct config_place *place)
{
	char reason[CONFIG_REASON_MAX];

	if (config_set(config, key, text, reason))
		config_note(config, place, true, "%s", reason);
	else if (key == CONFIG_SNIFFER_TIMEOUT && config->values[key].number > 0)
		config_note(config, place, false, "ignored: the service runs until it is stopped");
}

/* SLUICE_SECTION_KEY of one option. */
static void apply_environment(struct config *config, enum config_key key)
{
	const struct config_option *option = &options[key];
	struct config_place place = { "environment", 0, option->section, option->key };
	char name[ENV_NAME_MAX];
	const char *value;

	(void)snprintf(name, sizeof(name), "SLUICE_%s_%s", option->section, option->key);
	for (char *c = name; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	if (key == CONFIG_API_VIRUSTOTAL_KEY) {
		value = getenv("VT_API_KEY"); /* the original's; an empty one is as none */
		if (value && value[0] != '\0')
			config_apply(config, key, value, &place);
	}
	value = getenv(name);
	if (value)
		config_apply(config, key, value, &place);
}

static int is_conf_name(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > strlen(".conf") &&
	       strcmp(entry->d_name + len - strlen(".conf"), ".conf") == 0;
}

/* By bytes: the order must not depend on the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_one_of_dir(struct config *config, const char *dir, const char *name)
{
	struct config_place place = { .file = dir };
	char path[PATH_MAX];
	int err = -ENAMETOOLONG;
	int len = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (len > 0 && (size_t)len < sizeof(path)) {
		place.file = path;
		err = config_read_file(config, path);
	}
	if (err)
		config_note(config, &place, true, "cannot be read: %s", strerror(-err));
}

/* Every *.conf of @dir, by name; a directory that is not there holds none. */
static void read_dir(struct config *config, const char *dir)
{
	struct config_place place = { .file = dir };
	struct dirent **entries = NULL;
	int count = scandir(dir, &entries, is_conf_name, compare_names);

	if (count < 0 && errno != ENOENT && errno != ENOTDIR)
		config_note(config, &place, true, "cannot be read: %s", strerror(errno));
	if (count > DIR_FILES_MAX)
		config_note(config, &place, true, "holds more than %d files", DIR_FILES_MAX);
	for (int i = 0; i < count; i++) {
		if (i < DIR_FILES_MAX)
			read_one_of_dir(config, dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

int config_load(struct config *config, const char *file)
{
	const char *path = file ? file : DEFAULT_FILE;
	struct config_place place = { .file = path };
	char dir[PATH_MAX];
	int len = snprintf(dir, sizeof(dir), "%s.d", path);
	int err;

	config->source = CONFIG_FROM_FILE;
	err = config_read_file(config, path);

	if (err && (file || err != -ENOENT)) {
		config_note(config, &place, true, "cannot be read: %s", strerror(-err));
		return err;
	}
	if (len > 0 && (size_t)len < sizeof(dir))
		read_dir(config, dir);
	config->source = CONFIG_FROM_ENVIRONMENT;
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++)
		apply_environment(config, (enum config_key)i);
	config->source = CONFIG_FROM_COMMAND_LINE;
	return config->has_error ? -EINVAL : 0;
}

void config_add_problem(struct config *config, const char *section, const char *reason)
{
	const struct config_place place = { .file = "" };

	config_note(config, &place, true, "[%s] %s", section, reason);
}

size_t config_problem_count(const struct config *config)
{
	return config->problem_count;
}

const struct config_problem *config_problem(const struct config *config, size_t index)
{
	return index < config->problem_count ? &config->problems[index] : NULL;
}

bool config_bool(const struct config *config, enum config_key key)
{
	return config->values[key].number != 0;
}

int64_t config_int(const struct config *config, enum config_key key)
{
	return config->values[key].number;
}

const char *config_text(const struct config *config, enum config_key key)
{
	return config->values[key].text;
}

bool config_list_item(const struct config *config, enum config_key key, size_t index, char *out,
		      size_t size)
{
	const char *at = config->values[key].text;
	const char *item;
	size_t len;

	while (config_next_item(&at, &item, &len)) {
		if (index-- > 0)
			continue;
		(void)snprintf(out, size, "%.*s", (int)len, item); /* items: CONFIG_ITEM_MAX */
		return true;
	}
	return false;
}

bool config_is_set(const struct config *config, enum config_key key)
{
	return config->values[key].is_set;
}
