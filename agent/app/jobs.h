/*
 * The jobs thread: slow work that must not hold up requests. Work runs there one at a time; its
 * end is told to the service thread, which calls done.
 */
#ifndef SLUICE_APP_JOBS_H
#define SLUICE_APP_JOBS_H

struct jobs;
struct queue;

struct job {
	void (*work)(void *arg); /* on the jobs thread */
	void (*done)(void *arg); /* on the service thread */
	void *arg;
};

/* jobs_start - @finished: gets struct service_message of kind MESSAGE_JOB. */
int jobs_start(struct queue *finished, struct jobs **out);
/* jobs_stop - the job at work is finished, waiting ones are dropped. Accepts NULL. */
void jobs_stop(struct jobs *jobs);
/* jobs_post - -EAGAIN when too many wait. */
int jobs_post(struct jobs *jobs, const struct job *job);

#endif
