/*
 * Framed connections of the service thread: one to front, and the clients of the control socket.
 * Input is read frame by frame; output is buffered up to a bound and written when the thread has
 * done what it woke for, so that answers given together leave together.
 */
#ifndef SLUICE_APP_LINKS_H
#define SLUICE_APP_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/frame.h"
#include "include/user.h"

#define LINK_OUT_MAX (32U << 20) /* a few of the largest answers; then the peer is too slow */

struct link {
	int fd;	     /* -1 = closed */
	uint64_t id; /* never reused: answers find their link, or find it gone */
	bool is_front;
	struct principal principal; /* of a control client */
	struct frame_reader reader;
	struct buffer out;
	bool waits_for_room; /* epoll watches for output too */
};

/* link_open - takes @fd (non-blocking from now on) and watches it. Returns 0 or -errno. */
int link_open(struct link *link, int epoll, int fd, uint64_t id);
void link_close(struct link *link);
/* link_send - queue one frame, and write what goes when a lot waits. -EPIPE: the link was closed.
 */
int link_send(struct link *link, int epoll, enum frame_type type, uint64_t id,
	      const struct buffer *body);
/* link_flush - write what goes. -EPIPE as above. */
int link_flush(struct link *link, int epoll);

/*
 * link_identify - who is at the other end of a control socket (SO_PEERCRED): uid 0 and our own
 * user are admin, members of @group get @group_role. Returns 0 or -EACCES.
 */
int link_identify(int fd, int64_t group, enum role group_role, struct principal *out);

#endif
