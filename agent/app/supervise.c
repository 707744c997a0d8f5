/*
 * The loader role: parent of core and front. It starts them, hands each the link to the other,
 * starts again whichever dies, follows interfaces, and parses nothing from the network.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/app/greet.h"
#include "agent/app/internal.h"
#include "agent/app/patience.h"
#include "agent/app/reload.h"
#include "agent/capture/capture.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/notify.h"

#define STOP_GRACE_NS	 (10 * NS_PER_S) /* a child that does not end by itself is killed */
#define AWAY_NS		 (2 * NS_PER_S)	 /* this process looks 4 times a second */
#define QUICK_DEATH_NS	 (5 * NS_PER_S)	 /* the second that died sooner in a row has to wait */
#define RESTART_DELAY_NS (1 * NS_PER_S)

enum child_kind {
	CHILD_CORE,
	CHILD_FRONT,
	CHILD_COUNT
};

struct child {
	pid_t pid; /* 0 = not running */
	int control;
	uint64_t started_ns;
	uint64_t beat_ns;	   /* its last sign of life; 0 = none yet */
	uint64_t restart_ns;	   /* when to start again; 0 = now */
	unsigned int quick_deaths; /* in a row */
};

/* Processes that core asks for. They end with their socket, by themselves or with core. */
enum helper {
	HELPER_RENDER, /* draws one report */
	HELPER_EXPORT, /* sends out what core hands it */
	HELPER_FETCH,  /* asks one server once */
	HELPER_LOOKUP, /* the same, so that feeds and reputation do not wait for each other */
	HELPER_NAMES,  /* asks resolvers for names, a few at a time */
	HELPER_MAIL,   /* sends one letter */
	HELPER_COUNT
};

struct supervisor {
	struct app *app;
	struct child children[CHILD_COUNT];
	int epoll, signals, timer;
	pid_t helpers[HELPER_COUNT]; /* 0 = none runs. One each, so that core has no crowd */
	uint64_t checked_ns, end_ns, kill_ns;
	bool is_ready; /* core has served once: from now on it is restarted */
	bool is_stopping;
	int status;
};

static const char *const child_names[CHILD_COUNT] = { "core", "front" };

static void watch(struct supervisor *s, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event))
		log_error("cannot watch a descriptor error=%s", strerror(errno));
}

/* In the child: what only the supervisor may hold is closed before anything else happens. */
static void become_child(struct supervisor *s, enum child_kind kind, int control, int link)
{
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* control's end says the same; this is the belt */
	(void)signal(SIGINT, SIG_IGN); /* the terminal's ^C is the supervisor's to handle */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	close(s->epoll);
	close(s->signals);
	close(s->timer);
	for (int i = 0; i < CHILD_COUNT; i++)
		if (s->children[i].control >= 0)
			close(s->children[i].control);
	exit(kind == CHILD_CORE ? role_core(s->app, control, link)
				: role_front(s->app, control, link));
}

/* Start one child on @link, its end of the pair; the other end went to its peer already. */
static int start_child(struct supervisor *s, enum child_kind kind, int link)
{
	struct child *child = &s->children[kind];
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	(void)fflush(NULL); /* a forked buffer would print twice */
	pid = fork();
	if (pid < 0) {
		int error = errno;

		close(pair[0]);
		close(pair[1]);
		return -error;
	}
	if (pid == 0) {
		close(pair[0]);
		become_child(s, kind, pair[1], link);
	}
	close(pair[1]);
	/* no beat yet: opening a large store may take its time */
	*child = (struct child){ .pid = pid,
				 .control = pair[0],
				 .started_ns = clock_monotonic_ns(),
				 .quick_deaths = child->quick_deaths };
	watch(s, child->control);
	return 0;
}

