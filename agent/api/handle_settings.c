/*
 * Settings: the option table with what is in force, and changes of it. What is changed here is kept
 * in a file of our own over the administrator's files, and is in force at once where that is
 * possible, else with the next start.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"

#define VERSION_TEXT_MAX 17
#define SETTING_NAME_MAX 96

static const char *const type_names[] = {
	[CONFIG_BOOL] = "bool",		[CONFIG_INT] = "int",	    [CONFIG_SIZE] = "size",
	[CONFIG_DURATION] = "duration", [CONFIG_TEXT] = "text",	    [CONFIG_ENUM] = "enum",
	[CONFIG_LIST] = "list",		[CONFIG_SECRET] = "secret",
};

static const char *const source_names[] = {
	[CONFIG_FROM_DEFAULT] = "default",
	[CONFIG_FROM_FILE] = "file",
	[CONFIG_FROM_SETTINGS] = "page",
	[CONFIG_FROM_ENVIRONMENT] = "environment",
	[CONFIG_FROM_COMMAND_LINE] = "command line",
};

static const char *name_of(enum config_key key, char text[static SETTING_NAME_MAX])
{
	const struct config_option *option = config_option(key);

	(void)snprintf(text, SETTING_NAME_MAX, "%s.%s", option->section, option->key);
	return text;
}

/* What the page keeps now; NULL after an answer. */
static struct config *read_kept(struct call *call)
{
	CLEANUP(config_free) struct config *kept = config_new();
	int error = kept ? config_read_settings(kept, call->api->options.settings_path) : -ENOMEM;

	if (error) {
		answer_failure(call, error);
		return NULL;
	}
	return TAKE(kept);
}

/* Names what is kept: who changes it says which version was seen. */
static void version_of(const struct config *kept, char text[static VERSION_TEXT_MAX])
{
	uint8_t hash[CRYPTO_HASH_BYTES], all[CRYPTO_HASH_BYTES * 2] = { 0 };

	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++) {
		enum config_key key = (enum config_key)i;
		const char *value = config_is_set(kept, key) ? config_text(kept, key) : "";

		crypto_digest(value, strlen(value), all + CRYPTO_HASH_BYTES);
		all[CRYPTO_HASH_BYTES] ^= (uint8_t)config_is_set(kept, key);
		crypto_digest(all, sizeof(all), hash);
		memcpy(all, hash, sizeof(hash));
	}
	for (size_t i = 0; i < (VERSION_TEXT_MAX - 1) / 2; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", all[i]);
}

/* ---- what is ----------------------------------------------------------------------------------
 */

static struct json *encode_words(const char *words)
{
	struct json *items = json_new_array();

	for (const char *at = words; at && *at;) {
		size_t len = strcspn(at, "|");
		char word[SETTING_NAME_MAX];

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, at);
		json_add_string(items, word);
		at += len + (at[len] == '|');
	}
	return items;
}

static bool is_waiting(const struct config *in_force, const struct config *kept,
		       enum config_key key)
{
	enum config_source source = config_source(in_force, key);

	if (source > CONFIG_FROM_SETTINGS)
		return false;
	if (!config_is_set(kept, key))
		return source == CONFIG_FROM_SETTINGS;
	return strcmp(config_text(in_force, key), config_text(kept, key)) != 0;
}

static struct json *encode_setting(const struct api_options *options, const struct config *kept,
				   enum config_key key)
{
	const struct config_option *option = config_option(key);
	const struct config *config = options->config;
	bool is_secret = option->type == CONFIG_SECRET, is_kept = config_is_set(kept, key);
	char name[SETTING_NAME_MAX];
	struct json *item = json_new_object();

