/*
 * The queue of letters. One is under way at a time; a server that fails is asked again after a
 * pause that doubles, and a letter that is a day old is given up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mail/internal.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

#define PAUSE_FIRST_S 30
#define PAUSE_MOST_S  1800
#define LETTER_AGE_NS (24ULL * 3600 * NS_PER_S)
#define START_NS      (10 * NS_PER_S) /* a fork takes milliseconds, also on a loaded machine */
#define AGAIN_NS      NS_PER_S	      /* the process before it may not be gone yet */
/* High ones that are sent at once; what comes faster is one letter an hour. */
#define HIGH_PER_HOUR 10
#define HIGH_EVERY_NS (3600 * NS_PER_S / HIGH_PER_HOUR)
#define COLLECT_S     3600 /* of those, where no digest is wanted */
#define HOST_MAX      256

struct mail_service {
	struct mail_options options;
	char from[MAIL_ADDRESS_MAX];
	char *to;
	char host[HOST_MAX];
	struct mail_letter *waiting[MAIL_WAITING_MAX]; /* the next one first */
	size_t waiting_count;
	struct mail_work *work; /* NULL = none; its letter is waiting[0] no more */
	bool is_asking, is_stopping;
	uint64_t asked_ns;
	uint64_t retry_ns; /* not before */
	unsigned int pause_s;
	/* for the next digest */
	struct mail_note notes[MAIL_NOTES_MAX];
	size_t note_count;
	uint64_t left_out;
	uint64_t digest_ns; /* when it is due */
	unsigned int high_left;
	uint64_t high_ns; /* when one more may go at once */
	struct mail_state state;
};

static int keep_settings(struct mail_service *service)
{
	struct mail_settings *settings = &service->options.settings;

	(void)snprintf(service->from, sizeof(service->from), "%s", settings->from);
	(void)snprintf(service->host, sizeof(service->host), "%s", settings->host);
	service->to = strdup(settings->to);
	if (!service->to)
		return -ENOMEM;
	settings->from = service->from;
	settings->to = service->to;
	settings->host = service->host;
	/* the mail role has its own */
	settings->url = settings->user = settings->password = settings->ca = "";
	return 0;
}

int mail_service_new(const struct mail_options *options, struct mail_service **out)
{
	CLEANUP(mail_service_free) struct mail_service *service = NULL;
	int error;

	*out = NULL;
	if (!*options->settings.url)
		return 0;
	service = calloc(1, sizeof(*service));
	if (!service)
		return -ENOMEM;
	service->options = *options;
	service->pause_s = PAUSE_FIRST_S;
	service->high_left = HIGH_PER_HOUR;
	error = keep_settings(service);
	if (error)
		return error;
	*out = TAKE(service);
	return 0;
}

void mail_service_stop(struct mail_service *service)
{
	if (!service)
		return;
	service->is_stopping = true;
	if (service->work)
		atomic_store(&service->work->is_cancelled, true);
}

static void free_work(struct mail_work *work)
{
	if (!work)
		return;
	mail_letter_free(work->letter);
	buffer_done(&work->file);
	if (work->process >= 0)
		close(work->process);
	free(work);
}

void mail_service_free(struct mail_service *service)
{
	if (!service)
		return;
	free_work(service->work);
	for (size_t i = 0; i < service->waiting_count; i++)
		mail_letter_free(service->waiting[i]);
	free(service->to);
	free(service);
}

/* ---- in ---------------------------------------------------------------------------------------
 */

/* Takes @letter; one too many is dropped and counted, as is one there was no memory for. */
static int queue_letter(struct mail_service *service, struct mail_letter *letter, size_t place)
{
	if (!letter || service->waiting_count == MAIL_WAITING_MAX) {
		mail_letter_free(letter);
		service->state.dropped++;
		return letter ? -EAGAIN : -ENOMEM;
	}
	for (size_t i = service->waiting_count; i > place; i--)
		service->waiting[i] = service->waiting[i - 1];
	service->waiting[place] = letter;
	service->waiting_count++;
	return 0;
}

static bool may_go_at_once(struct mail_service *service)
{
	uint64_t now_ns = clock_monotonic_ns();

	while (service->high_left < HIGH_PER_HOUR && now_ns >= service->high_ns) {
		service->high_left++;
		service->high_ns += HIGH_EVERY_NS;
	}
	if (!service->high_left)
		return false;
	if (service->high_left == HIGH_PER_HOUR)
		service->high_ns = now_ns + HIGH_EVERY_NS;
	service->high_left--;
	return true;
}

static void collect(struct mail_service *service, const struct mail_note *note)
{
	int64_t digest_s = service->options.settings.digest_s;

	if (!service->note_count)
		service->digest_ns = clock_monotonic_ns() +
				     (uint64_t)(digest_s ? digest_s : COLLECT_S) * NS_PER_S;
	if (service->note_count == MAIL_NOTES_MAX)
		service->left_out++;
	else
		service->notes[service->note_count++] = *note;
}

void mail_incident(struct mail_service *service, const struct incident *incident,
		   const char *reason)
{
	struct mail_note note = { .incident = *incident };

	if (!service)
		return;
	(void)snprintf(note.reason, sizeof(note.reason), "%s", reason ? reason : "");
	if (incident->severity == SEVERITY_HIGH && may_go_at_once(service))
		/* one too many is counted */
		(void)queue_letter(service, compose_incidents(service->host, &note, 1, 0),
				   service->waiting_count);
	else if (incident->severity == SEVERITY_HIGH || service->options.settings.digest_s)
		collect(service, &note);
}

