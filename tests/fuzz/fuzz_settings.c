/*
 * The file of the settings page with any content, laid over the defaults: no crash, every value
 * passes its own check, nothing that the page may not set is set, and what is saved of it reads
 * back as it was.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REASON_SIZE 256

/* Its own file, for the reader takes no link: in memory where there is such a folder. */
static const char *path_of(void)
{
	static char path[64];

	if (!*path)
		(void)snprintf(path, sizeof(path), "%s/sluice-fuzz-settings-%d",
			       access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm", (int)getpid());
	return path;
}

static void put(const uint8_t *data, size_t size)
{
	FILE *file = fopen(path_of(), "wb");

	if (!file || fwrite(data, 1, size, file) != size || fclose(file))
		abort();
}

static void check_values(struct config *config, bool all)
{
	char reason[REASON_SIZE], *text;

	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++) {
		enum config_key key = (enum config_key)i;

		if (!all && !config_is_settable(key) &&
		    config_source(config, key) == CONFIG_FROM_SETTINGS)
			abort();
		text = strdup(config_text(config, key));
		if (!text || config_set(config, key, text, reason))
			abort();
		free(text);
	}
}

/* What reads is saved, unless a value cannot stand in a file; and is the same again. */
static void check_saved(const struct config *settings)
{
	struct config *again = config_new();
	int error = config_save_settings(settings, path_of());

	if (!again)
		abort();
	if (!error && config_read_settings(again, path_of()))
		abort();
	for (unsigned int i = 0; !error && i < CONFIG_KEY_COUNT; i++) {
		enum config_key key = (enum config_key)i;

		if (config_is_set(settings, key) != config_is_set(again, key) ||
		    strcmp(config_text(settings, key), config_text(again, key)) != 0)
			abort();
	}
	config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = config_new(), *settings = config_new();

	if (!config || !settings)
		abort();
	put(data, size);
	(void)config_load_settings(config, path_of()); /* what is wrong is a problem in it */
	(void)config_read_settings(settings, path_of());
	check_saved(settings);
	check_values(config, false);
	check_values(settings, true);
	config_free(config);
	config_free(settings);
	(void)unlink(path_of()); /* the next input makes it again */
	return 0;
}
