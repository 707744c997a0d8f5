/* Files in MaxMind's format, written here after its specification (version 2.0): found, missing,
 * damaged at every place, replaced, cut short while in use. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/geo/geo.h"
#include "agent/util/addr.h"
#include "agent/util/file.h"

#define FILE_MAX 4096

/* libmaxminddb 1.7.1 forgets 4.6 kB when a file's description cannot be read; under ASan only. */
const char *__lsan_default_suppressions(void); /* NOLINT(bugprone-reserved-identifier): its name */
const char *__lsan_default_suppressions(void)  /* NOLINT(bugprone-reserved-identifier) */
{
	return "leak:libmaxminddb";
}

/* A file on its way. Data is written by hand: 0x40 text, 0xe0 map, 0xc0 a number of four bytes. */
struct writer {
	uint8_t bytes[FILE_MAX];
	size_t len;
};

struct world {
	char dir[64], path[96];
	struct geo *geo;
	struct writer file;
};

static void put(struct writer *file, const void *data, size_t len)
{
	assert_true(file->len + len <= FILE_MAX);
	memcpy(file->bytes + file->len, data, len);
	file->len += len;
}

static void put_text(struct writer *file, const char *text)
{
	uint8_t head = (uint8_t)(0x40 | strlen(text));

	assert_true(strlen(text) < 29);
	put(file, &head, 1);
	put(file, text, strlen(text));
}

static void put_number(struct writer *file, uint32_t number)
{
	const uint8_t bytes[] = { 0xc4, (uint8_t)(number >> 24), (uint8_t)(number >> 16),
				  (uint8_t)(number >> 8), (uint8_t)number };

	put(file, bytes, sizeof(bytes));
}

static void put_metadata(struct writer *file, unsigned int nodes)
{
	put(file, "\xab\xcd\xefMaxMind.com", 14);
	put(file, "\xe9", 1);
	put_text(file, "node_count");
	put_number(file, nodes);
	put_text(file, "record_size");
	put(file, "\xa1\x18", 2); /* 24 bits */
	put_text(file, "ip_version");
	put(file, "\xa1\x04", 2);
	put_text(file, "database_type");
	put_text(file, "Test-Country-ASN");
	put_text(file, "languages");
	put(file, "\x00\x04", 2); /* an empty array */
	put_text(file, "binary_format_major_version");
	put(file, "\xa1\x02", 2);
	put_text(file, "binary_format_minor_version");
	put(file, "\xa0", 1);
	put_text(file, "build_epoch");
	put(file, "\x04\x02\x6a\x00\x00\x00", 6); /* 64 bits in four bytes */
	put_text(file, "description");
	put(file, "\xe0", 1);
}

/* Everything below 1.2.0.0/16 is in one record; the rest of the tree leads nowhere. */
static void write_file(struct writer *file, const char *country, const char *owner)
{
	const uint32_t nodes = 16, found = nodes + 16, prefix = 0x0102;

	file->len = 0;
	for (uint32_t i = 0; i < nodes; i++) {
		uint32_t next = i + 1 < nodes ? i + 1 : found;
		uint32_t side = prefix >> (15 - i) & 1;

		for (uint32_t record = 0; record < 2; record++) {
			uint32_t value = record == side ? next : nodes;
			const uint8_t bytes[] = { (uint8_t)(value >> 16), (uint8_t)(value >> 8),
						  (uint8_t)value };

			put(file, bytes, 3);
		}
	}
	put(file, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	put(file, "\xe3", 1);
	put_text(file, "country");
	put(file, "\xe1", 1);
	put_text(file, "iso_code");
	put_text(file, country);
	put_text(file, "autonomous_system_number");
	put_number(file, 64500);
	/* 30 letters: longer texts carry their length behind the head */
	put(file, "\x5d\x01", 2);
	put(file, "autonomous_system_organization", 30);
	put_text(file, owner);
	put_metadata(file, nodes);
}

static void save(struct world *world)
{
	assert_int_equal(file_write(world->path, world->file.bytes, world->file.len, 0600), 0);
}

static int set_up(void **state)
{
	static struct world world;
	const char *paths[] = { world.path };

	(void)snprintf(world.dir, sizeof(world.dir), "/tmp/test-geo-XXXXXX");
	assert_non_null(mkdtemp(world.dir));
	(void)snprintf(world.path, sizeof(world.path), "%s/a.mmdb", world.dir);
	write_file(&world.file, "de", "Example Net");
	*state = &world;
	return geo_new(paths, 1, world.dir, &world.geo);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	geo_free(world->geo);
	(void)unlink(world->path);
	return rmdir(world->dir); /* copies have no name: nothing else is left */
}

static bool find(const struct world *world, const char *text, struct geo_place *place)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return geo_find(world->geo, &addr, place);
}

