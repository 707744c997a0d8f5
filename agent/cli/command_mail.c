/*
 * mail test: one letter to everybody that gets mail, and whether the server took it.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/cli/internal.h"
#include "agent/util/json.h"

#define WAIT_STEP_NS 200000000L
#define WAIT_STEPS   300 /* a minute: a server that answers nothing is given up by then */

static const struct json *find_mail(const struct json *list)
{
	const struct json *items = json_get(list, "items");

	for (size_t i = 0; i < json_array_len(items); i++)
		if (!strcmp(text_of(json_array_get(items, i), "name"), "mail"))
			return json_array_get(items, i);
	return NULL;
}

/* What became of it; @before: as the counters stood. Returns CLI_OK, CLI_FAILED, or -1: not yet. */
static int tell(const struct args *args, const struct json *before, const struct json *mail)
{
	bool was_sent = number_of(mail, "sent") > number_of(before, "sent");

	if (!was_sent && number_of(mail, "failures") == number_of(before, "failures"))
		return -1;
	if (args->is_json)
		(void)answer_print(mail); /* the status says whether it was sent */
	else if (was_sent)
		say("sent: the server took it\n");
	else
		fprintf(stderr, "sluice: not sent: %s\n", text_of(mail, "error"));
	return was_sent ? CLI_OK : CLI_FAILED;
}

int command_mail_test(const struct args *args)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_NS };
	CLEANUP(json_free) struct json *before = NULL;
	int status = client_call(args, "POST", "/api/v1/mail/test", NULL, &before);

	for (int i = 0; i < WAIT_STEPS && !status; i++) {
		CLEANUP(json_free) struct json *list = NULL;
		const struct json *mail;
		int told;

		status = client_call(args, "GET", "/api/v1/outputs", NULL, &list);
		mail = status ? NULL : find_mail(list);
		told = mail ? tell(args, before, mail) : -1;
		if (told >= 0)
			return told;
		(void)nanosleep(&step, NULL); /* an interrupt only shortens it */
	}
	if (status)
		return status;
	fprintf(stderr, "sluice: the server has not answered yet; see sluice outputs\n");
	return CLI_FAILED;
}
