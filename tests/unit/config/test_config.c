/* Values, their checks, and who wins: defaults, files, conf.d, environment. */
#include "tests/unit/config/fixture.h"

static void defaults_are_those_of_the_contract(void **state)
{
	const struct fixture *f = *state;
	const struct config *config = f->config;

	assert_string_equal(config_text(config, CONFIG_WEB_LISTEN), "127.0.0.1:5000");
	assert_string_equal(config_text(config, CONFIG_CAPTURE_INTERFACES), "auto");
	assert_string_equal(config_text(config, CONFIG_CAPTURE_MODE), "auto");
	assert_false(config_bool(config, CONFIG_CAPTURE_PROMISC));
	assert_false(config_bool(config, CONFIG_GENERAL_DEMO_MODE));
	assert_true(config_int(config, CONFIG_STORE_FLOWS_MAX_BYTES) == 2147483648); /* 2 GiB */
	assert_true(config_int(config, CONFIG_STORE_FLOWS_MAX_AGE) == 2592000);	     /* 30 days */
	assert_true(config_int(config, CONFIG_STORE_FREE_FLOOR) == 536870912);	     /* 512 MiB */
	assert_true(config_int(config, CONFIG_BLOCK_DEFAULT_TTL) == 0);		     /* never */
	assert_true(config_int(config, CONFIG_BLOCK_CONFIRM) == 60);
	assert_true(config_int(config, CONFIG_CAPTURE_FLOW_SLOTS) == 8192);
	assert_true(config_int(config, CONFIG_DETECT_ALERTS_PER_DAY) == 5);
	assert_string_equal(config_text(config, CONFIG_CONTROL_GROUP_ROLE), "analyst");
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++)
		assert_false(config_is_set(config, (enum config_key)i));
}

static void every_option_is_described_and_its_default_passes_its_own_check(void **state)
{
	struct fixture *f = *state;
	char reason[256];

	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++) {
		const struct config_option *option = config_option((enum config_key)i);

		assert_true(strlen(option->help) > 0);
		assert_int_equal(config_set(f->config, (enum config_key)i, option->dflt, reason),
				 0);
	}
}

static void expect_refused(struct fixture *f, enum config_key key, const char *value,
			   const char *expected)
{
	char reason[256] = "";

	assert_int_equal(config_set(f->config, key, value, reason), -EINVAL);
	assert_string_equal(reason, expected);
}

static void wrong_values_are_refused_with_a_reason(void **state)
{
	struct fixture *f = *state;

	expect_refused(f, CONFIG_GENERAL_DEMO_MODE, "perhaps",
		       "\"perhaps\" is neither true nor false");
	expect_refused(f, CONFIG_GENERAL_DEMO_MODE, "", "must not be empty");
	expect_refused(f, CONFIG_SNIFFER_TIMEOUT, "1h", "\"1h\" is not a whole number");
	expect_refused(f, CONFIG_SNIFFER_TIMEOUT, "-1", "is below the least, 0 s");
	expect_refused(f, CONFIG_SNIFFER_TIMEOUT, "99999999999999999999",
		       "\"99999999999999999999\" is too large");
	expect_refused(f, CONFIG_CAPTURE_FLOW_SLOTS, "512", "is below the least, 1024 slots");
	expect_refused(f, CONFIG_CAPTURE_FLOW_SLOTS, "131072", "is above the most, 65536 slots");
	expect_refused(f, CONFIG_CAPTURE_FLOW_SLOTS, "5000", "\"5000\" is not a power of two");
	expect_refused(f, CONFIG_STORE_FLOWS_MAX_BYTES, "15MiB",
		       "is below the least, 16777216 bytes");
	expect_refused(f, CONFIG_STORE_FLOWS_MAX_BYTES, "9999999TiB",
		       "\"9999999TiB\" is too large");
	expect_refused(f, CONFIG_STORE_FLOWS_MAX_BYTES, "2gib",
		       "\"2gib\" is not a size such as 4096, 64KiB, 512MiB or 2GiB");
	expect_refused(f, CONFIG_BLOCK_CONFIRM, "9s", "is below the least, 10 s");
	expect_refused(f, CONFIG_BLOCK_CONFIRM, "2h", "is above the most, 3600 s");
	expect_refused(f, CONFIG_BLOCK_CONFIRM, "never",
		       "\"never\" is not a duration such as 30s, 15m, 4h, 7d or 2w");
	expect_refused(f, CONFIG_CAPTURE_MODE, "generic", "\"generic\" is not one of auto xdp tc");
}

