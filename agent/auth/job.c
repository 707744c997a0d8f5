/* One slow password hash: filled on the service thread, worked elsewhere, finished back there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/internal.h"

struct auth_job *job_new(struct auth *auth, job_finish_fn finish)
{
	struct auth_job *job = auth->job_count < JOBS_MAX ? calloc(1, sizeof(*job)) : NULL;

	if (!job)
		return NULL;
	job->auth = auth;
	job->finish = finish;
	return job;
}

void job_free(struct auth_job *job)
{
	if (!job)
		return;
	crypto_wipe(job, sizeof(*job));
	free(job);
}

bool job_copy_password(const char *password, char out[static PASSWORD_BYTES_MAX])
{
	size_t len = strnlen(password, PASSWORD_BYTES_MAX);

	out[0] = '\0';
	if (len == PASSWORD_BYTES_MAX)
		return false;
	memcpy(out, password, len + 1);
	return true;
}

static void work(void *arg)
{
	struct auth_job *job = arg;

	job->error = 0;
	if (job->old_hash[0])
		job->error = crypto_password_verify(job->old_password, job->old_hash);
	if (!job->error && job->new_password[0])
		job->error = crypto_password_hash(job->new_password, job->new_hash);
}

static void unlink_job(struct auth_job *job)
{
	struct auth *auth = job->auth;

	for (struct auth_job **link = &auth->jobs; *link; link = &(*link)->next) {
		if (*link == job) {
			*link = job->next;
			auth->job_count--;
			return;
		}
	}
}

static void done(void *arg)
{
	struct auth_job *job = arg;

	unlink_job(job);
	job->finish(job);
	job_free(job);
}

int job_start(struct auth_job *job)
{
	struct auth *auth = job->auth;
	int error;

	job->next = auth->jobs;
	auth->jobs = job;
	auth->job_count++;
	error = auth->options.run(auth->options.run_arg, work, done, job);
	if (error)
		unlink_job(job);
	return error;
}
