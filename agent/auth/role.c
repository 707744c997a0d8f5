/* Names of roles, one table for both ways. */
#include <errno.h>
#include <string.h>

#include "agent/auth/auth.h"

static const char *const names[] = {
	[ROLE_NONE] = "none",
	[ROLE_VIEWER] = "viewer",
	[ROLE_ANALYST] = "analyst",
	[ROLE_ADMIN] = "admin",
};

const char *auth_role_name(enum role role)
{
	return role <= ROLE_ADMIN ? names[role] : names[ROLE_NONE];
}

int auth_role_parse(const char *text, enum role *role)
{
	/* nobody can be given the role of nobody */
	for (enum role r = ROLE_VIEWER; r <= ROLE_ADMIN; r++) {
		if (strcmp(text, names[r]) == 0) {
			*role = r;
			return 0;
		}
	}
	return -EINVAL;
}
