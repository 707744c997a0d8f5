/* The settings page's file: who wins over whom, what is refused, what comes back. */
#include "tests/unit/config/fixture.h"

static void set(struct config *config, enum config_key key, const char *value)
{
	char reason[256];

	assert_int_equal(config_set(config, key, value, reason), 0);
}

static void settings_win_over_files_and_lose_to_environment_and_command_line(void **state)
{
	struct fixture *f = *state;
	const struct config *config = f->config;

	assert_int_equal(setenv("SLUICE_BLOCK_DEFAULT_TTL", "2h", 1), 0);
	assert_int_equal(fixture_load(f, "[Block]\nconfirm = 20s\ndefault_ttl = 1h\n"), 0);
	assert_int_equal(unsetenv("SLUICE_BLOCK_DEFAULT_TTL"), 0);
	set(f->config, CONFIG_WEB_LISTEN, "127.0.0.1:6000");
	fixture_write("conf.d", "[Block]\nconfirm = 30s\ndefault_ttl = 9h\nconfirm_entries = 5\n"
				"[Web]\nlisten = 127.0.0.1:7000\n");
	assert_int_equal(config_load_settings(f->config, "conf.d"), 0);
	assert_string_equal(config_text(config, CONFIG_BLOCK_CONFIRM), "30s");
	assert_int_equal(config_source(config, CONFIG_BLOCK_CONFIRM), CONFIG_FROM_SETTINGS);
	assert_true(config_int(config, CONFIG_BLOCK_CONFIRM_ENTRIES) == 5);
	assert_string_equal(config_text(config, CONFIG_BLOCK_DEFAULT_TTL), "2h");
	assert_int_equal(config_source(config, CONFIG_BLOCK_DEFAULT_TTL), CONFIG_FROM_ENVIRONMENT);
	assert_string_equal(config_text(config, CONFIG_WEB_LISTEN), "127.0.0.1:6000");
	assert_int_equal(config_source(config, CONFIG_WEB_LISTEN), CONFIG_FROM_COMMAND_LINE);
	assert_int_equal(config_source(config, CONFIG_CAPTURE_MODE), CONFIG_FROM_DEFAULT);
}

static void what_is_wrong_in_settings_is_a_warning_and_the_file_stays_in_force(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_load(f, "[Block]\nconfirm = 20s\n"), 0);
	fixture_write("conf.d", "[Block]\nconfirm = 1s\n[Store]\nkey_file = /etc/shadow\n");
	assert_int_equal(config_load_settings(f->config, "conf.d"), 0);
	assert_string_equal(config_text(f->config, CONFIG_BLOCK_CONFIRM), "20s");
	assert_string_equal(config_text(f->config, CONFIG_STORE_KEY_FILE), "");
	assert_int_equal(config_problem_count(f->config), 2);
	assert_false(config_problem(f->config, 0)->is_error);
	assert_false(config_problem(f->config, 1)->is_error);
}

static void a_link_in_its_place_is_not_followed(void **state)
{
	struct fixture *f = *state;

	fixture_write("conf", "[Block]\nconfirm = 30s\n");
	assert_int_equal(symlink("conf", "conf.d"), 0);
	assert_int_equal(config_load_settings(f->config, "conf.d"), -EINVAL);
	assert_string_equal(config_text(f->config, CONFIG_BLOCK_CONFIRM), "60s");
}

static void no_text_that_may_be_a_path_is_settable(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++) {
		enum config_key key = (enum config_key)i;

		if (config_option(key)->type == CONFIG_TEXT && key != CONFIG_WEB_LISTEN &&
		    key != CONFIG_SNIFFER_FILTER)
			assert_false(config_is_settable(key));
	}
	assert_false(config_is_settable(CONFIG_GENERAL_DEMO_MODE));
	assert_true(config_is_settable(CONFIG_BLOCK_SAFE));
}

static void what_is_saved_reads_back(void **state)
{
	static const char filter[] = "tcp port 80 or udp port 53 # not a comment; nor this";
	struct fixture *f = *state;
	CLEANUP(config_free) struct config *kept = config_new();
	struct stat info;

	set(kept, CONFIG_SNIFFER_FILTER, filter);
	set(kept, CONFIG_BLOCK_SAFE, "192.0.2.0/24, 2001:db8::/32");
	set(kept, CONFIG_API_VIRUSTOTAL_KEY, "k=v[x]");
	assert_int_equal(config_save_settings(kept, "conf"), 0);
	assert_int_equal(stat("conf", &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(config_read_settings(f->config, "conf"), 0);
	assert_int_equal(config_problem_count(f->config), 0);
	assert_string_equal(config_text(f->config, CONFIG_SNIFFER_FILTER), filter);
	assert_string_equal(config_text(f->config, CONFIG_BLOCK_SAFE),
			    "192.0.2.0/24, 2001:db8::/32");
	assert_string_equal(config_text(f->config, CONFIG_API_VIRUSTOTAL_KEY), "k=v[x]");
	assert_false(config_is_set(f->config, CONFIG_BLOCK_CONFIRM));
}

static void what_a_line_cannot_hold_is_not_saved(void **state)
{
	static const char *const texts[] = { "a\nb = c", "a ;b", ";a", "#a", "a\tb" };
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(config_free) struct config *kept = config_new();

		set(kept, CONFIG_API_VIRUSTOTAL_KEY, texts[i]);
		assert_int_equal(config_save_settings(kept, "conf"), -EINVAL);
		assert_int_equal(access("conf", F_OK), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		inside(settings_win_over_files_and_lose_to_environment_and_command_line),
		inside(what_is_wrong_in_settings_is_a_warning_and_the_file_stays_in_force),
		inside(a_link_in_its_place_is_not_followed),
		inside(no_text_that_may_be_a_path_is_settable),
		inside(what_is_saved_reads_back),
		inside(what_a_line_cannot_hold_is_not_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
