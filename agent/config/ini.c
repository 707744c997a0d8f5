/*
 * INI files, through inih as Debian builds it: lines of at most 199 bytes on its stack, " ;" begins
 * a comment, indented lines continue a value, only the first bad line is told, and none has a
 * number. So the lines are handed to it one by one by a reader that knows their numbers, keeps
 * values that are too long for it, and sees which lines it could make nothing of.
 */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "agent/config/internal.h"
#include "agent/util/buffer.h"
#include "agent/util/file.h"

#define FILE_MAX_BYTES	(1U << 20)
#define VALUE_MAX_BYTES 16384 /* above every bound of the option table */
#define NAME_MAX_BYTES	48    /* inih keeps 49 of a name (ini.c, MAX_NAME) */

struct source {
	struct config *config;
	const char *path;
	char *at, *end; /* what was not read yet; lines are cut in place */
	unsigned int line;
	bool is_answer_due;	/* the last line has to come back through take_value */
	bool is_continuation;	/* of the value before */
	bool has_value;		/* in this section, for a continuation to belong to */
	size_t key_indent;	/* deeper lines continue it (as Python's configparser does) */
	const char *long_value; /* of the last line, when inih could not take it */
	/* the value being put together */
	bool is_pending;
	enum config_key key;
	unsigned int key_line;
	struct buffer text;
	unsigned int first_line[CONFIG_KEY_COUNT]; /* 0 = not seen in this file */
};

static void note_line(struct source *source, const char *reason)
{
	struct config_place place = { .file = source->path, .line = source->line };

	config_note(source->config, &place, true, "%s", reason);
}

/* The value is complete: to the option. */
static void finish_value(struct source *source)
{
	const struct config_option *option;
	struct config_place place;

	if (!source->is_pending)
		return;
	source->is_pending = false;
	option = config_option(source->key);
	place = (struct config_place){ source->path, source->key_line, option->section,
				       option->key };
	if (source->text.error)
		config_note(source->config, &place, true, "is longer than %d bytes",
			    VALUE_MAX_BYTES);
	else
		config_apply(source->config, source->key,
			     source->text.data ? (const char *)source->text.data : "", &place);
}

static void begin_value(struct source *source, const char *section, const char *name)
{
	struct config_place place = { source->path, source->line, section, name };
	enum config_key key = config_find(section, name);

	if (key == CONFIG_KEY_COUNT) {
		config_note(source->config, &place, false, "unknown key, ignored");
		return;
	}
	if (source->first_line[key] > 0) {
		config_note(source->config, &place, true, "is given twice, first on line %u",
			    source->first_line[key]);
		return;
	}
	source->first_line[key] = source->line;
	source->is_pending = true;
	source->key = key;
	source->key_line = source->line;
	buffer_done(&source->text); /* also forgets an error */
}

static void add_text(struct source *source, const char *value)
{
	bool is_list = config_option(source->key)->type == CONFIG_LIST;

	if (value[0] == '\0')
		return;
	if (source->text.len > 0)
		buffer_append_text(&source->text, is_list ? "," : " ");
	buffer_append_text(&source->text, value);
}

/* ini_handler: a key with its value, or a line that continues it. */
static int take_value(void *context, const char *section, const char *name, const char *value)
{
	struct source *source = context;

	source->is_answer_due = false;
	source->has_value = true;
	if (!source->is_continuation)
		begin_value(source, section, name);
	if (source->is_pending)
		add_text(source, source->long_value ? source->long_value : value);
	return 1;
}

/* Cut the next line out of the file, without its end and blanks there. NULL past the last one. */
static char *next_raw_line(struct source *source, size_t *len)
{
	char *line = source->at;
	char *feed;

	if (line == source->end)
		return NULL;
	feed = memchr(line, '\n', (size_t)(source->end - line));
	source->at = feed ? feed + 1 : source->end;
	*len = (size_t)((feed ? feed : source->end) - line);
	while (*len > 0 && strchr(" \t\r", line[*len - 1]) && line[*len - 1] != '\0')
		(*len)--;
	line[*len] = '\0'; /* a byte of this line's end, or the file's own NUL */
	source->line++;
	if (source->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3; /* a byte order mark */
		*len -= 3;
	}
	return line;
}