	json_set_int(item, "id", (int64_t)key + 1);
	json_set_string(item, "key", name_of(key, name));
	json_set_string(item, "section", option->section);
	json_set_string(item, "name", option->key);
	json_set_string(item, "type", type_names[option->type]);
	json_set_string(item, "value", is_secret ? NULL : config_text(config, key));
	json_set_bool(item, "has_value", *config_text(config, key) != '\0');
	json_set_string(item, "stored", is_kept && !is_secret ? config_text(kept, key) : NULL);
	json_set_bool(item, "is_stored", is_kept);
	json_set_string(item, "default", option->dflt);
	json_set_int(item, "min", option->min);
	if (option->max)
		json_set_int(item, "max", option->max);
	else
		json_set_null(item, "max");
	json_set(item, "words", encode_words(option->words));
	json_set_string(item, "unit", option->unit);
	json_set_string(item, "help", option->help);
	json_set_string(item, "source", source_names[config_source(config, key)]);
	json_set_bool(item, "settable",
		      config_is_settable(key) &&
			      config_source(config, key) <= CONFIG_FROM_SETTINGS);
	json_set_bool(item, "restart", !options->is_live(key));
	json_set_bool(item, "waiting", is_waiting(config, kept, key));
	json_set_string(item, "risk", config_risk(key));
	return item;
}

void handle_settings(struct call *call)
{
	CLEANUP(config_free) struct config *kept = read_kept(call);
	struct json *body, *items;
	char version[VERSION_TEXT_MAX];

	if (!kept)
		return;
	body = json_new_object();
	items = json_new_array();
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++)
		json_add(items, encode_setting(&call->api->options, kept, (enum config_key)i));
	version_of(kept, version);
	json_set(body, "items", items);
	json_set_null(body, "next");
	json_set_string(body, "version", version);
	(void)snprintf(call->version, sizeof(call->version), "%s", version);
	answer_json(call, 200, body);
}

/* ---- what shall be ----------------------------------------------------------------------------
 */

/* One order on its way. */
struct edit {
	struct call *call;
	struct config *kept;
	enum config_key keys[CONFIG_KEY_COUNT]; /* that change */
	struct json *changes;			/* as the answer has them */
	size_t count;
	enum config_key risky; /* the first that wants a confirmation; CONFIG_KEY_COUNT: none */
	bool is_form;	       /* the original's: answers lead to the page */
};

static int refuse(struct edit *edit, const char *name, int status, const char *code,
		  const char *message)
{
	char location[SETTING_NAME_MAX + 32];

	if (!edit->is_form) {
		answer_error(edit->call, status, code, name, message);
		return -EINVAL;
	}
	(void)snprintf(location, sizeof(location), "/settings?refused=%s", name ? name : "1");
	answer_redirect(edit->call, location, "");
	return -EINVAL;
}

/* A text, or what JSON has for a number or a switch. @text: 32 bytes for those. */
static const char *value_text(const struct json *value, char text[static 32])
{
	const char *given;
	int64_t number;
	bool on;

	if (!json_string(value, &given))
		return given;
	if (!json_bool(value, &on))
		return on ? "true" : "false";
	if (json_int(value, &number))
		return NULL;
	(void)snprintf(text, 32, "%lld", (long long)number);
	return text;
}

static int check_settable(struct edit *edit, const char *name, enum config_key key)
{
	const struct config *config = edit->call->api->options.config;

	char exact[SETTING_NAME_MAX];

	/* as it is spelled: then no setting comes twice */
	if (key == CONFIG_KEY_COUNT || strcmp(name, name_of(key, exact)) != 0)
		return refuse(edit, name, 422, "unknown_setting", "There is no such setting.");
	if (!config_is_settable(key))
		return refuse(edit, name, 422, "not_settable",
			      "This is set in sluice.conf only: it names a file, or decides what "
			      "the service is.");
	if (config_source(config, key) > CONFIG_FROM_SETTINGS)
		return refuse(edit, name, 409, "set_elsewhere",
			      "The environment or the command line sets this, and goes before.");
	return 0;
}

static void note_change(struct edit *edit, enum config_key key, const char *from, const char *to)
{
	const struct api_options *options = &edit->call->api->options;
	bool is_secret = config_option(key)->type == CONFIG_SECRET;
	struct json *item = json_new_object();
	char name[SETTING_NAME_MAX];

	json_set_string(item, "key", name_of(key, name));
	json_set_string(item, "from", is_secret ? NULL : from);
	json_set_string(item, "to", is_secret ? NULL : to);
	json_set_bool(item, "secret", is_secret);
	json_set_bool(item, "restart", !options->is_live(key));
	json_set_string(item, "risk", config_risk(key));
	json_add(edit->changes, item);
	edit->keys[edit->count++] = key;
	if (config_risk(key) && edit->risky == CONFIG_KEY_COUNT)
		edit->risky = key;
}

