/*
 * The service's part of what goes out: incidents, and a running export role behind the socket.
 */
#include <string.h>

#include "agent/app/outlet.h"
#include "agent/app/service_internal.h"
#include "agent/export/export.h"
#include "agent/mail/mail.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "include/incident.h"

#define ASK_EVERY_NS (5 * NS_PER_S)

int service_outputs_start(struct service *service)
{
	service_outputs_tick(service); /* asks */
	return outlet_new(service->options.outputs, &service->outlet);
}

void service_outputs_stop(struct service *service)
{
	outlet_free(service->outlet);
}

void service_outputs_tick(struct service *service)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (outputs_tick(service->options.outputs) || now_ns < service->export_asked_ns)
		return;
	service->export_asked_ns = now_ns + ASK_EVERY_NS;
	if (supervise_send(service->options.control, SUPERVISE_EXPORT, NULL, -1))
		log_warn("the export role could not be asked for");
}

void service_outputs_link(struct service *service, int fd)
{
	if (fd >= 0)
		outputs_link(service->options.outputs, fd);
}

/* New ones only: what an open incident gains later is no second message. */
void service_outputs_incident(struct service *service, const struct incident *incident,
			      const char *reason)
{
	struct output_incident out = { .id = incident->id,
				       .finding = { .detector = incident->detector,
						    .severity = incident->severity,
						    .score = incident->score,
						    .src = incident->src,
						    .dst = incident->dst,
						    .dst_port = incident->dst_port,
						    .proto = incident->proto,
						    .first_unix_ms = incident->first_unix_ms,
						    .last_unix_ms = incident->last_unix_ms,
						    .count = incident->count } };
	size_t len = reason ? strnlen(reason, FINDING_REASON_MAX - 1) : 0;

	if (len)
		memcpy(out.finding.reason, reason, len);
	outputs_incident(service->options.outputs, &out);
	outlet_alert(service->outlet, &out.finding);
	mail_incident(service->mail, incident, reason);
}
