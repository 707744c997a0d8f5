/*
 * A hostile HTTP client or server, and a hostile SSH peer. A head that reads whole reads the same
 * when more follows it, and never from fewer bytes than it says it used.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/names/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
	if (!memchr(text, '\0', size))
		abort();
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			abort();
	}
}

static void check_request(const uint8_t *data, size_t size)
{
	static struct http_message whole, last;
	ssize_t used = http_parse_request(data, size, false, &whole);
	ssize_t given_up = http_parse_request(data, size, true, &last);

	if (given_up == 0)
		abort(); /* nothing more comes: waiting is no answer */
	if (used <= 0)
		return;
	if (given_up != used || strcmp(whole.host, last.host) != 0)
		abort();
	check_text(whole.method, sizeof(whole.method));
	check_text(whole.host, sizeof(whole.host));
	check_text(whole.path, sizeof(whole.path));
	check_text(whole.agent, sizeof(whole.agent));
	if (whole.method[0] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_message response;
	char banner[SSH_TEXT_MAX];
	ssize_t used;

	check_request(data, size);
	used = http_parse_response(data, size, &response);
	if (used > (ssize_t)size || (used > 0 && (response.status < 100 || response.status > 999)))
		abort();
	used = ssh_parse(data, size, banner);
	if (used > (ssize_t)size)
		abort();
	if (used > 0)
		check_text(banner, sizeof(banner));
	return 0;
}
