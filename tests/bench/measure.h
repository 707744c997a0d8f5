/*
 * What every bench program measures with: CPU time of this thread, medians of rounds.
 */
#ifndef SLUICE_TESTS_BENCH_MEASURE_H
#define SLUICE_TESTS_BENCH_MEASURE_H

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "include/abi.h"

#define ROUNDS 9

static inline double cpu_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* exists since Linux 2.6.12 */
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline long resident_kib(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[128];
	long kib = 0;

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	if (file)
		(void)fclose(file);
	return kib;
}

static inline int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value at @part of all, 0 the least, 0.5 the middle; the rounds stay in their order. */
static inline double part_of(const double rounds[ROUNDS], double part)
{
	double sorted[ROUNDS];

	memcpy(sorted, rounds, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(sorted[0]), compare_doubles);
	return sorted[(int)(part * (ROUNDS - 1))];
}

static inline double median_of(const double rounds[ROUNDS])
{
	return part_of(rounds, 0.5);
}

static inline double least_of(const double rounds[ROUNDS])
{
	return part_of(rounds, 0);
}

/* To the highest CPU that the maps of default size have room for: the first serves interrupts.
 * Returns its number, or -errno. */
static inline int pin_to_cpu(void)
{
	cpu_set_t allowed, chosen;
	int cpu = -ENOENT;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return -errno;
	for (int i = 0; i < CPUS_DEFAULT; i++)
		if (CPU_ISSET(i, &allowed))
			cpu = i;
	if (cpu < 0)
		return cpu;
	CPU_ZERO(&chosen);
	CPU_SET(cpu, &chosen);
	return sched_setaffinity(0, sizeof(chosen), &chosen) ? -errno : cpu;
}

#endif
