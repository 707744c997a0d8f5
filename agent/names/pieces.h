/*
 * Pieces of one stretch of bytes, in any order, in memory of the caller's; the first copy of a byte
 * wins. Used for TCP segments and IP fragments.
 */
#ifndef SLUICE_NAMES_PIECES_H
#define SLUICE_NAMES_PIECES_H

#include <stdint.h>

/* Stretches with holes between them at once; more is an attack, not reordering. */
#define PIECES_RANGES 64

struct pieces {
	uint8_t *data;
	uint32_t size;
	unsigned int count;
	struct {
		uint32_t from, to;
	} range[PIECES_RANGES]; /* in order, never touching */
};

enum pieces_result {
	PIECES_NEW,	/* none of it was there */
	PIECES_KNOWN,	/* all of it was there */
	PIECES_OVERLAP, /* some of it was there */
};

/* pieces_add - returns enum pieces_result, or -ENOSPC beyond the size or with too many holes. */
int pieces_add(struct pieces *pieces, uint32_t at, const uint8_t *data, uint32_t len);
/* pieces_shift - forget the first @by bytes; the rest moves to the front. */
void pieces_shift(struct pieces *pieces, uint32_t by);
/* pieces_make_room - @by bytes that are missing in front; -ENOSPC. */
int pieces_make_room(struct pieces *pieces, uint32_t by);
/* pieces_front - bytes there are from the beginning on. */
uint32_t pieces_front(const struct pieces *pieces);
/* pieces_end - behind the last byte there is; 0 when empty. */
uint32_t pieces_end(const struct pieces *pieces);

#endif
