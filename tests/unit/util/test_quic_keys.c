/* The keys and masks of RFC 9001 A.1, A.2 and RFC 9369 A.1, A.2. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/util/quic_keys.h"

static const uint8_t cid[] = { 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08 };

static void version_1_has_the_keys_of_rfc_9001(void **state)
{
	static const struct quic_keys expected = {
		{ 0x1f, 0x36, 0x96, 0x13, 0xdd, 0x76, 0xd5, 0x46, 0x77, 0x30, 0xef, 0xcb, 0xe3,
		  0xb1, 0xa2, 0x2d },
		{ 0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c },
		{ 0x9f, 0x50, 0x44, 0x9e, 0x04, 0xa0, 0xe8, 0x10, 0x28, 0x3a, 0x1e, 0x99, 0x33,
		  0xad, 0xed, 0xd2 },
	};
	static const uint8_t sample[] = { 0xd1, 0xb1, 0xc9, 0x8d, 0xd7, 0x68, 0x9f, 0xb8,
					  0xec, 0x11, 0xd2, 0x42, 0xb1, 0x23, 0xdc, 0x9b };
	static const uint8_t mask[] = { 0x43, 0x7b, 0x9a, 0xec, 0x36 };
	uint8_t got[QUIC_MASK_BYTES];
	struct quic_keys keys;

	(void)state;
	assert_int_equal(quic_keys_derive(QUIC_VERSION_1, cid, sizeof(cid), &keys), 0);
	assert_memory_equal(&keys, &expected, sizeof(keys));
	assert_int_equal(quic_keys_mask(&keys, sample, got), 0);
	assert_memory_equal(got, mask, sizeof(mask));
}

static void version_2_has_the_keys_of_rfc_9369(void **state)
{
	static const struct quic_keys expected = {
		{ 0x8b, 0x1a, 0x0b, 0xc1, 0x21, 0x28, 0x42, 0x90, 0xa2, 0x9e, 0x09, 0x71, 0xb5,
		  0xcd, 0x04, 0x5d },
		{ 0x91, 0xf7, 0x3e, 0x23, 0x51, 0xd8, 0xfa, 0x91, 0x66, 0x0e, 0x90, 0x9f },
		{ 0x45, 0xb9, 0x5e, 0x15, 0x23, 0x5d, 0x6f, 0x45, 0xa6, 0xb1, 0x9c, 0xbc, 0xb0,
		  0x29, 0x4b, 0xa9 },
	};
	static const uint8_t sample[] = { 0xff, 0xe6, 0x7b, 0x6a, 0xbc, 0xdb, 0x42, 0x98,
					  0xb4, 0x85, 0xdd, 0x04, 0xde, 0x80, 0x60, 0x71 };
	/* A.2: the packet number 00000002 becomes a0c95e82 */
	static const uint8_t mask[] = { 0xa0, 0xc9, 0x5e, 0x80 };
	uint8_t got[QUIC_MASK_BYTES];
	struct quic_keys keys;

	(void)state;
	assert_int_equal(quic_keys_derive(QUIC_VERSION_2, cid, sizeof(cid), &keys), 0);
	assert_memory_equal(&keys, &expected, sizeof(keys));
	assert_int_equal(quic_keys_mask(&keys, sample, got), 0);
	assert_memory_equal(got + 1, mask, sizeof(mask));
}

/* The first keys of draft-ietf-quic-tls-27 A.1 and -29 A.1; and with version 1's salt 33 and 34. */
static void drafts_have_the_keys_of_their_time(void **state)
{
	static const struct {
		uint32_t version;
		uint8_t key[4];
	} known[] = {
		{ QUIC_VERSION_DRAFT_23, { 0xaf, 0x7f, 0xd7, 0xef } },
		{ QUIC_VERSION_DRAFT_28, { 0xaf, 0x7f, 0xd7, 0xef } },
		{ QUIC_VERSION_MVFST_27, { 0xaf, 0x7f, 0xd7, 0xef } },
		{ QUIC_VERSION_DRAFT_29, { 0x17, 0x52, 0x57, 0xa3 } },
		{ QUIC_VERSION_DRAFT_32, { 0x17, 0x52, 0x57, 0xa3 } },
		{ QUIC_VERSION_DRAFT_34, { 0x1f, 0x36, 0x96, 0x13 } },
	};
	struct quic_keys keys;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(quic_keys_derive(known[i].version, cid, sizeof(cid), &keys), 0);
		assert_memory_equal(keys.key, known[i].key, sizeof(known[i].key));
	}
}

static void other_versions_have_none(void **state)
{
	struct quic_keys keys;

	(void)state;
	assert_int_equal(quic_keys_derive(0, cid, sizeof(cid), &keys), -EPROTONOSUPPORT);
	assert_int_equal(quic_keys_derive(0xff000015, cid, 8, &keys), -EPROTONOSUPPORT);
	assert_int_equal(quic_keys_derive(0xff000023, cid, 8, &keys), -EPROTONOSUPPORT);
	assert_int_equal(quic_keys_derive(QUIC_VERSION_1, cid, 21, &keys), -EINVAL);
}

static void box_shorter_than_its_tag_does_not_open(void **state)
{
	static const uint8_t bytes[QUIC_TAG_BYTES] = { 0 };
	const struct quic_box box = { 0, bytes, 1, bytes, QUIC_TAG_BYTES - 1 };
	struct quic_keys keys;
	uint8_t out[QUIC_TAG_BYTES];

	(void)state;
	assert_int_equal(quic_keys_derive(QUIC_VERSION_1, cid, sizeof(cid), &keys), 0);
	assert_int_equal(quic_keys_open(&keys, &box, out), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_has_the_keys_of_rfc_9001),
		cmocka_unit_test(version_2_has_the_keys_of_rfc_9369),
		cmocka_unit_test(drafts_have_the_keys_of_their_time),
		cmocka_unit_test(other_versions_have_none),
		cmocka_unit_test(box_shorter_than_its_tag_does_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
