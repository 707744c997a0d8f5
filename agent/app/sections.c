/*
 * Sections as a whole.
 */
#include "agent/app/sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/app/facts.h"
#include "agent/app/internal.h"
#include "agent/app/outlet.h"
#include "agent/export/export.h"
#include "agent/geo/geo.h"
#include "agent/mail/mail.h"
#include "agent/util/cleanup.h"

struct telling {
	sections_tell_fn tell;
	void *arg;
	int count;
};

static void tell(struct telling *telling, const char *section, const char *reason)
{
	telling->tell(telling->arg, section, reason);
	telling->count++;
}

static void check_outlets(const struct app *app, struct telling *telling)
{
	char host[HOST_NAME_MAX + 1], reason[256];
	struct output_settings outputs;
	struct mail_settings mail;

	outlet_settings(app, host, &outputs);
	if (output_settings_check(&outputs, reason))
		tell(telling, "Export", reason);
	outlet_mail(app, host, &mail);
	if (mail_settings_check(&mail, reason))
		tell(telling, "Mail", reason);
}

/* Files are read as the service would. */
static void check_geo(const struct config *config, struct telling *telling)
{
	CLEANUP(geo_free) struct geo *geo = NULL;
	struct geo_state states[GEO_FILES_MAX];
	struct facts_resolvers resolvers;
	char reason[256];
	size_t count;

	if (facts_read_resolvers(config, &resolvers, reason))
		tell(telling, "Geo", reason);
	if (facts_open_geo(config, "/tmp", &geo, reason)) {
		tell(telling, "Geo", reason);
		return;
	}
	geo_refresh(geo);
	count = geo_states(geo, states);
	for (size_t i = 0; i < count; i++) {
		if (!*states[i].error)
			continue;
		(void)snprintf(reason, sizeof(reason), "databases: %.120s: %.110s", states[i].path,
			       states[i].error);
		tell(telling, "Geo", reason);
	}
}

int sections_check(const struct config *config, sections_tell_fn on_problem, void *arg)
{
	struct telling telling = { .tell = on_problem, .arg = arg };
	CLEANUP(free) struct app *app = calloc(1, sizeof(*app));

	if (!app)
		return 0;		       /* it would not start either */
	app->config = (struct config *)config; /* only read there */
	check_outlets(app, &telling);
	check_geo(config, &telling);
	return telling.count;
}
