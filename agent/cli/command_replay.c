/*
 * replay: options of the command; the wiring above runs it.
 */
#include <string.h>

#include "agent/cli/internal.h"

int command_replay(const struct args *args)
{
	const char *datapath = args_option(args, "--datapath");
	struct cli_replay_options options = {
		.file = args->words[0],
		.output = args->is_eve	  ? CLI_REPLAY_EVE
			  : args->is_json ? CLI_REPLAY_JSON
					  : CLI_REPLAY_HUMAN,
		.is_kernel = datapath && !strcmp(datapath, "kernel"),
	};

	if (args->word_count != 1)
		return usage_error("replay takes one file");
	if (datapath && !options.is_kernel && strcmp(datapath, "user") != 0)
		return usage_error("--datapath takes kernel or user, not \"%s\"", datapath);
	return args->callbacks->replay(&options);
}
