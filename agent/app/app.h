/*
 * Wiring: which role runs what, in which order things start and stop. Knows every module; nobody
 * knows it but main.c.
 */
#ifndef SLUICE_APP_APP_H
#define SLUICE_APP_APP_H

struct cli_service_options;

/* app_run - `sluice run` and `sluice demo`, from parsed options to exit status. */
int app_run(const struct cli_service_options *options);

#endif
