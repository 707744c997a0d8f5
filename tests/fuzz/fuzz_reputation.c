/*
 * What a reputation service answers, and what it is asked: any bytes. Numbers stay numbers, texts
 * end, a verdict has a name; what is asked is canonical, and canonical again the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/intel/reputation_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINK_BYTES 400 /* reputation.h */

static void check_answer(uint8_t provider, const uint8_t *data, size_t size)
{
	struct reputation reputation = { .provider = provider, .value = "192.0.2.1" };
	char link[LINK_BYTES];
	long status = size && data[0] == 'N' ? 404 : 200;
	int error = reputation_read(status, (const char *)data, size, &reputation);

	if (status == 404 && (error || reputation.verdict != REPUTATION_UNKNOWN))
		abort();
	if (!memchr(reputation.owner, '\0', sizeof(reputation.owner)) ||
	    !memchr(reputation.country, '\0', sizeof(reputation.country)) ||
	    !*reputation_verdict_name(reputation.verdict) ||
	    reputation.expires_unix_ms <= reputation.fetched_unix_ms || reputation.malicious < 0 ||
	    reputation.reports < 0 || reputation.analysed_unix_ms < 0)
		abort();
	(void)reputation_link(&reputation, link);
}

static void check_question(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), value[REPUTATION_VALUE_MAX], again[REPUTATION_VALUE_MAX];
	bool is_addr, is_still_addr;
	int result;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	result = reputation_canonical(text, value, &is_addr);
	if (result == 0 && (reputation_canonical(value, again, &is_still_addr) != 0 ||
			    is_addr != is_still_addr || strcmp(value, again) != 0))
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size) /* libFuzzer's first input is empty, and its address none */
		check_question(data, size);
	for (uint8_t provider = 0; provider < REPUTATION_PROVIDER_COUNT; provider++)
		check_answer(provider, data, size);
	return 0;
}
