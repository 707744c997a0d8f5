/* Making and freeing of the service; what has no better file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/internal.h"
#include "agent/util/clock.h"

int64_t auth_boot_ms(const struct auth *auth)
{
	return (int64_t)(auth->boot_ns() / NS_PER_MS);
}

bool auth_addr_is_loopback(const struct addr *addr)
{
	static const uint8_t ipv6_loopback[16] = { [15] = 1 };

	if (addr->family == ADDR_IPV4)
		return addr->bytes[12] == 127; /* 127.0.0.0/8, RFC 1122 3.2.1.3 */
	return addr->family == ADDR_IPV6 &&
	       memcmp(addr->bytes, ipv6_loopback, sizeof(ipv6_loopback)) == 0;
}

int auth_new(const struct auth_options *options, struct auth **out)
{
	CLEANUP(auth_free) struct auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		return -ENOMEM;
	auth->options = *options;
	auth->boot_ns = clock_boot_ns;
	auth->unix_ms = clock_unix_ms;
	auth->state_dir = strdup(options->state_dir);
	auth->sessions = calloc(SESSIONS_MAX, sizeof(*auth->sessions));
	auth->throttle = throttle_new();
	if (!auth->state_dir || !auth->sessions || !auth->throttle)
		return -ENOMEM;
	*out = TAKE(auth);
	return 0;
}

/* The jobs thread has ended: what it never answered is freed here. */
void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	while (auth->jobs) {
		struct auth_job *job = auth->jobs;

		auth->jobs = job->next;
		job_free(job);
	}
	session_flush(auth);
	if (auth->sessions)
		crypto_wipe(auth->sessions, SESSIONS_MAX * sizeof(*auth->sessions));
	free(auth->sessions);
	free(auth->state_dir);
	throttle_free(auth->throttle);
	crypto_wipe(auth, sizeof(*auth));
	free(auth);
}

const char *auth_demo_password(const struct auth *auth)
{
	return auth->demo_password;
}
