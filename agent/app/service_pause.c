/*
 * Counting stopped and started again by a person: the original's two buttons.
 */
#include "agent/app/pipeline.h"
#include "agent/app/service_internal.h"
#include "agent/util/log.h"

void service_pause(void *arg, bool on)
{
	struct service *service = arg;

	pipeline_pause(service->options.pipeline, on);
	log_info(on ? "counting was stopped" : "counting was started again");
	service_publish_status(service);
}

bool service_is_paused(void *arg)
{
	const struct service *service = arg;

	return pipeline_is_paused(service->options.pipeline);
}
