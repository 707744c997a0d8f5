/*
 * A hostile role on the other end of a socket: frames, and the messages in them. A message has one
 * encoding only, so what decodes has to encode to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/util/frame.h"
#include "agent/util/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decode by type; encode what was understood and compare. */
static void check_message(const struct frame *frame, struct buffer *again)
{
	struct response response;
	struct request request;
	struct event event;

	if (frame->type == FRAME_REQUEST &&
	    !message_decode_request(frame->body, frame->len, &request))
		message_encode_request(again, &request);
	else if (frame->type == FRAME_RESPONSE &&
		 !message_decode_response(frame->body, frame->len, &response))
		message_encode_response(again, &response);
	else if (frame->type == FRAME_EVENT &&
		 !message_decode_event(frame->body, frame->len, &event))
		message_encode_event(again, &event);
	else
		return;
	if (again->error || again->len != frame->len ||
	    memcmp(again->data, frame->body, frame->len) != 0)
		abort();
}

static void check_frame(const struct frame *frame)
{
	struct buffer again;

	if (frame->len > FRAME_BODY_MAX || frame->type == 0 || frame->type >= FRAME_TYPE_COUNT)
		abort();
	buffer_init(&again, FRAME_BODY_MAX);
	check_message(frame, &again);
	buffer_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("frames", MFD_CLOEXEC);
	struct frame_reader reader;
	struct frame frame;
	int more = 1;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	frame_reader_init(&reader);
	while (more >= 0 && frame_reader_fill(&reader, fd) > 0) {
		while ((more = frame_reader_next(&reader, &frame)) == 1)
			check_frame(&frame);
	}
	frame_reader_done(&reader);
	if (close(fd))
		abort();
	return 0;
}
