/*
 * Answers for people: columns as wide as they need be, numbers to the right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/internal.h"
#include "agent/util/cleanup.h"
#include "agent/util/units.h"

#define COLUMNS_MAX 16
#define CELL_MAX    128

const char *text_of(const struct json *object, const char *key)
{
	const char *text;

	return json_get_string(object, key, &text) ? "" : text;
}

int64_t number_of(const struct json *object, const char *key)
{
	int64_t number;

	return json_get_int(object, key, &number) ? 0 : number;
}

static void format_cell(const struct json *item, const struct column *column,
			char text[static CELL_MAX])
{
	const struct json *value = json_get(item, column->key);
	const char *plain;
	bool truth;

	text[0] = '\0';
	if (!value || json_is_null(value)) {
		(void)snprintf(text, CELL_MAX, "-");
	} else if (!json_string(value, &plain)) {
		/* 2026-11-24T13:45:00.123Z: people read it without fraction and T */
		if (column->kind == COLUMN_TIME && strlen(plain) == 24)
			(void)snprintf(text, CELL_MAX, "%.10s %.8s", plain, plain + 11);
		else
			(void)snprintf(text, CELL_MAX, "%s", plain);
	} else if (!json_bool(value, &truth)) {
		(void)snprintf(text, CELL_MAX, "%s", truth ? "yes" : "no");
	} else if (column->kind == COLUMN_BYTES) {
		units_format_bytes((uint64_t)number_of(item, column->key), text, CELL_MAX);
	} else {
		(void)snprintf(text, CELL_MAX, "%lld", (long long)number_of(item, column->key));
	}
	make_printable(text);
}

static bool is_right(const struct column *column)
{
	return column->kind == COLUMN_COUNT || column->kind == COLUMN_BYTES;
}

static void print_cell(const char *text, int width, bool right, bool last)
{
	if (right)
		say("%*s", width, text);
	else
		say("%-*s", last ? 0 : width, text);
	say("%s", last ? "\n" : "  ");
}

void table_print(const struct json *list, const struct column *columns, size_t count,
		 const char *empty)
{
	const struct json *items = json_is_array(list) ? list : json_get(list, "items");
	size_t rows = items ? json_array_len(items) : 0;
	int widths[COLUMNS_MAX];
	char cell[CELL_MAX];

	if (!rows) {
		printf("%s\n", empty);
		return;
	}
	for (size_t c = 0; c < count; c++)
		widths[c] = (int)strlen(columns[c].title);
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < count; c++) {
			format_cell(json_array_get(items, r), &columns[c], cell);
			if ((int)strlen(cell) > widths[c])
				widths[c] = (int)strlen(cell);
		}
	for (size_t c = 0; c < count; c++)
		print_cell(columns[c].title, widths[c], is_right(&columns[c]), c + 1 == count);
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < count; c++) {
			format_cell(json_array_get(items, r), &columns[c], cell);
			print_cell(cell, widths[c], is_right(&columns[c]), c + 1 == count);
		}
}

int answer_print(const struct json *body)
{
	CLEANUP(free) char *text = body ? json_print(body, NULL) : NULL;

	if (text)
		printf("%s\n", text);
	return CLI_OK;
}
