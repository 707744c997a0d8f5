/* Files as people write them: WIRE 3.3 rules, the original's file, and what inih makes hard. */
#include "tests/unit/config/fixture.h"

/* The original's analyzer_config.ini, as its program writes it. */
static const char original[] = "[General]\n"
			       "demo_mode = true\n"
			       "log_level = INFO\n"
			       "\n"
			       "[Sniffer]\n"
			       "filter = tcp port 80 or udp port 53 or tcp port 443\n"
			       "timeout = 3600\n"
			       "\n"
			       "[API]\n"
			       "virustotal_key = \n"
			       "\n";

static void the_originals_file_loads_with_one_warning(void **state)
{
	struct fixture *f = *state;
	const struct config_problem *problem;

	assert_int_equal(fixture_load(f, original), 0);
	assert_true(config_bool(f->config, CONFIG_GENERAL_DEMO_MODE));
	assert_string_equal(config_text(f->config, CONFIG_GENERAL_LOG_LEVEL), "INFO");
	assert_string_equal(config_text(f->config, CONFIG_SNIFFER_FILTER),
			    "tcp port 80 or udp port 53 or tcp port 443");
	assert_int_equal(config_int(f->config, CONFIG_SNIFFER_TIMEOUT), 3600);
	assert_string_equal(config_text(f->config, CONFIG_API_VIRUSTOTAL_KEY), "");
	problem = fixture_only_problem(f);
	assert_false(problem->is_error);
	assert_int_equal(problem->line, 7);
	assert_string_equal(problem->key, "Sniffer.timeout");
}

static void names_are_read_in_any_case_and_percent_is_literal(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		fixture_load(f, "[general]\nDEMO_MODE=Yes\n[api]\nVirusTotal_Key = 100%%d\n"), 0);
	assert_true(config_bool(f->config, CONFIG_GENERAL_DEMO_MODE));
	assert_string_equal(config_text(f->config, CONFIG_API_VIRUSTOTAL_KEY), "100%%d");
	assert_int_equal(config_problem_count(f->config), 0);
}

static void comments_byte_order_mark_and_carriage_returns_are_passed_over(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_load(f, "\xef\xbb\xbf# first\r\n[Web]\r\n  ; second\r\n"
					 "tls = on ; third\r\nlisten = 127.0.0.1:80\r\n"),
			 0);
	assert_int_equal(config_problem_count(f->config), 0);
	assert_string_equal(config_text(f->config, CONFIG_WEB_TLS), "on");
	assert_string_equal(config_text(f->config, CONFIG_WEB_LISTEN), "127.0.0.1:80");
}

static void last_line_needs_no_line_feed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_load(f, "[Web]\ntls = off"), 0);
	assert_string_equal(config_text(f->config, CONFIG_WEB_TLS), "off");
}

static void keys_may_be_indented_alike(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_load(f, "[Web]\n  tls = on\n  listen = 127.0.0.1:1\n"), 0);
	assert_string_equal(config_text(f->config, CONFIG_WEB_TLS), "on");
	assert_string_equal(config_text(f->config, CONFIG_WEB_LISTEN), "127.0.0.1:1");
}

static void deeper_lines_continue_lists_and_texts(void **state)
{
	struct fixture *f = *state;
	char item[64];

	assert_int_equal(fixture_load(f,
				      "[Block]\nsafe = 192.0.2.1\n  192.0.2.2,\n\t2001:db8::/32\n"
				      "[Sniffer]\nfilter = tcp\n  and port = 80\n"),
			 0);
	assert_true(config_list_item(f->config, CONFIG_BLOCK_SAFE, 0, item, sizeof(item)));
	assert_string_equal(item, "192.0.2.1");
	assert_true(config_list_item(f->config, CONFIG_BLOCK_SAFE, 1, item, sizeof(item)));
	assert_string_equal(item, "192.0.2.2");
	assert_true(config_list_item(f->config, CONFIG_BLOCK_SAFE, 2, item, sizeof(item)));
	assert_string_equal(item, "2001:db8::/32");
	assert_false(config_list_item(f->config, CONFIG_BLOCK_SAFE, 3, item, sizeof(item)));
	assert_string_equal(config_text(f->config, CONFIG_SNIFFER_FILTER), "tcp and port = 80");
}

/* inih's own buffer holds 199 bytes. */
static void values_longer_than_inihs_line_are_whole(void **state)
{
	struct fixture *f = *state;
	char filter[4001], text[4100];

	for (size_t i = 0; i < sizeof(filter) - 1; i++)
		filter[i] = i % 20 == 19 ? ' ' : 'x';
	filter[sizeof(filter) - 2] = 'x';
	filter[sizeof(filter) - 1] = '\0';
	(void)snprintf(text, sizeof(text), "[Sniffer]\nfilter = %s  ; why\ntimeout = 0\n", filter);
	assert_int_equal(fixture_load(f, text), 0);
	assert_int_equal(config_problem_count(f->config), 0);
	assert_string_equal(config_text(f->config, CONFIG_SNIFFER_FILTER), filter);
}

static void long_lines_that_continue_are_whole(void **state)
{
	struct fixture *f = *state;
	char text[600] = "[Sniffer]\nfilter = a\n  ";

	memset(text + strlen(text), 'b', 300);
	assert_int_equal(fixture_load(f, text), 0);
	assert_int_equal(strlen(config_text(f->config, CONFIG_SNIFFER_FILTER)), 302);
}

