/*
 * What the files of this module share: the values, the problems, and the steps from text to value.
 */
#ifndef SLUICE_CONFIG_INTERNAL_H
#define SLUICE_CONFIG_INTERNAL_H

#include "agent/config/config.h"

#define CONFIG_REASON_MAX 256 /* as in struct config_problem */
#define CONFIG_ITEM_MAX	  253 /* of a list: the longest is a host name (RFC 1035 2.3.4) */

struct config_value {
	char *text; /* never NULL after config_new */
	int64_t number;
	bool is_set;
	uint8_t source; /* enum config_source */
};

#define CONFIG_FILES_MAX 64

struct config {
	struct config_value values[CONFIG_KEY_COUNT];
	struct config_problem problems[CONFIG_PROBLEMS_MAX];
	size_t problem_count;
	char *files[CONFIG_FILES_MAX]; /* that were read; more are read, but not listed */
	size_t file_count;
	bool has_error;		   /* also of one that found no room */
	enum config_source source; /* of values set from now on */
	enum config_key checked_key;
	config_check_fn check; /* of checked_key, may be NULL */
};

/* Where a value comes from, for its problems. */
struct config_place {
	const char *file;
	unsigned int line;
	const char *section, *key; /* NULL = the line as a whole */
};

/* config_note - keep a problem; when full, an error takes the place of a warning. */
void config_note(struct config *config, const struct config_place *place, bool is_error,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* config_find - key of the option, names compared without case; CONFIG_KEY_COUNT when unknown. */
enum config_key config_find(const char *section, const char *key);

/* config_apply - config_set, with what is wrong or to be said noted at @place. */
void config_apply(struct config *config, enum config_key key, const char *text,
		  const struct config_place *place);

/*
 * config_check - text to value.
 * @text:   trimmed; an enum's word gets the table's spelling
 * @number: out, of types that have one, else 0
 * @reason: CONFIG_REASON_MAX bytes; why not, on failure
 *
 * Returns 0 or -EINVAL.
 */
int config_check(enum config_key key, char *text, int64_t *number, char *reason);

/* config_check_form - what the type cannot say: a power of two, prefixes, a listener. As above. */
int config_check_form(enum config_key key, const char *text, int64_t number, char *reason);

/* config_next_item - the next trimmed, not empty item of a list; *@at moves on. False at the end.
 */
bool config_next_item(const char **at, const char **item, size_t *len);

/*
 * config_read_file - one INI file into @config; everything wrong in it is noted.
 * Returns 0, or -errno when the file cannot be read.
 */
int config_read_file(struct config *config, const char *path);

#endif
