/*
 * From a reset of flows.db to an incident.
 */
#include "agent/app/damage.h"

#include <stdio.h>
#include <string.h>

#include "agent/incident/incident.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

void damage_tick(struct store *store, struct incident_service *incident, unsigned int *told)
{
	unsigned int resets = store_flows_resets(store);
	struct finding finding = {
		.detector = DETECTOR_HISTORY,
		.severity = SEVERITY_HIGH,
		.score = 1,
		.src = { .family = ADDR_IPV4 }, /* of no host: this one, 0.0.0.0 (RFC 1122) */
		.dst = { .family = ADDR_IPV4 },
		.count = resets - *told,
		.features = { { .name = "damaged databases", .value = resets - *told } },
		.feature_count = 1,
	};

	if (resets == *told)
		return;
	finding.first_unix_ms = finding.last_unix_ms = clock_unix_ms();
	(void)snprintf(
		finding.reason, sizeof(finding.reason),
		"flows.db was damaged: it was set aside as flows.db.corrupt-* and the history "
		"begins anew; incidents, blocks and users are not affected.");
	int error = incident_report(incident, &finding);
	if (error)
		log_error("an incident could not be stored error=%s", strerror(-error));
	else
		*told = resets;
}
