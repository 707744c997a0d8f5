/*
 * The service thread's loop and the services it owns, in start order.
 */
#include "agent/app/service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/api/api.h"
#include "agent/app/cell.h"
#include "agent/app/damage.h"
#include "agent/app/jobs.h"
#include "agent/app/messages.h"
#include "agent/app/pipeline.h"
#include "agent/app/reload.h"
#include "agent/app/service_internal.h"
#include "agent/app/upkeep.h"
#include "agent/auth/auth.h"
#include "agent/block/block.h"
#include "agent/demo/demo.h"
#include "agent/incident/incident.h"
#include "agent/intel/intel.h"
#include "agent/mail/mail.h"
#include "agent/report/report.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/queue.h"
#include "agent/util/rights.h"
#include "agent/util/snapshot.h"

#define ADMIN_PEERS_MAX 64

/* ---- hand-downs to the services -------------------------------------------------------------- */

static int run_job(void *arg, void (*work)(void *), void (*done)(void *), void *job)
{
	struct service *service = arg;
	const struct job order = { .work = work, .done = done, .arg = job };

	return jobs_post(service->jobs, &order);
}

/* Names come with the snapshot; the text lives in the service for the length of one call. */
static const char *iface_name(void *arg, uint8_t iface)
{
	struct service *service = arg;
	struct snapshot *snapshot = cell_get(service->options.cell);
	const char *found = NULL;

	for (unsigned int i = 0; snapshot && i < snapshot->coverage.iface_count; i++)
		if (snapshot->coverage.ifaces[i].index == iface) {
			memcpy(service->iface_name, snapshot->coverage.ifaces[i].name,
			       IFACE_NAME_MAX);
			found = service->iface_name;
		}
	snapshot_unref(snapshot);
	return found;
}

/* ---- start ------------------------------------------------------------------------------------
 */

