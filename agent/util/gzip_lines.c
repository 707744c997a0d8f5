/* Lines of a file, through zlib's reader, which takes plain text as it is. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <zlib.h>

#include "agent/util/gzip.h"

#define LINE_MAX_BYTES (1024UL * 1024)
#define READ_BYTES     (128 * 1024)

struct gzip_lines {
	gzFile file;
	char text[LINE_MAX_BYTES + 2];
};

int gzip_lines_open(const char *path, struct gzip_lines **out)
{
	CLEANUP(gzip_lines_close) struct gzip_lines *lines = calloc(1, sizeof(*lines));
	CLEANUP(close) int fd = -1;

	if (!lines)
		return -ENOMEM;
	fd = strcmp(path, "-") != 0 ? open(path, O_RDONLY | O_CLOEXEC)
				    : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	lines->file = gzdopen(fd, "rb");
	if (!lines->file)
		return -ENOMEM;
	(void)TAKE_FD(fd);			 /* the reader's now */
	(void)gzbuffer(lines->file, READ_BYTES); /* else it reads in smaller pieces */
	*out = TAKE(lines);
	return 0;
}

void gzip_lines_close(struct gzip_lines *lines)
{
	if (!lines)
		return;
	if (lines->file)
		(void)gzclose_r(lines->file); /* only read from */
	free(lines);
}

static int read_error(struct gzip_lines *lines)
{
	int code;

	(void)gzerror(lines->file, &code);
	if (code == Z_ERRNO)
		return errno ? -errno : -EIO;
	if (code == Z_MEM_ERROR)
		return -ENOMEM;
	return code == Z_OK || code == Z_STREAM_END ? 0 : -EBADMSG;
}

int gzip_lines_next(struct gzip_lines *lines, char **line)
{
	z_off_t begin = gztell(lines->file);
	size_t len;
	int error;

	errno = 0;
	if (!gzgets(lines->file, lines->text, sizeof(lines->text)))
		return read_error(lines);
	len = strlen(lines->text);
	if (len > LINE_MAX_BYTES)
		return -E2BIG;
	if ((z_off_t)len != gztell(lines->file) - begin)
		return -EBADMSG; /* a NUL byte hides the rest */
	if (lines->text[len - 1] != '\n') {
		error = read_error(lines); /* the last line needs no end, unless it was cut */
		if (error)
			return error;
	} else {
		lines->text[--len] = '\0';
	}
	if (len && lines->text[len - 1] == '\r')
		lines->text[len - 1] = '\0';
	*line = lines->text;
	return 1;
}
