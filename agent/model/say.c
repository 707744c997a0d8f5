/*
 * Rows and alarms in words: logarithms undone, units, normal ranges.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/model/model.h"
#include "agent/util/units.h"

#define NUMBER_MAX 24

static const struct {
	const char *name, *unit;
} features[FEATURE_COUNT] = {
#define FEATURE(id, name, unit, formula, source) [FEATURE_##id] = { name, unit },
#include "include/features.def"
#undef FEATURE
};

const char *model_feature_name(uint32_t feature)
{
	return feature < FEATURE_COUNT ? features[feature].name : "";
}

static bool is_log(uint32_t feature)
{
	return !strncmp(features[feature].unit, "log ", 4);
}

const char *model_feature_unit(uint32_t feature)
{
	if (feature >= FEATURE_COUNT || !strcmp(features[feature].unit, "-1..1"))
		return "";
	if (!strcmp(features[feature].unit, "0..1"))
		return "share";
	return features[feature].unit + (is_log(feature) ? 4 : 0);
}

double model_feature_value(uint32_t feature, float x)
{
	if (feature >= FEATURE_COUNT || !is_log(feature))
		return (double)x;
	return expm1((double)x);
}

const char *model_kind_name(unsigned int kind, char text[static MODEL_KIND_MAX])
{
	static const char *const lengths[MODEL_WINDOWS] = { "10s", "10min", "24h" };
	static const char *const places[] = { "own", "local", "remote" };
	unsigned int class = kind % MODEL_CLASSES;

	(void)snprintf(text, MODEL_KIND_MAX, "%s-%s-%s", lengths[kind / MODEL_CLASSES],
		       places[class / 2], class % 2 ? "server" : "client");
	return text;
}

static const char *say_number(uint32_t feature, float x, char text[static NUMBER_MAX])
{
	const char *unit = model_feature_unit(feature);
	double value = model_feature_value(feature, x);

	if (!strcmp(unit, "bytes"))
		units_format_bytes((uint64_t)fmax(value, 0), text, NUMBER_MAX);
	else if (!strcmp(unit, "share"))
		(void)snprintf(text, NUMBER_MAX, "%.0f %%", 100 * value);
	else if (!strcmp(unit, "ms"))
		(void)snprintf(text, NUMBER_MAX, "%.1f s", value / 1000);
	else if (is_log(feature))
		(void)snprintf(text, NUMBER_MAX, "%.0f", value);
	else
		(void)snprintf(text, NUMBER_MAX, "%.1f", value);
	return text;
}

static size_t say_reason(const struct model_reason *reason, char *text, size_t size)
{
	char value[NUMBER_MAX], low[NUMBER_MAX], high[NUMBER_MAX];
	uint32_t feature = reason->feature;
	int len = snprintf(text, size, "%s %s (normal %s to %s)", model_feature_name(feature),
			   say_number(feature, reason->value, value),
			   say_number(feature, reason->low, low),
			   say_number(feature, reason->high, high));

	return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

void model_alarm_say(const struct model_alarm *alarm, char text[static MODEL_SAY_MAX])
{
	double one_in = alarm->rate > 0 ? 1 / alarm->rate : INFINITY;
	size_t len = 0;

	for (unsigned int i = 0; i < alarm->reason_count; i++) {
		if (i)
			len += (size_t)snprintf(text + len, 3, ", ");
		len += say_reason(&alarm->reasons[i], text + len, MODEL_SAY_MAX - len - 64);
	}
	/* beyond a million a fitted tail says little */
	if (one_in < 1e6)
		(void)snprintf(text + len, MODEL_SAY_MAX - len, "; one window in %.0f is like that",
			       one_in);
	else
		(void)snprintf(text + len, MODEL_SAY_MAX - len,
			       "; less than one window in a million is like that");
}

/* What features are about, for those that are about more than volume. */
static bool is_search(uint32_t feature)
{
	return feature == FEATURE_PORTS || feature == FEATURE_PORT_ENTROPY ||
	       feature == FEATURE_FAILED || feature == FEATURE_FAILED_SHARE;
}

static bool is_reach(uint32_t feature)
{
	return feature == FEATURE_DESTINATIONS || feature == FEATURE_NEW ||
	       feature == FEATURE_NEW_SHARE || feature == FEATURE_PAIR_ENTROPY ||
	       feature == FEATURE_TINY_SHARE || feature == FEATURE_DNS;
}

bool model_alarm_is_suspicious(const struct model_alarm *alarm)
{
	for (unsigned int i = 0; i < alarm->reason_count; i++)
		if (is_search(alarm->reasons[i].feature))
			return true;
	return false;
}

bool model_alarm_is_volume(const struct model_alarm *alarm)
{
	for (unsigned int i = 0; i < alarm->reason_count; i++)
		if (is_search(alarm->reasons[i].feature) || is_reach(alarm->reasons[i].feature))
			return false;
	return true;
}
