/* Audit lines of authentication; failures are limited, so that guessing does not fill the disk. */
#include <string.h>

#include "agent/auth/internal.h"
#include "agent/store/store.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

/* Enough to see an attack begin; the count of the rest comes with the next line. */
#define FAILURES_PER_WINDOW 10
#define WINDOW_MS	    60000

void auth_audit(struct store *store, const struct principal *who, const char *action,
		const char *target, struct json *detail)
{
	CLEANUP(json_free) struct json *owned = detail;
	CLEANUP(free) char *text = owned ? json_print(owned, NULL) : NULL;
	const struct audit_entry entry = { .who = who->name,
					   .peer = &who->peer,
					   .action = action,
					   .target = target,
					   .detail = text };
	int error = store_audit_write(store, &entry);

	if (error)
		log_error("audit line not written action=%s: %s", action, strerror(-error));
}

void auth_audit_failure(struct auth *auth, const char *action, const char *name,
			const struct addr *peer)
{
	struct audit_limit *limit = &auth->audit_limit;
	int64_t now = auth_boot_ms(auth);
	struct principal nobody = { .name = "nobody", .peer = *peer };
	struct json *detail = NULL;

	if (now - limit->window_boot_ms >= WINDOW_MS) {
		limit->window_boot_ms = now;
		limit->in_window = 0;
	}
	if (limit->in_window >= FAILURES_PER_WINDOW) {
		limit->suppressed++;
		return;
	}
	limit->in_window++;
	if (limit->suppressed) {
		detail = json_new_object();
		json_set_uint(detail, "not_listed_before", limit->suppressed);
		limit->suppressed = 0;
	}
	auth_audit(auth->options.store, &nobody, action, name ? name : "(unknown user)", detail);
}
