/*
 * What the tests of the configuration share: a directory of their own, files in it, and looking
 * for one problem among those found.
 */
#ifndef SLUICE_TESTS_UNIT_CONFIG_FIXTURE_H
#define SLUICE_TESTS_UNIT_CONFIG_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/config.h"
#include "agent/util/file.h"

struct fixture {
	char dir[64];
	struct config *config;
};

static inline int fixture_enter(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	(void)snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/sluice-config-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	assert_int_equal(chdir(fixture->dir), 0);
	fixture->config = config_new();
	assert_non_null(fixture->config);
	*state = fixture;
	return 0;
}

static inline int fixture_leave(void **state)
{
	static const char *const files[] = { "conf.d/10-a.conf",
					     "conf.d/9-b.conf",
					     "conf.d/notes.txt",
					     "conf.d/.x.conf",
					     "conf.d/bad.conf",
					     "conf.d",
					     "conf" };
	struct fixture *fixture = *state;

	config_free(fixture->config);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)remove(files[i]); /* those the test made */
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(fixture->dir), 0);
	free(fixture);
	return 0;
}

static inline void fixture_write(const char *path, const char *text)
{
	assert_int_equal(file_write(path, text, strlen(text), 0600), 0);
}

/* Write "conf" and load it. */
static inline int fixture_load(struct fixture *fixture, const char *text)
{
	fixture_write("conf", text);
	return config_load(fixture->config, "conf");
}

static inline const struct config_problem *fixture_only_problem(const struct fixture *fixture)
{
	assert_int_equal(config_problem_count(fixture->config), 1);
	return config_problem(fixture->config, 0);
}

/* The one problem of @text is an error of that line and key whose reason begins so. */
static inline void fixture_expect_error(struct fixture *fixture, const char *text,
					unsigned int line, const char *key, const char *reason)
{
	const struct config_problem *problem;

	assert_int_equal(fixture_load(fixture, text), -EINVAL);
	problem = fixture_only_problem(fixture);
	assert_true(problem->is_error);
	assert_string_equal(problem->file, "conf");
	assert_int_equal(problem->line, line);
	assert_string_equal(problem->key, key);
	assert_string_equal(problem->reason, reason);
}

#define inside(test) cmocka_unit_test_setup_teardown(test, fixture_enter, fixture_leave)

#endif
