/*
 * The shape of a day: quiet nights, a rise in the morning, a peak in the afternoon, less at
 * weekends. One function for live traffic and for the history before the start.
 */
#include <math.h>

#include "agent/demo/internal.h"

#define DAY_S	  86400.0
#define TWO_PI	  6.283185307179586
#define PEAK_HOUR 15.0

/* Of the live scenario over a day without its attacks, so that history and present join without a
 * step: medians of GET /series of `sluice demo --seed 1 --speed 20` over 14 min, divided by
 * rhythm_factor (1.26), 2026-11-30. */
#define MEAN_PACKETS_IN_S  65.0
#define MEAN_PACKETS_OUT_S 64.0
#define MEAN_BYTES_IN	   438.0 /* per packet */
#define MEAN_BYTES_OUT	   616.0
#define MEAN_FLOWS_S	   5.0

double rhythm_factor(int64_t unix_s)
{
	double hour = fmod((double)unix_s, DAY_S) / 3600.0;
	double day = cos((hour - PEAK_HOUR) / 24.0 * TWO_PI);
	int64_t weekday = (unix_s / 86400 + 4) % 7; /* 1970-01-01 was a Thursday; 0 = Sunday */
	double weekend = weekday == 0 || weekday == 6 ? 0.6 : 1.0;

	return weekend * (1.0 + 0.65 * day + 0.1 * cos(hour / 6.0 * TWO_PI));
}

/* Totals of @factor seconds of the daily mean. */
static struct totals totals_of(int64_t unix_s, double factor)
{
	return (struct totals){
		.unix_s = unix_s,
		.packets_in = (uint64_t)(factor * MEAN_PACKETS_IN_S),
		.bytes_in = (uint64_t)(factor * MEAN_PACKETS_IN_S * MEAN_BYTES_IN),
		.packets_out = (uint64_t)(factor * MEAN_PACKETS_OUT_S),
		.bytes_out = (uint64_t)(factor * MEAN_PACKETS_OUT_S * MEAN_BYTES_OUT),
		.new_flows = (uint64_t)(factor * MEAN_FLOWS_S),
	};
}

/* Noise with a memory: neighbours are alike. */
static double noise(struct random *random, double *drift)
{
	*drift = 0.9 * *drift + 0.1 * (0.5 + random_unit(random));
	return *drift * (0.9 + 0.2 * random_unit(random));
}

void demo_history(uint64_t seed, int64_t until_unix_s, struct totals *out, size_t count)
{
	struct random random = { seed ^ 0x686973746f7279ULL };
	int64_t first = (until_unix_s / 60 - (int64_t)count) * 60;
	double drift = 1.0;

	for (size_t i = 0; i < count; i++) {
		int64_t at = first + (int64_t)i * 60;

		out[i] = totals_of(at, rhythm_factor(at) * noise(&random, &drift) * 60.0);
	}
}

size_t demo_history_seconds(uint64_t seed, int64_t until_unix_s,
			    struct totals out[static DEMO_SECONDS_MAX])
{
	struct random random = { seed ^ 0x7365636f6e6473ULL };
	size_t count = (size_t)(until_unix_s % 60);
	double drift = 1.0;

	for (size_t i = 0; i < count; i++) {
		int64_t at = until_unix_s - (int64_t)(count - i);

		out[i] = totals_of(at, rhythm_factor(at) * noise(&random, &drift));
	}
	return count;
}
