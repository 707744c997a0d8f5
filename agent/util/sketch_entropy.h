/*
 * Shannon entropy of what keys were added, kept up to date with each one: keys share 32 slots, so
 * at most 5 bits, and less than the truth when different keys meet. Zero-filled is empty. Owned by
 * one thread.
 */
#ifndef SLUICE_UTIL_SKETCH_ENTROPY_H
#define SLUICE_UTIL_SKETCH_ENTROPY_H

#include <stdint.h>

#define ENTROPY_SLOTS 32

struct entropy {
	uint16_t counts[ENTROPY_SLOTS]; /* all are halved when one is full */
	uint32_t total;
	double sum; /* of c log2 c over the slots */
};

void entropy_add(struct entropy *table, uint64_t hash);
/* entropy_bits - H = log2 n - (1/n) sum c log2 c, 0 when empty. Source: Shannon, 1948. */
double entropy_bits(const struct entropy *table);
/* entropy_text_bits - of the characters of a text, bits per character; nothing is kept. */
double entropy_text_bits(const char *text, unsigned int len);

#endif
