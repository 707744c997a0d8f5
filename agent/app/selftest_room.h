/*
 * The room of the selftest: namespaces that end with their first process, so that nothing is left
 * behind however it ends; a pair of interfaces; the service; commands to it.
 */
#ifndef SLUICE_APP_SELFTEST_ROOM_H
#define SLUICE_APP_SELFTEST_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/demo/demo.h"
#include "agent/util/cleanup.h"

struct json;

#define ROOM_IFACE "sluice0" /* the service watches it */
#define ROOM_PEER  "attack0" /* where frames come from */
#define ROOM_STATE "/tmp/state"

struct room {
	pid_t service;
	int host, peer; /* packet sockets to send on */
	unsigned int host_index, peer_index;
	char reason[256]; /* of what failed */
};

/*
 * room_enter - run @inside as the first process of new namespaces and wait for it. It dies with
 * the caller, and everything else in there with it. Returns its exit status, or -errno.
 */
int room_enter(int (*inside)(void *arg), void *arg);

/* room_open - in there: mounts, the pair, the sockets, the service until it answers. Returns 0 or
 * an exit status of cli.h; room->reason says what failed. */
int room_open(struct room *room);
void room_close(struct room *room);

/* room_give_addresses - the server's addresses become the interface's own: a real socket hears what
 * the service lets pass. Returns 0 or -errno. */
int room_give_addresses(struct room *room);

/* room_send - a frame of the scenario: out of the interface, or into it. */
void room_send(void *arg, const uint8_t *frame, size_t len, bool is_egress);

/* room_command - `sluice WORD... -o json --state`; its answer, or NULL (room->reason). Caller
 * frees. @words: ends with NULL. */
struct json *room_command(struct room *room, const char *const *words);

#endif
