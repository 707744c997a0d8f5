/*
 * The small texts of util from outside: addresses, prefixes, times, durations, sizes, protocols.
 * What is accepted has to come back the same through its own text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_addr(const char *text)
{
	char out[ADDR_TEXT_MAX];
	struct addr addr, again;

	if (addr_parse(text, &addr))
		return;
	if (addr_parse(addr_format(&addr, out), &again) || !addr_is_equal(&addr, &again))
		abort();
}

static void check_prefix(const char *text)
{
	struct prefix masked, strict, again;
	char out[PREFIX_TEXT_MAX];

	if (prefix_parse(text, true, &masked)) {
		if (prefix_parse(text, false, &strict) == 0)
			abort();
		return;
	}
	if (prefix_parse(text, false, &strict) == 0 && !prefix_is_equal(&strict, &masked))
		abort();
	if (!prefix_has_addr(&masked, &masked.addr) || !prefix_overlaps(&masked, &masked))
		abort();
	if (prefix_parse(prefix_format(&masked, out), false, &again) ||
	    !prefix_is_equal(&masked, &again))
		abort();
}

static void check_time(const char *text)
{
	int64_t unix_ms, again, shown;
	char out[CLOCK_TEXT_MAX];

	if (clock_parse(text, &unix_ms))
		return;
	if (clock_parse(clock_format(unix_ms, out), &again))
		abort();
	/* An offset may lead out of the four-digit years, which are then clamped. */
	if (again != unix_ms && (clock_parse(text, &shown) || (out[0] != '0' && out[0] != '9')))
		abort();
}

static void check_numbers(const char *text)
{
	char out[PROTO_TEXT_MAX];
	uint8_t proto, proto_again;
	uint64_t bytes;
	int64_t seconds;

	if (duration_parse(text, &seconds) == 0 && seconds < 0)
		abort();
	(void)size_parse(text, &bytes); /* any result is fine, the sanitizers watch */
	if (proto_parse(text, &proto) == 0 &&
	    (proto_parse(proto_format(proto, out), &proto_again) || proto != proto_again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_addr(text);
	check_prefix(text);
	check_time(text);
	check_numbers(text);
	free(text);
	return 0;
}
