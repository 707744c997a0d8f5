/*
 * Bodies of frames: requests, responses and events as sequences of length-prefixed fields.
 * Decoding borrows from the body and checks every length; strings are NUL-terminated in place.
 * Pure functions; any thread.
 */
#ifndef SLUICE_UTIL_MESSAGE_H
#define SLUICE_UTIL_MESSAGE_H

#include "agent/util/buffer.h"
#include "include/request.h"

/* Append the encoded message to @out; a failure sticks in out->error. */
void message_encode_request(struct buffer *out, const struct request *request);
void message_encode_response(struct buffer *out, const struct response *response);
void message_encode_event(struct buffer *out, const struct event *event);

/* Returns 0 or -EPROTO. Pointers borrow from @body, which must outlive them. */
int message_decode_request(const uint8_t *body, size_t len, struct request *request);
int message_decode_response(const uint8_t *body, size_t len, struct response *response);
int message_decode_event(const uint8_t *body, size_t len, struct event *event);

#endif
