/*
 * Entropy by counts: one addition moves one term of the sum.
 */
#include "agent/util/sketch_entropy.h"

#include <math.h>

static double term(unsigned int count)
{
	return count > 1 ? count * log2(count) : 0;
}

static void halve(struct entropy *table)
{
	table->total = 0;
	table->sum = 0;
	for (unsigned int i = 0; i < ENTROPY_SLOTS; i++) {
		table->counts[i] /= 2;
		table->total += table->counts[i];
		table->sum += term(table->counts[i]);
	}
}

void entropy_add(struct entropy *table, uint64_t hash)
{
	uint16_t *count = &table->counts[hash >> 59];

	if (*count == UINT16_MAX)
		halve(table);
	table->sum += term(*count + 1U) - term(*count);
	(*count)++;
	table->total++;
}

double entropy_bits(const struct entropy *table)
{
	double n = table->total, bits;

	if (!table->total)
		return 0;
	bits = log2(n) - table->sum / n;
	return bits > 0 ? bits : 0;
}

double entropy_text_bits(const char *text, unsigned int len)
{
	unsigned int counts[256] = { 0 };
	double sum = 0;

	if (!len)
		return 0;
	for (unsigned int i = 0; i < len; i++)
		counts[(unsigned char)text[i]]++;
	for (unsigned int i = 0; i < 256; i++)
		sum += term(counts[i]);
	return log2(len) - sum / len;
}
