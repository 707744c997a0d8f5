/*
 * A short ordered list of what is there, over memory of the caller's.
 */
#include "agent/names/pieces.h"

#include <errno.h>
#include <string.h>

/* What is added: @len bytes for [at, at + len). */
struct piece {
	uint32_t at, len;
	const uint8_t *data;
};

/* Copy what is in none of the ranges first..last-1; returns the bytes copied. */
static uint32_t fill_holes(struct pieces *pieces, unsigned int first, unsigned int last,
			   const struct piece *piece)
{
	uint32_t pos = piece->at, end = piece->at + piece->len, copied = 0;

	for (unsigned int i = first; i <= last && pos < end; i++) {
		uint32_t to = end;

		if (i < last && pieces->range[i].from < end)
			to = pieces->range[i].from;
		if (to > pos) {
			memcpy(pieces->data + pos, piece->data + (pos - piece->at), to - pos);
			copied += to - pos;
		}
		if (i < last && pieces->range[i].to > pos)
			pos = pieces->range[i].to;
	}
	return copied;
}

int pieces_add(struct pieces *pieces, uint32_t at, const uint8_t *data, uint32_t len)
{
	const struct piece piece = { at, len, data };
	unsigned int first = 0, last;
	uint32_t from = at, to, copied;

	if (at > pieces->size || len > pieces->size - at)
		return -ENOSPC;
	if (len == 0)
		return PIECES_KNOWN;
	to = at + len;
	while (first < pieces->count && pieces->range[first].to < at)
		first++;
	last = first;
	while (last < pieces->count && pieces->range[last].from <= to)
		last++;
	if (first == last && pieces->count == PIECES_RANGES)
		return -ENOSPC;
	copied = fill_holes(pieces, first, last, &piece);
	if (last > first) {
		from = pieces->range[first].from < from ? pieces->range[first].from : from;
		to = pieces->range[last - 1].to > to ? pieces->range[last - 1].to : to;
	}
	memmove(&pieces->range[first + 1], &pieces->range[last],
		(pieces->count - last) * sizeof(pieces->range[0]));
	pieces->count = pieces->count - (last - first) + 1;
	pieces->range[first].from = from;
	pieces->range[first].to = to;
	if (copied == len)
		return PIECES_NEW;
	return copied == 0 ? PIECES_KNOWN : PIECES_OVERLAP;
}

void pieces_shift(struct pieces *pieces, uint32_t by)
{
	uint32_t end = pieces_end(pieces);
	unsigned int kept = 0;

	if (by < end)
		memmove(pieces->data, pieces->data + by, end - by);
	for (unsigned int i = 0; i < pieces->count; i++) {
		uint32_t from = pieces->range[i].from, to = pieces->range[i].to;

		if (to <= by)
			continue;
		pieces->range[kept].from = from > by ? from - by : 0;
		pieces->range[kept++].to = to - by;
	}
	pieces->count = kept;
}

int pieces_make_room(struct pieces *pieces, uint32_t by)
{
	uint32_t end = pieces_end(pieces);

	if (by > pieces->size || end > pieces->size - by)
		return -ENOSPC;
	memmove(pieces->data + by, pieces->data, end);
	for (unsigned int i = 0; i < pieces->count; i++) {
		pieces->range[i].from += by;
		pieces->range[i].to += by;
	}
	return 0;
}

uint32_t pieces_front(const struct pieces *pieces)
{
	return pieces->count && pieces->range[0].from == 0 ? pieces->range[0].to : 0;
}

uint32_t pieces_end(const struct pieces *pieces)
{
	return pieces->count ? pieces->range[pieces->count - 1].to : 0;
}
