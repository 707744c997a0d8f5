/*
 * EVE lines into a file, or to whoever listens on a Unix socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/log.h"

static int open_file(struct sink *sink)
{
	sink->fd = open(sink->settings->eve_file,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	return sink->fd < 0 ? -errno : 0;
}

/* Lines are whole or not there: half of them, where the disk is full, are taken back. */
static int write_file(struct sink *sink, const struct output_message *message)
{
	off_t before = lseek(sink->fd, 0, SEEK_END); /* a pipe has none, and no disk */
	const uint8_t *at = message->data;
	size_t left = message->len;

	while (left) {
		ssize_t wrote = write(sink->fd, at, left);

		if (wrote < 0 && errno != EINTR) {
			int error = -errno;

			if (before >= 0 && left < message->len && ftruncate(sink->fd, before))
				log_warn("half a line may be left in the EVE file");
			return error;
		}
		at += wrote > 0 ? wrote : 0;
		left -= wrote > 0 ? (size_t)wrote : 0;
	}
	return (int)output_count(message);
}

/* A rotated file is another one than its name says now: logrotate moves it, and a HUP is not even
 * needed. */
static int follow_name(struct sink *sink)
{
	struct stat open_one, named;

	if (fstat(sink->fd, &open_one))
		return -errno;
	if (!stat(sink->settings->eve_file, &named) && named.st_ino == open_one.st_ino &&
	    named.st_dev == open_one.st_dev)
		return 0;
	close(sink->fd);
	return open_file(sink);
}

const struct sink_type sink_eve_file = { .name = "eve_file",
					 .takes = OUTPUT_TEXT,
					 .open = open_file,
					 .send = write_file,
					 .idle = follow_name };

/* ---- a Unix socket --------------------------------------------------------------------------- */

static int open_socket(struct sink *sink)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = sink->settings->eve_socket;
	int error = -ENAMETOOLONG;

	if (strlen(path) >= sizeof(address.sun_path))
		return error;
	memcpy(address.sun_path, path, strlen(path));
	for (int i = 0; i < 2 && error; i++) { /* the listener says which of the two it is */
		int fd = socket(AF_UNIX, (i ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);

		error = fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address))
				? -errno
				: 0;
		if (!error)
			sink->fd = fd;
		else if (fd >= 0)
			close(fd);
		sink->is_stream = i == 0;
	}
	return error;
}

/* A datagram is one line. */
static int send_socket(struct sink *sink, const struct output_message *message)
{
	const char *at = (const char *)message->data, *end = at + message->len;
	int error = sink->is_stream ? sink_write(sink, at, message->len) : 0;

	while (!sink->is_stream && at < end && !error) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((line ? line : end) - at);

		error = sink_write(sink, at, len);
		at += len + 1;
	}
	return error ? error : (int)output_count(message);
}

const struct sink_type sink_eve_socket = { .name = "eve_socket",
					   .takes = OUTPUT_TEXT,
					   .open = open_socket,
					   .send = send_socket,
					   .idle = sink_watch };