/* A new pair: one end to the running peer, the other to the child that is started. */
static int start_linked(struct supervisor *s, enum child_kind kind)
{
	const struct child *peer = &s->children[CHILD_COUNT - 1 - kind];
	CLEANUP(close) int mine = -1;
	CLEANUP(close) int theirs = -1;
	int pair[2];

	laps_begin(&s->app->start, clock_monotonic_ns()); /* a start of its own */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	mine = pair[0];
	theirs = pair[1];
	if (peer->pid && supervise_send(peer->control, SUPERVISE_PEER, NULL, theirs))
		log_warn("%s could not be told of the new %s", child_names[CHILD_COUNT - 1 - kind],
			 child_names[kind]);
	return start_child(s, kind, mine);
}

static int start_both(struct supervisor *s)
{
	CLEANUP(close) int core_end = -1;
	CLEANUP(close) int front_end = -1;
	int pair[2];
	int error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	core_end = pair[0];
	front_end = pair[1];
	error = start_child(s, CHILD_CORE, core_end);
	return error ? error : start_child(s, CHILD_FRONT, front_end);
}

static const struct {
	const char *name;
	enum supervise_kind answer;
	int (*role)(struct app *app, int fd);
} helpers[HELPER_COUNT] = { [HELPER_RENDER] = { "render", SUPERVISE_RENDER, role_render },
			    [HELPER_EXPORT] = { "export", SUPERVISE_EXPORT, role_export },
			    [HELPER_FETCH] = { "fetch", SUPERVISE_FETCH, role_fetch },
			    [HELPER_LOOKUP] = { "lookup", SUPERVISE_LOOKUP, role_fetch },
			    [HELPER_NAMES] = { "names", SUPERVISE_NAMES, role_fetch },
			    [HELPER_MAIL] = { "mail", SUPERVISE_MAIL, role_mail } };

/*
 * The former one has said all, or core would not ask for the next; it may not be gone yet, or not
 * be reaped. Only export may have last lines to send when core lets go of it.
 */
static int clear_helper(struct supervisor *s, enum helper helper)
{
	pid_t pid = s->helpers[helper];

	if (!pid)
		return 0;
	if (helper != HELPER_EXPORT)
		(void)kill(pid, SIGKILL); /* our own child, not waited for yet */
	if (waitpid(pid, NULL, helper == HELPER_EXPORT ? WNOHANG : 0) != pid)
		return -EBUSY;
	s->helpers[helper] = 0;
	return 0;
}

static int start_helper(struct supervisor *s, enum helper helper, int *mine)
{
	int pair[2];
	pid_t pid;

	if (clear_helper(s, helper))
		return -EBUSY;
	if (socketpair(AF_UNIX,
		       (helper == HELPER_EXPORT ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0,
		       pair))
		return -errno;
	(void)fflush(NULL); /* a forked buffer would print twice */
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(helpers[helper].role(s->app, pair[1]));
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	s->helpers[helper] = pid;
	*mine = pair[0];
	return 0;
}

static void hand_helper(struct supervisor *s, enum helper helper)
{
	CLEANUP(close) int fd = -1;
	int error = start_helper(s, helper, &fd);

	if (error)
		log_warn("a helper could not be started helper=%s error=%s", helpers[helper].name,
			 strerror(-error));
	/* one that reads nothing gives up on it by itself */
	(void)supervise_send(s->children[CHILD_CORE].control, helpers[helper].answer, NULL, fd);
}

static void begin_stop(struct supervisor *s)
{
	if (s->is_stopping)
		return;
	s->is_stopping = true;
	s->kill_ns = clock_monotonic_ns() + STOP_GRACE_NS;
	(void)notify_send("STOPPING=1"); /* nobody listens outside systemd */
	if (s->children[CHILD_CORE].pid)
		(void)supervise_send(s->children[CHILD_CORE].control, SUPERVISE_STOP, NULL, -1);
	else if (s->children[CHILD_FRONT].pid)
		(void)kill(s->children[CHILD_FRONT].pid, SIGTERM);
}

static void child_ended(struct supervisor *s, enum child_kind kind, int wait_status)
{
	struct child *child = &s->children[kind];
	uint64_t now = clock_monotonic_ns();
	bool was_quick = now - child->started_ns < QUICK_DEATH_NS;
	unsigned int quick_deaths = was_quick ? child->quick_deaths + 1 : 0;
	int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;

	close(child->control);
	*child = (struct child){ .control = -1, .quick_deaths = quick_deaths };
	if (s->is_stopping) {
		if (kind == CHILD_CORE && s->children[CHILD_FRONT].pid)
			(void)kill(s->children[CHILD_FRONT].pid, SIGTERM);
		return;
	}
	if (!s->is_ready && code > 0) { /* it said why on stderr; trying again would not help */
		s->status = code;
		begin_stop(s);
		return;
	}
	if (code >= 0)
		log_error("%s ended, starting it again exit=%d", child_names[kind], code);
	else
		log_error("%s was killed, starting it again signal=%d", child_names[kind],
			  WTERMSIG(wait_status));
	/* one death is an accident and costs nobody a second; two in a row have a cause */
	child->restart_ns = quick_deaths > 1 ? now + RESTART_DELAY_NS : now;
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < HELPER_COUNT; i++)
			if (pid == s->helpers[i])
				s->helpers[i] = 0; /* core sees the end of its socket */
		for (int i = 0; i < CHILD_COUNT; i++)
			if (s->children[i].pid == pid)
				child_ended(s, (enum child_kind)i, status);
	}
}