static int watch(const struct service *service, int fd, enum service_tag tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = tag };

	return epoll_ctl(service->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int start_auth(struct service *service)
{
	const struct app *app = service->options.app;
	const struct auth_options options = { .store = service->options.store,
					      .run = run_job,
					      .run_arg = service,
					      .on_session_end = service_on_session_end,
					      .arg = service,
					      .state_dir = app->work_dir,
					      .is_demo = app->is_demo,
					      .is_loopback = app->is_loopback };

	return auth_new(&options, &service->auth);
}

static int start_block(struct service *service)
{
	struct safe_entry own[DEMO_SAFE_COUNT]; /* only read while the service starts */
	const struct app *app = service->options.app;
	const struct block_options options = {
		.store = service->options.store,
		.config = app->config,
		.datapath = pipeline_datapath(service->options.pipeline),
		.on_change = service_on_block,
		.arg = service,
		.run = run_job,
		.run_arg = service,
		.reads_host = !app->is_demo,
		.fixed = own,
		.fixed_count = app->is_demo ? DEMO_SAFE_COUNT : 0,
	};
	int error;

	if (app->is_demo)
		demo_safe_entries(own);
	error = block_service_new(&options, &service->block);
	if (!error && block_host_fd(service->block) >= 0)
		error = watch(service, block_host_fd(service->block), TAG_HOST);
	return error ? error : block_start(service->block);
}

static int start_incident(struct service *service)
{
	const struct incident_options options = { .store = service->options.store,
						  .on_change = service_on_incident,
						  .iface_name = iface_name,
						  .place = service_place,
						  .respond = service_respond,
						  .default_response = service_default_response,
						  .arg = service };

	return incident_service_new(&options, &service->incident);
}

static int open_clockwork(struct service *service)
{
	struct itimerspec every = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	const struct service_options *options = &service->options;
	sigset_t set;
	int error;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	service->epoll = epoll_create1(EPOLL_CLOEXEC);
	service->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	service->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (service->epoll < 0 || service->signals < 0 || service->tick < 0 ||
	    timerfd_settime(service->tick, 0, &every, NULL))
		return -errno;
	error = watch(service, options->control, TAG_SUPERVISOR);
	if (!error)
		error = watch(service, options->app->control_fd, TAG_LISTENER);
	if (!error)
		error = watch(service, queue_fd(options->queue), TAG_QUEUE);
	if (!error)
		error = watch(service, service->signals, TAG_SIGNAL);
	if (!error)
		error = watch(service, service->tick, TAG_TICK);
	if (!error)
		error = link_open(&service->front, service->epoll, options->front_link,
				  service->next_link_id++);
	service->front.is_front = true;
	return error;
}

static void read_group(struct service *service)
{
	const struct app *app = service->options.app;
	const char *role = config_text(app->config, CONFIG_CONTROL_GROUP_ROLE);

	service->group = app->control_group;
	service->group_role = ROLE_VIEWER;
	(void)auth_role_parse(role, &service->group_role); /* the option table checked the word */
}

static int start(struct service *service)
{
	int error;

	read_group(service);
	error = open_clockwork(service);
	if (!error)
		error = jobs_start(service->options.queue, &service->jobs);
	for (int i = 0; i < SEARCHERS && !error; i++)
		error = jobs_start(service->options.queue, &service->searchers[i]);
	if (!error)
		error = upkeep_start(service->options.app, service->options.store,
				     service->options.queue, &service->upkeep);
	if (!error)
		error = start_auth(service);
	if (!error)
		error = start_incident(service);
	if (!error)
		error = start_block(service);
	service->desk = (struct anomaly_desk){
		.orders = pipeline_orders(service->options.pipeline),
		.anomaly = pipeline_anomaly(service->options.pipeline),
		.store = service->options.store,
		.block = service->block,
	};
	if (!error)
		error = service_outputs_start(service);
	if (!error)
		error = service_mail_start(service);
	if (!error)
		error = service_feeds_start(service);
	if (!error)
		error = service_reputation_start(service);
	if (!error)
		error = service_reverse_start(service);
	if (!error)
		error = service_reports_start(service);
	return error ? error : service_api_start(service);
}

int service_new(const struct service_options *options, struct service **out)
{
	struct service *service = calloc(1, sizeof(*service));
	int error;

	if (!service)
		return -ENOMEM;
	service->options = *options;
	service->epoll = service->signals = service->tick = -1;
	service->front.fd = -1;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		service->clients[i].fd = -1;
	service->next_link_id = TAG_FIRST_LINK;
	/* grows across restarts, so that a browser never resumes into the past; below 2^53 */
	service->next_event_id = (uint64_t)clock_unix_ms() * 1000;
	service->incidents_changed = true;
	error = start(service);
	if (error) {
		service_free(service);
		return error;
	}
	*out = service;
	return 0;
}

void service_free(struct service *service)
{
	if (!service)
		return;
	jobs_stop(service->jobs);
	service_reputation_stop(service);
	service_feeds_stop(service);
	service_reports_stop(service);
	service_mail_stop(service);
	service_outputs_stop(service);
	upkeep_stop(service->upkeep);
	for (int i = 0; i < SEARCHERS; i++)
		jobs_stop(service->searchers[i]);
	api_free(service->api);
	block_service_free(service->block);
	incident_service_free(service->incident);
	auth_free(service->auth);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		link_close(&service->clients[i]);
	link_close(&service->front);
	for (int i = 0; i < 3; i++) {
		int fd = i == 0 ? service->tick : i == 1 ? service->signals : service->epoll;

		if (fd >= 0)
			close(fd);
	}
	free(service);
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

static void take_messages(struct service *service)
{
	struct service_message *message;

	while ((message = queue_pop(service->options.queue))) {
		if (message->kind == MESSAGE_FINDING) {
			int error = incident_report(service->incident, &message->finding);

			if (error)
				log_error("an incident could not be stored error=%s",
					  strerror(-error));
		} else if (message->kind == MESSAGE_SECOND) {
			service_publish_second(service);
		} else {
			message->job.done(message->job.arg);
		}
		free(message);
	}
}

static void take_front(struct service *service, int fd)
{
	link_close(&service->front);
	if (link_open(&service->front, service->epoll, fd, service->next_link_id++)) {
		log_error("the new front could not be linked");
		return;
	}
	service->front.is_front = true;
	service->incidents_changed = true; /* a new front has nothing to show new streams yet */
	service_publish_status(service);
}

/* Threads but this one read the configuration when they begin, or not at all. */
static void take_config(struct service *service, int fd)
{
	CLEANUP(close) int values = fd;
	int changed = reload_take(service->options.app->config, values);
	int error = changed < 0 ? changed : block_reload(service->block);

	read_group(service);
	if (error)
		log_error("the new configuration is not in force error=%s", strerror(-error));
	else
		log_info("new configuration in force changed=%d", changed);
}

static void take_supervisor(struct service *service)
{
	struct supervise_message message;
	int fd;
	int got = supervise_receive(service->options.control, &message, &fd);

	if (got <= 0 || message.kind == SUPERVISE_STOP) /* stop, or nobody left to serve for */
		service->is_stopping = true;
	else if (message.kind == SUPERVISE_PEER && fd >= 0)
		take_front(service, fd);
	else if (message.kind == SUPERVISE_CONFIG && fd >= 0)
		take_config(service, fd);
	else if (message.kind == SUPERVISE_LOOKUP)
		reputation_service_take_fetch(service->reputation, fd);
	else if (message.kind == SUPERVISE_NAMES)
		reverse_service_take_fetch(service->reverse, fd);
	else if (message.kind == SUPERVISE_MAIL)
		mail_service_take_process(service->mail, fd);
	else if (message.kind == SUPERVISE_FETCH)
		feed_service_take_fetch(service->feeds, fd);
	else if (message.kind == SUPERVISE_EXPORT)
		service_outputs_link(service, fd);
	else if (message.kind == SUPERVISE_RENDER)
		report_service_take_render(service->reports, fd);
}

/* What is begun when the service starts: rules are in force then, lists on their way. */
static void say_filled(struct service *service)
{
	if (service->is_filled || block_list_is_busy(service->block))
		return;
	service->is_filled = !supervise_send(service->options.control, SUPERVISE_FILLED, NULL, -1);
}

static void take_tick(struct service *service)
{
	struct addr peers[ADMIN_PEERS_MAX];
	uint64_t ticks, beats = pipeline_beats(service->options.pipeline);
	int count;

	(void)!read(service->tick, &ticks, sizeof(ticks)); /* only the wake-up matters */
	auth_tick(service->auth);
	count = auth_admin_peers(service->auth, peers, ADMIN_PEERS_MAX);
	if (count >= 0)
		block_set_admin_peers(service->block, peers, (size_t)count);
	block_tick(service->block);
	incident_tick(service->incident);
	upkeep_tick(service->upkeep);
	damage_tick(service->options.store, service->incident, &service->told_resets);
	anomaly_desk_tick(&service->desk);
	report_service_tick(service->reports);
	service_outputs_tick(service);
	mail_service_tick(service->mail);
	feed_service_tick(service->feeds);
	service_facts_tick(service);
	service_reputation_tick(service);
	say_filled(service);
	service_reverse_tick(service);
	if (beats != service->last_beats)
		(void)supervise_send(service->options.control, SUPERVISE_BEAT, NULL, -1);
	service->last_beats = beats;
}

static void take_event(struct service *service, const struct epoll_event *event)
{
	struct signalfd_siginfo info;
	struct link *link;

	switch (event->data.u64) {
	case TAG_SUPERVISOR:
		take_supervisor(service);
		return;
	case TAG_LISTENER:
		service_accept(service);
		return;
	case TAG_QUEUE:
		take_messages(service);
		return;
	case TAG_SIGNAL:
		(void)!read(service->signals, &info, sizeof(info)); /* SIGTERM is the only one */
		service->is_stopping = true;
		return;
	case TAG_TICK:
		take_tick(service);
		return;
	case TAG_HOST:
		block_host_ready(service->block);
		return;
	default:
		break;
	}
	link = service_find_link(service, event->data.u64);
	/* room for more is used at the end of the turn */
	if (link && (event->events & ~(uint32_t)EPOLLOUT))
		service_serve_link(service, link);
}

static int say_ready(struct service *service)
{
	char token[44] = "";
	int error = auth_prepare(service->auth, token);

	if (error) {
		log_error("the first user cannot be set up error=%s", strerror(-error));
		return error;
	}
	service_publish_status(service);
	if (*auth_demo_password(service->auth))
		(void)supervise_send(service->options.control, SUPERVISE_PASSWORD,
				     auth_demo_password(service->auth), -1);
	error = supervise_send(service->options.control, SUPERVISE_READY, token, -1);
	say_filled(service);
	return error;
}

/* What was said in this turn; a broken link is closed. */
static void flush_links(struct service *service)
{
	if (service->front.fd >= 0)
		(void)link_flush(&service->front, service->epoll);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (service->clients[i].fd >= 0)
			(void)link_flush(&service->clients[i], service->epoll);
}

int service_run(struct service *service)
{
	int error = say_ready(service);

	while (!error && !service->is_stopping) {
		struct epoll_event events[16];
		int count;

		flush_links(service);
		count = epoll_wait(service->epoll, events, 16, -1);
		if (count < 0 && errno != EINTR)
			error = -errno;
		for (int i = 0; i < count; i++)
			take_event(service, &events[i]);
	}
	flush_links(service);
	return error;
}
