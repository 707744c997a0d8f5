/*
 * The way out to the service manager, nothing comes back. $NOTIFY_SOCKET is a path, or an abstract
 * name behind '@'.
 */
#include "agent/util/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/util/cleanup.h"

static int make_address(const char *name, struct sockaddr_un *address, socklen_t *len)
{
	size_t name_len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || name_len < 2)
		return -EINVAL;
	if (name_len >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, name, name_len);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	/* An abstract name is exactly its bytes, without the NUL (unix(7)). */
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len);
	return 0;
}

int notify_send(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	CLEANUP(close) int fd = -1;
	socklen_t len;
	int err;

	if (!name || name[0] == '\0')
		return 0;
	err = make_address(name, &address, &len);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, len) <
	    0)
		return -errno;
	return 1;
}
