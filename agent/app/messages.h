/*
 * What other threads tell the service thread, through its one queue. Each message is heap memory,
 * owned by whoever popped it.
 */
#ifndef SLUICE_APP_MESSAGES_H
#define SLUICE_APP_MESSAGES_H

#include "agent/app/jobs.h"
#include "include/incident.h"

enum service_message_kind {
	MESSAGE_FINDING, /* a detector's; pipeline thread */
	MESSAGE_SECOND,	 /* a new snapshot is in the cell; pipeline thread */
	MESSAGE_JOB,	 /* a job's work is done; jobs thread */
};

struct service_message {
	enum service_message_kind kind;
	union {
		struct finding finding;
		struct job job;
	};
};

#endif
