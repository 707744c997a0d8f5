/*
 * The notation of describe.def. Pure. Only agent/api includes it.
 */
#ifndef SLUICE_API_SHAPE_H
#define SLUICE_API_SHAPE_H

#include <stdbool.h>

#include "agent/util/json.h"

/*
 * shape_parse - members, or one type, as a schema of OpenAPI 3.0.3.
 * @is_body: what has no '!' may be left out; else what has no '~' is always there
 * Caller frees; NULL for what the notation does not have, and without memory.
 */
struct json *shape_parse(const char *text, bool is_body);
/* shape_type - one type; as above. */
struct json *shape_type(const char *text);

#endif