void mail_report(struct mail_service *service, const struct report *report, const char *title,
		 const char *to)
{
	CLEANUP(mail_letter_free) struct mail_letter *letter = NULL;

	if (!service || !report->schedule_id || (!*to && !service->options.settings.wants_reports))
		return;
	letter = compose_report(service->host, report, title);
	if (letter && *to && !(letter->to = strdup(to)))
		mail_letter_free(TAKE(letter)); /* to nobody else, and counted */
	(void)queue_letter(service, TAKE(letter), service->waiting_count); /* so is one too many */
}

int mail_test(struct mail_service *service, const char *who)
{
	if (!service)
		return -ENOTCONN;
	if ((service->work && service->work->letter->is_test) ||
	    (service->waiting_count && service->waiting[0]->is_test))
		return -EBUSY;
	service->retry_ns = 0;
	return queue_letter(service, compose_test(service->host, who), 0);
}

bool mail_state(const struct mail_service *service, struct mail_state *out)
{
	if (!service)
		return false;
	*out = service->state;
	out->is_up = !*out->error;
	out->waiting = service->waiting_count + (service->work ? 1 : 0);
	return true;
}

/* ---- out --------------------------------------------------------------------------------------
 */

static void give_up(struct mail_service *service, struct mail_letter *letter, const char *why)
{
	service->state.dropped++;
	log_warn("a mail was given up id=%s why=%s", letter->id, why);
	mail_letter_free(letter);
}

static void fail(struct mail_service *service, struct mail_work *work)
{
	struct mail_letter *letter = TAKE(work->letter);
	uint64_t now_ns = clock_monotonic_ns();

	service->state.failures++;
	memcpy(service->state.error, work->reason, sizeof(service->state.error));
	if (work->error == -EREMOTEIO || letter->is_test ||
	    now_ns - letter->made_ns > LETTER_AGE_NS ||
	    service->waiting_count == MAIL_WAITING_MAX) {
		give_up(service, letter, work->reason);
	} else if (queue_letter(service, letter,
				service->waiting_count && service->waiting[0]->is_test)) {
		return; /* counted */
	}
	if (work->error == -EREMOTEIO)
		return; /* the server is well, only this letter is not */
	service->retry_ns = now_ns + service->pause_s * NS_PER_S;
	service->pause_s =
		service->pause_s * 2 < PAUSE_MOST_S ? service->pause_s * 2 : PAUSE_MOST_S;
}

static void done_letter(void *arg)
{
	struct mail_work *work = arg;
	struct mail_service *service = work->service;

	service->work = NULL;
	if (work->error) {
		fail(service, work);
	} else {
		service->state.sent++;
		service->state.error[0] = '\0';
		service->pause_s = PAUSE_FIRST_S;
		log_info("mail sent id=%s", work->letter->id);
	}
	free_work(work);
}

/* A report that was deleted meanwhile, or cannot be read, is nothing to send. */
static int read_file(const struct mail_service *service, struct mail_work *work)
{
	const struct mail_letter *letter = work->letter;
	int error;

	if (!letter->report.id)
		return 0;
	error = service->options.read_report(service->options.arg, &letter->report, &work->file);
	return error ? error : work->file.error;
}

/* No process or no thread: the letter stays the next one. */
static void put_back(struct mail_service *service, struct mail_work *work)
{
	service->work = NULL;
	service->retry_ns = clock_monotonic_ns() + AGAIN_NS;
	(void)queue_letter(service, TAKE(work->letter),
			   0); /* its place was not taken, or counted */
	free_work(work);
}

void mail_service_take_process(struct mail_service *service, int fd)
{
	if (!service || !service->work || !service->is_asking) {
		if (fd >= 0)
			close(fd); /* came too late */
		return;
	}
	struct mail_work *work = service->work;
	service->is_asking = false;
	work->process = fd;
	if (fd < 0 || service->options.run(service->options.arg, mail_work, done_letter, work))
		put_back(service, work);
}

static void begin(struct mail_service *service)
{
	struct mail_work *work = calloc(1, sizeof(*work));
	int error;

	if (!work)
		return; /* the next tick tries again */
	work->service = service;
	work->settings = &service->options.settings;
	work->process = -1;
	buffer_init(&work->file, MAIL_FILE_MAX);
	work->letter = service->waiting[0];
	service->waiting_count--;
	for (size_t i = 0; i < service->waiting_count; i++)
		service->waiting[i] = service->waiting[i + 1];
	error = read_file(service, work);
	if (error) {
		give_up(service, TAKE(work->letter), strerror(-error));
		free_work(work);
		return;
	}
	service->work = work;
	service->is_asking = true;
	service->asked_ns = clock_monotonic_ns();
	if (service->options.ask(service->options.arg))
		mail_service_take_process(service, -1);
}

static void write_digest(struct mail_service *service)
{
	/* one too many is counted */
	(void)queue_letter(service,
			   compose_incidents(service->host, service->notes, service->note_count,
					     service->left_out),
			   service->waiting_count);
	service->state.dropped += service->left_out;
	service->note_count = 0;
	service->left_out = 0;
}

void mail_service_tick(struct mail_service *service)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (!service || service->is_stopping)
		return;
	if (service->note_count && now_ns >= service->digest_ns)
		write_digest(service);
	if (service->is_asking && now_ns - service->asked_ns > START_NS)
		mail_service_take_process(service, -1);
	if (!service->work && service->waiting_count && now_ns >= service->retry_ns)
		begin(service);
}