static void long_comments_are_passed_over(void **state)
{
	struct fixture *f = *state;
	char text[600] = "[Web]\ntls = on\n# ";

	memset(text + strlen(text), '=', 500);
	assert_int_equal(fixture_load(f, text), 0);
	assert_int_equal(config_problem_count(f->config), 0);
}

static void value_past_its_bound_is_an_error_with_its_line(void **state)
{
	char text[20000] = "[General]\ndemo_mode = no\n[Sniffer]\nfilter = ";

	memset(text + strlen(text), 'x', 4097);
	fixture_expect_error(*state, text, 4, "Sniffer.filter",
			     "is above the most, 4096 characters");
}

static void value_past_every_bound_is_an_error_with_its_line(void **state)
{
	char text[20000] = "[Sniffer]\nfilter = ";

	memset(text + strlen(text), 'x', 17000);
	fixture_expect_error(*state, text, 2, "Sniffer.filter", "is longer than 16384 bytes");
}

static void long_line_without_a_key_is_an_error(void **state)
{
	char text[600] = "[Web]\n";

	memset(text + strlen(text), 'x', 300);
	fixture_expect_error(*state, text, 2, "", "expected KEY = VALUE");
}

static void key_given_twice_is_an_error_that_names_both_lines(void **state)
{
	fixture_expect_error(*state, "[Web]\ntls = on\n[Block]\n[Web]\nTLS = on\n", 5, "Web.TLS",
			     "is given twice, first on line 2");
}

static void unknown_key_is_a_warning(void **state)
{
	struct fixture *f = *state;
	const struct config_problem *problem;

	assert_int_equal(fixture_load(f, "[Web]\ncolour = blue\n"), 0);
	problem = fixture_only_problem(f);
	assert_false(problem->is_error);
	assert_int_equal(problem->line, 2);
	assert_string_equal(problem->key, "Web.colour");
	assert_string_equal(problem->reason, "unknown key, ignored");
}

static void key_outside_its_section_is_unknown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_load(f, "tls = on\n"), 0);
	assert_string_equal(fixture_only_problem(f)->key, ".tls");
	assert_false(config_is_set(f->config, CONFIG_WEB_TLS));
}

static void line_without_equals_is_an_error(void **state)
{
	fixture_expect_error(*state, "[Web]\ntls\n", 2, "", "expected KEY = VALUE");
}

static void section_without_bracket_is_an_error(void **state)
{
	fixture_expect_error(*state, "[Web\n", 1, "", "section without ]");
}

static void every_bad_line_is_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		fixture_load(f, "[Web]\ntls = maybe\nnonsense\nlisten = x\n[Block]\nconfirm = 1\n"),
		-EINVAL);
	assert_int_equal(config_problem_count(f->config), 4);
	assert_int_equal(config_problem(f->config, 0)->line, 2);
	assert_int_equal(config_problem(f->config, 1)->line, 3);
	assert_int_equal(config_problem(f->config, 2)->line, 4);
	assert_int_equal(config_problem(f->config, 3)->line, 6);
}

static void binary_file_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(file_write("conf", "[Web]\nt\0ls = on\n", 16, 0600), 0);
	assert_int_equal(config_load(f->config, "conf"), -EINVAL);
	assert_int_equal(fixture_only_problem(f)->line, 2);
}

static void more_problems_than_kept_still_fail_the_load(void **state)
{
	struct fixture *f = *state;
	char text[4096] = "[Web]\n";
	size_t len = strlen(text);

	for (int i = 0; i < 40; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "unknown%d = 1\n", i);
	(void)snprintf(text + len, sizeof(text) - len, "tls = maybe\n");
	assert_int_equal(fixture_load(f, text), -EINVAL);
	assert_int_equal(config_problem_count(f->config), CONFIG_PROBLEMS_MAX);
	assert_string_equal(config_problem(f->config, CONFIG_PROBLEMS_MAX - 1)->key, "Web.tls");
	assert_null(config_problem(f->config, CONFIG_PROBLEMS_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		inside(the_originals_file_loads_with_one_warning),
		inside(names_are_read_in_any_case_and_percent_is_literal),
		inside(comments_byte_order_mark_and_carriage_returns_are_passed_over),
		inside(last_line_needs_no_line_feed),
		inside(keys_may_be_indented_alike),
		inside(deeper_lines_continue_lists_and_texts),
		inside(values_longer_than_inihs_line_are_whole),
		inside(long_lines_that_continue_are_whole),
		inside(long_comments_are_passed_over),
		inside(value_past_its_bound_is_an_error_with_its_line),
		inside(value_past_every_bound_is_an_error_with_its_line),
		inside(long_line_without_a_key_is_an_error),
		inside(key_given_twice_is_an_error_that_names_both_lines),
		inside(unknown_key_is_a_warning),
		inside(key_outside_its_section_is_unknown),
		inside(line_without_equals_is_an_error),
		inside(section_without_bracket_is_an_error),
		inside(every_bad_line_is_named),
		inside(binary_file_is_an_error),
		inside(more_problems_than_kept_still_fail_the_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
