/*
 * The fixed-size messages between the supervisor and the roles it started.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/app/internal.h"

union descriptor_room {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int supervise_send(int socket, enum supervise_kind kind, const char *text, int fd)
{
	struct supervise_message message = { .kind = (uint32_t)kind };
	struct iovec part = { .iov_base = &message, .iov_len = sizeof(message) };
	union descriptor_room room = { 0 };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	if (text)
		(void)snprintf(message.text, sizeof(message.text), "%s", text);
	if (fd >= 0) {
		struct cmsghdr *control;

		header.msg_control = &room;
		header.msg_controllen = sizeof(room);
		control = CMSG_FIRSTHDR(&header);
		control->cmsg_level = SOL_SOCKET;
		control->cmsg_type = SCM_RIGHTS;
		control->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(control), &fd, sizeof(int));
	}
	/* a role that stands still must not hold up the others */
	return sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int supervise_receive(int socket, struct supervise_message *message, int *fd)
{
	struct iovec part = { .iov_base = message, .iov_len = sizeof(*message) };
	union descriptor_room room;
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &room,
				 .msg_controllen = sizeof(room) };
	const struct cmsghdr *control;
	ssize_t len = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (len < 0)
		return -errno;
	control = CMSG_FIRSTHDR(&header);
	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
	    control->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(control), sizeof(int));
	if (len == 0)
		return 0;
	if (len != (ssize_t)sizeof(*message)) {
		if (*fd >= 0)
			(void)close(*fd); /* the message is refused whole */
		*fd = -1;
		return -EPROTO;
	}
	message->text[sizeof(message->text) - 1] = '\0';
	return 1;
}