static struct geo_state state_of(const struct world *world)
{
	struct geo_state states[GEO_FILES_MAX];

	assert_int_equal(geo_states(world->geo, states), 1);
	return states[0];
}

static void finds_country_and_network(void **state)
{
	struct world *world = *state;
	struct geo_place place;

	save(world);
	geo_refresh(world->geo);
	assert_string_equal(state_of(world).error, "");
	assert_true(find(world, "1.2.3.4", &place));
	assert_string_equal(place.country, "DE");
	assert_int_equal(place.asn, 64500);
	assert_string_equal(place.owner, "Example Net");
	assert_false(find(world, "1.3.0.1", &place));
	assert_string_equal(place.country, "");
	assert_false(find(world, "2001:db8::1", &place)); /* a file of IPv4 alone */
	assert_string_equal(state_of(world).kind, "Test-Country-ASN");
	assert_int_equal(state_of(world).built_unix_ms, 0x6a000000LL * 1000);
}

static void missing_file_is_said_and_found_when_it_comes(void **state)
{
	struct world *world = *state;
	struct geo_place place;

	assert_true(geo_is_stale(world->geo));
	geo_refresh(world->geo);
	assert_non_null(strstr(state_of(world).error, "No such file"));
	assert_false(geo_is_stale(world->geo));
	assert_false(find(world, "1.2.3.4", &place));
	save(world);
	assert_true(geo_is_stale(world->geo));
	geo_refresh(world->geo);
	assert_true(find(world, "1.2.3.4", &place));
}

static void replaced_file_is_used_and_a_broken_one_is_not(void **state)
{
	struct world *world = *state;
	struct geo_place place;

	save(world);
	geo_refresh(world->geo);
	write_file(&world->file, "fr", "Other");
	save(world);
	assert_true(geo_is_stale(world->geo));
	geo_refresh(world->geo);
	assert_true(find(world, "1.2.3.4", &place));
	assert_string_equal(place.country, "FR");
	world->file.len = 100;
	save(world);
	geo_refresh(world->geo);
	assert_string_equal(state_of(world).error, "It is no MaxMind DB, or it is damaged.");
	assert_true(find(world, "1.2.3.4", &place)); /* what was known stays */
	assert_string_equal(place.country, "FR");
	assert_false(geo_is_stale(world->geo)); /* not read again and again */
}

static void cutting_the_file_in_use_does_no_harm(void **state)
{
	struct world *world = *state;
	struct geo_place place;

	save(world);
	geo_refresh(world->geo);
	assert_int_equal(truncate(world->path, 0), 0);
	assert_true(find(world, "1.2.3.4", &place));
	assert_string_equal(place.country, "DE");
}

static void hostile_texts_are_cleaned(void **state)
{
	struct world *world = *state;
	struct geo_place place;

	write_file(&world->file, "D\n",
		   "a\x1b[2J\xe2\x80\xae\xff"
		   "b\xc3\xb6");
	save(world);
	geo_refresh(world->geo);
	assert_true(find(world, "1.2.3.4", &place));
	assert_string_equal(place.country, "");
	assert_string_equal(place.owner, "a[2Jb\xc3\xb6");
}

/* Every byte wrong in four ways, every length: an answer or none, never a crash. */
static void damage_anywhere_is_survived(void **state)
{
	static const uint8_t wrong[] = { 0xff, 0x80, 0x01, 0x20 };
	struct world *world = *state;
	struct geo_place place;
	const size_t whole = world->file.len;

	for (size_t at = 0; at < whole; at++)
		for (size_t i = 0; i < sizeof(wrong); i++) {
			world->file.bytes[at] ^= wrong[i];
			save(world);
			geo_refresh(world->geo);
			(void)find(world, "1.2.3.4", &place);
			(void)find(world, "255.255.255.255", &place);
			(void)find(world, "::1", &place);
			world->file.bytes[at] ^= wrong[i];
		}
	for (world->file.len = 0; world->file.len < whole; world->file.len++) {
		save(world);
		geo_refresh(world->geo);
		(void)find(world, "1.2.3.4", &place);
	}
}

static void what_is_no_file_is_not_waited_for(void **state)
{
	struct world *world = *state;

	assert_int_equal(mkfifo(world->path, 0600), 0);
	geo_refresh(world->geo);
	assert_string_equal(state_of(world).error, "It is no regular file.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_country_and_network, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing_file_is_said_and_found_when_it_comes,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaced_file_is_used_and_a_broken_one_is_not,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(cutting_the_file_in_use_does_no_harm, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(hostile_texts_are_cleaned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_anywhere_is_survived, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_not_waited_for, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
