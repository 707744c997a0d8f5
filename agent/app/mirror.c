/* The direction of packets on a mirror port: between capture and the flow table. */
#include "agent/app/mirror.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/config/config.h"
#include "agent/util/addr.h"
#include "agent/util/log.h"
#include "include/flow.h"

struct mirror {
	size_t count;
	struct prefix inside[];
};

int mirror_new(const struct config *config, struct mirror **out)
{
	CLEANUP(mirror_free) struct mirror *mirror = NULL;
	char text[PREFIX_TEXT_MAX];
	size_t count = 0;

	*out = NULL;
	if (!config_bool(config, CONFIG_CAPTURE_PROMISC))
		return 0;
	while (config_list_item(config, CONFIG_CAPTURE_LOCAL_NETWORKS, count, text, sizeof(text)))
		count++;
	if (!count)
		return 0;
	mirror = calloc(1, sizeof(*mirror) + count * sizeof(mirror->inside[0]));
	if (!mirror)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (!config_list_item(config, CONFIG_CAPTURE_LOCAL_NETWORKS, i, text,
				      sizeof(text)) ||
		    prefix_parse(text, true, &mirror->inside[i])) {
			log_error("[Capture] local_networks: \"%s\" is no prefix", text);
			return -EINVAL;
		}
	}
	mirror->count = count;
	*out = TAKE(mirror);
	return 0;
}

void mirror_free(struct mirror *mirror)
{
	free(mirror);
}

static bool is_inside(const struct mirror *mirror, const struct addr *addr)
{
	for (size_t i = 0; i < mirror->count; i++)
		if (prefix_has_addr(&mirror->inside[i], addr))
			return true;
	return false;
}

void mirror_turn(const struct mirror *mirror, struct flow_delta *delta)
{
	if (mirror && delta->direction == DIRECTION_INGRESS && is_inside(mirror, &delta->tuple.src))
		delta->direction = DIRECTION_EGRESS;
}