/* One member of "changes": into the kept ones, and noted when it is another than before. */
static int take_change(struct edit *edit, const char *name, const struct json *value)
{
	const struct config *in_force = edit->call->api->options.config;
	enum config_key key = config_find_name(name);
	CLEANUP(free) char *before = NULL;
	char number[32], reason[256];
	const char *text;
	bool was_kept;

	if (check_settable(edit, name, key))
		return -EINVAL;
	was_kept = config_is_set(edit->kept, key);
	before = strdup(was_kept ? config_text(edit->kept, key) : config_text(in_force, key));
	if (!before) {
		answer_failure(edit->call, -ENOMEM);
		return -ENOMEM;
	}
	if (json_is_null(value)) {
		config_unset(edit->kept, key);
		if (was_kept)
			note_change(edit, key, before, NULL);
		return 0;
	}
	text = value_text(value, number);
	if (!text)
		return refuse(edit, name, 422, "invalid", "A value is text, a number or a switch.");
	if (config_set(edit->kept, key, text, reason))
		return refuse(edit, name, 422, "invalid", reason);
	if (!config_is_storable(config_text(edit->kept, key)))
		return refuse(edit, name, 422, "invalid",
			      "A value holds control characters or begins a comment.");
	if (strcmp(before, config_text(edit->kept, key)) != 0)
		note_change(edit, key, before, config_text(edit->kept, key));
	else if (!was_kept)
		config_unset(edit->kept, key); /* the file says the same: nothing to keep */
	return 0;
}

static int take_changes(struct edit *edit, const struct json *changes)
{
	const char *name;

	if (!changes || !json_is_object(changes))
		return refuse(edit, "changes", 422, "invalid",
			      "changes is an object of settings and values.");
	for (size_t i = 0; (name = json_key(changes, i)); i++) {
		int error = take_change(edit, name, json_get(changes, name));

		if (error)
			return error;
	}
	return 0;
}

static void audit_changes(const struct edit *edit)
{
	const struct api_options *options = &edit->call->api->options;

	for (size_t i = 0; i < edit->count; i++) {
		CLEANUP(free) char *detail = json_print(json_array_get(edit->changes, i), NULL);
		char name[SETTING_NAME_MAX];
		const struct audit_entry entry = { .who = edit->call->who.name,
						   .peer = &edit->call->who.peer,
						   .action = "settings.change",
						   .target = name_of(edit->keys[i], name),
						   .detail = detail };
		int error = store_audit_write(options->store, &entry);

		if (error)
			log_error("audit line not written action=settings.change: %s",
				  strerror(-error));
	}
}

/* Kept, told, and on its way into force. */
static int apply(struct edit *edit)
{
	const struct api_options *options = &edit->call->api->options;
	int error = config_save_settings(edit->kept, options->settings_path);

	if (error) {
		answer_failure(edit->call, error);
		return error;
	}
	audit_changes(edit);
	error = options->reload(options->arg);
	if (error)
		log_warn("changed settings wait for the next reload error=%s", strerror(-error));
	return 0;
}

static void answer_edit(struct edit *edit, bool is_applied)
{
	struct json *body = json_new_object();
	char version[VERSION_TEXT_MAX];

	if (is_applied)
		version_of(edit->kept, version);
	json_set(body, "changes", edit->changes);
	edit->changes = NULL;
	json_set_bool(body, "applied", is_applied);
	json_set_string(body, "version", is_applied ? version : NULL);
	answer_json(edit->call, 200, body);
}

/* The version that who asks saw is not the one that is kept. Answers itself. */
static int refuse_stale(struct edit *edit, int status, const char *field)
{
	const struct audit_filter filter = { .action = "settings.change" };
	struct audit_record last = { 0 };
	struct json *more = json_new_object();
	char message[400];

	if (store_audit_list(edit->call->api->options.store, &filter, &last, 1) > 0)
		(void)snprintf(message, sizeof(message),
			       "%s changed %s meanwhile. Look at the settings again.", last.who,
			       last.target);
	else
		(void)snprintf(message, sizeof(message),
			       "Somebody changed settings meanwhile. Look at them again.");
	json_set_string(more, "who", *last.who ? last.who : NULL);
	json_set_time(more, "when", last.time_unix_ms);
	answer_overtaken(edit->call, status, field, message, more);
	store_audit_records_done(&last, 1);
	return -ESTALE;
}