static void wrong_forms_are_refused_with_a_reason(void **state)
{
	struct fixture *f = *state;

	expect_refused(f, CONFIG_WEB_LISTEN, "5000", "\"5000\" is not ADDRESS:PORT");
	expect_refused(f, CONFIG_WEB_LISTEN, "::1:5000",
		       "\"::1\" needs brackets, as in [::1]:5000");
	expect_refused(f, CONFIG_WEB_LISTEN, "localhost:80", "\"localhost\" is no address");
	expect_refused(f, CONFIG_WEB_LISTEN, "127.0.0.1:65536", "\"65536\" is no port");
	expect_refused(f, CONFIG_WEB_LISTEN, "127.0.0.1:", "\"\" is no port");
	expect_refused(f, CONFIG_BLOCK_SAFE, "192.0.2.1, 10.0.0.1/8",
		       "\"10.0.0.1/8\" has bits set behind its prefix length");
	expect_refused(f, CONFIG_WEB_TRUSTED_PROXIES, "proxy",
		       "\"proxy\" is neither an address nor a prefix");
	expect_refused(f, CONFIG_CAPTURE_INTERFACES, "eth0, ../x",
		       "\"../x\" is no name of an interface");
	expect_refused(f, CONFIG_CAPTURE_INTERFACES, "abcdefghijklmnop",
		       "\"abcdefghijklmnop\" is no name of an interface");
	expect_refused(f, CONFIG_WEB_ALLOWED_HOSTS, "a_b", "\"a_b\" is no host name");
}

static void good_values_are_taken_and_enums_get_the_tables_spelling(void **state)
{
	struct fixture *f = *state;
	char reason[256];

	assert_int_equal(config_set(f->config, CONFIG_GENERAL_LOG_LEVEL, " debug ", reason), 0);
	assert_string_equal(config_text(f->config, CONFIG_GENERAL_LOG_LEVEL), "DEBUG");
	assert_int_equal(config_set(f->config, CONFIG_BLOCK_DEFAULT_TTL, "4h", reason), 0);
	assert_true(config_int(f->config, CONFIG_BLOCK_DEFAULT_TTL) == 14400);
	assert_int_equal(config_set(f->config, CONFIG_BLOCK_DEFAULT_TTL, "Never", reason), 0);
	assert_true(config_int(f->config, CONFIG_BLOCK_DEFAULT_TTL) == 0);
	assert_int_equal(config_set(f->config, CONFIG_WEB_LISTEN, "[::1]:0", reason), 0);
	assert_int_equal(config_set(f->config, CONFIG_WEB_LISTEN, "0.0.0.0:65535", reason), 0);
	assert_int_equal(config_set(f->config, CONFIG_CAPTURE_PROMISC, "ON", reason), 0);
	assert_true(config_bool(f->config, CONFIG_CAPTURE_PROMISC));
	assert_true(config_is_set(f->config, CONFIG_CAPTURE_PROMISC));
}

static void refused_value_leaves_the_old_one(void **state)
{
	struct fixture *f = *state;
	char reason[256];

	assert_int_equal(config_set(f->config, CONFIG_BLOCK_CONFIRM, "30s", reason), 0);
	assert_int_equal(config_set(f->config, CONFIG_BLOCK_CONFIRM, "x", reason), -EINVAL);
	assert_string_equal(config_text(f->config, CONFIG_BLOCK_CONFIRM), "30s");
	assert_true(config_int(f->config, CONFIG_BLOCK_CONFIRM) == 30);
}

static void reason_never_repeats_a_secret(void **state)
{
	struct fixture *f = *state;
	char value[300], reason[256];

	memset(value, 'k', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(config_set(f->config, CONFIG_API_VIRUSTOTAL_KEY, value, reason), -EINVAL);
	assert_string_equal(reason, "is above the most, 256 characters");
}

static void list_items_are_trimmed_and_empty_ones_do_not_count(void **state)
{
	struct fixture *f = *state;
	char reason[256], item[8];

	assert_int_equal(
		config_set(f->config, CONFIG_CAPTURE_INTERFACES, ",eth0 ,, wlan0,", reason), 0);
	assert_true(config_list_item(f->config, CONFIG_CAPTURE_INTERFACES, 0, item, sizeof(item)));
	assert_string_equal(item, "eth0");
	assert_true(config_list_item(f->config, CONFIG_CAPTURE_INTERFACES, 1, item, sizeof(item)));
	assert_string_equal(item, "wlan0");
	assert_false(config_list_item(f->config, CONFIG_CAPTURE_INTERFACES, 2, item, sizeof(item)));
	assert_false(config_list_item(f->config, CONFIG_BLOCK_SAFE, 0, item, sizeof(item)));
}

static void conf_d_is_read_by_name_and_the_later_file_wins(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir("conf.d", 0700), 0);
	fixture_write("conf.d/9-b.conf", "[Web]\ntls = on\n");
	fixture_write("conf.d/10-a.conf", "[Web]\ntls = off\n[Block]\nconfirm = 20s\n");
	fixture_write("conf.d/notes.txt", "not ours");
	fixture_write("conf.d/.x.conf", "not ours");
	assert_int_equal(fixture_load(f, "[Web]\ntls = auto\n[Block]\nconfirm = 10s\n"), 0);
	assert_int_equal(config_problem_count(f->config), 0);
	assert_string_equal(config_text(f->config, CONFIG_WEB_TLS),
			    "on"); /* "10" sorts before "9" */
	assert_true(config_int(f->config, CONFIG_BLOCK_CONFIRM) == 20);
}

