/* Events as text. */
#include "agent/front/blob.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/sse.h"
#include "agent/util/buffer.h"

struct blob *blob_ref(struct blob *blob)
{
	blob->refs++;
	return blob;
}

void blob_unref(struct blob *blob)
{
	if (!blob || --blob->refs)
		return;
	free(blob->text);
	free(blob);
}

struct blob *blob_new(const struct event *event)
{
	struct buffer text;
	struct blob *blob;

	/* beside name and data: three labels, a 20-digit id, line ends */
	buffer_init(&text, SSE_EVENT_BYTES_MAX + 128);
	if (strpbrk(event->data, "\r\n") || strpbrk(event->name, "\r\n") ||
	    strlen(event->name) >= SSE_NAME_MAX || strlen(event->data) > SSE_EVENT_BYTES_MAX)
		return NULL;
	buffer_append_format(&text, "id: %" PRIu64 "\nevent: %s\ndata: ", event->id, event->name);
	buffer_append_text(&text, event->data);
	buffer_append_text(&text, "\n\n");
	blob = calloc(1, sizeof(*blob));
	if (!blob || text.error) {
		free(blob);
		buffer_done(&text);
		return NULL;
	}
	blob->id = event->id;
	blob->min_role = event->min_role;
	blob->max_role = event->max_role;
	blob->text = buffer_take(&text, &blob->len);
	return blob_ref(blob);
}
