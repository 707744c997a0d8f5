/*
 * What front answers: error documents, the headers every answer carries, core's answers turned into
 * HTTP.
 */
#ifndef SLUICE_FRONT_REPLY_H
#define SLUICE_FRONT_REPLY_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/front/ask.h"
#include "agent/front/guard.h"

/* What an answer needs of its request. */
struct reply_context {
	struct MHD_Connection *connection;
	const char *request_id;
	bool tls;
	uint16_t port;
	bool must_close; /* what follows on this connection cannot be trusted */
	bool may_gzip;	 /* the browser takes it, and no secret is in the answer */
};

/*
 * reply_add_headers - the security headers of every answer.
 * @is_private: the answer belongs to one person: no cache may keep it
 * Returns false without memory. Source: facts of OWASP ASVS 4.0.3 V14.4; CSP Level 3.
 */
bool reply_add_headers(struct MHD_Response *response, bool is_private);

/* reply_queue - queue and let go of @response; MHD_NO (close) when it is NULL. */
enum MHD_Result reply_queue(const struct reply_context *context, unsigned int status,
			    struct MHD_Response *response);

/* reply_refusal - the error document of @result; @allow: for 405, else NULL. */
enum MHD_Result reply_refusal(const struct reply_context *context, enum guard_result result,
			      const char *allow);

/* reply_unavailable - 503 or 504 for what ask_send or an ask_reply said, with Retry-After. */
enum MHD_Result reply_unavailable(const struct reply_context *context, int error);

/* reply_busy - 429: this session or this server has enough streams. */
enum MHD_Result reply_busy(const struct reply_context *context);

/* reply_redirect - 303 to @location. */
enum MHD_Result reply_redirect(const struct reply_context *context, const char *location);

/* reply_text - 200 with a short constant text. */
enum MHD_Result reply_text(const struct reply_context *context, const char *text);

/* reply_add_core_headers - what core's answer says of itself; false without memory. */
bool reply_add_core_headers(const struct reply_context *context, const struct response *core,
			    struct MHD_Response *response);

/*
 * reply_core - core's answer as it is; takes @reply's memory. response.location becomes Location,
 * or Content-Disposition for 200, Allow for 405, Retry-After for 429 and 503.
 */
enum MHD_Result reply_core(const struct reply_context *context, struct ask_reply *reply);

/* reply_etag_is - is @text, If-None-Match, this strong or weak tag (RFC 9110 13.1.2)? */
bool reply_etag_is(const struct guard_text *text, const char *etag);

/* reply_cached - an answer again, or 304 for who has it; takes the reference. */
struct cached;
enum MHD_Result reply_cached(const struct reply_context *context,
			     const struct guard_text *if_none_match, struct cached *cached);

#endif
