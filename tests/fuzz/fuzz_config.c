/*
 * A configuration file of any content. Whatever is in it, the configuration afterwards holds only
 * values that pass their own checks, and every problem is readable.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REASON_SIZE 256
#define ITEM_SIZE   256

static void check_values(struct config *config)
{
	char reason[REASON_SIZE], item[ITEM_SIZE];

	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++) {
		enum config_key key = (enum config_key)i;
		size_t count = 0;

		while (config_option(key)->type == CONFIG_LIST &&
		       config_list_item(config, key, count, item, sizeof(item)) && count < 64)
			count++;
		if (config_set(config, key, config_text(config, key), reason))
			abort();
	}
}

static void check_problems(const struct config *config, int result)
{
	bool has_error = false;

	for (size_t i = 0; i < config_problem_count(config); i++) {
		const struct config_problem *problem = config_problem(config, i);

		has_error |= problem->is_error;
		if (problem->reason[0] == '\0' || problem->file[0] == '\0')
			abort();
	}
	if (has_error != (result != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = config_new();
	int fd = memfd_create("config", MFD_CLOEXEC);
	char path[32];

	if (!config || fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fits */
	check_problems(config, config_load(config, path));
	check_values(config);
	config_free(config);
	if (close(fd))
		abort();
	return 0;
}
