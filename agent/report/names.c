/*
 * Words of reports, the same in the API, the command line and the store.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/report/report.h"

static const char *const kind_names[REPORT_KIND_COUNT] = { [REPORT_GENERAL] = "general",
							   [REPORT_INCIDENTS] = "incidents",
							   [REPORT_TRAFFIC] = "traffic",
							   [REPORT_ANOMALY] = "anomaly",
							   [REPORT_EXECUTIVE] = "executive" };
static const char *const kind_titles[REPORT_KIND_COUNT] = { [REPORT_GENERAL] = "General overview",
							    [REPORT_INCIDENTS] =
								    "Security incidents",
							    [REPORT_TRAFFIC] = "Traffic analysis",
							    [REPORT_ANOMALY] = "Anomaly detection",
							    [REPORT_EXECUTIVE] =
								    "Executive summary" };
static const char *const format_names[REPORT_FORMAT_COUNT] = {
	[REPORT_PDF] = "pdf", [REPORT_JSON] = "json", [REPORT_CSV] = "csv"
};
static const char *const state_names[REPORT_STATE_COUNT] = { [REPORT_QUEUED] = "queued",
							     [REPORT_MAKING] = "making",
							     [REPORT_DONE] = "done",
							     [REPORT_FAILED] = "failed" };
static const char *const every_names[REPORT_EVERY_COUNT] = {
	[REPORT_DAILY] = "daily", [REPORT_WEEKLY] = "weekly", [REPORT_MONTHLY] = "monthly"
};

static int find(const char *const *names, size_t count, const char *text, uint8_t *out)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], text)) {
			*out = (uint8_t)i;
			return 0;
		}
	return -EINVAL;
}

const char *report_kind_name(uint8_t kind)
{
	return kind < REPORT_KIND_COUNT ? kind_names[kind] : "";
}

const char *report_kind_title(uint8_t kind)
{
	return kind < REPORT_KIND_COUNT ? kind_titles[kind] : "";
}

const char *report_format_name(uint8_t format)
{
	return format < REPORT_FORMAT_COUNT ? format_names[format] : "";
}

const char *report_state_name(uint8_t state)
{
	return state < REPORT_STATE_COUNT ? state_names[state] : "";
}

const char *report_every_name(uint8_t every)
{
	return every < REPORT_EVERY_COUNT ? every_names[every] : "";
}

int report_kind_parse(const char *text, uint8_t *kind)
{
	return find(kind_names, REPORT_KIND_COUNT, text, kind);
}

int report_format_parse(const char *text, uint8_t *format)
{
	return find(format_names, REPORT_FORMAT_COUNT, text, format);
}

int report_every_parse(const char *text, uint8_t *every)
{
	return find(every_names, REPORT_EVERY_COUNT, text, every);
}

int report_minute_parse(const char *text, uint16_t *minute)
{
	unsigned int values[4];

	if (strlen(text) != 5 || text[2] != ':')
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		char c = text[i < 2 ? i : i + 1];

		if (c < '0' || c > '9')
			return -EINVAL;
		values[i] = (unsigned int)(c - '0');
	}
	if (values[0] * 10 + values[1] > 23 || values[2] > 5)
		return -EINVAL;
	*minute = (uint16_t)((values[0] * 10 + values[1]) * 60 + values[2] * 10 + values[3]);
	return 0;
}
