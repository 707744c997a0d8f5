/*
 * The queue without a server: what goes at once, what waits, what is given up; settings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agent/mail/internal.h"

static int refuse(void *arg)
{
	++*(int *)arg;
	return -EAGAIN;
}

static struct mail_settings settings(void)
{
	return (struct mail_settings){ .url = "smtps://mail.example.org:465",
				       .from = "sluice@example.org",
				       .to = "a@example.org , b+c@[192.0.2.1],",
				       .user = "",
				       .password = "",
				       .ca = "",
				       .needs_tls = true,
				       .wants_reports = true,
				       .digest_s = 3600,
				       .host = "h" };
}

static struct mail_service *start(int *asked)
{
	const struct mail_options options = { .settings = settings(), .ask = refuse, .arg = asked };
	struct mail_service *service;

	assert_int_equal(mail_service_new(&options, &service), 0);
	assert_non_null(service);
	return service;
}

static size_t waiting(const struct mail_service *service)
{
	struct mail_state state;

	assert_true(mail_state(service, &state));
	return state.waiting;
}

static void ten_high_ones_an_hour_go_at_once(void **state)
{
	const struct incident high = { .severity = SEVERITY_HIGH };
	const struct incident low = { .severity = SEVERITY_LOW };
	int asked = 0;
	CLEANUP(mail_service_free) struct mail_service *service = start(&asked);

	(void)state;
	mail_incident(service, &low, "low");
	assert_int_equal(waiting(service), 0);
	for (int i = 0; i < 15; i++)
		mail_incident(service, &high, "high");
	assert_int_equal(waiting(service), 10);
}

static void only_reports_of_schedules_are_sent(void **state)
{
	struct report report = { .id = 1 };
	int asked = 0;
	CLEANUP(mail_service_free) struct mail_service *service = start(&asked);

	(void)state;
	mail_report(service, &report, "General overview", "");
	assert_int_equal(waiting(service), 0);
	report.schedule_id = 1;
	mail_report(service, &report, "General overview", "");
	assert_int_equal(waiting(service), 1);
}

static void what_does_not_fit_is_dropped_and_counted(void **state)
{
	const struct report report = { .id = 1, .schedule_id = 1 };
	struct mail_state now;
	int asked = 0;
	CLEANUP(mail_service_free) struct mail_service *service = start(&asked);

	(void)state;
	for (int i = 0; i < MAIL_WAITING_MAX + 3; i++)
		mail_report(service, &report, "General overview", "");
	assert_true(mail_state(service, &now));
	assert_int_equal(now.waiting, MAIL_WAITING_MAX);
	assert_int_equal(now.dropped, 3);
	assert_int_equal(mail_test(service, "admin"), -EAGAIN);
}

static void a_letter_without_a_process_stays_the_next(void **state)
{
	int asked = 0;
	CLEANUP(mail_service_free) struct mail_service *service = start(&asked);

	(void)state;
	assert_int_equal(mail_test(service, "admin"), 0);
	assert_int_equal(mail_test(service, "admin"), -EBUSY);
	mail_service_tick(service);
	mail_service_tick(service); /* within the pause */
	assert_int_equal(asked, 1);
	assert_int_equal(waiting(service), 1);
}

static void no_url_is_no_mail(void **state)
{
	struct mail_options options = { .settings = settings() };
	struct mail_service *service;
	struct mail_state now;

	(void)state;
	options.settings.url = "";
	assert_int_equal(mail_service_new(&options, &service), 0);
	assert_null(service);
	assert_int_equal(mail_test(service, "admin"), -ENOTCONN);
	assert_false(mail_state(service, &now));
}

static void settings_that_could_steer_a_server_are_refused(void **state)
{
	const struct {
		const char *url, *from, *to, *user;
	} wrong[] = {
		{ "http://mail", "a@b", "a@b", "" },
		{ "smtp://", "a@b", "a@b", "" },
		{ "smtp://user:pw@mail", "a@b", "a@b", "" },
		{ "smtp://mail/path", "a@b", "a@b", "" },
		{ "smtp://mail\r\n", "a@b", "a@b", "" },
		{ "smtp://mail", "", "a@b", "" },
		{ "smtp://mail", "a@b, c@d", "a@b", "" },
		{ "smtp://mail", "A <a@b>", "a@b", "" },
		{ "smtp://mail", "a@b", "", "" },
		{ "smtp://mail", "a@b", "c", "" },
		{ "smtp://mail", "a@b", "c@", "" },
		{ "smtp://mail", "a@b", "@c", "" },
		{ "smtp://mail", "a@b", "c@d\r\nRCPT", "" },
		{ "smtp://mail", "a@b", "c@d>", "" },
		{ "smtp://mail", "a@b", "a@b", "u\r\n" },
	};
	struct mail_settings good = settings();
	char reason[256], address[MAIL_ADDRESS_MAX];

	(void)state;
	assert_int_equal(mail_settings_check(&good, reason), 0);
	assert_true(mail_address(good.to, 1, address));
	assert_string_equal(address, "b+c@[192.0.2.1]");
	assert_false(mail_address(good.to, 2, address));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct mail_settings one = settings();

		one.url = wrong[i].url;
		one.from = wrong[i].from;
		one.to = wrong[i].to;
		one.user = wrong[i].user;
		if (!mail_settings_check(&one, reason))
			fail_msg("accepted: row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_high_ones_an_hour_go_at_once),
		cmocka_unit_test(only_reports_of_schedules_are_sent),
		cmocka_unit_test(what_does_not_fit_is_dropped_and_counted),
		cmocka_unit_test(a_letter_without_a_process_stays_the_next),
		cmocka_unit_test(no_url_is_no_mail),
		cmocka_unit_test(settings_that_could_steer_a_server_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
