/*
 * Values set on the settings page: a file of our own in the state directory, read over the files
 * that the administrator edits, which are never rewritten. Core writes it and the loader reads it,
 * so what it may hold is bounded here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/config/internal.h"
#include "agent/util/buffer.h"
#include "agent/util/crypto.h"
#include "agent/util/file.h"

#define SETTINGS_MAX (256U << 10) /* every option at its longest (options.def), several times */

bool config_is_settable(enum config_key key)
{
	/* texts that are no paths; an interface may be renamed, a service not turned into a demo */
	static const enum config_key texts[] = { CONFIG_SNIFFER_FILTER, CONFIG_WEB_LISTEN };

	if (key == CONFIG_GENERAL_DEMO_MODE)
		return false;
	if (config_option(key)->type != CONFIG_TEXT)
		return true;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i] == key)
			return true;
	return false;
}

const char *config_risk(enum config_key key)
{
	static const struct {
		enum config_key key;
		const char *text;
	} risks[] = {
		{ CONFIG_WEB_LISTEN,
		  "With the next start these pages are at this address only; a wrong one keeps the "
		  "service from starting." },
		{ CONFIG_WEB_TLS, "With the next start passwords may cross the network in clear, "
				  "or these pages move to https." },
		{ CONFIG_WEB_TRUSTED_PROXIES,
		  "Whoever sends from there may say who the client is, to throttling and audit." },
		{ CONFIG_WEB_ALLOWED_HOSTS, "Pages of these names may speak to this service." },
		{ CONFIG_CAPTURE_INTERFACES,
		  "Interfaces that are left out are neither counted nor protected." },
		{ CONFIG_CAPTURE_MODE, "The datapath is attached anew with the next start." },
		{ CONFIG_CAPTURE_OFFLOADS, "Offloads of the network card are switched off." },
		{ CONFIG_STORE_FLOWS_MAX_BYTES, "History above it is deleted." },
		{ CONFIG_STORE_FLOWS_MAX_AGE, "Older history is deleted." },
		{ CONFIG_BLOCK_ON_STOP, "It decides what is dropped while the service is away." },
		{ CONFIG_BLOCK_SAFE, "What is taken off it can be blocked, your own address too." },
		{ CONFIG_DETECT_RESPONSE, "Detectors may block by themselves." },
		{ CONFIG_FEED_ALLOW_PRIVATE,
		  "Whoever sets feeds may make this host ask services of its own network." },
		{ CONFIG_EXPORT_METRICS_FREE,
		  "Every program on this host may read how much it talks." },
		{ CONFIG_MAIL_STARTTLS, "With off, mails cross the network in clear." },
		{ CONFIG_CONTROL_GROUP_ROLE,
		  "Every member of group sluice on this host gets this role." },
	};

	for (size_t i = 0; i < sizeof(risks) / sizeof(risks[0]); i++)
		if (risks[i].key == key)
			return risks[i].text;
	return NULL;
}

/* ---- in ---------------------------------------------------------------------------------------
 */

/* Only a file of its own name: root reads it from a folder that is not root's. */
static int check_kind(const char *path)
{
	struct stat info;

	if (lstat(path, &info))
		return -errno;
	return S_ISREG(info.st_mode) ? 0 : -EINVAL;
}

int config_read_settings(struct config *settings, const char *path)
{
	int error = check_kind(path);

	config_begin_source(settings, CONFIG_FROM_SETTINGS);
	if (!error)
		error = config_read_file(settings, path);
	return error == -ENOENT ? 0 : error;
}

/* One value over what is there, unless a later source has spoken. */
static void take(struct config *config, const struct config *settings, enum config_key key,
		 const char *path)
{
	const struct config_option *option = config_option(key);
	const struct config_place place = { path, 0, option->section, option->key };
	char reason[CONFIG_REASON_MAX];

	if (!config_is_settable(key))
		config_note(config, &place, false,
			    "ignored: it is set in sluice.conf only, not on the settings page");
	else if (config_source(config, key) <= CONFIG_FROM_SETTINGS &&
		 config_set(config, key, config_text(settings, key), reason))
		config_note(config, &place, false, "ignored: %s", reason);
}

int config_load_settings(struct config *config, const char *path)
{
	CLEANUP(config_free) struct config *settings = config_new();
	const struct config_place place = { .file = path };
	int error = settings ? config_read_settings(settings, path) : -ENOMEM;

	if (error) {
		config_note(config, &place, false, "cannot be read, and is ignored: %s",
			    strerror(-error));
		return error;
	}
	for (size_t i = 0; i < settings->problem_count; i++) {
		const struct config_problem *problem = &settings->problems[i];
		const struct config_place line = { .file = path, .line = problem->line };

		config_note(config, &line, false, "%s%signored: %s", problem->key,
			    *problem->key ? ": " : "", problem->reason);
	}
	config_begin_source(config, CONFIG_FROM_SETTINGS);
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++)
		if (settings->values[i].is_set)
			take(config, settings, (enum config_key)i, path);
	config_begin_source(config, CONFIG_FROM_COMMAND_LINE);
	return 0;
}

/* ---- out --------------------------------------------------------------------------------------
 */

/* ini.c must read back what is written: no line ends, and nothing it takes for a comment. */
bool config_is_storable(const char *text)
{
	if (*text == ';' || *text == '#')
		return false;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f ||
		    (*c == ';' && c > text && (c[-1] == ' ' || c[-1] == '\t')))
			return false;
	return true;
}

int config_save_settings(const struct config *settings, const char *path)
{
	CLEANUP(buffer_done) struct buffer out;
	const char *section = "";
	int error;

	buffer_init(&out, SETTINGS_MAX);
	buffer_append_text(&out, "# Set on the settings page, over what sluice.conf says. Lines "
				 "may be taken out by hand\n# while the service is stopped.\n");
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++) {
		const struct config_option *option = config_option((enum config_key)i);

		if (!settings->values[i].is_set)
			continue;
		if (!config_is_storable(settings->values[i].text))
			return -EINVAL;
		if (strcmp(section, option->section) != 0)
			buffer_append_format(&out, "\n[%s]\n", option->section);
		section = option->section;
		buffer_append_format(&out, "%s = %s\n", option->key, settings->values[i].text);
	}
	error = out.error ? out.error : file_write(path, out.data, out.len, 0600);
	if (out.data)
		crypto_wipe(out.data, out.len); /* secrets among them */
	return error;
}
