/*
 * Own addresses sorted, networks one after the other: two look-ups for each new flow.
 */
#include "agent/app/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/config.h"
#include "agent/util/addr.h"
#include "include/learning.h"

struct places {
	size_t own_count, network_count;
	struct addr own[PLACES_OWN_MAX]; /* sorted */
	struct prefix networks[];
};

/* RFC 1918, 6598 (shared), 3927 and 4291 (link-local), 1122 (loopback), 4193 */
static const char *const private_networks[] = { "10.0.0.0/8",  "172.16.0.0/12", "192.168.0.0/16",
						"127.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16",
						"fc00::/7",    "fe80::/10",	"::1/128" };
#define PRIVATE_COUNT (sizeof(private_networks) / sizeof(private_networks[0]))

int places_new(const struct config *config, struct places **out)
{
	CLEANUP(places_free) struct places *places = NULL;
	char text[PREFIX_TEXT_MAX];
	size_t count = 0;
	int error = 0;

	while (config_list_item(config, CONFIG_CAPTURE_LOCAL_NETWORKS, count, text, sizeof(text)))
		count++;
	places = calloc(1, sizeof(*places) + (count + PRIVATE_COUNT) * sizeof(struct prefix));
	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < PRIVATE_COUNT && !error; i++)
		error = prefix_parse(private_networks[i], true, &places->networks[i]);
	for (size_t i = 0; i < count && !error; i++) {
		(void)config_list_item(config, CONFIG_CAPTURE_LOCAL_NETWORKS, i, text,
				       sizeof(text)); /* it was there above */
		error = prefix_parse(text, true, &places->networks[PRIVATE_COUNT + i]);
	}
	if (error)
		return -EINVAL;
	places->network_count = PRIVATE_COUNT + count;
	*out = TAKE(places);
	return 0;
}

void places_free(struct places *places)
{
	free(places);
}

static int compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

void places_set_own(struct places *places, const struct addr *own, size_t count)
{
	places->own_count = count < PLACES_OWN_MAX ? count : PLACES_OWN_MAX;
	memcpy(places->own, own, places->own_count * sizeof(*own));
	qsort(places->own, places->own_count, sizeof(*own), compare);
}

uint8_t places_of(const struct places *places, const struct addr *addr)
{
	if (bsearch(addr, places->own, places->own_count, sizeof(*addr), compare))
		return LEARNING_OWN;
	for (size_t i = 0; i < places->network_count; i++)
		if (prefix_has_addr(&places->networks[i], addr))
			return LEARNING_LOCAL;
	return LEARNING_REMOTE;
}
