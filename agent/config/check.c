/*
 * From text to value: the type, the bounds of the option table, and a reason a person understands
 * when it does not fit. A secret's text is never repeated in a reason.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/config/internal.h"
#include "agent/util/clock.h"

#define SHOWN_MAX 64 /* of a value in a reason */
#define WORDS_MAX 128

/* A text and where its number goes; what the parsers of the types take. */
struct input {
	const struct config_option *option;
	char *text;
	int64_t *number;
	char *reason;
};

static int refuse(const struct input *in, const char *what)
{
	if (in->option->type == CONFIG_SECRET || in->text[0] == '\0')
		(void)snprintf(in->reason, CONFIG_REASON_MAX, "%s",
			       in->text[0] == '\0' ? "must not be empty" : what);
	else
		(void)snprintf(in->reason, CONFIG_REASON_MAX, "\"%.*s\" %s", SHOWN_MAX, in->text,
			       what);
	return -EINVAL;
}

static int parse_bool(const struct input *in)
{
	/* The words of Python's configparser, which reads the original's file. */
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(in->text, words[i]) == 0) {
			*in->number = (int64_t)(i % 2);
			return 0;
		}
	}
	return refuse(in, "is neither true nor false");
}

static int parse_int(const struct input *in)
{
	const char *digits = in->text + (in->text[0] == '-');
	char *end = NULL;
	long long value;

	errno = 0;
	value = isdigit((unsigned char)digits[0]) ? strtoll(in->text, &end, 10) : 0;
	if (!end || *end != '\0')
		return refuse(in, "is not a whole number");
	if (errno == ERANGE)
		return refuse(in, "is too large");
	*in->number = value;
	return 0;
}

static int parse_size(const struct input *in)
{
	uint64_t bytes;
	int err = size_parse(in->text, &bytes);

	if (err == -ERANGE || (!err && bytes > INT64_MAX))
		return refuse(in, "is too large");
	if (err)
		return refuse(in, "is not a size such as 4096, 64KiB, 512MiB or 2GiB");
	*in->number = (int64_t)bytes;
	return 0;
}

static int parse_duration(const struct input *in)
{
	int err;

	if (in->option->min == 0 && strcasecmp(in->text, "never") == 0) {
		*in->number = 0;
		return 0;
	}
	err = duration_parse(in->text, in->number);
	if (err == -ERANGE)
		return refuse(in, "is too large");
	if (err && in->option->min == 0)
		return refuse(in, "is not a duration such as 30s, 15m, 4h, 7d, 2w or never");
	return err ? refuse(in, "is not a duration such as 30s, 15m, 4h, 7d or 2w") : 0;
}

static int parse_enum(const struct input *in)
{
	char wanted[WORDS_MAX];
	size_t len;

	for (const char *at = in->option->words; *at != '\0'; at += len + (at[len] == '|')) {
		len = strcspn(at, "|");
		if (strlen(in->text) == len && strncasecmp(at, in->text, len) == 0) {
			memcpy(in->text, at, len);
			return 0;
		}
	}
	(void)snprintf(wanted, sizeof(wanted), "is not one of %s", in->option->words);
	for (char *c = strchr(wanted, '|'); c; c = strchr(c, '|'))
		*c = ' ';
	return refuse(in, wanted);
}

/* What the bounds of the table count: the number, or the length of a text. */
static int check_bounds(const struct input *in, bool is_text)
{
	int64_t value = is_text ? (int64_t)strlen(in->text) : *in->number;
	const char *unit = in->option->unit ? in->option->unit : "";
	const char *what = is_text ? "characters" : unit;
	bool is_duration = in->option->type == CONFIG_DURATION;

	if (value < in->option->min)
		(void)snprintf(in->reason, CONFIG_REASON_MAX, "is below the least, %lld %s",
			       (long long)in->option->min, is_duration ? "s" : what);
	else if (in->option->max > 0 && value > in->option->max)
		(void)snprintf(in->reason, CONFIG_REASON_MAX, "is above the most, %lld %s",
			       (long long)in->option->max, is_duration ? "s" : what);
	else
		return 0;
	return -EINVAL;
}

static const struct {
	int (*parse)(const struct input *in); /* NULL = any text */
	bool is_text;			      /* its length is what is bounded */
} types[] = {
	[CONFIG_BOOL] = { parse_bool, false }, [CONFIG_INT] = { parse_int, false },
	[CONFIG_SIZE] = { parse_size, false }, [CONFIG_DURATION] = { parse_duration, false },
	[CONFIG_TEXT] = { NULL, true },	       [CONFIG_ENUM] = { parse_enum, false },
	[CONFIG_LIST] = { NULL, true },	       [CONFIG_SECRET] = { NULL, true },
};

int config_check(enum config_key key, char *text, int64_t *number, char *reason)
{
	const struct config_option *option = config_option(key);
	struct input in = { option, text, number, reason };

	*number = 0;
	if (types[option->type].parse && types[option->type].parse(&in))
		return -EINVAL;
	if (check_bounds(&in, types[option->type].is_text))
		return -EINVAL;
	return config_check_form(key, text, *number, reason);
}