static bool has_control_character(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* Cut the line where inih sees a comment in it. */
static void cut_comment(char *line)
{
	for (size_t i = 1; line[i] != '\0'; i++) {
		if (line[i] != ';' || (line[i - 1] != ' ' && line[i - 1] != '\t'))
			continue;
		while (i > 0 && (line[i - 1] == ' ' || line[i - 1] == '\t'))
			i--;
		line[i] = '\0';
		return;
	}
}

/* inih gets a stand-in of the line, take_value the value itself. */
static bool shorten(struct source *source, char *line, char *out, size_t size)
{
	size_t key_len;

	cut_comment(line);
	if (source->is_continuation) {
		source->long_value = line;
		(void)snprintf(out, size, "\tx\n"); /* any text */
		return true;
	}
	key_len = strcspn(line, "=:");
	if (key_len > NAME_MAX_BYTES || line[key_len] == '\0')
		return false;
	source->long_value = line + key_len + 1;
	source->long_value += strspn(source->long_value, " \t");
	(void)snprintf(out, size, "%.*s=\n", (int)key_len, line); /* shorter than NAME_MAX_BYTES */
	return true;
}

static void start_section(struct source *source, const char *line)
{
	source->has_value = false;
	source->is_answer_due = false; /* inih tells nobody about a section */
	if (!strchr(line, ']'))
		note_line(source, "section without ]");
}

/* What inih is to see of one line that is neither blank nor a comment. */
static void hand_line(struct source *source, char *line, char *out, size_t size)
{
	const char *indent = source->is_continuation ? "\t" : "";
	bool is_section = !source->is_continuation && line[0] == '[';
	int len;

	if (!source->is_continuation)
		finish_value(source);
	source->is_answer_due = true;
	if (is_section)
		start_section(source, line);
	len = snprintf(out, size, "%s%s\n", indent, line);
	if (len > 0 && (size_t)len < size)
		return;
	(void)snprintf(out, size, "\n");
	if (is_section || !shorten(source, line, out, size)) {
		source->is_answer_due = false;
		note_line(source, is_section ? "line too long" : "expected KEY = VALUE");
	}
}

static void expect_answer(struct source *source)
{
	if (source->is_answer_due)
		note_line(source, "expected KEY = VALUE");
	source->is_answer_due = false;
}

/* ini_reader: the next line as inih shall see it; a blank one in place of what it shall not. */
static char *give_line(char *out, int size, void *context)
{
	struct source *source = context;
	size_t len, indent;
	char *line;

	expect_answer(source);
	source->long_value = NULL;
	line = next_raw_line(source, &len);
	if (!line)
		return NULL;
	(void)snprintf(out, (size_t)size, "\n");
	if (has_control_character(line, len)) {
		note_line(source, "control character: not a text file?");
		return out;
	}
	indent = strspn(line, " \t");
	line += indent;
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
		return out;
	source->is_continuation = source->has_value && indent > source->key_indent;
	if (!source->is_continuation)
		source->key_indent = indent;
	hand_line(source, line, out, (size_t)size);
	return out;
}

int config_read_file(struct config *config, const char *path)
{
	CLEANUP(free) char *text = NULL;
	struct source source = { .config = config, .path = path };
	size_t len = 0;
	int bad_line;
	int err = file_read(path, FILE_MAX_BYTES, &text, &len);

	if (err)
		return err;
	/* Only for who wants to keep copies: without memory it is not listed. */
	if (config->file_count < CONFIG_FILES_MAX)
		config->files[config->file_count] = strdup(path);
	if (config->file_count < CONFIG_FILES_MAX && config->files[config->file_count])
		config->file_count++;
	buffer_init(&source.text, VALUE_MAX_BYTES);
	source.at = text;
	source.end = text + len;
	bad_line = ini_parse_stream(give_line, &source, take_value, &source);
	expect_answer(&source);
	finish_value(&source);
	buffer_done(&source.text);
	if (bad_line != 0 && !config->has_error) {
		source.line = bad_line > 0 ? (unsigned int)bad_line : 0;
		note_line(&source, "cannot be understood");
	}
	return 0;
}
