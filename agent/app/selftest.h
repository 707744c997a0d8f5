/*
 * `sluice selftest`: the service in a room of its own (network, mounts, processes), attacked by
 * this program over a pair of interfaces; what the detectors said, and whether blocks drop.
 */
#ifndef SLUICE_APP_SELFTEST_H
#define SLUICE_APP_SELFTEST_H

struct cli_selftest_options;

/* app_selftest - returns 0 only when all is well; CLI_NO_PERMISSION without root. */
int app_selftest(const struct cli_selftest_options *options);

#endif