static void restart_due(struct supervisor *s, uint64_t now)
{
	for (int i = 0; i < CHILD_COUNT; i++) {
		struct child *child = &s->children[i];
		int error;

		if (child->pid || s->is_stopping || now < child->restart_ns)
			continue;
		error = start_linked(s, (enum child_kind)i);
		if (error) {
			log_error("cannot start %s error=%s", child_names[i], strerror(-error));
			child->restart_ns = now + RESTART_DELAY_NS;
		}
	}
}

static void handle_message(struct supervisor *s, enum child_kind kind)
{
	struct supervise_message message;
	int fd;
	int got = supervise_receive(s->children[kind].control, &message, &fd);

	if (fd >= 0)
		close(fd); /* children never send descriptors */
	if (got <= 0) {
		/* the child is going; SIGCHLD says how */
		(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->children[kind].control, NULL);
		return;
	}
	if (message.kind == SUPERVISE_BEAT || message.kind == SUPERVISE_READY)
		s->children[kind].beat_ns = clock_monotonic_ns();
	if (kind != CHILD_CORE)
		return;
	switch (message.kind) {
	case SUPERVISE_READY:
		if (!s->is_ready)
			greet_print(s->app, message.text);
		s->is_ready = true;
		(void)notify_send("READY=1\nSTATUS=counting and enforcing");
		break;
	case SUPERVISE_FILLED:
		if (s->app->kernel)
			capture_kernel_filled(s->app->kernel);
		break;
	case SUPERVISE_PASSWORD:
		greet_print_password(message.text);
		break;
	case SUPERVISE_SUMMARY:
		greet_print_summary(message.text);
		break;
	case SUPERVISE_RELOAD:
		(void)reload_begin(s->app, s->children[CHILD_CORE].control); /* said there */
		break;
	default:
		for (int i = 0; i < HELPER_COUNT; i++)
			if (message.kind == helpers[i].answer)
				hand_helper(s, (enum helper)i);
		break;
	}
}

