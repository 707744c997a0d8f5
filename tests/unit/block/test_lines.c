/* A file of addresses: forms of a line, what is refused and with which number. */
#include "tests/unit/block/fixture.h"

#include "agent/util/name_set.h"

static const struct safe_entry *safe_of(const char *text)
{
	static struct safe_entry entry;

	entry = (struct safe_entry){ .kind = SAFE_GATEWAY };
	assert_int_equal(prefix_parse(text, false, &entry.prefix), 0);
	return &entry;
}

static struct block_list_report read_text(const char *text, size_t len)
{
	const struct lines_input input = { text, len, safe_of("192.0.2.1"), 1, "me.own.test" };
	struct block_list_report report;

	assert_int_equal(lines_read(&input, &report), 0);
	return report;
}

static void done(struct block_list_report *report)
{
	prefix_set_unref(report->set);
	free(report->notes);
}

static bool has(const struct block_list_report *report, const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, false, &prefix), 0);
	return prefix_set_has(report->set, &prefix);
}

static void comments_spaces_marks_and_line_ends_are_taken_off(void **state)
{
	static const char text[] = "\xef\xbb\xbf# head\r\n"
				   "  198.51.100.1\t# a comment\r\n"
				   "198.51.100.0/28 ; SBL1\n"
				   "2001:db8::/32 // c\n"
				   "\n"
				   ";x\n"
				   "::ffff:203.0.113.9\n"
				   "203.0.113.9";
	struct block_list_report report = read_text(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(report.refused, 0);
	assert_int_equal(report.lines, 5);
	assert_int_equal(report.duplicates, 1);
	assert_int_equal(prefix_set_len(report.set), 4);
	assert_true(has(&report, "198.51.100.1"));
	assert_true(has(&report, "198.51.100.0/28"));
	assert_true(has(&report, "2001:db8::/32"));
	assert_true(has(&report, "203.0.113.9"));
	done(&report);
}

static void range_becomes_its_prefixes(void **state)
{
	/* 5 .. 12: 5/32, 6/31, 8/30, 12/32 */
	static const char text[] = "198.51.100.5 - 198.51.100.12\n2001:db8::1-2001:db8::2\n";
	struct block_list_report report = read_text(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(prefix_set_len(report.set), 6);
	assert_true(has(&report, "198.51.100.5"));
	assert_true(has(&report, "198.51.100.6/31"));
	assert_true(has(&report, "198.51.100.8/30"));
	assert_true(has(&report, "198.51.100.12"));
	assert_true(has(&report, "2001:db8::1"));
	assert_true(has(&report, "2001:db8::2"));
	done(&report);
}

static void bits_behind_the_length_are_cleared_with_a_warning(void **state)
{
	struct block_list_report report = read_text("198.51.100.77/24\n", 17);

	(void)state;
	assert_int_equal(report.warned, 1);
	assert_int_equal(report.refused, 0);
	assert_true(report.notes[0].is_warning);
	assert_non_null(strstr(report.notes[0].reason, "198.51.100.0/24"));
	assert_true(has(&report, "198.51.100.0/24"));
	done(&report);
}

static void wrong_lines_are_refused_with_number_and_reason(void **state)
{
	static const char text[] = "0.0.0.0/0\n::/0\n8.0.0.0/7\n2000::/18\n192.0.2.1\n"
				   "192.0.2.0/24\n192.0.2.0-192.0.2.7\n9.0.0.9-9.0.0.1\n"
				   "0.0.0.0-255.255.255.255\nexample/org\n1.2.3.4 5.6.7.8\n"
				   "198.51.100.9\n";
	struct block_list_report report = read_text(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(report.refused, 11);
	assert_int_equal(prefix_set_len(report.set), 1);
	for (uint32_t i = 0; i < 11; i++)
		assert_int_equal(report.notes[i].line, i + 1);
	assert_non_null(strstr(report.notes[0].reason, "every address"));
	assert_non_null(strstr(report.notes[5].reason, "holds 192.0.2.1"));
	assert_non_null(strstr(report.notes[9].reason, "not an address, a prefix or a name"));
	assert_non_null(strstr(report.notes[10].reason, "one address or name a line"));
	done(&report);
}

static bool has_name(const struct block_list_report *report, const char *name)
{
	return name_set_has(prefix_set_names(report->set), name);
}

static void names_stand_beside_addresses_and_in_lines_of_hosts_files(void **state)
{
	static const char text[] = "bad.example\n"
				   "*.Ads.Example.  # all below it\n"
				   "198.51.100.1\n"
				   "0.0.0.0 one.example\n"
				   "127.0.0.1\ttwo.example three.example # both\n"
				   "::1 four.example\n"
				   ":: five-5.example\n"
				   "xn--bcher-kva.example\n"
				   "bad.example\n"
				   "! a comment of a filter list\n";
	struct block_list_report report = read_text(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(report.refused, 0);
	assert_int_equal(report.warned, 0);
	assert_int_equal(report.lines, 9);
	assert_int_equal(report.duplicates, 1);
	assert_int_equal(prefix_set_len(report.set), 1);
	assert_int_equal(prefix_set_total(report.set), 9);
	assert_true(has_name(&report, "bad.example"));
	assert_true(has_name(&report, "ads.example"));
	assert_true(has_name(&report, "one.example"));
	assert_true(has_name(&report, "two.example"));
	assert_true(has_name(&report, "three.example"));
	assert_true(has_name(&report, "four.example"));
	assert_true(has_name(&report, "five-5.example"));
	assert_true(has_name(&report, "xn--bcher-kva.example"));
	done(&report);
}

static void what_hosts_files_say_of_the_host_itself_is_left_out(void **state)
{
	static const char text[] = "127.0.0.1 localhost\n127.0.0.1 localhost.localdomain\n"
				   "255.255.255.255 broadcasthost\n::1 ip6-localhost ip6-loopback\n"
				   "fe80::1%lo0 localhost\n0.0.0.0 0.0.0.0\n0.0.0.0 me.own.test\n";
	struct block_list_report report = read_text(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(report.refused, 0);
	assert_int_equal(report.warned, 8);
	assert_int_equal(prefix_set_total(report.set), 0);
	done(&report);
}

static void names_that_must_not_be_blocked_and_filters_are_refused(void **state)
{
	static const char text[] = "||bad.example^\nexample.com##.ad\nhttp://bad.example/x\n"
				   "@@||good.example^\ncom\nown.test\nlocalhost\n"
				   "203.0.113.7 elsewhere.example\nb\xc3\xbc.example\na..example\n"
				   "bad.example$third-party\n[Adblock Plus 2.0]\n";
	struct block_list_report report = read_text(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(report.refused, 12);
	assert_int_equal(prefix_set_total(report.set), 0);
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(report.notes[i].line, i + 1);
	for (int i = 0; i < 4; i++)
		if (i != 2)
			assert_non_null(strstr(report.notes[i].reason, "filter syntax"));
	assert_non_null(strstr(report.notes[4].reason, "without a dot"));
	assert_non_null(strstr(report.notes[5].reason, "holds me.own.test"));
	assert_non_null(strstr(report.notes[6].reason, "this host itself"));
	assert_non_null(strstr(report.notes[7].reason, "another address than 0.0.0.0"));
	assert_non_null(strstr(report.notes[8].reason, "punycode"));
	done(&report);
}

static void bytes_that_are_no_text_are_refused_and_shown_harmless(void **state)
{
	static const char text[] = "1.2.3.4\0x\n\x1b[31m\n198.51.100.1\n";
	struct block_list_report report = read_text(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(report.refused, 2);
	assert_string_equal(report.notes[1].text, "?[31m");
	assert_int_equal(prefix_set_len(report.set), 1);
	done(&report);
}

static void notes_are_bounded_and_all_counted(void **state)
{
	size_t len = 3000 * 2;
	char *text = malloc(len);
	struct block_list_report report;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < len; i += 2)
		memcpy(text + i, "x\n", 2);
	report = read_text(text, len);
	assert_int_equal(report.refused, 3000);
	assert_int_equal(report.note_count, BLOCK_LIST_NOTES_MAX);
	free(text);
	done(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comments_spaces_marks_and_line_ends_are_taken_off),
		cmocka_unit_test(range_becomes_its_prefixes),
		cmocka_unit_test(bits_behind_the_length_are_cleared_with_a_warning),
		cmocka_unit_test(wrong_lines_are_refused_with_number_and_reason),
		cmocka_unit_test(names_stand_beside_addresses_and_in_lines_of_hosts_files),
		cmocka_unit_test(what_hosts_files_say_of_the_host_itself_is_left_out),
		cmocka_unit_test(names_that_must_not_be_blocked_and_filters_are_refused),
		cmocka_unit_test(bytes_that_are_no_text_are_refused_and_shown_harmless),
		cmocka_unit_test(notes_are_bounded_and_all_counted),
	};

	return cmocka_run_group_tests_name("block_lines", tests, NULL, NULL);
}