static void problem_of_a_conf_d_file_names_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir("conf.d", 0700), 0);
	fixture_write("conf.d/bad.conf", "\n[Web]\ntls = x\n");
	assert_int_equal(fixture_load(f, ""), -EINVAL);
	assert_string_equal(fixture_only_problem(f)->file, "conf.d/bad.conf");
	assert_int_equal(fixture_only_problem(f)->line, 3);
}

static void conf_d_entry_that_cannot_be_read_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir("conf.d", 0700), 0);
	assert_int_equal(mkdir("conf.d/bad.conf", 0700), 0);
	assert_int_equal(fixture_load(f, ""), -EINVAL);
	assert_string_equal(fixture_only_problem(f)->file, "conf.d/bad.conf");
}

static void named_file_that_is_not_there_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(config_load(f->config, "absent"), -ENOENT);
	assert_string_equal(fixture_only_problem(f)->file, "absent");
	assert_true(fixture_only_problem(f)->is_error);
}

static void environment_wins_over_files(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(setenv("SLUICE_WEB_TLS", "off", 1), 0);
	assert_int_equal(setenv("VT_API_KEY", "from-env", 1), 0);
	assert_int_equal(fixture_load(f, "[Web]\ntls = on\n[API]\nvirustotal_key = from-file\n"),
			 0);
	assert_string_equal(config_text(f->config, CONFIG_WEB_TLS), "off");
	assert_string_equal(config_text(f->config, CONFIG_API_VIRUSTOTAL_KEY), "from-env");
	assert_int_equal(unsetenv("SLUICE_WEB_TLS"), 0);
	assert_int_equal(unsetenv("VT_API_KEY"), 0);
}

static void empty_vt_api_key_is_as_none(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(setenv("VT_API_KEY", "", 1), 0);
	assert_int_equal(fixture_load(f, "[API]\nvirustotal_key = from-file\n"), 0);
	assert_string_equal(config_text(f->config, CONFIG_API_VIRUSTOTAL_KEY), "from-file");
	assert_int_equal(unsetenv("VT_API_KEY"), 0);
}

static void wrong_environment_is_an_error_without_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(setenv("SLUICE_CAPTURE_FLOW_SLOTS", "many", 1), 0);
	assert_int_equal(fixture_load(f, ""), -EINVAL);
	assert_string_equal(fixture_only_problem(f)->file, "environment");
	assert_int_equal(fixture_only_problem(f)->line, 0);
	assert_string_equal(fixture_only_problem(f)->key, "Capture.flow_slots");
	assert_int_equal(unsetenv("SLUICE_CAPTURE_FLOW_SLOTS"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		inside(defaults_are_those_of_the_contract),
		inside(every_option_is_described_and_its_default_passes_its_own_check),
		inside(wrong_values_are_refused_with_a_reason),
		inside(wrong_forms_are_refused_with_a_reason),
		inside(good_values_are_taken_and_enums_get_the_tables_spelling),
		inside(refused_value_leaves_the_old_one),
		inside(reason_never_repeats_a_secret),
		inside(list_items_are_trimmed_and_empty_ones_do_not_count),
		inside(conf_d_is_read_by_name_and_the_later_file_wins),
		inside(problem_of_a_conf_d_file_names_it),
		inside(conf_d_entry_that_cannot_be_read_is_an_error),
		inside(named_file_that_is_not_there_is_an_error),
		inside(environment_wins_over_files),
		inside(empty_vt_api_key_is_as_none),
		inside(wrong_environment_is_an_error_without_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
