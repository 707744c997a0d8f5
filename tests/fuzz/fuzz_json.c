/*
 * JSON from outside. What is accepted has to print, and what was printed has to be accepted and
 * print the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/json.h"
#include "agent/util/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ERROR_SIZE 128

/* Every accessor on every value. */
static void walk(const struct json *json)
{
	const char *text, *key;
	int64_t number;
	double real;
	bool flag;

	if (json_string(json, &text) == 0 && !utf8_is_valid(text, strlen(text)))
		abort();
	(void)json_int(json, &number); /* any answer is fine, the sanitizers watch */
	(void)json_double(json, &real);
	(void)json_bool(json, &flag);
	for (size_t i = 0; i < json_array_len(json); i++)
		walk(json_array_get(json, i));
	for (size_t i = 0; i < 8 && (key = json_key(json, i)); i++)
		walk(json_get(json, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *json = NULL, *again = NULL;
	char error[ERROR_SIZE], *printed, *reprinted;
	size_t len = 0, again_len = 0;

	if (json_parse((const char *)data, size, &json, error)) {
		if (json || !memchr(error, '\0', sizeof(error)))
			abort();
		return 0;
	}
	walk(json);
	printed = json_print(json, &len);
	if (printed) {
		if (json_parse(printed, len, &again, error))
			abort();
		reprinted = json_print(again, &again_len);
		if (!reprinted || len != again_len || memcmp(printed, reprinted, len) != 0)
			abort();
		free(reprinted);
	} else if (json) { /* only null is NULL */
		abort();
	}
	free(printed);
	json_free(again);
	json_free(json);
	return 0;
}
