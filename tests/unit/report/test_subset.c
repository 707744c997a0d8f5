/*
 * Fonts cut down: what a character looks like must not change. Expected values are those of the
 * whole font.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agent/report/font_source.h"
#include "agent/report/fonts.h"

static struct font_bytes whole(void)
{
	const uint8_t *begin = report_font_regular, *end = report_font_regular_end;

	return (struct font_bytes){ begin, (size_t)(end - begin) };
}

static unsigned int width_of(const struct source *source, uint16_t glyph)
{
	return get16(source->hmtx.data +
		     4 * (glyph < source->metrics ? glyph : source->metrics - 1));
}

/* Where the program of a glyph that is not composed begins, behind the ends of its contours and
 * its length: OpenType 1.9, "glyf". */
static size_t program_at(const struct table *outline)
{
	return 12 + (size_t)2 * get16(outline->data);
}

/* The same contours and points; @b has no program. */
static void assert_same_shape(const struct table *a, const struct table *b)
{
	size_t at = program_at(a), len = get16(a->data + at - 2);

	assert_memory_equal(a->data, b->data, at - 2);
	assert_int_equal(get16(b->data + at - 2), 0);
	assert_true(b->len >= a->len - len && b->len < a->len - len + 4); /* padded */
	assert_memory_equal(a->data + at + len, b->data + at, a->len - len - at);
}

static void characters_keep_their_shape_and_width(void **state)
{
	static const uint32_t codes[] = { 'A', 'a', '~', 0x20ac, 0x2026, 0x0416, 0xfffd };
	const struct font_bytes font = whole();
	struct characters set = { 0 };
	struct buffer made;
	struct source old, cut;

	(void)state;
	characters_add_text(&set, "Aa~\xe2\x82\xac\xe2\x80\xa6\xd0\x96\xef\xbf\xbd");
	buffer_init(&made, 1U << 20);
	assert_int_equal(font_subset(&font, &set, &made), 0);
	assert_true(made.len < 2000);
	const struct font_bytes small = { made.data, made.len };
	assert_int_equal(font_source_read(&font, &old), 0);
	assert_int_equal(font_source_read(&small, &cut), 0);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		uint16_t before = font_glyph(&old, codes[i]), after = font_glyph(&cut, codes[i]);
		struct table a = font_outline(&old, before), b = font_outline(&cut, after);

		assert_true(before && after);
		assert_int_equal(width_of(&old, before), width_of(&cut, after));
		assert_same_shape(&a, &b);
	}
	assert_int_equal(font_glyph(&cut, 'B'), 0);
	buffer_done(&made);
}

/* U+00E9 is made of e and an accent, which no character of the set is. */
static void composed_glyphs_bring_their_parts(void **state)
{
	const struct font_bytes font = whole();
	struct characters set = { 0 };
	struct buffer made;
	struct source old, cut;

	(void)state;
	characters_add_text(&set, "\xc3\xa9");
	buffer_init(&made, 1U << 20);
	assert_int_equal(font_subset(&font, &set, &made), 0);
	const struct font_bytes small = { made.data, made.len };
	assert_int_equal(font_source_read(&font, &old), 0);
	assert_int_equal(font_source_read(&small, &cut), 0);
	struct table after = font_outline(&cut, font_glyph(&cut, 0xe9));
	struct table before = font_outline(&old, font_glyph(&old, 0xe9));
	assert_int_equal(get16(after.data), 0xffff); /* composed */
	uint16_t part = get16(after.data + 12), was = get16(before.data + 12);
	assert_true(part > 0 && part < cut.glyph_count);
	struct table letter = font_outline(&old, was), kept = font_outline(&cut, part);
	assert_same_shape(&letter, &kept);
	buffer_done(&made);
}

static void what_the_font_lacks_is_taken_out(void **state)
{
	const struct font_bytes font = whole();
	struct characters set = { 0 };
	struct buffer made;

	(void)state;
	/* a Han character, U+FFFF, U+1F600, a broken byte, a letter */
	characters_add_text(&set, "\xe4\xb8\x80\xef\xbf\xbf\xf0\x9f\x98\x80\xff"
				  "b");
	characters_add(&set, 0x110000);
	buffer_init(&made, 1U << 20);
	assert_int_equal(font_subset(&font, &set, &made), 0);
	assert_true(characters_has(&set, 'b'));
	assert_false(characters_has(&set, 0x4e00));
	assert_false(characters_has(&set, 0xffff));
	assert_false(characters_has(&set, 0x1f600));
	buffer_done(&made);
}

static void every_character_at_once(void **state)
{
	const struct font_bytes font = whole();
	struct characters set;
	struct source old, cut;
	struct buffer made;

	(void)state;
	memset(&set, 0xff, sizeof(set));
	buffer_init(&made, 8U << 20);
	assert_int_equal(font_subset(&font, &set, &made), 0);
	const struct font_bytes small = { made.data, made.len };
	assert_int_equal(font_source_read(&font, &old), 0);
	assert_int_equal(font_source_read(&small, &cut), 0);
	for (uint32_t code = 0; code < 0xffff; code++) {
		uint16_t before = font_glyph(&old, code), after = font_glyph(&cut, code);
		struct table outline = font_outline(&cut, after);

		assert_int_equal(before != 0, after != 0);
		assert_int_equal(font_outline(&old, before).len != 0, outline.len != 0);
		if (outline.len && get16(outline.data) == 0xffff)		/* composed */
			assert_int_equal(get16(outline.data + 10) & 0x0100, 0); /* no program */
	}
	buffer_done(&made);
}

static void what_is_no_font_is_refused(void **state)
{
	const struct font_bytes font = whole();
	struct characters set = { 0 };
	struct buffer made;

	(void)state;
	buffer_init(&made, 1U << 20);
	for (size_t len = 0; len < 400; len += 7) /* cut within its table of tables */
		assert_int_equal(font_subset(&(struct font_bytes){ font.data, len }, &set, &made),
				 -EINVAL);
	buffer_done(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_keep_their_shape_and_width),
		cmocka_unit_test(composed_glyphs_bring_their_parts),
		cmocka_unit_test(what_the_font_lacks_is_taken_out),
		cmocka_unit_test(every_character_at_once),
		cmocka_unit_test(what_is_no_font_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