/* A child whose threads stand still is killed; its death starts it again. */
static void kill_still(struct supervisor *s, uint64_t now)
{
	/* if it was this process that stood still, their beats only wait to be read */
	bool was_away = now - s->checked_ns > AWAY_NS;

	s->checked_ns = now;
	for (int i = 0; i < CHILD_COUNT; i++) {
		struct child *child = &s->children[i];

		if (!child->pid || !child->beat_ns)
			continue;
		if (!was_away && (now - child->beat_ns <= PATIENCE_LEAST_NS ||
				  now - child->beat_ns <= patience_now_ns()))
			continue;
		child->beat_ns = now;
		if (was_away)
			continue;
		log_error("%s stands still, killing it to start it again", child_names[i]);
		(void)kill(child->pid, SIGKILL);
	}
}

static void check_time(struct supervisor *s)
{
	uint64_t now = clock_monotonic_ns();

	/* its own sign of life: its children it watches itself */
	if (now / NS_PER_S != s->checked_ns / NS_PER_S)
		(void)notify_send("WATCHDOG=1");
	if (s->end_ns && now >= s->end_ns)
		begin_stop(s);
	if (s->is_stopping && now >= s->kill_ns) {
		for (int i = 0; i < CHILD_COUNT; i++)
			if (s->children[i].pid)
				(void)kill(s->children[i].pid, SIGKILL);
		s->status = s->status ? s->status : CLI_FAILED;
	} else {
		kill_still(s, now);
	}
	restart_due(s, now);
	if (s->app->kernel)
		capture_kernel_tick(s->app->kernel, now);
}

static void handle_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		reap(s);
		restart_due(s, clock_monotonic_ns());
	} else if (info.ssi_signo == SIGHUP) {
		(void)reload_begin(s->app, s->children[CHILD_CORE].pid
						   ? s->children[CHILD_CORE].control
						   : -1); /* said there */
	} else {
		begin_stop(s);
	}
}

static void handle_event(struct supervisor *s, int fd)
{
	uint64_t ticks;

	if (fd == s->signals) {
		handle_signal(s);
	} else if (fd == s->timer) {
		(void)!read(fd, &ticks, sizeof(ticks)); /* only the wake-up matters */
		check_time(s);
	} else if (s->app->kernel && fd == capture_kernel_netlink_fd(s->app->kernel)) {
		(void)capture_kernel_follow(s->app->kernel); /* logs what it could not do */
	} else {
		for (int i = 0; i < CHILD_COUNT; i++)
			if (s->children[i].pid && s->children[i].control == fd)
				handle_message(s, (enum child_kind)i);
	}
}

static int open_watches(struct supervisor *s)
{
	struct itimerspec every = { .it_interval.tv_nsec = 250000000,
				    .it_value.tv_nsec = 250000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC);
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (s->epoll < 0 || s->signals < 0 || s->timer < 0 ||
	    timerfd_settime(s->timer, 0, &every, NULL))
		return -errno;
	watch(s, s->signals);
	watch(s, s->timer);
	if (s->app->kernel)
		watch(s, capture_kernel_netlink_fd(s->app->kernel));
	return 0;
}

static bool has_children(const struct supervisor *s)
{
	return s->children[CHILD_CORE].pid || s->children[CHILD_FRONT].pid;
}

int supervise_run(struct app *app)
{
	struct supervisor s = { .app = app,
				.children = { { .control = -1 }, { .control = -1 } },
				.epoll = -1,
				.signals = -1,
				.timer = -1 };
	int error = open_watches(&s);

	if (!error)
		error = start_both(&s);
	if (error) {
		log_error("cannot start error=%s", strerror(-error));
		return CLI_FAILED;
	}
	if (app->options->for_s > 0)
		s.end_ns = clock_monotonic_ns() + (uint64_t)app->options->for_s * NS_PER_S;
	while (!s.is_stopping || has_children(&s)) {
		struct epoll_event events[8];
		int count = epoll_wait(s.epoll, events, 8, -1);

		if (count < 0 && errno != EINTR)
			return CLI_FAILED;
		for (int i = 0; i < count; i++)
			handle_event(&s, events[i].data.fd);
	}
	close(s.epoll);
	close(s.signals);
	close(s.timer);
	return s.status;
}
