/*
 * Mail: incidents at once or collected, reports that were made by the calendar, and a test. Core
 * queues letters; each is handed to a process of its own (the `mail` role: one letter, no file, no
 * database), which alone speaks SMTP. A server that is down for days costs a bounded queue and a
 * try now and then. Owned by the service thread; writing a letter runs on a jobs thread.
 */
#ifndef SLUICE_MAIL_MAIL_H
#define SLUICE_MAIL_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

struct buffer;
struct incident;
struct mail_service;
struct report;

#define MAIL_TO_MAX	 20  /* addresses */
#define MAIL_ADDRESS_MAX 255 /* RFC 5321 4.5.3.1.3: a path has 256 bytes with its brackets */
#define MAIL_ERROR_MAX	 120
#define MAIL_WAITING_MAX 64 /* letters, without attachments */
/* Larger files are named and not attached: many servers take 25 MB, a third more than the file. */
#define MAIL_FILE_MAX (16U << 20)

/* From the configuration, borrowed; "" = not given. */
struct mail_settings {
	const char *url;  /* smtp:// or smtps://; "": no mail at all */
	const char *from; /* one address */
	const char *to;	  /* addresses, comma separated */
	const char *user, *password;
	const char *ca;	    /* PEM file to trust instead of the system's */
	bool needs_tls;	    /* STARTTLS or nothing */
	bool wants_reports; /* those of schedules */
	int64_t digest_s;   /* 0: only what is high */
	const char *host;   /* this machine's name in them */
};

/* mail_settings_check - -EINVAL with a sentence in @reason (256 bytes). */
int mail_settings_check(const struct mail_settings *settings, char *reason);
/* mail_check_addresses - 1 to MAIL_TO_MAX of them; -EINVAL. */
int mail_check_addresses(const char *list);
/* mail_address - the @index-th address of a list of them, which was checked. false: no more. */
bool mail_address(const char *list, size_t index, char out[static MAIL_ADDRESS_MAX]);

struct mail_options {
	struct mail_settings settings; /* copied */
	/* ask for a mail process; its socket comes to mail_service_take_process */
	int (*ask)(void *arg);
	int (*run)(void *arg, void (*work)(void *job), void (*done)(void *job), void *job);
	/* a report's file, on the service thread; a failure sticks in @out too */
	int (*read_report)(void *arg, const struct report *report, struct buffer *out);
	void *arg;
};

/* mail_service_new - *out NULL when no mail is wanted, which all below accept. */
int mail_service_new(const struct mail_options *options, struct mail_service **out);
/* mail_service_stop - what is under way ends soon; before its jobs thread is stopped. */
void mail_service_stop(struct mail_service *service);
void mail_service_free(struct mail_service *service); /* letters that wait are lost */
DEFINE_CLEANUP(mail_service_free, struct mail_service)
/* mail_service_tick - once a second: the next letter, the next digest. */
void mail_service_tick(struct mail_service *service);
/* mail_service_take_process - takes @fd, or -1: none can be had. */
void mail_service_take_process(struct mail_service *service, int fd);

/* mail_incident - a new one: at once when it is high, ten such an hour; else in the digest. */
void mail_incident(struct mail_service *service, const struct incident *incident,
		   const char *reason);
/* mail_report - a finished one; only those of schedules are sent. @to: addresses, checked, that get
 * it whatever [Mail] reports says; "": those of [Mail] to, where it wants them. */
void mail_report(struct mail_service *service, const struct report *report, const char *title,
		 const char *to);
/* mail_test - a letter that is tried once, before all others. -ENOTCONN: no mail is wanted;
 * -EBUSY: one waits already; -EAGAIN: too many letters wait. */
int mail_test(struct mail_service *service, const char *who);

struct mail_state {
	bool is_up;		    /* the last try did not fail */
	uint64_t sent;		    /* letters */
	uint64_t dropped;	    /* letters, and incidents no digest had room for */
	uint64_t failures;	    /* tries */
	size_t waiting;		    /* letters */
	char error[MAIL_ERROR_MAX]; /* of the last failure, "" while all is well */
};

/* mail_state - false: no mail is wanted. */
bool mail_state(const struct mail_service *service, struct mail_state *out);

/* mail_run - the mail role: one letter of core on @fd to the server. smtp_load was called.
 * Returns 0 or -errno. */
int mail_run(int fd, const struct mail_settings *settings);

#endif
