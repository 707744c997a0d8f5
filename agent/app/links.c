/*
 * Bytes in and out of the service thread's sockets.
 */
#include "agent/app/links.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/util/cleanup.h"

#define PEER_GROUPS_MAX 256
/* Written without waiting for the end of the turn: about what a socket takes
 * (net.core.wmem_default, 208 KiB, counts its own overhead). */
#define SEND_BYTES (64U << 10)

int link_open(struct link *link, int epoll, int fd, uint64_t id)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = id };
	int flags = fcntl(fd, F_GETFL);

	*link = (struct link){ .fd = fd, .id = id };
	frame_reader_init(&link->reader);
	buffer_init(&link->out, LINK_OUT_MAX);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) {
		int error = -errno;

		link_close(link);
		return error;
	}
	return 0;
}

void link_close(struct link *link)
{
	if (link->fd < 0)
		return;
	close(link->fd);
	link->fd = -1;
	frame_reader_done(&link->reader);
	buffer_done(&link->out);
}

static void watch_room(struct link *link, int epoll, bool wanted)
{
	struct epoll_event event = { .events = EPOLLIN | (wanted ? EPOLLOUT : 0),
				     .data.u64 = link->id };

	if (link->waits_for_room == wanted)
		return;
	if (!epoll_ctl(epoll, EPOLL_CTL_MOD, link->fd, &event))
		link->waits_for_room = wanted;
}

int link_flush(struct link *link, int epoll)
{
	while (link->fd >= 0 && link->out.len) {
		ssize_t sent = send(link->fd, link->out.data, link->out.len, MSG_NOSIGNAL);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
			watch_room(link, epoll, true);
			return 0;
		}
		if (sent < 0) {
			link_close(link);
			return -EPIPE;
		}
		buffer_consume(&link->out, (size_t)sent);
	}
	if (link->fd < 0)
		return -EPIPE;
	watch_room(link, epoll, false);
	return 0;
}

int link_send(struct link *link, int epoll, enum frame_type type, uint64_t id,
	      const struct buffer *body)
{
	if (link->fd < 0)
		return -EPIPE;
	if (body->error || frame_append(&link->out, type, id, body->data, body->len)) {
		link_close(link); /* half a frame in it, or a peer that reads nothing */
		return -EPIPE;
	}
	return link->out.len < SEND_BYTES ? 0 : link_flush(link, epoll);
}

/* The name of a user without the name service, which a role without files cannot ask. */
static void name_user(uid_t uid, struct principal *out)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;

	(void)snprintf(out->name, sizeof(out->name), "unix:%u", (unsigned int)uid);
	if (!file)
		return;
	while ((entry = fgetpwent(file)))
		if (entry->pw_uid == uid) {
			(void)snprintf(out->name, sizeof(out->name), "unix:%.64s", entry->pw_name);
			break;
		}
	(void)fclose(file); /* read only */
}

static bool is_member(int fd, gid_t primary, int64_t group)
{
	gid_t groups[PEER_GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (group < 0)
		return false;
	if ((int64_t)primary == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if ((int64_t)groups[i] == group)
			return true;
	return false;
}

int link_identify(int fd, int64_t group, enum role group_role, struct principal *out)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -EACCES;
	*out = (struct principal){ .is_local = true };
	if (peer.uid == 0 || peer.uid == geteuid())
		out->role = ROLE_ADMIN;
	else if (is_member(fd, peer.gid, group))
		out->role = (uint8_t)group_role;
	else
		return -EACCES;
	name_user(peer.uid, out);
	return 0;
}
