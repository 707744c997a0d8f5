/*
 * The clocks and their text. Ages and rates use the monotonic clock (_ns), rows use wall time
 * (_unix_ms); rule ends in the kernel use boot time. The two are never added. Any thread.
 */
#ifndef SLUICE_UTIL_CLOCK_H
#define SLUICE_UTIL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000ULL

uint64_t clock_monotonic_ns(void);
uint64_t clock_boot_ns(void);
int64_t clock_unix_ms(void);

#define CLOCK_TEXT_MAX 25 /* 2026-11-24T13:45:00.123Z and the end */
/* clock_format - RFC 3339 UTC with milliseconds and Z. Returns @text. */
const char *clock_format(int64_t unix_ms, char text[static CLOCK_TEXT_MAX]);
/* clock_parse - RFC 3339 with Z or an offset, fraction optional. Returns 0 or -EINVAL. */
int clock_parse(const char *text, int64_t *unix_ms);

/* duration_parse - "30s", "15m", "4h", "7d", "2w", in seconds out. Returns 0, -EINVAL, -ERANGE. */
int duration_parse(const char *text, int64_t *seconds);
/* size_parse - "512", "4KiB", "512MiB", "2GiB", "1TiB" and kB, MB, GB; bytes out. As above. */
int size_parse(const char *text, uint64_t *bytes);

#endif
