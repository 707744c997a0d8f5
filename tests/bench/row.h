/*
 * One row of the table that tests/bench/run.sh prints: what was measured, our figure, the peer's in
 * the same run, the ratio of both, the bar, and whether it was met.
 */
#ifndef SLUICE_TESTS_BENCH_ROW_H
#define SLUICE_TESTS_BENCH_ROW_H

#include <stdbool.h>
#include <stdio.h>

struct row {
	char what[96], figure[160], peer[96], ratio[64], bar[64];
	bool is_judged, is_missed;
};

/* Prints it, fields separated by tabs; true when its bar was missed. */
static inline bool row_print(const struct row *row)
{
	printf("%s\t%s\t%s\t%s\t%s\t%s\n", row->what, row->figure[0] ? row->figure : "-",
	       row->peer[0] ? row->peer : "-", row->ratio[0] ? row->ratio : "-",
	       row->bar[0] ? row->bar : "-",
	       !row->is_judged	? "-"
	       : row->is_missed ? "MISS"
				: "ok");
	(void)fflush(stdout);
	return row->is_judged && row->is_missed;
}

#endif
