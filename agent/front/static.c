/* From tools/embed.c's table to browsers. */
#include "agent/front/static.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/gzip.h"
#include "agent/util/log.h"

struct entry {
	struct MHD_Response *gzip, *plain;
	unsigned char *bytes; /* inflated, of @plain */
};

struct static_files {
	const struct asset *list;
	unsigned long count;
	struct entry entries[];
};

int static_new(const struct asset *list, unsigned long count, struct static_files **out)
{
	struct static_files *files = calloc(1, sizeof(*files) + count * sizeof(files->entries[0]));

	if (!files)
		return -ENOMEM;
	files->list = list;
	files->count = count;
	*out = files;
	return 0;
}

void static_free(struct static_files *files)
{
	if (!files)
		return;
	for (unsigned long i = 0; i < files->count; i++) {
		if (files->entries[i].gzip)
			MHD_destroy_response(files->entries[i].gzip);
		if (files->entries[i].plain)
			MHD_destroy_response(files->entries[i].plain);
		free(files->entries[i].bytes);
	}
	free(files);
}

static int compare_path(const void *path, const void *asset)
{
	return strcmp(path, ((const struct asset *)asset)->path);
}

static const struct asset *find(const struct static_files *files, const char *path)
{
	return files->count ? bsearch(path, files->list, files->count, sizeof(files->list[0]),
				      compare_path)
			    : NULL;
}

bool static_has(const struct static_files *files, const char *path)
{
	return find(files, path) != NULL;
}

const char *static_etag(const struct asset *asset, bool is_gzip, char text[static STATIC_ETAG_MAX])
{
	(void)snprintf(text, STATIC_ETAG_MAX, "\"%08lx-%lx%s\"", asset->crc, asset->plain_len,
		       is_gzip ? "-gz" : "");
	return text;
}

const char *static_type(const char *path)
{
	static const struct {
		const char *end, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" }, /* RFC 9239 */
		{ ".css", "text/css; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".ico", "image/x-icon" },
		{ ".woff2", "font/woff2" },
		{ ".json", "application/json" },
		{ ".webmanifest", "application/manifest+json" },
		{ ".txt", "text/plain; charset=utf-8" },
	};
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t end_len = strlen(types[i].end);

		if (len > end_len && strcmp(path + len - end_len, types[i].end) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

bool static_is_match(const struct guard_text *if_none_match, const char *etag)
{
	const char *at = if_none_match->text;
	size_t etag_len = strlen(etag), len = if_none_match->len;

	if (!at)
		return false;
	if (len == 1 && *at == '*')
		return true;
	for (size_t i = 0; i + etag_len <= len; i++)
		if (memcmp(at + i, etag, etag_len) == 0)
			return true;
	return false;
}

static bool add_file_headers(struct MHD_Response *response, const struct asset *asset, bool is_gzip)
{
	char etag[STATIC_ETAG_MAX];

	/* no-cache: keep it, but ask; a new version of the program is seen at the next load */
	return reply_add_headers(response, false) &&
	       MHD_add_response_header(response, "Content-Type", static_type(asset->path)) &&
	       MHD_add_response_header(response, "ETag", static_etag(asset, is_gzip, etag)) &&
	       MHD_add_response_header(response, "Cache-Control", "no-cache") &&
	       MHD_add_response_header(response, "Vary", "Accept-Encoding") &&
	       (!is_gzip || MHD_add_response_header(response, "Content-Encoding", "gzip"));
}

static struct MHD_Response *make(const struct asset *asset, const void *bytes, size_t len,
				 bool is_gzip)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(len, (void *)bytes, MHD_RESPMEM_PERSISTENT);

	if (response && add_file_headers(response, asset, is_gzip))
		return response;
	if (response)
		MHD_destroy_response(response);
	return NULL;
}

/* The few clients without gzip: inflated once, then kept. */
static struct MHD_Response *make_plain(const struct asset *asset, struct entry *entry)
{
	CLEANUP(free) unsigned char *bytes = malloc(asset->plain_len + 1);
	struct MHD_Response *response;
	int error;

	if (!bytes)
		return NULL;
	error = gzip_inflate(asset->gzip, asset->gzip_len, bytes, asset->plain_len);
	if (error) {
		log_error("an embedded file is damaged path=%s error=%d", asset->path, error);
		return NULL;
	}
	response = make(asset, bytes, asset->plain_len, false);
	if (response)
		entry->bytes = TAKE(bytes);
	return response;
}

static struct MHD_Response *get(struct static_files *files, const struct asset *asset, bool is_gzip)
{
	struct entry *entry = &files->entries[asset - files->list];

	if (is_gzip) {
		if (!entry->gzip)
			entry->gzip = make(asset, asset->gzip, asset->gzip_len, true);
		return entry->gzip;
	}
	if (!entry->plain)
		entry->plain = make_plain(asset, entry);
	return entry->plain;
}

static enum MHD_Result send_not_modified(const struct reply_context *context,
					 const struct asset *asset, bool is_gzip)
{
	struct MHD_Response *response = make(asset, "", 0, is_gzip);

	return reply_queue(context, MHD_HTTP_NOT_MODIFIED, response);
}

enum MHD_Result static_send(struct static_files *files, const struct reply_context *context,
			    const struct guard_headers *headers, const char *path,
			    unsigned int status)
{
	const struct asset *asset = find(files, path);
	bool is_gzip = guard_is_listed(&headers->accept_encoding, "gzip");
	struct MHD_Response *response;
	char etag[STATIC_ETAG_MAX];

	if (!asset)
		return reply_refusal(context, GUARD_NOT_FOUND, NULL);
	if (status == MHD_HTTP_OK &&
	    static_is_match(&headers->if_none_match, static_etag(asset, is_gzip, etag)))
		return send_not_modified(context, asset, is_gzip);
	response = get(files, asset, is_gzip);
	if (!response)
		return MHD_NO;
	/* shared: queueing adds a reference, and this one stays */
	return MHD_queue_response(context->connection, status, response);
}
