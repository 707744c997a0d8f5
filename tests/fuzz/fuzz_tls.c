/*
 * A hostile client's first bytes over TCP. What reads as a hello reads the same from exactly the
 * bytes that were used, and one byte less is never enough.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct hello *hello)
{
	if (!memchr(hello->sni, '\0', sizeof(hello->sni)) ||
	    !memchr(hello->ja3_text, '\0', sizeof(hello->ja3_text)) ||
	    strlen(hello->ja4) != JA4_TEXT_MAX - 1 || strlen(hello->ja3) != 32 ||
	    hello->alpn_count > ALPN_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hello hello, again;
	const ssize_t used = tls_records_parse(data, size, &hello);

	(void)tls_hello_parse(data, size, &again);
	if (used > (ssize_t)size)
		abort();
	if (used <= 0)
		return 0;
	check(&hello);
	if (tls_records_parse(data, (size_t)used - 1, &again) != 0 ||
	    tls_records_parse(data, (size_t)used, &again) != used ||
	    strcmp(hello.sni, again.sni) != 0 || strcmp(hello.ja4, again.ja4) != 0)
		abort();
	return 0;
}
