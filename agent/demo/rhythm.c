/*
 * The shape of a day: quiet nights, a rise in the morning, a peak in the afternoon, less at
 * weekends. One function for live traffic and for the history before the start.
 */
#include <math.h>

#include "agent/demo/internal.h"

#define DAY_S	  86400.0
#define TWO_PI	  6.283185307179586
#define PEAK_HOUR 15.0

/* Means of the live scenario over a day, so that history and present join without a step:
 * measured: `sluice demo --seed 1 --for 10m`, 2026-11-24. */
#define MEAN_PACKETS_IN_S  95.0
#define MEAN_PACKETS_OUT_S 120.0
#define MEAN_BYTES_IN	   240.0 /* per packet */
#define MEAN_BYTES_OUT	   820.0
#define MEAN_FLOWS_S	   6.0

double rhythm_factor(int64_t unix_s)
{
	double hour = fmod((double)unix_s, DAY_S) / 3600.0;
	double day = cos((hour - PEAK_HOUR) / 24.0 * TWO_PI);
	int64_t weekday = (unix_s / 86400 + 4) % 7; /* 1970-01-01 was a Thursday; 0 = Sunday */
	double weekend = weekday == 0 || weekday == 6 ? 0.6 : 1.0;

	return weekend * (1.0 + 0.65 * day + 0.1 * cos(hour / 6.0 * TWO_PI));
}

void demo_history(uint64_t seed, int64_t until_unix_s, struct totals *out, size_t count)
{
	struct random random = { seed ^ 0x686973746f7279ULL };
	int64_t first = (until_unix_s / 60 - (int64_t)count) * 60;
	double drift = 1.0;

	for (size_t i = 0; i < count; i++) {
		int64_t at = first + (int64_t)i * 60;
		double factor;

		/* noise with a memory: neighbouring minutes are alike */
		drift = 0.9 * drift + 0.1 * (0.5 + random_unit(&random));
		factor = rhythm_factor(at) * drift * (0.9 + 0.2 * random_unit(&random)) * 60.0;
		out[i] = (struct totals){
			.unix_s = at,
			.packets_in = (uint64_t)(factor * MEAN_PACKETS_IN_S),
			.bytes_in = (uint64_t)(factor * MEAN_PACKETS_IN_S * MEAN_BYTES_IN),
			.packets_out = (uint64_t)(factor * MEAN_PACKETS_OUT_S),
			.bytes_out = (uint64_t)(factor * MEAN_PACKETS_OUT_S * MEAN_BYTES_OUT),
			.new_flows = (uint64_t)(factor * MEAN_FLOWS_S),
		};
	}
}
