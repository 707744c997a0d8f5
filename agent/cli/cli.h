/*
 * The command line: every command but run and demo. Speaks to the running service through its
 * control socket with the same request frames as the web; `user` opens the store itself when
 * nobody holds the lock, and panic goes to the pins.
 */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NO_KERNEL = 69, /* EX_UNAVAILABLE, sysexits.h */
	CLI_NO_PERMISSION = 77,
	CLI_BAD_CONFIG = 78,
};

/* Options of `run` and `demo`, parsed here so that all usage texts live in one place. */
struct cli_service_options {
	const char *config_file; /* NULL = default */
	const char *interfaces;	 /* NULL = config */
	const char *listen;
	const char *state_dir; /* NULL = default */
	int is_dry_run;
	int is_demo;
	unsigned long long seed;
	double speed;
	long long for_s; /* 0 = until stopped */
};

typedef int (*cli_service_fn)(const struct cli_service_options *options);

/* cli_main - parse argv; @service runs `run` and `demo`. Returns the exit status. */
int cli_main(int argc, char **argv, cli_service_fn service);

#endif
