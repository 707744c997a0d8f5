/*
 * What goes out: state and counters of each output, of mail and of reverse look-ups; a test of
 * mail.
 */
#include <errno.h>

#include "agent/api/internal.h"
#include "agent/export/export.h"
#include "agent/intel/intel.h"
#include "agent/mail/mail.h"
#include "agent/store/store.h"

static struct json *encode_output(const struct output_state *state)
{
	struct json *item = json_new_object();

	json_set_string(item, "name", state->name);
	json_set_string(item, "state", state->is_up ? "up" : "down");
	json_set_uint(item, "sent", state->sent);
	json_set_uint(item, "dropped", state->dropped);
	json_set_uint(item, "failures", state->failures);
	json_set_string(item, "error", *state->error ? state->error : NULL);
	return item;
}

static struct json *encode_mail(const struct mail_state *state)
{
	struct json *item = json_new_object();

	json_set_string(item, "name", "mail");
	json_set_string(item, "state", state->is_up ? "up" : "down");
	json_set_uint(item, "sent", state->sent);
	json_set_uint(item, "dropped", state->dropped);
	json_set_uint(item, "failures", state->failures);
	json_set_uint(item, "waiting", state->waiting);
	json_set_string(item, "error", *state->error ? state->error : NULL);
	return item;
}

static struct json *encode_reverse(const struct reverse_state *state)
{
	struct json *item = json_new_object();

	json_set_string(item, "name", "reverse");
	json_set_string(item, "state", state->is_up ? "up" : "down");
	json_set_uint(item, "sent", state->asked);
	json_set_uint(item, "dropped", state->dropped);
	json_set_uint(item, "failures", state->failures);
	json_set_uint(item, "waiting", state->waiting);
	json_set_string(item, "error", *state->error ? state->error : NULL);
	return item;
}

void handle_outputs(struct call *call)
{
	struct outputs *outputs = call->api->options.outputs;
	struct output_state states[OUTPUTS_MAX];
	struct mail_state mail;
	struct reverse_state reverse;
	size_t count = outputs_states(outputs, states);
	bool has_mail = mail_state(call->api->options.mail, &mail);
	bool has_reverse = reverse_state(call->api->options.reverse, &reverse);
	struct json *body = json_new_object(), *items = json_new_array();

	for (size_t i = 0; i < count; i++)
		json_add(items, encode_output(&states[i]));
	if (has_mail)
		json_add(items, encode_mail(&mail));
	if (has_reverse)
		json_add(items, encode_reverse(&reverse));
	json_set(body, "items", items);
	json_set_null(body, "next");
	json_set_bool(body, "configured", outputs || has_mail || has_reverse);
	json_set_uint(body, "dropped", outputs_dropped(outputs));
	answer_json(call, 200, body);
}

static int audit(const struct call *call)
{
	const struct audit_entry entry = {
		.who = call->who.name, .peer = &call->who.peer, .action = "mail.test", .target = ""
	};

	return store_audit_write(call->api->options.store, &entry);
}

void handle_mail_test(struct call *call)
{
	struct mail_state before;
	bool has_mail = mail_state(call->api->options.mail, &before);
	int error = has_mail ? mail_test(call->api->options.mail, call->who.name) : -ENOTCONN;

	if (error == -ENOTCONN)
		answer_error(call, 409, "not_configured", NULL,
			     "No mail server is set: [Mail] url in the configuration.");
	else if (error == -EBUSY)
		answer_error(call, 409, "busy", NULL, "A test is under way.");
	else if (error == -EAGAIN)
		answer_error(call, 409, "full", NULL, "Too many mails wait for the server.");
	else if (error || (error = audit(call)))
		answer_failure(call, error);
	else
		answer_json(call, 202, encode_mail(&before));
}
