/* Aliases: found until their time is over, whatever their case; the oldest makes room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/app/aliases.h"

static void alias_is_found_until_its_time_is_over(void **state)
{
	CLEANUP(aliases_free) struct aliases *aliases = NULL;

	(void)state;
	assert_int_equal(aliases_new(&aliases), 0);
	aliases_put(aliases, "www.shop.example", "edge.bad.example", 100);
	assert_string_equal(aliases_find(aliases, "WWW.Shop.Example", 99), "edge.bad.example");
	assert_null(aliases_find(aliases, "www.shop.example", 100));
	assert_null(aliases_find(aliases, "shop.example", 1));
}

static void second_answer_replaces_the_first(void **state)
{
	CLEANUP(aliases_free) struct aliases *aliases = NULL;

	(void)state;
	assert_int_equal(aliases_new(&aliases), 0);
	aliases_put(aliases, "a.example", "b.example", 100);
	aliases_put(aliases, "A.example", "c.example", 200);
	assert_string_equal(aliases_find(aliases, "a.example", 150), "c.example");
}

static void many_names_take_no_more_room_and_the_newest_is_there(void **state)
{
	CLEANUP(aliases_free) struct aliases *aliases = NULL;
	char name[32];

	(void)state;
	assert_int_equal(aliases_new(&aliases), 0);
	for (unsigned int i = 1; i <= 10000; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		aliases_put(aliases, name, "bad.example", 1000 + i);
		assert_non_null(aliases_find(aliases, name, 1000));
	}
	assert_null(aliases_find(aliases, "n1.example", 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alias_is_found_until_its_time_is_over),
		cmocka_unit_test(second_answer_replaces_the_first),
		cmocka_unit_test(many_names_take_no_more_room_and_the_newest_is_there),
	};

	return cmocka_run_group_tests_name("app_aliases", tests, NULL, NULL);
}
