/*
 * Between incidents and blocks: an automatic response is an order like any other, by sluice itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/app/internal.h"
#include "agent/app/service_internal.h"
#include "agent/block/block.h"
#include "agent/util/addr.h"

/* Private and link-local: RFC 1918, RFC 3927, RFC 6598, RFC 4193, RFC 4291 2.5.6. */
static const char *const LOCAL[] = { "10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
				     "169.254.0.0/16", "100.64.0.0/10", "fc00::/7",
				     "fe80::/10" };

static bool is_in(const char *text, const struct addr *addr)
{
	struct prefix prefix;

	return !prefix_parse(text, true, &prefix) && prefix_has_addr(&prefix, addr);
}

static bool is_local(const struct config *config, const struct addr *addr)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < sizeof(LOCAL) / sizeof(LOCAL[0]); i++)
		if (is_in(LOCAL[i], addr))
			return true;
	for (size_t i = 0;
	     config_list_item(config, CONFIG_CAPTURE_LOCAL_NETWORKS, i, text, sizeof(text)); i++)
		if (is_in(text, addr))
			return true;
	return false;
}

enum incident_place service_place(void *arg, const struct addr *addr)
{
	const struct service *service = arg;

	if (block_is_own(service->block, addr))
		return PLACE_OWN;
	return is_local(service->options.app->config, addr) ? PLACE_LOCAL : PLACE_REMOTE;
}

enum response_kind service_default_response(void *arg)
{
	const struct service *service = arg;
	const char *word = config_text(service->options.app->config, CONFIG_DETECT_RESPONSE);
	uint8_t kind = RESPONSE_NONE;

	(void)incident_response_parse(word, &kind); /* the option table checked the word */
	return (enum response_kind)kind;
}

int service_respond(void *arg, const struct incident_response *order,
		    char message[static INCIDENT_TEXT_MAX])
{
	struct service *service = arg;
	const struct principal self = { .role = ROLE_ADMIN, .is_local = true, .name = "sluice" };
	char value[PREFIX_TEXT_MAX];
	const struct block_request request = { .value = prefix_format(&order->target, value),
					       .action = "drop",
					       .direction = "both",
					       .proto = "",
					       .ttl_s = order->ttl_s,
					       .reason = order->reason,
					       .incident_id = order->incident_id,
					       .automatic = &order->about,
					       .is_trial = order->is_dry };
	struct block_outcome outcome;
	int error = block_add(service->block, &self, &request, &outcome);

	(void)snprintf(message, INCIDENT_TEXT_MAX, "%s", outcome.message); /* fits */
	return error;
}
