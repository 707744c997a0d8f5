/*
 * The user-space source from within capture: what a replay (replay.c) sets beyond its face.
 */
#ifndef SLUICE_CAPTURE_USER_H
#define SLUICE_CAPTURE_USER_H

struct capture;
struct control;

/* user_control - the datapath's words of control. */
struct control *user_control(struct capture *user);

#endif
