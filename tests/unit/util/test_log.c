#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/log.h"

/* stderr goes to a pipe between capture_begin and capture_end. */
struct capture {
	int saved, from;
	char text[8192];
};

static int capture_begin(void **state)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int ends[2];

	assert_non_null(capture);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	capture->saved = dup(STDERR_FILENO);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	assert_int_equal(close(ends[1]), 0);
	capture->from = ends[0];
	*state = capture;
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	log_init("core", LOG_LEVEL_INFO);
	return 0;
}

static int capture_end(void **state)
{
	struct capture *capture = *state;

	assert_true(dup2(capture->saved, STDERR_FILENO) >= 0);
	assert_int_equal(close(capture->saved), 0);
	assert_int_equal(close(capture->from), 0);
	free(capture);
	return 0;
}

/* What was written since the last call. */
static const char *written(struct capture *capture)
{
	ssize_t len = read(capture->from, capture->text, sizeof(capture->text) - 1);

	capture->text[len > 0 ? len : 0] = '\0';
	return capture->text;
}

static void line_for_people_has_time_level_and_role(void **state)
{
	const char *text;

	log_warn("ring full lost=%d", 3);
	text = written(*state);
	/* 2026-11-24T13:45:00.123Z is 24 characters */
	assert_int_equal(text[10], 'T');
	assert_int_equal(text[23], 'Z');
	assert_string_equal(text + 24, " WARNING core: ring full lost=3\n");
}

static void line_for_the_journal_begins_with_the_priority(void **state)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_init("core", LOG_LEVEL_INFO);
	log_error("gone");
	assert_string_equal(written(*state), "<3>gone\n");
}

static void journal_stream_of_another_file_is_ignored(void **state)
{
	assert_int_equal(setenv("JOURNAL_STREAM", "0:0", 1), 0);
	log_init("core", LOG_LEVEL_INFO);
	log_error("gone");
	assert_int_not_equal(written(*state)[0], '<');
}

static void lines_above_the_level_are_dropped(void **state)
{
	log_debug("hidden");
	assert_string_equal(written(*state), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown");
	assert_non_null(strstr(written(*state), "DEBUG core: shown\n"));
}

static void forked_role_keeps_the_level(void **state)
{
	log_set_level(LOG_LEVEL_DEBUG);
	log_set_role("front");
	log_debug("shown");
	assert_non_null(strstr(written(*state), "DEBUG front: shown\n"));
}

static void control_characters_cannot_forge_a_line(void **state)
{
	log_info("name=%s", "a\n<0>forged\x1b[2J");
	assert_non_null(strstr(written(*state), "core: name=a?<0>forged?[2J\n"));
}

static void long_line_is_cut_and_still_ends(void **state)
{
	char long_text[4000];
	const char *text;

	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	log_info("%s", long_text);
	text = written(*state);
	assert_int_equal(strlen(text), 2047);
	assert_int_equal(text[2046], '\n');
}

static void limited_site_writes_five_lines_and_then_counts(void **state)
{
	struct log_limit limit = { 0 };
	unsigned int lines = 0;

	for (int i = 0; i < 12; i++)
		log_write_limited(&limit, LOG_LEVEL_WARN, "again");
	for (const char *c = written(*state); *c != '\0'; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 5);
	limit.window_start_ns -= 10000000000; /* ten seconds later */
	log_write_limited(&limit, LOG_LEVEL_WARN, "again");
	assert_non_null(strstr(written(*state), "left out count=7\n"));
}

static void errno_survives_logging(void **state)
{
	(void)state;
	errno = ENOSPC;
	log_info("x");
	assert_int_equal(errno, ENOSPC);
}

static void level_names_are_read_in_any_case(void **state)
{
	enum log_level level;

	(void)state;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("INFO", &level), 0);
	assert_int_equal(level, LOG_LEVEL_INFO);
	assert_int_equal(log_level_parse("Warning", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_int_equal(log_level_parse("ERROR", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
}

#define captured(test) cmocka_unit_test_setup_teardown(test, capture_begin, capture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		captured(line_for_people_has_time_level_and_role),
		captured(line_for_the_journal_begins_with_the_priority),
		captured(journal_stream_of_another_file_is_ignored),
		captured(lines_above_the_level_are_dropped),
		captured(forked_role_keeps_the_level),
		captured(control_characters_cannot_forge_a_line),
		captured(long_line_is_cut_and_still_ends),
		captured(limited_site_writes_five_lines_and_then_counts),
		captured(errno_survives_logging),
		cmocka_unit_test(level_names_are_read_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
