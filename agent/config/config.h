/*
 * The option table and the INI files that fill it. One table (options.def: section, key, type,
 * bounds, default, unit, help) feeds the parser, `sluice check`, the settings page and
 * sluice.conf(5). Read-only after config_load; shared freely.
 */
#ifndef SLUICE_CONFIG_CONFIG_H
#define SLUICE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

enum config_type {
	CONFIG_BOOL,
	CONFIG_INT,
	CONFIG_SIZE,	 /* bytes */
	CONFIG_DURATION, /* seconds; "never" = 0 where the table's least is 0 */
	CONFIG_TEXT,
	CONFIG_ENUM,   /* words of the table */
	CONFIG_LIST,   /* comma separated text */
	CONFIG_SECRET, /* text, masked wherever shown */
};

enum config_key {
#define OPTION(id, section, key, type, dflt, min, max, words, unit, help) CONFIG_##id,
#include "agent/config/options.def"
#undef OPTION
	CONFIG_KEY_COUNT
};

struct config_option {
	const char *section, *key;
	enum config_type type;
	const char *dflt;
	int64_t min, max;  /* of the number; of the text's length; 0, 0 = no bound */
	const char *words; /* for CONFIG_ENUM: "auto|xdp|tc" */
	const char *unit;
	const char *help;
};

/* One thing wrong with a file. */
struct config_problem {
	char file[256];
	unsigned int line; /* 0 = the whole file or the environment */
	char key[96];	   /* "Section.key" */
	char reason[256];
	bool is_error; /* false = a warning: the value is used or ignored, and said */
};

#define CONFIG_PROBLEMS_MAX 32

struct config;

/* config_new - all defaults. NULL without memory. */
struct config *config_new(void);
void config_free(struct config *config);
DEFINE_CLEANUP(config_free, struct config)

/* What a value must be beside its type; -EINVAL with @reason (256 bytes). */
typedef int (*config_check_fn)(const char *text, char *reason);
/* config_add_check - ask @check of every value of @key from now on; one per config. */
void config_add_check(struct config *config, enum config_key key, config_check_fn check);

/*
 * config_load - @file, or when NULL /etc/sluice/sluice.conf (absent is fine); then the *.conf files
 * of the directory FILE.d by name, where it exists; then SLUICE_SECTION_KEY and VT_API_KEY of the
 * environment. Later wins. Lines: [Section], key = value (names in any case), # or ; comments, an
 * indented line continues the value above it. An unknown key is a warning, one given twice in a
 * file an error. The original's analyzer_config.ini is accepted unchanged. Every problem found is
 * kept, up to CONFIG_PROBLEMS_MAX.
 *
 * Returns 0, -EINVAL when an error is among the problems, -errno when @file cannot be read (a
 * problem says so too).
 */
int config_load(struct config *config, const char *file);
/* config_add_problem - an error that a section as a whole has; @reason is copied. */
void config_add_problem(struct config *config, const char *section, const char *reason);
size_t config_problem_count(const struct config *config);
const struct config_problem *config_problem(const struct config *config, size_t index);

/* Where a value comes from; a later one wins over an earlier one. */
enum config_source {
	CONFIG_FROM_DEFAULT,
	CONFIG_FROM_FILE,
	CONFIG_FROM_SETTINGS, /* set on the settings page */
	CONFIG_FROM_ENVIRONMENT,
	CONFIG_FROM_COMMAND_LINE,
};

/* config_set - one value as text, checked as in a file. -EINVAL with @reason (256 bytes). After
 * config_load its source is the command line. */
int config_set(struct config *config, enum config_key key, const char *value, char *reason);
/* config_begin_source - where values set from now on come from. */
void config_begin_source(struct config *config, enum config_source source);
enum config_source config_source(const struct config *config, enum config_key key);
/* config_unset - the default again. */
void config_unset(struct config *config, enum config_key key);
/* config_find_name - the option called "Section.key", in any case; CONFIG_KEY_COUNT: none. */
enum config_key config_find_name(const char *name);

/* ---- settings: values set on the settings page (settings.c) -----------------------------------
 */

/*
 * config_is_settable - may the settings page change it? Numbers, words, lists and secrets; of texts
 * only those that are listed, for a text may be a path, and files at paths are made with root's
 * rights before the roles part.
 */
bool config_is_settable(enum config_key key);
/* config_risk - what may go wrong when it is changed, one sentence; NULL: nothing to confirm. */
const char *config_risk(enum config_key key);
/*
 * config_load_settings - values of the settings page over those of files; what environment and
 * command line say stays. A wrong one is a warning, and the value below it stays in force: an
 * upgrade with other bounds must not keep the service from its start. Returns 0 (also when there is
 * no such file), or -errno when it cannot be read (a warning says so too).
 */
int config_load_settings(struct config *config, const char *path);
/*
 * config_read_settings - the same file alone, into @settings, which has nothing but defaults. What
 * is wrong in it is left out.
 */
int config_read_settings(struct config *settings, const char *path);
/* config_is_storable - can it stand in a file: no control characters, no comment inside. */
bool config_is_storable(const char *text);
/* config_save_settings - every value that is set, 0600, in one step. Returns 0 or -errno;
 * -EINVAL: a value is not storable. */
int config_save_settings(const struct config *settings, const char *path);

/* config_file - path of the @index-th file that was read, or NULL; borrowed. */
const char *config_file(const struct config *config, size_t index);

bool config_bool(const struct config *config, enum config_key key);
int64_t config_int(const struct config *config, enum config_key key); /* also SIZE, DURATION */
/* config_text - also ENUM and SECRET; never NULL; borrowed until the next set. */
const char *config_text(const struct config *config, enum config_key key);
/* config_list_item - copy of the @index-th trimmed item into @out, cut to @size; empty ones do not
 * count; false past the end. */
bool config_list_item(const struct config *config, enum config_key key, size_t index, char *out,
		      size_t size);
const struct config_option *config_option(enum config_key key);
/* config_is_set - given by a file or the environment, not the default. */
bool config_is_set(const struct config *config, enum config_key key);

#endif
