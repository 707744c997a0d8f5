/*
 * One worker thread behind a short queue: an Argon2id hash takes 64 MiB, so one at a time.
 */
#include "agent/app/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "agent/app/messages.h"
#include "agent/util/log.h"
#include "agent/util/queue.h"

/* At 0.1 s a hash, more than this many waiting log-ins are an attack, not people. */
#define JOBS_WAITING_MAX 16

struct jobs {
	struct queue *waiting;
	struct queue *finished;
	pthread_t thread;
	atomic_bool is_stopping;
};

static void run_one(struct jobs *jobs, struct service_message *message)
{
	message->job.work(message->job.arg);
	if (queue_push(jobs->finished, message)) {
		/* the service's queue is sized for all jobs; this is a programming error */
		log_error("a finished job could not be told");
		free(message);
	}
}

static void *jobs_main(void *arg)
{
	struct jobs *jobs = arg;

	while (!atomic_load(&jobs->is_stopping)) {
		struct service_message *message;

		if (!queue_wait(jobs->waiting, 500))
			continue;
		message = queue_pop(jobs->waiting);
		if (message)
			run_one(jobs, message);
	}
	return NULL;
}

int jobs_start(struct queue *finished, struct jobs **out)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));
	int error;

	if (!jobs)
		return -ENOMEM;
	jobs->finished = finished;
	error = queue_new(JOBS_WAITING_MAX, &jobs->waiting);
	if (!error)
		error = -pthread_create(&jobs->thread, NULL, jobs_main, jobs);
	if (error) {
		queue_free(jobs->waiting);
		free(jobs);
		return error;
	}
	*out = jobs;
	return 0;
}

void jobs_stop(struct jobs *jobs)
{
	struct service_message *message;

	if (!jobs)
		return;
	atomic_store(&jobs->is_stopping, true);
	(void)pthread_join(jobs->thread, NULL); /* it ends by itself within its wait */
	while ((message = queue_pop(jobs->waiting)))
		free(message);
	queue_free(jobs->waiting);
	free(jobs);
}

int jobs_post(struct jobs *jobs, const struct job *job)
{
	struct service_message *message = calloc(1, sizeof(*message));
	int error;

	if (!message)
		return -ENOMEM;
	message->kind = MESSAGE_JOB;
	message->job = *job;
	error = queue_push(jobs->waiting, message);
	if (error)
		free(message);
	return error;
}