static int check_version(struct edit *edit, const char *seen)
{
	char version[VERSION_TEXT_MAX], tag[CALL_VERSION_MAX];

	version_of(edit->kept, version);
	if (edit_seen_tag(edit->call, tag) && strcmp(tag, version) != 0)
		return refuse_stale(edit, 412, "If-Match");
	if (*seen && strcmp(seen, version) != 0)
		return refuse_stale(edit, 409, "version");
	return 0;
}

/* What the body says beside the changes. Answers itself. */
static int read_switches(struct edit *edit, const struct json *body, bool *confirm, bool *dry_run)
{
	const char *seen;

	*confirm = *dry_run = false;
	if (json_get_bool(body, "confirm", confirm) == -EINVAL)
		return refuse(edit, "confirm", 422, "invalid", "confirm is true or false.");
	if (json_get_bool(body, "dry_run", dry_run) == -EINVAL)
		return refuse(edit, "dry_run", 422, "invalid", "dry_run is true or false.");
	if (body_text(edit->call, body, "version", &seen))
		return -EINVAL;
	return check_version(edit, seen);
}

static void change(struct edit *edit, const struct json *body)
{
	bool confirm, dry_run;
	char name[SETTING_NAME_MAX];

	if (read_switches(edit, body, &confirm, &dry_run) ||
	    take_changes(edit, json_get(body, "changes")))
		return;
	if (dry_run)
		answer_edit(edit, false);
	else if (edit->risky != CONFIG_KEY_COUNT && !confirm)
		(void)refuse(edit, name_of(edit->risky, name), 409, "confirm_needed",
			     config_risk(edit->risky));
	else if (!edit->count || !apply(edit))
		answer_edit(edit, true);
}

void handle_settings_change(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	CLEANUP(config_free) struct config *kept = read_kept(call);
	struct edit edit = { .call = call, .kept = kept, .risky = CONFIG_KEY_COUNT };

	if (!kept || body_json(call, &body))
		return;
	config_add_check(kept, CONFIG_SNIFFER_FILTER, call->api->options.check_filter);
	edit.changes = json_new_array();
	change(&edit, body);
	json_free(edit.changes);
}

/* ---- the original's form: config_ID, ID of the option ------------------------------------------
 */

static int take_field(struct edit *edit, enum config_key key)
{
	const struct config *in_force = edit->call->api->options.config;
	char field[32], text[PARAM_MAX], name[SETTING_NAME_MAX];
	CLEANUP(json_free) struct json *value = NULL;
	bool is_same;

	(void)snprintf(field, sizeof(field), "config_%d", (int)key + 1);
	if (!param_is_there(edit->call->request->body, field))
		return 0;
	if (param_text(edit->call->request->body, field, text))
		return refuse(edit, name_of(key, name), 422, "invalid", "This is too long.");
	is_same = !strcmp(text,
			  config_text(config_is_set(edit->kept, key) ? edit->kept : in_force, key));
	/* a form sends all of its fields, and secrets empty: they were never shown */
	if (is_same || (config_option(key)->type == CONFIG_SECRET && !*text))
		return 0;
	value = json_new_string(text);
	return take_change(edit, name_of(key, name), value);
}

void handle_form_config(struct call *call)
{
	CLEANUP(config_free) struct config *kept = read_kept(call);
	struct edit edit = {
		.call = call, .kept = kept, .risky = CONFIG_KEY_COUNT, .is_form = true
	};
	char confirm[PARAM_MAX], name[SETTING_NAME_MAX];
	int error = 0;

	if (!kept)
		return;
	config_add_check(kept, CONFIG_SNIFFER_FILTER, call->api->options.check_filter);
	edit.changes = json_new_array();
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT && !error; i++)
		error = take_field(&edit, (enum config_key)i);
	if (!error && edit.risky != CONFIG_KEY_COUNT &&
	    (param_text(call->request->body, "confirm", confirm) || !*confirm))
		error = refuse(&edit, name_of(edit.risky, name), 409, "confirm_needed", "");
	if (!error && edit.count)
		error = apply(&edit);
	if (!error)
		answer_redirect(call, "/settings", "");
	json_free(edit.changes);
}
