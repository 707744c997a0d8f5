/*
 * The two datapaths behind a replay: replay.c asks, replay_kernel.c runs frames in the kernel. One
 * thread; the kernel's must stay on one CPU from its start to its end.
 */
#ifndef SLUICE_CAPTURE_REPLAY_H
#define SLUICE_CAPTURE_REPLAY_H

#include "agent/capture/capture.h"
#include "agent/capture/drain.h"

struct control;
struct replay_kernel;

/* replay_kernel_new - @error: at least 256 bytes. As capture_replay_new. */
int replay_kernel_new(unsigned int flow_slots, struct replay_kernel **out, char *error);
void replay_kernel_free(struct replay_kernel *kernel); /* accepts NULL */
DEFINE_CLEANUP(replay_kernel_free, struct replay_kernel)
/* replay_kernel_source - the complete source beneath. */
struct capture *replay_kernel_source(struct replay_kernel *kernel);
struct control *replay_kernel_control(struct replay_kernel *kernel);
/* replay_kernel_run - 1 passed, 0 dropped, -errno. */
int replay_kernel_run(struct replay_kernel *kernel, const void *data, size_t len);
/* replay_kernel_drain - as capture_drain, at the file's time. */
int replay_kernel_drain(struct replay_kernel *kernel, const struct drain_clock *clock, bool scan,
			const struct capture_sink *sink);

#endif
