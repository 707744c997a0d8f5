/* `sluice replay`: a capture file through the datapath, flows and names to standard output. */
#ifndef SLUICE_APP_REPLAY_H
#define SLUICE_APP_REPLAY_H

struct cli_replay_options;

/* app_replay - from parsed options to exit status. */
int app_replay(const struct cli_replay_options *options);

#endif
