/*
 * The embedded web files. Each is one shared response object per encoding, made when first asked
 * for and kept, so that serving one allocates nothing. One thread (libmicrohttpd's).
 */
#ifndef SLUICE_FRONT_STATIC_H
#define SLUICE_FRONT_STATIC_H

#include <stdbool.h>

#include "agent/front/assets.h"
#include "agent/front/guard.h"
#include "agent/front/reply.h"
#include "agent/util/cleanup.h"

struct static_files;

/* static_new - over @count assets sorted by path; borrowed for ever. Returns 0 or -ENOMEM. */
int static_new(const struct asset *list, unsigned long count, struct static_files **out);
/* static_free - after the daemon has stopped. Accepts NULL. */
void static_free(struct static_files *files);
DEFINE_CLEANUP(static_free, struct static_files)

bool static_has(const struct static_files *files, const char *path);

/*
 * static_send - the file at @path, gzip where the client takes it; 304 when If-None-Match holds its
 * ETag and @status is 200. 404 when there is none.
 */
enum MHD_Result static_send(struct static_files *files, const struct reply_context *context,
			    const struct guard_headers *headers, const char *path,
			    unsigned int status);

#define STATIC_ETAG_MAX 40
/* static_etag - strong, so different per encoding (RFC 9110 8.8.3.3). Returns @text. */
const char *static_etag(const struct asset *asset, bool is_gzip, char text[static STATIC_ETAG_MAX]);
/* static_type - media type by the end of the name. */
const char *static_type(const char *path);
/* static_is_match - If-None-Match against one tag, weak comparison (RFC 9110 13.1.2). */
bool static_is_match(const struct guard_text *if_none_match, const char *etag);

#endif
