/*
 * Core's end (on a jobs thread) and the mail role's end of one letter: whom it goes to as HEAD, the
 * message as DATA, then END; back PROGRESS while bytes go, and HEAD with what came of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mail/internal.h"
#include "agent/util/json.h"
#include "agent/util/packet.h"
#include "agent/util/smtp.h"

#define TO_BYTES (MAIL_TO_MAX * (MAIL_ADDRESS_MAX + 2)) /* a list of them */

/* ---- core ------------------------------------------------------------------------------------ */

static const char *to_of(const struct mail_work *work)
{
	return work->letter->to ? work->letter->to : work->settings->to;
}

static void write_message(const struct mail_work *work, struct buffer *out)
{
	static const char *const types[REPORT_FORMAT_COUNT] = {
		[REPORT_PDF] = "application/pdf",
		[REPORT_JSON] = "application/json",
		[REPORT_CSV] = "text/csv; charset=UTF-8",
	};
	static const char *const endings[REPORT_FORMAT_COUNT] = {
		[REPORT_PDF] = "pdf", [REPORT_JSON] = "json", [REPORT_CSV] = "csv"
	};
	const struct mail_letter *letter = work->letter;
	char name[MAIL_NAME_MAX];
	struct mime_message message = { .from = work->settings->from,
					.to = to_of(work),
					.subject = letter->subject,
					.text = letter->text,
					.id = letter->id,
					.unix_ms = letter->made_unix_ms };

	if (letter->report.id && letter->report.format < REPORT_FORMAT_COUNT) {
		(void)snprintf(name, sizeof(name), "sluice-report-%lld.%s",
			       (long long)letter->report.id, endings[letter->report.format]);
		message.file_name = name;
		message.file_type = types[letter->report.format];
		message.file = work->file.data;
		message.file_len = work->file.len;
	}
	mime_write(&message, out);
}

static int hand_over(const struct exchange *exchange, const char *to, const struct buffer *message)
{
	int error = message->error ? message->error
				   : packet_send(exchange, PACKET_HEAD, to, strlen(to));

	for (size_t done = 0; done < message->len && !error; done += PACKET_MAX)
		error = packet_send(exchange, PACKET_DATA, message->data + done,
				    message->len - done < PACKET_MAX ? message->len - done
								     : PACKET_MAX);
	return error ? error : packet_send(exchange, PACKET_END, NULL, 0);
}

static int take_answer(const struct exchange *exchange, struct mail_work *work)
{
	CLEANUP(free) struct packet *packet = malloc(sizeof(*packet));
	CLEANUP(json_free) struct json *head = NULL;
	const char *text;
	char wrong[128];
	int64_t outcome;
	int error;

	if (!packet)
		return -ENOMEM;
	do {
		error = packet_receive(exchange, packet);
	} while (!error && packet->kind == PACKET_PROGRESS);
	if (!error && packet->kind != PACKET_HEAD)
		error = -EPROTO;
	if (!error)
		error = json_parse((const char *)packet->data, packet->len, &head, wrong);
	if (error || json_get_int(head, "outcome", &outcome) ||
	    json_get_string(head, "error", &text) || outcome > 0 || outcome < -4095)
		return error ? error : -EPROTO;
	(void)snprintf(work->reason, sizeof(work->reason), "%s", text);
	return (int)outcome;
}

void mail_work(void *arg)
{
	struct mail_work *work = arg;
	const struct exchange exchange = { work->process, &work->is_cancelled };
	CLEANUP(buffer_done) struct buffer message;

	buffer_init(&message, MAIL_BYTES_MAX);
	write_message(work, &message);
	buffer_done(&work->file);
	work->error = hand_over(&exchange, to_of(work), &message);
	if (!work->error)
		work->error = take_answer(&exchange, work);
	if (work->error && !*work->reason)
		(void)snprintf(work->reason, sizeof(work->reason),
			       "The process that sends mail ended before it was done.");
	close(work->process);
	work->process = -1;
}

/* ---- the mail role --------------------------------------------------------------------------- */

/* Who gets it, by core's word and looked at again: it reaches the server's command line. */
static int take_head(const struct packet *packet, char to[static TO_BYTES])
{
	if (packet->len >= TO_BYTES || memchr(packet->data, '\0', packet->len))
		return -EPROTO;
	memcpy(to, packet->data, packet->len);
	to[packet->len] = '\0';
	return mail_check_addresses(to) ? -EPROTO : 0;
}

static int read_message(const struct exchange *exchange, char to[static TO_BYTES],
			struct buffer *out)
{
	CLEANUP(free) struct packet *packet = malloc(sizeof(*packet));
	int error = packet ? packet_receive(exchange, packet) : -ENOMEM;

	if (!error)
		error = packet->kind == PACKET_HEAD ? take_head(packet, to) : -EPROTO;
	while (!error) {
		error = packet_receive(exchange, packet);
		if (error || packet->kind == PACKET_END)
			break;
		if (packet->kind != PACKET_DATA)
			return -EPROTO;
		buffer_append(out, packet->data, packet->len);
		error = out->error;
	}
	return error;
}

static void tell_progress(void *arg)
{
	const uint8_t percent = 0; /* only that something moves */

	/* core that is gone ends this process with its socket */
	(void)packet_send(arg, PACKET_PROGRESS, &percent, sizeof(percent));
}

int mail_run(int fd, const struct mail_settings *settings)
{
	struct exchange exchange = { .fd = fd };
	CLEANUP(buffer_done) struct buffer message;
	CLEANUP(json_free) struct json *head = json_new_object();
	char list[TO_BYTES], addresses[MAIL_TO_MAX][MAIL_ADDRESS_MAX];
	const char *to[MAIL_TO_MAX + 1] = { NULL };
	struct smtp_request request = { .url = settings->url,
					.user = settings->user,
					.password = settings->password,
					.ca = settings->ca,
					.needs_tls = settings->needs_tls,
					.from = settings->from,
					.to = to,
					.moved = tell_progress,
					.arg = &exchange };
	struct smtp_answer answer;
	size_t len;

	buffer_init(&message, MAIL_BYTES_MAX);
	int error = read_message(&exchange, list, &message);
	if (error)
		return error;
	for (size_t i = 0; i < MAIL_TO_MAX && mail_address(list, i, addresses[i]); i++)
		to[i] = addresses[i];
	request.data = (const char *)message.data;
	request.len = message.len;
	json_set_int(head, "outcome", smtp_send(&request, &answer));
	json_set_string(head, "error", answer.error);
	CLEANUP(free) char *text = json_print(head, &len);
	return text ? packet_send(&exchange, PACKET_HEAD, text, len) : -ENOMEM;
}
