/* Pieces of gzip members, read by zlib's own inflate, which checks CRC and length at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "agent/util/gzip_piece.h"

#define LONG_BYTES (300U << 10)

static uint8_t member[LONG_BYTES + 4096], plain[LONG_BYTES + 4096];
static size_t member_len;

static void begin(struct gzip_sum *sum)
{
	*sum = (struct gzip_sum){ 0 };
	gzip_head(member);
	member_len = GZIP_HEAD_BYTES;
}

static void add(struct gzip_sum *sum, const struct gzip_piece *piece)
{
	assert_true(member_len + piece->len <= sizeof(member));
	memcpy(member + member_len, piece->bytes, piece->len);
	member_len += piece->len;
	gzip_sum_add(sum, piece);
}

static void end(const struct gzip_sum *sum)
{
	gzip_end(sum, member + member_len);
	member_len += GZIP_END_BYTES;
}

/* Returns zlib's word; @len: how much text there was. */
static int inflate_member(size_t *len)
{
	z_stream z = { .next_in = member,
		       .avail_in = (uInt)member_len,
		       .next_out = plain,
		       .avail_out = sizeof(plain) };
	int code;

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	code = inflate(&z, Z_SYNC_FLUSH);
	*len = z.total_out;
	(void)inflateEnd(&z);
	return code;
}

static struct gzip_piece make(const char *text, bool is_stored)
{
	struct gzip_piece piece;

	assert_int_equal(gzip_piece_make(text, strlen(text), is_stored, &piece), 0);
	return piece;
}

static void pieces_go_into_members_in_any_order(void **state)
{
	static const char *const texts[] = { "one one one one ", "two two two ", "" };
	static const int orders[][4] = { { 0, 1, 2, 0 }, { 1, 1, 0, 2 }, { 2, 2, 1, 0 } };
	struct gzip_piece pieces[3];
	struct gzip_sum sum;
	size_t len;

	(void)state;
	for (int i = 0; i < 3; i++)
		pieces[i] = make(texts[i], false);
	for (int i = 0; i < 3; i++) {
		char expected[128] = "";

		begin(&sum);
		for (int k = 0; k < 4; k++) {
			add(&sum, &pieces[orders[i][k]]);
			strcat(expected, texts[orders[i][k]]);
			/* nothing is held back for what comes later */
			assert_int_equal(inflate_member(&len), Z_OK);
			assert_int_equal(len, strlen(expected));
		}
		end(&sum);
		assert_int_equal(inflate_member(&len), Z_STREAM_END);
		assert_int_equal(len, strlen(expected));
		assert_memory_equal(plain, expected, len);
	}
	for (int i = 0; i < 3; i++)
		gzip_piece_done(&pieces[i]);
}

static void a_member_without_one_of_its_pieces_is_damaged(void **state)
{
	struct gzip_piece a = make("a", false), b = make("b", false);
	struct gzip_sum sum;
	size_t len;

	(void)state;
	begin(&sum);
	add(&sum, &a);
	gzip_sum_add(&sum, &b);
	end(&sum);
	assert_int_equal(inflate_member(&len), Z_DATA_ERROR);
	gzip_piece_done(&a);
	gzip_piece_done(&b);
}

static void text_gets_smaller(void **state)
{
	char text[1001];
	struct gzip_piece piece;

	(void)state;
	memset(text, 'x', 1000);
	text[1000] = '\0';
	piece = make(text, false);
	assert_true(piece.len < 50);
	gzip_piece_done(&piece);
	gzip_piece_done(&piece);
}

static void the_length_of_a_stored_piece_tells_nothing(void **state)
{
	struct gzip_piece same = make("secret=hunter2 secret=hunter2", true);
	struct gzip_piece other = make("secret=hunter2 guess=qwertzu8", true);
	struct gzip_sum sum;
	size_t len;

	(void)state;
	assert_int_equal(same.len, other.len);
	begin(&sum);
	add(&sum, &same);
	end(&sum);
	assert_int_equal(inflate_member(&len), Z_STREAM_END);
	assert_memory_equal(plain, "secret=hunter2 secret=hunter2", len);
	gzip_piece_done(&same);
	gzip_piece_done(&other);
}

/* More than a window, and bytes that do not get smaller. */
static void long_pieces_are_whole(void **state)
{
	uint8_t *text = malloc(LONG_BYTES);
	uint32_t random = 1;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < LONG_BYTES; i++) {
		random = random * 1664525U + 1013904223U; /* Numerical Recipes, 7.1 */
		text[i] = (uint8_t)(random >> 24);
	}
	for (int is_stored = 0; is_stored < 2; is_stored++) {
		struct gzip_piece piece;
		struct gzip_sum sum;
		size_t len;

		assert_int_equal(gzip_piece_make(text, LONG_BYTES, is_stored, &piece), 0);
		begin(&sum);
		add(&sum, &piece);
		end(&sum);
		assert_int_equal(inflate_member(&len), Z_STREAM_END);
		assert_int_equal(len, LONG_BYTES);
		assert_memory_equal(plain, text, LONG_BYTES);
		gzip_piece_done(&piece);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_go_into_members_in_any_order),
		cmocka_unit_test(a_member_without_one_of_its_pieces_is_damaged),
		cmocka_unit_test(text_gets_smaller),
		cmocka_unit_test(the_length_of_a_stored_piece_tells_nothing),
		cmocka_unit_test(long_pieces_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
